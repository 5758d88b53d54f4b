//! Concurrent callers under a deterministic scheduler, which tries many interleavings of the same few calls: nothing is torn, lost
//! or stuck.
//!
//! `cargo test -p uvfio-vfio --features shuttle`. A deadlock is a failure there, with a schedule that repeats it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shuttle::thread::{spawn, yield_now};
use uvfio_abi::Errno;
use uvfio_abi::vfio::{self as abi, DmaMap, DmaUnmap};
use uvfio_kernel::addr::Iova;
use uvfio_kernel::device::Bus;
use uvfio_kernel::hw::{Dma, Level};
use uvfio_kernel::irq::{IrqLine, Start, Trigger};
use uvfio_kernel::wait::Uninterruptible;

use crate::file::{File, Node};
use crate::irq::{Irq, Kind};
use crate::testing::{Bench, MEMORY, Process, call, open_device};

const SCHEDULES: usize = 300;

/// A process whose threads make calls at once. Each has scratch memory of its own.
fn threads(process: &Process) -> Arc<Process> {
    Arc::new(process.thread())
}

fn map(process: &Process, container: &File) -> Result<i32, Errno> {
    let map = DmaMap { argsz: 32, flags: 3, vaddr: MEMORY, iova: 0, size: 4096 };
    call(process, container, abi::VFIO_IOMMU_MAP_DMA, process.put(&map))
}

fn unmap(process: &Process, container: &File) -> Result<i32, Errno> {
    let unmap = DmaUnmap { argsz: 24, flags: 0, iova: 0, size: 4096 };
    call(process, container, abi::VFIO_IOMMU_UNMAP_DMA, process.put(&unmap))
}

#[test]
fn no_access_goes_through_a_mapping_that_is_gone() {
    shuttle::check_random(
        || {
            let (bench, process) = (Bench::new(), Process::new());
            let opened = bench.open(&process, "a", abi::VFIO_TYPE1V2_IOMMU);
            let port = bench.machine.device(Bus::Platform, "a").expect("it is there").dma().clone();
            map(&process, &opened.container).expect("it maps");
            let gone = Arc::new(AtomicBool::new(false));
            let device = {
                let gone = gone.clone();
                spawn(move || {
                    for _ in 0..3 {
                        let was_gone = gone.load(Ordering::SeqCst);
                        let read = port.read(Iova(0), &mut [0; 4]);
                        assert!(!(was_gone && read.is_ok()), "a mapping that was gone was used");
                        yield_now();
                    }
                })
            };
            unmap(&process, &opened.container).expect("it unmaps");
            gone.store(true, Ordering::SeqCst);
            device.join().expect("it does not panic");
        },
        SCHEDULES,
    );
}

#[test]
fn one_of_two_maps_of_a_range_wins() {
    shuttle::check_random(
        || {
            let (bench, process) = (Bench::new(), Process::new());
            let opened = bench.open(&process, "a", abi::VFIO_TYPE1V2_IOMMU);
            let other = {
                let (process, container) = (threads(&process), opened.container.clone());
                spawn(move || map(&process, &container))
            };
            let results = [map(&process, &opened.container), other.join().expect("it does not panic")];
            assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
            assert!(results.contains(&Err(Errno::EEXIST)));
        },
        SCHEDULES,
    );
}

#[test]
fn one_of_two_set_iommus_wins() {
    shuttle::check_random(
        || {
            let (bench, process) = (Bench::new(), Process::new());
            bench.bind("a").expect("it binds");
            let group = bench.vfio.open(bench.node("a"), &process).expect("it opens");
            let container = bench.vfio.open(Node::Container, &process).expect("it opens");
            let fd = process.add(&container);
            call(&process, &group, abi::VFIO_GROUP_SET_CONTAINER, process.put(&fd)).expect("it is set");
            let other = {
                let (process, container) = (threads(&process), container.clone());
                spawn(move || call(&process, &container, abi::VFIO_SET_IOMMU, 1))
            };
            let own = call(&process, &container, abi::VFIO_SET_IOMMU, 3);
            let results = [own, other.join().expect("it does not panic")];
            assert!(results.contains(&Ok(0)) && results.contains(&Err(Errno::EINVAL)));
        },
        SCHEDULES,
    );
}

#[test]
fn closing_opening_and_unbinding_at_once_end_cleanly() {
    shuttle::check_random(
        || {
            let (bench, process) = (Arc::new(Bench::new()), Process::new());
            let opened = bench.open(&process, "a", abi::VFIO_TYPE1V2_IOMMU);
            map(&process, &opened.container).expect("it maps");
            let unbind = {
                let bench = bench.clone();
                let name = "vfio-platform";
                spawn(move || bench.machine.unbind(Bus::Platform, name, "a", &Uninterruptible))
            };
            let opener = {
                let (process, group) = (threads(&process), opened.group.clone());
                spawn(move || {
                    if let Ok(device) = open_device(&process, &group, "a") {
                        device.release();
                    }
                })
            };
            let closer = spawn(move || opened.device.release());
            opened.group.release();
            for done in [opener, closer] {
                done.join().expect("it does not panic");
            }
            unbind.join().expect("it does not panic").expect("everything is closed");
            assert_eq!(bench.vfio.nodes(), [Node::Container]);
            bench.bind("a").expect("it binds again");
            let group = bench.vfio.open(bench.node("a"), &process).expect("it opens again");
            group.release();
        },
        SCHEDULES,
    );
}

#[test]
fn a_level_that_stays_high_is_never_forgotten() {
    shuttle::check_random(
        || {
            let process = Process::new();
            let line = IrqLine::new(Trigger::Level);
            let irq = Irq::new(0, Kind::Automasked, line.clone());
            line.request(irq.clone(), Start::Disabled).expect("nobody has it");
            let (fd, event) = process.eventfd();
            let output = line.output();
            let raiser = spawn(move || {
                output.set(Level::High);
                output.set(Level::Low);
                output.set(Level::High);
                output
            });
            let masker = {
                let irq = irq.clone();
                spawn(move || {
                    irq.mask();
                    irq.unmask();
                })
            };
            irq.set_trigger(&process, fd).expect("an eventfd");
            let output = raiser.join().expect("it does not panic");
            masker.join().expect("it does not panic");
            assert!(event.take() > 0, "the line is high and was never signalled");
            irq.unmask();
            assert_eq!(event.take(), 1, "it is still high");
            drop(output);
        },
        SCHEDULES,
    );
}

#[test]
fn taking_a_trigger_off_waits_for_the_signal_under_way() {
    shuttle::check_random(
        || {
            let process = Process::new();
            let line = IrqLine::new(Trigger::Edge);
            let irq = Irq::new(0, Kind::Plain, line.clone());
            line.request(irq.clone(), Start::Disabled).expect("nobody has it");
            let (fd, event) = process.eventfd();
            irq.set_trigger(&process, fd).expect("an eventfd");
            let output = line.output();
            let raiser = spawn(move || {
                for level in [Level::High, Level::Low, Level::High] {
                    output.set(level);
                }
            });
            irq.set_trigger(&process, -1).expect("always");
            event.take();
            raiser.join().expect("it does not panic");
            assert_eq!(event.take(), 0, "it was signalled after it had been taken off");
        },
        SCHEDULES,
    );
}

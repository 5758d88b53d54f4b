//! What VFIO's own calls cost, and how fast a DMA-330 copies.

use std::fs::OpenOptions;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use dma330_copy::Failure;
use dma330_copy::dma330::Dma330;
use dma330_copy::memory::Memory;
use dma330_copy::options::{Access, Kind};
use dma330_copy::registers::Registers;
use dma330_copy::vfio::{AUTOMASKED, Container, Device, RegionInfo, allow};

use crate::print;
use crate::time::{beside, getppid, once};

const GET_API_VERSION: libc::c_ulong = 0x3b64;

const SOURCE: u64 = 0x1000_0000;
const TARGET: u64 = 0x4000_0000;
const PROGRAM: u64 = 0x0010_0000;
/// Where mappings come and go.
const SPARE: u64 = 0x1_0000_0000;

const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;
const PAGE: usize = 4096;

/// Calls in a round of a comparison.
const CALLS: usize = 50;

/// The event and interrupt used.
const EVENT: u32 = 0;
/// Any register that is only read: the status of the debug interface (ARM DDI 0424, 3.3).
const DBGSTATUS: u64 = 0xd00;
/// Writing 0 here performs what DBGINST0 and DBGINST1 hold.
const DBGCMD: u64 = 0xd04;
const DBGINST0: u64 = 0xd08;
/// DMASEV of [`EVENT`], by the manager.
const SEND_EVENT: u32 = 0x34 << 16 | EVENT << 27;
/// A register without effect on anything else: the address of a DMAGO to come.
const DBGINST1: u64 = 0xd0c;

/// Measure everything, mapped registers last: where they do not work the rest is known.
///
/// # Errors
/// The first thing that does not work.
pub fn measure(name: &str) -> Result<(), Failure> {
    bare()?;
    let container = Container::of(name)?;
    let device = container.device(name)?;
    let region = device.region(0)?;
    calls(&device)?;
    transfers(&device, &region)?;
    mappings(&container)?;
    let interrupt = Interrupt::arm(&device)?;
    let registers = Registers::new(&device.fd, &region, Access::Pread)?;
    doorbell("doorbell-pwrite", &registers, &interrupt)?;
    let dma = Dma330::new(registers)?;
    for (name, kind) in [("copy-anonymous", Kind::Anonymous), ("copy-memfd", Kind::Memfd)] {
        copies(name, kind, &container, &dma, &interrupt)?;
    }
    mapped(&device, &region, &interrupt)
}

/// A call that does nothing.
fn bare() -> Result<(), Failure> {
    let path = "/dev/vfio/vfio";
    let file = OpenOptions::new().read(true).write(true).open(path);
    let file = file.map_err(|error| Failure::new(path, error.to_string()))?;
    let mut call = || {
        once(|| {
            // SAFETY: the request takes and gives nothing but a number.
            match unsafe { libc::ioctl(file.as_raw_fd(), GET_API_VERSION) } {
                0 => Ok(()),
                _ => Err(Failure::system("VFIO_GET_API_VERSION")),
            }
        })
    };
    let (cost, base) = beside(CALLS, &mut call, &mut getppid_now_and_then())?;
    print("api-version", cost, base)
}

fn calls(device: &Device) -> Result<(), Failure> {
    let mut call = || once(|| device.region(0).map(drop));
    let (cost, base) = beside(CALLS, &mut call, &mut getppid_now_and_then())?;
    print("region-info", cost, base)
}

fn transfers(device: &Device, region: &RegionInfo) -> Result<(), Failure> {
    let registers = Registers::new(&device.fd, region, Access::Pread)?;
    let mut load = || once(|| registers.load(DBGSTATUS).map(drop));
    let (cost, base) = beside(CALLS, &mut load, &mut getppid_now_and_then())?;
    print("pread", cost, base)
}

fn mappings(container: &Container) -> Result<(), Failure> {
    let page = Memory::new(PAGE, Kind::Anonymous)?;
    let gib = Memory::new(GIB, Kind::Anonymous)?;
    let map = |memory: &Memory| {
        once(|| {
            container.map(memory, SPARE, allow::READ | allow::WRITE)?;
            container.unmap(SPARE, memory.len())
        })
    };
    let (cost, base) = beside(CALLS, &mut || map(&page), &mut getppid_now_and_then())?;
    print("map-page", cost, base)?;
    let (cost, base) = beside(CALLS, &mut || map(&gib), &mut || map(&page))?;
    print("map-gib", cost, base)
}

/// From the write of the doorbell to the read of the eventfd.
fn doorbell(name: &str, registers: &Registers<'_>, interrupt: &Interrupt<'_>) -> Result<(), Failure> {
    let dma = registers;
    const INTEN: u64 = 0x020;
    const INTCLR: u64 = 0x02c;
    dma.store(INTEN, 1 << EVENT)?;
    let mut ring = || {
        dma.store(DBGINST0, SEND_EVENT)?;
        let time = once(|| {
            dma.store(DBGCMD, 0)?;
            interrupt.wait()
        })?;
        dma.store(INTCLR, 1 << EVENT)?;
        interrupt.unmask()?;
        Ok(time)
    };
    let (cost, base) = beside(CALLS, &mut ring, &mut getppid_now_and_then())?;
    print(name, cost, base)
}

/// Copy a mebibyte, from the doorbell to the interrupt, beside memcpy between the same two places.
fn copies(
    name: &str,
    kind: Kind,
    container: &Container,
    dma: &Dma330<'_>,
    interrupt: &Interrupt<'_>,
) -> Result<(), Failure> {
    let (source, target, program) =
        (Memory::new(MIB, kind)?, Memory::new(MIB, kind)?, Memory::new(PAGE, kind)?);
    let pattern: Vec<u8> = (0..MIB).map(|at| (at % 251) as u8).collect();
    source.write(0, &pattern);
    target.write(0, &vec![0; MIB]);
    container.map(&source, SOURCE, allow::READ)?;
    container.map(&target, TARGET, allow::WRITE)?;
    container.map(&program, PROGRAM, allow::READ)?;
    program.write(0, &dma.program(SOURCE as u32, TARGET as u32, MIB as u64, EVENT));
    dma.enable(EVENT)?;
    let mut device = || {
        dma.prepare(EVENT, PROGRAM as u32)?;
        let time = once(|| {
            dma.ring()?;
            interrupt.wait()
        })?;
        dma.acknowledge(EVENT)?;
        interrupt.unmask()?;
        Ok(time)
    };
    device()?;
    if target.read() != pattern {
        return Err(Failure::new(name, "the bytes did not arrive"));
    }
    let mut memcpy = || {
        once(|| {
            target.copy_from(&source);
            Ok(())
        })
    };
    // One by one: each finds the caches as the other left them.
    let (cost, base) = beside(1, &mut device, &mut memcpy)?;
    for (iova, memory) in [(SOURCE, &source), (TARGET, &target), (PROGRAM, &program)] {
        container.unmap(iova, memory.len())?;
    }
    print(name, cost, base)
}

fn mapped(device: &Device, region: &RegionInfo, interrupt: &Interrupt<'_>) -> Result<(), Failure> {
    let registers = Registers::new(&device.fd, region, Access::Mapped)?;
    let mut load = || once(|| registers.load(DBGSTATUS).map(drop));
    let (cost, base) = beside(CALLS, &mut load, &mut getppid_now_and_then())?;
    print("mapped-load", cost, base)?;
    let mut store = || once(|| registers.store(DBGINST1, 0));
    let (cost, base) = beside(CALLS, &mut store, &mut getppid_now_and_then())?;
    print("mapped-store", cost, base)?;
    doorbell("doorbell-mapped", &registers, interrupt)
}

/// One measurement of `getppid` stands for many calls; it is not made as often as they are.
fn getppid_now_and_then() -> impl FnMut() -> Result<f64, Failure> {
    let (mut turn, mut last) = (0, 0.0);
    move || {
        if turn % CALLS == 0 {
            last = getppid()?;
        }
        turn += 1;
        Ok(last)
    }
}

/// The device's interrupt as an eventfd.
struct Interrupt<'a> {
    device: &'a Device,
    eventfd: OwnedFd,
    automasked: bool,
}

impl<'a> Interrupt<'a> {
    fn arm(device: &'a Device) -> Result<Self, Failure> {
        let automasked = device.irq(EVENT)?.flags & AUTOMASKED != 0;
        // SAFETY: a plain system call; the descriptor it gives is nobody else's.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
        if fd < 0 {
            return Err(Failure::system("eventfd"));
        }
        // SAFETY: see above.
        let eventfd = unsafe { OwnedFd::from_raw_fd(fd) };
        device.trigger(EVENT, fd)?;
        Ok(Interrupt { device, eventfd, automasked })
    }

    fn wait(&self) -> Result<(), Failure> {
        let mut count = [0_u8; 8];
        // SAFETY: the buffer has 8 bytes.
        match unsafe { libc::read(self.eventfd.as_raw_fd(), count.as_mut_ptr().cast(), 8) } {
            8 => Ok(()),
            _ => Err(Failure::system("read of the eventfd")),
        }
    }

    fn unmask(&self) -> Result<(), Failure> {
        if self.automasked { self.device.unmask(EVENT) } else { Ok(()) }
    }
}

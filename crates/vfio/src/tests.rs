//! Containers, groups and devices through their files, over a process and a machine made for it. What is expected was recorded on
//! Linux 6.12.

use std::sync::Arc;

use uvfio_abi::Errno;
use uvfio_abi::vfio::{self as abi, GroupStatus};
use uvfio_kernel::device::Bus;
use uvfio_kernel::hw::Width;
use uvfio_kernel::wait::{Interruptible, NoWait};

use crate::caller::Capability;
use crate::file::{File, Mmap, MmapPlan, Node, Protection, Sharing};
use crate::observe::Leftover;
use crate::refusal::{DeviceRefusal, Holder, OpenRefusal, Refusal};
use crate::testing::{Bench, MEMORY, Process, call, open_device};

fn status(process: &Process, group: &crate::file::File) -> u32 {
    let at = process.put(&GroupStatus { argsz: 8, flags: u32::MAX });
    call(process, group, abi::VFIO_GROUP_GET_STATUS, at).expect("it answers");
    process.get::<GroupStatus>(at).flags
}

#[test]
fn a_group_goes_through_its_life() {
    let (bench, process) = (Bench::new(), Process::new());
    bench.bind("a").expect("it binds");
    let open = |node| bench.vfio.open(node, &process);
    let group = open(bench.node("a")).expect("it opens");
    let again = open(bench.node("a")).err().expect("one file only");
    assert!(matches!(again, Refusal::Open(OpenRefusal::Busy { holder: Holder::Group, .. })));
    assert_eq!(status(&process, &group), abi::VFIO_GROUP_FLAGS_VIABLE);
    assert_eq!(open_device(&process, &group, "a").err(), Some(Errno::EINVAL));
    assert_eq!(open_device(&process, &group, "nosuch").err(), Some(Errno::ENODEV));
    assert_eq!(call(&process, &group, abi::VFIO_GROUP_UNSET_CONTAINER, 0), Err(Errno::EINVAL));
    let set = |fd: i32| call(&process, &group, abi::VFIO_GROUP_SET_CONTAINER, process.put(&fd));
    assert_eq!(set(-1), Err(Errno::EBADF));
    assert_eq!(set(3), Err(Errno::EBADFD));
    assert_eq!(set(process.add(&group)), Err(Errno::EBADFD));
    let container = open(Node::Container).expect("it opens");
    let fd = process.add(&container);
    assert_eq!(set(fd), Ok(0));
    assert_eq!(set(fd), Err(Errno::EINVAL));
    assert_eq!(status(&process, &group), abi::VFIO_GROUP_FLAGS_VIABLE | abi::VFIO_GROUP_FLAGS_CONTAINER_SET);
    assert_eq!(open_device(&process, &group, "a").err(), Some(Errno::EINVAL));
    assert_eq!(call(&process, &container, abi::VFIO_IOMMU_GET_INFO, 0), Err(Errno::EINVAL));
    let set_iommu = |iommu: u32| call(&process, &container, abi::VFIO_SET_IOMMU, iommu.into());
    assert_eq!(set_iommu(9), Err(Errno::EINVAL));
    assert_eq!(set_iommu(8), Err(Errno::ENODEV));
    assert_eq!(set_iommu(6), Err(Errno::EPERM));
    assert_eq!(set_iommu(3), Ok(0));
    assert_eq!(set_iommu(3), Err(Errno::EINVAL));
    let device = open_device(&process, &group, "a").expect("it opens");
    let twice = open_device(&process, &group, "a").expect("a second time too");
    twice.release();
    assert_eq!(call(&process, &group, abi::VFIO_GROUP_UNSET_CONTAINER, 0), Err(Errno::EBUSY));
    container.release();
    group.release();
    let held = open(bench.node("a")).err().expect("the device keeps it");
    assert!(
        matches!(held, Refusal::Open(OpenRefusal::Busy { holder: Holder::Devices(names), .. }) if names == ["a"])
    );
    device.release();
    device.release();
    let group = open(bench.node("a")).expect("it is free again");
    assert_eq!(status(&process, &group), abi::VFIO_GROUP_FLAGS_VIABLE);
}

#[test]
fn unsafe_interrupts_are_refused_unless_allowed() {
    let bench = Bench::with(&["vfio-platform.reset_required=0"], "linux-6.12");
    let process = Process::new();
    bench.bind("a").expect("it binds");
    let group = bench.vfio.open(bench.node("a"), &process).expect("it opens");
    let container = bench.vfio.open(Node::Container, &process).expect("it opens");
    let fd = process.add(&container);
    call(&process, &group, abi::VFIO_GROUP_SET_CONTAINER, process.put(&fd)).expect("it is set");
    assert_eq!(call(&process, &container, abi::VFIO_SET_IOMMU, 3), Err(Errno::EPERM));
    bench.machine.params().write("vfio_iommu_type1", "allow_unsafe_interrupts", "1").expect("it is writable");
    assert_eq!(call(&process, &container, abi::VFIO_SET_IOMMU, 3), Ok(0));
}

#[test]
fn binding_is_refused_for_reasons() {
    let strict = Bench::with(&[], "linux-6.12");
    assert_eq!(strict.bind("a"), Err(2));
    assert_eq!(strict.bind("g"), Ok(()));
    assert_eq!(strict.bind("p"), Ok(()));
    assert_eq!(Bench::new().bind("n"), Err(22));
    let old = Bench::with(&["vfio-platform.reset_required=0"], "linux-6.1");
    assert_eq!((old.bind("a"), old.bind("p")), (Err(2), Err(2)));
}

#[test]
fn noiommu_taints_and_needs_a_capability() {
    let bench =
        Bench::with(&["vfio-platform.reset_required=0", "vfio.enable_unsafe_noiommu_mode=1"], "linux-6.12");
    let process = Process::new();
    bench.bind("n").expect("it binds");
    assert_eq!(bench.vfio.facts().tainted_by, ["n"]);
    let node = bench.vfio.nodes().into_iter().find(|node| matches!(node, Node::NoiommuGroup(_)));
    let node = node.expect("it has a node");
    assert!(node.to_string().starts_with("noiommu-"));
    let device = bench.machine.device(Bus::Platform, "n").expect("it is there");
    let id = device.group().expect("it has a group of its own now").id();
    assert_eq!(node, Node::NoiommuGroup(id));
    let refused = bench.vfio.open(node, &process).err().expect("not for everybody");
    assert_eq!(refused.rule(), "open.noiommu.capability");
    process.grant(Capability::SysRawio);
    let group = bench.vfio.open(node, &process).expect("it opens");
    let container = bench.vfio.open(Node::Container, &process).expect("it opens");
    let extension = |number| call(&process, &container, abi::VFIO_CHECK_EXTENSION, number);
    assert_eq!((extension(8), extension(1)), (Ok(1), Ok(1)));
    let fd = process.add(&container);
    call(&process, &group, abi::VFIO_GROUP_SET_CONTAINER, process.put(&fd)).expect("it is set");
    assert_eq!((extension(8), extension(1)), (Ok(1), Ok(0)));
    assert_eq!(call(&process, &container, abi::VFIO_SET_IOMMU, 3), Err(Errno::ENODEV));
    assert_eq!(call(&process, &container, abi::VFIO_SET_IOMMU, 8), Ok(0));
    assert_eq!(call(&process, &container, abi::VFIO_IOMMU_GET_INFO, 0), Err(Errno::ENOTTY));
    open_device(&process, &group, "n").expect("it opens").release();
    bench.machine.unbind(Bus::Platform, "vfio-platform", "n", &NoWait).expect("nobody has it open");
    assert!(device.group().is_none());
}

#[test]
fn a_host_driver_and_a_program_exclude_each_other() {
    let (bench, process) = (Bench::new(), Process::new());
    let opened = bench.open(&process, "a", abi::VFIO_TYPE1V2_IOMMU);
    let group = bench.machine.device(Bus::Platform, "a").and_then(|device| device.group());
    let group = group.expect("it has a group");
    assert!(group.use_by_host().is_err());
    opened.device.release();
    opened.group.release();
    group.use_by_host().expect("nobody owns it now");
    let file = bench.vfio.open(bench.node("a"), &process).expect("it opens");
    assert_eq!(status(&process, &file), 0);
    let container = bench.vfio.open(Node::Container, &process).expect("it opens");
    let fd = process.add(&container);
    let set = call(&process, &file, abi::VFIO_GROUP_SET_CONTAINER, process.put(&fd));
    assert_eq!(set, Err(Errno::EPERM));
}

#[test]
fn unbinding_waits_for_the_last_close() {
    let (bench, process) = (Bench::new(), Process::new());
    let opened = bench.open(&process, "a", abi::VFIO_TYPE1V2_IOMMU);
    let unbind =
        |wait: &dyn uvfio_kernel::wait::Wait| bench.machine.unbind(Bus::Platform, "vfio-platform", "a", wait);
    assert!(unbind(&NoWait).is_err());
    let again = open_device(&process, &opened.group, "a").expect("an interrupted unbind changes nothing");
    again.release();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| unbind(&Interruptible::default()).is_ok());
        opened.device.release();
        assert!(waiter.join().expect("it does not panic"));
    });
    let at = process.put(&GroupStatus { argsz: 8, flags: 0 });
    let status = call(&process, &opened.group, abi::VFIO_GROUP_GET_STATUS, at);
    assert_eq!(status, Err(Errno::ENODEV), "the group is gone");
    assert_eq!(bench.vfio.nodes(), [Node::Container]);
}

#[test]
fn two_groups_share_a_container() {
    let (bench, process) = (Bench::new(), Process::new());
    let a = bench.open(&process, "a", abi::VFIO_TYPE1V2_IOMMU);
    let map = abi::DmaMap { argsz: 32, flags: 3, vaddr: MEMORY, iova: 0x10_0000, size: 0x1000 };
    call(&process, &a.container, abi::VFIO_IOMMU_MAP_DMA, process.put(&map)).expect("it maps");
    bench.bind("b").expect("it binds");
    let group = bench.vfio.open(bench.node("b"), &process).expect("it opens");
    let fd = process.add(&a.container);
    call(&process, &group, abi::VFIO_GROUP_SET_CONTAINER, process.put(&fd)).expect("it joins");
    let b = open_device(&process, &group, "b").expect("it opens");
    for file in [&a.device, &b] {
        process.space_write(MEMORY, &[7, 0]);
        file.store(8, Width::Double, 0x10_0000).expect("a register");
        assert_eq!(process.get::<[u8; 2]>(MEMORY), [7, 7]);
    }
    a.device.release();
    call(&process, &a.group, abi::VFIO_GROUP_UNSET_CONTAINER, 0).expect("it leaves");
    let unmap = abi::DmaUnmap { argsz: 24, flags: 0, iova: 0x10_0000, size: 0x1000 };
    let at = process.put(&unmap);
    call(&process, &a.container, abi::VFIO_IOMMU_UNMAP_DMA, at).expect("the mapping is still there");
    assert_eq!(process.get::<abi::DmaUnmap>(at).size, 0x1000);
}

#[test]
fn iommus_of_two_kinds_share_what_both_can() {
    let (bench, process) = (Bench::new(), Process::new());
    let a = bench.open(&process, "a", abi::VFIO_TYPE1V2_IOMMU);
    let map = |iova| {
        let map = abi::DmaMap { argsz: 32, flags: 3, vaddr: MEMORY, iova, size: 0x1000 };
        call(&process, &a.container, abi::VFIO_IOMMU_MAP_DMA, process.put(&map))
    };
    let unmap = |iova| {
        let unmap = abi::DmaUnmap { argsz: 24, flags: 0, iova, size: 0x1000 };
        call(&process, &a.container, abi::VFIO_IOMMU_UNMAP_DMA, process.put(&unmap))
    };
    bench.bind("q").expect("it binds");
    let group = bench.vfio.open(bench.node("q"), &process).expect("it opens");
    let fd = process.add(&a.container);
    let join = || group.ioctl(&process, abi::VFIO_GROUP_SET_CONTAINER, process.put(&fd)).map(drop);
    map(1 << 33).expect("the smmu can");
    let refused = join().expect_err("the other cannot");
    assert_eq!(refused.rule(), "container.attach.aperture");
    unmap(1 << 33).expect("it is there");
    map(0x10_0000).expect("both can");
    join().expect("nothing is in the way now");
    assert_eq!(map(1 << 33), Err(Errno::EINVAL));
    let q = open_device(&process, &group, "q").expect("it opens");
    let moves = |file: &crate::file::File| {
        process.space_write(MEMORY, &[7, 0]);
        file.store(8, Width::Double, 0x10_0000).expect("a register");
        process.get::<[u8; 2]>(MEMORY) == [7, 7]
    };
    assert!(moves(&a.device) && moves(&q), "the mapping is in both domains");
    unmap(0x10_0000).expect("it is there");
    assert!(!moves(&a.device) && !moves(&q), "and gone from both");
    q.release();
    call(&process, &group, abi::VFIO_GROUP_UNSET_CONTAINER, 0).expect("it leaves");
    map(1 << 33).expect("only the smmu counts again");
}

#[test]
fn a_device_plugged_into_a_group_in_use_can_be_opened_through_it() {
    let (bench, process) = (Bench::new(), Process::new());
    let opened = bench.open(&process, "s", abi::VFIO_TYPE1V2_IOMMU);
    let twin = crate::testing::device("t", "test,t", uvfio_firmware::Bus::Platform, Some(("mmu500", 1)));
    bench.machine.plug(&[twin]).expect("there is room");
    assert_eq!(open_device(&process, &opened.group, "t").err(), Some(Errno::ENODEV));
    let host = bench.machine.device(Bus::Platform, "t").and_then(|device| device.driver());
    assert!(host.is_none(), "no host driver gets a device of a group a program owns");
    bench.bind("t").expect("it binds");
    assert_eq!(bench.node("t"), bench.node("s"));
    open_device(&process, &opened.group, "t").expect("it opens").release();
}

#[test]
fn the_series_of_2014_has_one_driver_name() {
    for (kernel, name) in [("rfc-v4", "vfio-platform"), ("linux-6.12", "vfio-amba")] {
        let bench = Bench::with(&[], kernel);
        assert!(bench.machine.driver(Bus::Amba, name).is_some(), "{kernel}");
    }
}

#[test]
fn registers_are_split_and_clamped() {
    let (bench, process) = (Bench::new(), Process::new());
    let opened = bench.open(&process, "g", abi::VFIO_TYPE1V2_IOMMU);
    let accesses = |offset, len| {
        bench.log.lock().expect("no test panics with it").clear();
        let done = opened.device.read(&process, offset, &mut vec![0; len]).expect("registers");
        let log = bench.log.lock().expect("no test panics with it").clone();
        (done, log.into_iter().map(|(_, offset, bytes)| (offset, bytes)).collect::<Vec<_>>())
    };
    assert_eq!(accesses(0, 8), (8, vec![(0, 4), (4, 4)]));
    assert_eq!(accesses(1, 8), (8, vec![(1, 1), (2, 2), (4, 4), (8, 1)]));
    assert_eq!(accesses(0xffc, 8), (4, vec![(0xffc, 4)]));
    assert_eq!(accesses(2 << 40, 2), (2, vec![(0, 2)]));
    let past = opened.device.read(&process, 0x1000, &mut [0]).expect_err("past the end");
    assert!(matches!(past, Refusal::Device(DeviceRefusal::PastEnd { index: 0, offset: 0x1000, .. })));
    assert!(opened.device.read(&process, 3 << 40, &mut [0]).is_err());
    assert!(opened.device.load(0xffd, Width::Word).is_err());
}

#[test]
fn mappings_follow_the_rules() {
    let (bench, process) = (Bench::new(), Process::new());
    let opened = bench.open(&process, "g", abi::VFIO_TYPE1V2_IOMMU);
    let mmap = |offset, len, sharing| {
        let prot = Protection { read: true, write: true, exec: true };
        let plan = opened.device.mmap(&process, Mmap { offset, len, sharing, prot });
        plan.map_err(|refusal| refusal.rule())
    };
    let trap = |region, offset| Ok(MmapPlan::Trap { region, offset });
    assert_eq!(mmap(0, 0x1000, Sharing::Shared), trap(0, 0));
    assert_eq!(mmap((2 << 40) + 0x3000, 0x1000, Sharing::Shared), trap(2, 0x3000));
    assert_eq!(mmap(0, 0x1000, Sharing::Private), Err("device.mmap.private"));
    assert_eq!(mmap(1 << 40, 0x1000, Sharing::Shared), Err("device.mmap.region"));
    assert_eq!(mmap(2 << 40, 0x5000, Sharing::Shared), Err("device.mmap.end"));
    assert_eq!(mmap(3 << 40, 0x1000, Sharing::Shared), Err("device.region.index"));
}

#[test]
fn a_device_is_reset_when_it_is_opened_and_closed() {
    let (bench, process) = (Bench::new(), Process::new());
    // The reset driver of the XGMAC begins with a store to its DMA interrupt enable register.
    let resets = || {
        let log = bench.log.lock().expect("no test panics with it");
        log.iter().filter(|access| **access == ('w', 0xf1c, 4)).count()
    };
    let opened = bench.open(&process, "g", abi::VFIO_TYPE1V2_IOMMU);
    assert_eq!(resets(), 1);
    assert_eq!(call(&process, &opened.device, abi::VFIO_DEVICE_RESET, 0), Ok(0));
    opened.device.release();
    assert_eq!(resets(), 3);
    let plain = bench.open(&process, "a", abi::VFIO_TYPE1V2_IOMMU);
    assert_eq!(call(&process, &plain.device, abi::VFIO_DEVICE_RESET, 0), Err(Errno::EINVAL));
}

#[test]
fn a_reset_line_that_others_are_on_is_no_reset_of_one() {
    let strict = Bench::with(&[], "linux-6.12");
    assert_eq!(strict.bind("x"), Err(16), "y is on its line too");
    let unrequired = Bench::new();
    assert_eq!(unrequired.bind("x"), Ok(()));
}

/// `x` and `y`, which are on one reset line, in one container.
struct Pair {
    bench: Bench,
    process: Process,
    groups: [File; 2],
}

impl Pair {
    fn new(more: &[&str]) -> Self {
        let (bench, process) = (Bench::together(more), Process::new());
        let container = bench.vfio.open(Node::Container, &process).expect("it opens");
        let fd = process.add(&container);
        let groups = ["x", "y"].map(|name| {
            bench.bind(name).expect("it binds");
            let group = bench.vfio.open(bench.node(name), &process).expect("it opens");
            call(&process, &group, abi::VFIO_GROUP_SET_CONTAINER, process.put(&fd)).expect("it is set");
            group
        });
        call(&process, &container, abi::VFIO_SET_IOMMU, 3).expect("type1 takes it");
        Self { bench, process, groups }
    }

    fn open(&self, at: usize) -> File {
        open_device(&self.process, &self.groups[at], ["x", "y"][at]).expect("both are the program's")
    }

    /// Resets of both devices so far.
    fn resets(&self) -> usize {
        self.bench.log.lock().expect("no test panics with it").iter().filter(|it| it.0 == 'R').count()
    }
}

#[test]
fn a_reset_set_is_offered_only_as_a_whole() {
    for more in [&[][..], &["vfio-platform.reset_required=0"]] {
        let (bench, process) = (Bench::together(more), Process::new());
        assert_eq!(bench.bind("x"), Ok(()), "one after the other, as an administrator does");
        let group = bench.vfio.open(bench.node("x"), &process).expect("it opens");
        let container = bench.vfio.open(Node::Container, &process).expect("it opens");
        let fd = process.add(&container);
        call(&process, &group, abi::VFIO_GROUP_SET_CONTAINER, process.put(&fd)).expect("it is set");
        call(&process, &container, abi::VFIO_SET_IOMMU, 3).expect("type1 takes it");
        let open = || group.ioctl(&process, abi::VFIO_GROUP_GET_DEVICE_FD, process.put(b"x\0"));
        let refused = open().err().expect("a host driver has y");
        assert_eq!(refused.rule(), "device.open.reset");
        assert_eq!(refused.errno(&crate::personality::Personality::default()), Errno::EPERM);
        bench.bind("y").expect("it binds");
        assert!(open().is_err(), "y is nobody's yet, but VFIO's");
        let other = bench.vfio.open(bench.node("y"), &process).expect("it opens");
        call(&process, &other, abi::VFIO_GROUP_SET_CONTAINER, process.put(&fd)).expect("it is set");
        assert!(open().is_ok());
    }
}

#[test]
fn a_hot_reset_names_the_groups_and_wants_them_shown() {
    let pair = Pair::new(&[]);
    let (x, process) = (pair.open(0), &pair.process);
    let header = |argsz, count| abi::PciHotReset { argsz, flags: 0, count };
    let info = |argsz| {
        let at = process.put(&(header(argsz, 0)));
        let answer = call(process, &x, abi::VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, at);
        (answer, process.get::<abi::PciHotReset>(at).count, process.get::<[u32; 7]>(at))
    };
    assert_eq!(info(8).0, Err(Errno::EINVAL));
    assert_eq!((info(12).0, info(27).1), (Err(Errno::ENOSPC), 2));
    let (answer, count, words) = info(28);
    let mut groups = [words[3], words[5]].map(|id| Node::Group(uvfio_kernel::iommu::GroupId(id)));
    groups.sort_unstable();
    let mut expected = [pair.bench.node("x"), pair.bench.node("y")];
    expected.sort_unstable();
    assert_eq!((answer, count, groups), (Ok(0), 2, expected));
    let fds = [process.add(&pair.groups[0]), process.add(&pair.groups[1])];
    let reset = |flags, shown: &[i32]| {
        let mut words = vec![12 + 4 * shown.len() as u32, flags, shown.len() as u32];
        words.extend(shown.iter().map(|fd| fd.cast_unsigned()));
        call(process, &x, abi::VFIO_DEVICE_PCI_HOT_RESET, process.put(words.as_slice()))
    };
    let before = pair.resets();
    for (flags, shown, errno) in [
        (1, &fds[..], Errno::EINVAL),
        (0, &[], Errno::EINVAL),
        (0, &[fds[0], fds[1], fds[0]], Errno::EINVAL),
        (0, &fds[..1], Errno::EINVAL),
        (0, &[fds[0], 3], Errno::EINVAL),
        (0, &[fds[0], 77], Errno::EBADF),
    ] {
        assert_eq!((reset(flags, shown), pair.resets()), (Err(errno), before), "{shown:?}");
    }
    assert_eq!((reset(0, &fds), pair.resets()), (Ok(0), before + 2));
}

#[test]
fn a_reset_set_is_reset_when_its_first_is_opened_and_its_last_closed() {
    let pair = Pair::new(&[]);
    let x = pair.open(0);
    assert_eq!(pair.resets(), 2);
    let y = pair.open(1);
    assert_eq!(pair.resets(), 2, "x is in use");
    assert_eq!(call(&pair.process, &x, abi::VFIO_DEVICE_RESET, 0), Ok(0));
    assert_eq!(pair.resets(), 4);
    x.release();
    assert_eq!(pair.resets(), 4, "y is in use");
    let x = pair.open(0);
    x.release();
    y.release();
    assert_eq!(pair.resets(), 6);
    drop(pair.open(1));
    assert_eq!(pair.resets(), 8);
}

#[test]
fn what_a_program_leaves_wrong_is_remembered() {
    let (bench, process) = (Bench::new(), Process::new());
    let opened = bench.open(&process, "a", abi::VFIO_TYPE1V2_IOMMU);
    let map = abi::DmaMap { argsz: 32, flags: 3, vaddr: MEMORY, iova: 0x10_0000, size: 0x1000 };
    call(&process, &opened.container, abi::VFIO_IOMMU_MAP_DMA, process.put(&map)).expect("it maps");
    let (fd, _event) = process.eventfd();
    let set = [24_u32, 0x24, 0, 0, 1, fd as u32];
    call(&process, &opened.device, abi::VFIO_DEVICE_SET_IRQS, process.put(&set)).expect("it is armed");
    [opened.device, opened.group, opened.container].iter().for_each(crate::file::File::release);
    let facts = bench.vfio.facts();
    assert_eq!(
        facts.leftovers,
        [
            Leftover::InterruptArmed { device: "a".into(), index: 0 },
            Leftover::MappingsNeverUsed {
                count: 1,
                bytes: 0x1000,
                first: uvfio_kernel::addr::Iova(0x10_0000)
            }
        ]
    );
    assert!(facts.calls > 4 && facts.refusals.is_empty());
}

#[test]
fn an_observer_sees_calls_decoded() {
    use crate::observe::{Answer, Call, CallRecord, Observer, Subject};
    #[derive(Default)]
    struct Notes(std::sync::Mutex<Vec<String>>);
    impl Observer for Notes {
        fn called(&self, record: &CallRecord<'_>) {
            let result = match record.result {
                Ok(answer) => format!("{answer:?}"),
                Err(refusal) => refusal.rule().to_owned(),
            };
            let note = format!("{:?} {:?} -> {result}", record.subject, record.call);
            self.0.lock().expect("no test panics with it").push(note);
        }
    }
    let bench = Bench::new();
    let notes = Arc::<Notes>::default();
    let options = crate::Options { observer: Some(notes.clone()), ..crate::Options::default() };
    let (vfio, _) = crate::Vfio::new(&bench.machine, options);
    let process = Process::new();
    let container = vfio.open(Node::Container, &process).expect("it opens");
    let map = abi::DmaMap { argsz: 32, flags: 3, vaddr: 0x1000, iova: 0x2000, size: 0x3000 };
    let _ = call(&process, &container, abi::VFIO_IOMMU_MAP_DMA, process.put(&map));
    let _ = call(&process, &container, abi::VFIO_IOMMU_MAP_DMA, 0x10);
    container.release();
    let subject = Subject::Container(0);
    let decoded = Call::MapDma {
        flags: 3,
        vaddr: uvfio_kernel::addr::UserAddr(0x1000),
        iova: uvfio_kernel::addr::Iova(0x2000),
        size: 0x3000,
    };
    let unreadable = Call::Unreadable { request: abi::VFIO_IOMMU_MAP_DMA, arg: 0x10 };
    assert_eq!(
        *notes.0.lock().expect("no test panics with it"),
        [
            format!("{:?} Open -> {:?}", Subject::Node(Node::Container), Answer::Container(0)),
            format!("{subject:?} {decoded:?} -> container.no_iommu"),
            format!("{subject:?} {unreadable:?} -> container.no_iommu"),
            format!("{subject:?} Release -> Value(0)"),
        ]
    );
}

//! A program over VFIO, and the machine around it: does what [`Act`] says.

use std::sync::Arc;

use uvfio_abi::vfio as abi;
use uvfio_kernel::addr::Iova;
use uvfio_kernel::device::{Bus, Device};
use uvfio_kernel::hw::{Dma, Level};
use uvfio_kernel::machine::Machine;
use uvfio_kernel::wait::NoWait;
use uvfio_vfio::Vfio;
use uvfio_vfio::file::{File, Mmap, Node, Protection, Reply, Sharing};

use crate::acts::{Act, At, Bitmap, Info, Offset, Pick};
use crate::machine::{WIDTHS, hand_over_one};
use crate::process::{FILES, MEMORY, Process};
use crate::tally;

/// As many files are open at once.
const MOST_FILES: usize = 12;
const PAGE: u64 = 0x1000;
/// Module, parameter, and values worth having.
const PARAMS: [(&str, &str, [&str; 3]); 4] = [
    ("vfio_iommu_type1", "dma_entry_limit", ["0", "2", "65535"]),
    ("vfio_iommu_type1", "allow_unsafe_interrupts", ["0", "1", "1"]),
    ("vfio_iommu_type1", "disable_hugepages", ["0", "1", "x"]),
    ("vfio", "enable_unsafe_noiommu_mode", ["0", "1", "1"]),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Container,
    Group,
    Device,
}

impl Kind {
    fn of(file: &File) -> Self {
        match file {
            File::Container(_) => Self::Container,
            File::Group(_) => Self::Group,
            File::Device(_) => Self::Device,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Group => "group",
            Self::Device => "device",
        }
    }
}

/// The program.
pub struct Program {
    machine: Arc<Machine>,
    vfio: Arc<Vfio>,
    devices: Vec<Arc<Device>>,
    process: Process,
    /// Where something was mapped for devices.
    mapped: Vec<u64>,
}

fn halves(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

fn words(header: &[u32], values: &[u64]) -> Vec<u32> {
    header.iter().copied().chain(values.iter().flat_map(|&value| halves(value))).collect()
}

impl Offset {
    fn value(self) -> u64 {
        match self {
            Self::Register { region, register } => {
                u64::from(region % 2) << 40 | u64::from(register % 16) << 2
            }
            Self::Inside { region, offset } => u64::from(region % 4) << 40 | u64::from(offset),
            Self::Any(offset) => offset,
        }
    }
}

impl Bitmap {
    fn words(self) -> [u64; 3] {
        let data = if self.data < 0xc0 { MEMORY + 0x4000 } else { u64::MAX << (self.data % 64) };
        [1 << (self.order % 64), self.size.into(), data]
    }
}

impl Program {
    /// One on a machine, with a limit on locked memory.
    pub fn new(machine: Arc<Machine>, vfio: Arc<Vfio>, memlock: Option<u64>) -> Self {
        let devices = [Bus::Platform, Bus::Amba].into_iter().flat_map(|bus| machine.devices(bus)).collect();
        Self { machine, vfio, devices, process: Process::new(memlock), mapped: Vec::new() }
    }

    fn file(&self, at: u8) -> Option<File> {
        let files = &self.process.files;
        files.get(usize::from(at).checked_rem(files.len())?).cloned()
    }

    /// Where an open file of a kind is.
    fn place(&self, kind: Kind, Pick(at): Pick) -> Option<usize> {
        let files = self.process.files.iter().enumerate();
        let fit: Vec<usize> =
            files.filter(|(_, file)| at >= 0xc0 || Kind::of(file) == kind).map(|(place, _)| place).collect();
        fit.get(usize::from(at).checked_rem(fit.len())?).copied()
    }

    fn pick(&self, kind: Kind, pick: Pick) -> Option<File> {
        self.place(kind, pick).map(|place| self.process.files[place].clone())
    }

    fn device(&self, at: u8) -> &Arc<Device> {
        &self.devices[usize::from(at) % self.devices.len()]
    }

    fn address(&self, at: At) -> u64 {
        match at {
            At::Page(page) => PAGE * u64::from(page % 16),
            At::Mapped(at) => {
                usize::from(at).checked_rem(self.mapped.len()).map_or(PAGE, |at| self.mapped[at])
            }
            At::End { bits, pages } => {
                let end = 1_u64.checked_shl(32 + u32::from(bits % 33)).unwrap_or(0);
                end.wrapping_sub(PAGE * u64::from(pages % 8))
            }
            At::Any(at) => at,
        }
    }

    fn keep(&mut self, file: File) {
        if self.process.files.len() < MOST_FILES {
            self.process.files.push(file);
        } else {
            file.release();
        }
    }

    fn open(&mut self, node: Node) {
        let opened = self.vfio.open(node, &self.process);
        tally::count(
            format_args!("open {}", if node == Node::Container { "container" } else { "group" }),
            &opened,
        );
        if let Ok(file) = opened {
            self.keep(file);
        }
    }

    fn open_group(&mut self, at: u8) {
        let groups: Vec<Node> =
            self.vfio.nodes().into_iter().filter(|node| *node != Node::Container).collect();
        let Some(node) = usize::from(at).checked_rem(groups.len()).map(|at| groups[at]) else { return };
        self.open(node);
    }

    /// Returns whether it was done.
    fn ioctl(&mut self, file: Option<File>, request: u32, argument: u64) -> bool {
        let Some(file) = file else { return false };
        let answer = file.ioctl(&self.process, request, argument);
        let number = request.wrapping_sub(abi::request(0));
        if number < 24 {
            tally::count(format_args!("{} ioctl {number}", Kind::of(&file).name()), &answer);
        }
        let done = answer.is_ok();
        match answer {
            Ok(Reply::NewFile(new)) => self.keep(new),
            Ok(Reply::Value(value)) => assert!(value >= 0, "an ioctl that is not refused returns no error"),
            Err(refusal) => {
                let _named = refusal.errno(self.vfio.personality());
            }
        }
        done
    }

    /// A call with these words at its pointer.
    fn call(&mut self, file: Option<File>, request: u32, words: &[u32]) -> bool {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let argument = self.process.put(&bytes);
        self.ioctl(file, request, argument)
    }

    fn set_container(&mut self, group: Pick, container: Pick) {
        let fd = match self.place(Kind::Container, container) {
            Some(place) => FILES + i32::try_from(place).expect("few"),
            None => i32::from(container.0) - 0x80,
        };
        self.call(self.pick(Kind::Group, group), abi::VFIO_GROUP_SET_CONTAINER, &[fd as u32]);
    }

    /// Mostly type 1, in its second version more often than not.
    fn set_iommu(&mut self, container: Pick, iommu: u8) {
        let iommu = match iommu {
            0..0x80 => abi::VFIO_TYPE1V2_IOMMU,
            0x80..0xb0 => abi::VFIO_TYPE1_IOMMU,
            0xb0..0xd0 => abi::VFIO_NOIOMMU_IOMMU,
            other => u32::from(other % 16),
        };
        self.ioctl(self.pick(Kind::Container, container), abi::VFIO_SET_IOMMU, iommu.into());
    }

    fn get_device(&mut self, group: Pick, device: u8) {
        let name = self.device(device).name().to_owned();
        let argument = self.process.put(&[name.as_bytes(), &[0]].concat());
        self.ioctl(self.pick(Kind::Group, group), abi::VFIO_GROUP_GET_DEVICE_FD, argument);
    }

    /// As a real program goes about it: the group of the device, into a container, which gets its IOMMU.
    fn reach(&mut self, node: u8, iommu: u8, device: u8) {
        if self.place(Kind::Container, Pick(0)).is_none() {
            self.open(Node::Container);
        }
        let wanted = self.device(device).group().map(|group| group.id());
        let before = self.process.files.len();
        match wanted {
            Some(id) if node < 0xf0 => self.open(Node::Group(id)),
            _ => self.open_group(node),
        }
        let groups = self.process.files.iter().filter(|file| Kind::of(file) == Kind::Group).count();
        let newest = if self.process.files.len() > before { groups - 1 } else { usize::from(node) };
        let group = Pick((newest % 0xc0) as u8);
        self.set_container(group, Pick(node % 4));
        self.set_iommu(Pick(node % 4), iommu);
        self.get_device(group, device);
    }

    fn map(&mut self, container: Pick, flags: u8, at: u64, [page, pages]: [u8; 2]) {
        // The first page of its memory is not its to write, and where it ends there is none.
        let pages = if pages < 0xc0 { 1 + pages % 3 } else { pages % 10 };
        let (vaddr, size) = (MEMORY - PAGE + PAGE * u64::from(page % 10), PAGE * u64::from(pages));
        let flags = if flags < 0xc0 { 1 + flags % 3 } else { flags & 0x3f };
        let map = words(&[32, flags.into()], &[vaddr, at, size]);
        if self.call(self.pick(Kind::Container, container), abi::VFIO_IOMMU_MAP_DMA, &map) {
            self.mapped.push(at);
        }
    }

    fn unmap(&mut self, container: Pick, flags: u8, at: u64, pages: u8, bitmap: Option<Bitmap>) {
        let flags = if flags < 0x80 { 0 } else { u32::from(flags & 7) };
        let mut unmap = words(&[24, flags], &[at, PAGE * u64::from(pages)]);
        if let Some(bitmap) = bitmap {
            unmap[0] += 24;
            unmap.extend(words(&[], &bitmap.words()));
        }
        self.call(self.pick(Kind::Container, container), abi::VFIO_IOMMU_UNMAP_DMA, &unmap);
    }

    fn info(&mut self, file: Pick, what: Info, index: u8, argsz: i8) {
        let (kind, request, size) = match what {
            Info::ApiVersion => (Kind::Container, abi::VFIO_GET_API_VERSION, 0),
            Info::Extension => {
                let container = self.pick(Kind::Container, file);
                self.ioctl(container, abi::VFIO_CHECK_EXTENSION, (index % 16).into());
                return;
            }
            Info::GroupStatus => (Kind::Group, abi::VFIO_GROUP_GET_STATUS, 8),
            Info::Iommu => (Kind::Container, abi::VFIO_IOMMU_GET_INFO, 24),
            Info::Device => (Kind::Device, abi::VFIO_DEVICE_GET_INFO, 24),
            Info::Region => (Kind::Device, abi::VFIO_DEVICE_GET_REGION_INFO, 32),
            Info::Irq => (Kind::Device, abi::VFIO_DEVICE_GET_IRQ_INFO, 16),
        };
        let argsz = u32::try_from(size + i32::from(argsz)).unwrap_or(u32::MAX);
        self.call(self.pick(kind, file), request, &[argsz, 0, u32::from(index % 8), 0, 0, 0, 0, 0]);
    }

    fn transfer(&self, device: u8, at: u64, len: u16, write: bool) {
        let port = self.device(device).dma();
        let mut bytes = vec![0; usize::from(len)];
        let done = if write { port.write(Iova(at), &bytes) } else { port.read(Iova(at), &mut bytes) };
        tally::count(if write { "device writes" } else { "device reads" }, &done);
    }

    /// Do it.
    pub fn act(&mut self, act: &Act) {
        match act {
            &Act::Reach { node, iommu, device } => self.reach(node, iommu, device),
            Act::OpenContainer => self.open(Node::Container),
            &Act::OpenGroup { node } => self.open_group(node),
            Act::Close { file } => {
                if let Some(at) = usize::from(*file).checked_rem(self.process.files.len()) {
                    self.process.files.remove(at).release();
                }
            }
            &Act::SetContainer { group, container } => self.set_container(group, container),
            &Act::UnsetContainer { group } => {
                self.ioctl(self.pick(Kind::Group, group), abi::VFIO_GROUP_UNSET_CONTAINER, 0);
            }
            &Act::SetIommu { container, iommu } => self.set_iommu(container, iommu),
            &Act::GetDevice { group, device } => self.get_device(group, device),
            &Act::Map { container, flags, page, pages, at } => {
                self.map(container, flags, self.address(at), [page, pages]);
            }
            &Act::Unmap { container, flags, at, pages, bitmap } => {
                self.unmap(container, flags, self.address(at), pages, bitmap);
            }
            &Act::Dirty { container, flags, at, pages, bitmap } => {
                let range = [self.address(at), PAGE * u64::from(pages)];
                let dirty = words(&[48, (flags % 9).into()], &[&range[..], &bitmap.words()].concat());
                self.call(self.pick(Kind::Container, container), abi::VFIO_IOMMU_DIRTY_PAGES, &dirty);
            }
            &Act::Info { file, what, index, argsz } => self.info(file, what, index, argsz),
            &Act::SetIrqs { device, data, action, index, start, count, fds } => {
                let flags = if data < 0xc0 { 1 << (data % 3) | 8 << (action % 3) } else { data & 0x3f };
                let small = |value: u8| if value < 0xc0 { 0 } else { u32::from(value & 7) };
                let count = if count < 0x80 { 1 } else { u32::from(count & 3) };
                let fds = fds.map(|fd| if fd > 0 { fd % 4 } else { fd } as u32);
                let set = [28, flags.into(), u32::from(index % 4), small(start), count, fds[0], fds[1]];
                self.call(self.pick(Kind::Device, device), abi::VFIO_DEVICE_SET_IRQS, &set);
            }
            &Act::Reset { device } => {
                self.ioctl(self.pick(Kind::Device, device), abi::VFIO_DEVICE_RESET, 0);
            }
            &Act::Feature { device, flags, index, data } => {
                let flags = u32::from(flags & 7) << 16 | u32::from(index % 16);
                let feature = [16, flags, data[0], data[1]];
                self.call(self.pick(Kind::Device, device), abi::VFIO_DEVICE_FEATURE, &feature);
            }
            Act::Call { file, number, words } => {
                let mut words = *words;
                words[0] = 24 + words[0] % 16;
                self.call(self.file(*file), abi::request(u32::from(number % 24)), &words);
            }
            Act::Any { file, request, argument, bytes } => {
                self.process.put(bytes);
                self.ioctl(self.file(*file), *request, *argument);
            }
            Act::Signal { eventfd } => self.process.signal(*eventfd),
            Act::Wire { device, line, high } => {
                let irqs = self.device(*device).irqs();
                if let Some(at) = usize::from(*line).checked_rem(irqs.len()) {
                    irqs[at].output().set(if *high { Level::High } else { Level::Low });
                }
            }
            &Act::Transfer { device, at, len, write } => {
                self.transfer(device, self.address(at), len % 0x3000, write)
            }
            Act::Unbind { device } => {
                let device = self.device(*device);
                let Some(driver) = device.driver() else { return };
                let done = self.machine.unbind(device.bus(), driver.name(), device.name(), &NoWait);
                tally::count("unbind", &done);
            }
            Act::Bind { device } => hand_over_one(&self.machine, self.device(*device)),
            Act::Param { which, value } => {
                let (module, name, values) = PARAMS[usize::from(*which) % PARAMS.len()];
                let _refused = self.machine.params().write(module, name, values[usize::from(*value) % 3]);
            }
            Act::Read { .. } | Act::Write { .. } | Act::Access { .. } | Act::Mmap { .. } => self.access(act),
        }
        self.process.deliver();
    }

    /// What goes to a device's registers.
    fn access(&mut self, act: &Act) {
        match act {
            Act::Read { device, offset, len } => {
                let Some(file) = self.pick(Kind::Device, *device) else { return };
                let mut bytes = vec![0; (*len).into()];
                let read = file.read(&self.process, offset.value(), &mut bytes);
                assert!(read.as_ref().is_ok_and(|read| *read <= bytes.len()) || read.is_err());
                tally::count("read", &read);
            }
            Act::Write { device, offset, bytes } => {
                let Some(file) = self.pick(Kind::Device, *device) else { return };
                let written = file.write(&self.process, offset.value(), bytes);
                assert!(written.as_ref().is_ok_and(|written| *written <= bytes.len()) || written.is_err());
                tally::count("write", &written);
            }
            Act::Access { device, offset, width, store } => {
                let Some(file) = self.pick(Kind::Device, *device) else { return };
                let (offset, width) = (offset.value(), WIDTHS[usize::from(width % 4)]);
                match store {
                    Some(value) => tally::count("store", &file.store(offset, width, value & width.mask())),
                    None => tally::count("load", &file.load(offset, width)),
                }
            }
            Act::Mmap { device, offset, pages, shared, prot } => {
                let Some(file) = self.pick(Kind::Device, *device) else { return };
                let prot = Protection { read: prot & 1 != 0, write: prot & 2 != 0, exec: prot & 4 != 0 };
                let sharing = if *shared { Sharing::Shared } else { Sharing::Private };
                let (offset, len) = (
                    offset.value() & !(PAGE - 1),
                    PAGE * u64::from(if *pages < 0xc0 { 1 } else { *pages & 7 }),
                );
                let mapped = file.mmap(&self.process, Mmap { offset, len, sharing, prot });
                tally::count("mmap", &mapped);
            }
            _ => {}
        }
    }

    /// The program ends. Nothing is left of it then.
    pub fn end(mut self) {
        for file in self.process.files.drain(..) {
            file.release();
        }
        for group in self.machine.groups() {
            assert!(group.owner().is_none(), "group {} is still a program's", group.id());
        }
        for device in &self.devices {
            for line in device.irqs() {
                assert!(!line.is_requested(), "an interrupt of {} is still taken", device.name());
            }
        }
        self.process.deliver();
    }
}

//! A process over plain vectors, a machine of a few devices, and short ways to make calls: what the tests of this crate stand on.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use uvfio_abi::Errno;
use uvfio_abi::vfio as abi;
use uvfio_firmware as firmware;
use uvfio_kernel::addr::UserAddr;
use uvfio_kernel::device::{Bus, NoScheduler};
use uvfio_kernel::hw::{
    Access, Activity, Backing, Clock, Level, MemoryGone, Model, Progress, ResetFailed, ResetKind, ResetLines,
    Width, Wires,
};
use uvfio_kernel::machine::{Machine, ModelMaker, Options as MachineOptions, Setup};
use uvfio_kernel::module::{Params, Setting};
use uvfio_kernel::wait::NoWait;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::caller::{
    AddressSpace, BadPointer, Caller, Capability, EventFd, Mapped, NoEventFd, OpenFile, Pid, Watch, Watcher,
};
use crate::file::{File, Node, Reply};
use crate::personality::Personality;
use crate::refusal::Refusal;
use crate::{Options, ResetSets, Vfio};

/// Where structures are put for calls.
pub(crate) const SCRATCH: u64 = 0x10_0000;
/// 64 pages that may be read and written.
pub(crate) const MEMORY: u64 = 0x1000_0000;
/// A page that may only be read, just behind them.
pub(crate) const READ_ONLY: u64 = MEMORY + 64 * 4096;

struct Part {
    bytes: Vec<u8>,
    write: bool,
}

/// Memory of a process.
pub(crate) struct Space {
    id: u64,
    parts: Mutex<BTreeMap<u64, Part>>,
}

impl Space {
    fn new(id: u64) -> Arc<Self> {
        let part = |pages: usize, write| Part { bytes: vec![0; pages * 4096], write };
        let parts = [(SCRATCH, part(4, true)), (MEMORY, part(64, true)), (READ_ONLY, part(1, false))];
        Arc::new(Self { id, parts: Mutex::new(parts.into()) })
    }

    pub(crate) fn number(&self) -> u64 {
        self.id
    }

    fn each(&self, at: u64, len: usize, mut act: impl FnMut(&mut Part, usize, usize)) -> Result<(), u64> {
        let mut parts = self.parts.lock().expect("no test panics with it");
        for done in 0..len {
            let address = at.wrapping_add(done as u64);
            let found = parts.range_mut(..=address).next_back();
            let (start, part) =
                found.filter(|(start, part)| address - **start < part.bytes.len() as u64).ok_or(address)?;
            act(part, (address - *start) as usize, done);
        }
        Ok(())
    }

    fn load(&self, at: u64, into: &mut [u8]) -> Result<(), u64> {
        self.each(at, into.len(), |part, offset, done| into[done] = part.bytes[offset])
    }

    fn save(&self, at: u64, bytes: &[u8]) -> Result<(), u64> {
        self.each(at, bytes.len(), |part, offset, done| part.bytes[offset] = bytes[done])
    }
}

impl Backing for Space {
    fn read(&self, from: UserAddr, into: &mut [u8]) -> Result<(), MemoryGone> {
        self.load(from.0, into).map_err(|at| MemoryGone { at: UserAddr(at) })
    }

    fn write(&self, to: UserAddr, bytes: &[u8]) -> Result<(), MemoryGone> {
        self.save(to.0, bytes).map_err(|at| MemoryGone { at: UserAddr(at) })
    }

    fn copy(
        &self,
        from: UserAddr,
        other: &dyn Backing,
        to: UserAddr,
        len: u64,
    ) -> Result<(), (u64, MemoryGone, Access)> {
        let mut bytes = vec![0; len as usize];
        Backing::read(self, from, &mut bytes).map_err(|gone| (0, gone, Access::Read))?;
        other.write(to, &bytes).map_err(|gone| (0, gone, Access::Write))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl AddressSpace for Space {
    fn mapped(&self, at: UserAddr, len: u64) -> Option<Mapped> {
        let parts = self.parts.lock().expect("no test panics with it");
        let (start, part) = parts.range(..=at.0).next_back()?;
        let left = (start + part.bytes.len() as u64).checked_sub(at.0).filter(|left| *left > 0)?;
        Some(Mapped { len: left.min(len), read: true, write: part.write, device: false })
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn backing(self: Arc<Self>) -> Arc<dyn Backing> {
        self
    }
}

/// An eventfd.
#[derive(Default)]
pub(crate) struct Event {
    count: Mutex<u64>,
    watchers: Mutex<Vec<std::sync::Weak<Watching>>>,
}

struct Watching(Arc<dyn Watcher>);

struct WatchGuard(#[allow(dead_code, reason = "it is only kept")] Arc<Watching>);

impl Watch for WatchGuard {}

impl Event {
    /// What a program's read takes: the counter, which is 0 afterwards.
    pub(crate) fn take(&self) -> u64 {
        std::mem::take(&mut *self.count.lock().expect("no test panics with it"))
    }

    /// What a program's write does. A watcher consumes it.
    pub(crate) fn write(&self) {
        let watchers: Vec<_> = self
            .watchers
            .lock()
            .expect("no test panics with it")
            .iter()
            .filter_map(std::sync::Weak::upgrade)
            .collect();
        if watchers.is_empty() {
            *self.count.lock().expect("no test panics with it") += 1;
        }
        watchers.iter().for_each(|watching| watching.0.signalled());
    }
}

impl EventFd for Event {
    fn signal(&self) {
        *self.count.lock().expect("no test panics with it") += 1;
    }

    fn is_readable(&self) -> bool {
        *self.count.lock().expect("no test panics with it") > 0
    }

    fn watch(&self, watcher: Arc<dyn Watcher>) -> Box<dyn Watch> {
        let watching = Arc::new(Watching(watcher));
        self.watchers.lock().expect("no test panics with it").push(Arc::downgrade(&watching));
        Box::new(WatchGuard(watching))
    }

    fn is_held(&self) -> bool {
        true
    }
}

enum Fd {
    Vfio(File),
    Event(Arc<Event>),
    Other,
}

/// A process.
pub(crate) struct Process {
    pub(crate) space: Arc<Space>,
    scratch: u64,
    files: Mutex<HashMap<i32, Fd>>,
    memlock: Mutex<Option<u64>>,
    capable: Mutex<Vec<Capability>>,
}

static NEXT_SPACE: AtomicU64 = AtomicU64::new(1);

impl Process {
    /// One with no limit, no capability, and file 3 that is nothing special.
    pub(crate) fn new() -> Self {
        Self {
            space: Space::new(NEXT_SPACE.fetch_add(1, Ordering::Relaxed)),
            scratch: SCRATCH,
            files: Mutex::new(HashMap::from([(3, Fd::Other)])),
            memlock: Mutex::new(None),
            capable: Mutex::default(),
        }
    }

    /// Another thread of it, with scratch memory of its own and no files.
    #[cfg(feature = "shuttle")]
    pub(crate) fn thread(&self) -> Self {
        Self { space: self.space.clone(), scratch: self.scratch + 4096, ..Self::new() }
    }

    pub(crate) fn limit(&self, bytes: u64) {
        *self.memlock.lock().expect("no test panics with it") = Some(bytes);
    }

    pub(crate) fn grant(&self, capability: Capability) {
        self.capable.lock().expect("no test panics with it").push(capability);
    }

    fn install(&self, fd: Fd) -> i32 {
        let mut files = self.files.lock().expect("no test panics with it");
        let number = (3..).find(|number| !files.contains_key(number)).expect("there is a free number");
        files.insert(number, fd);
        number
    }

    pub(crate) fn add(&self, file: &File) -> i32 {
        self.install(Fd::Vfio(file.clone()))
    }

    pub(crate) fn eventfd(&self) -> (i32, Arc<Event>) {
        let event = Arc::<Event>::default();
        (self.install(Fd::Event(event.clone())), event)
    }

    /// Put a structure where a call can find it.
    pub(crate) fn put<T: IntoBytes + Immutable + ?Sized>(&self, value: &T) -> u64 {
        self.space.save(self.scratch, value.as_bytes()).expect("the scratch page is there");
        self.scratch
    }

    pub(crate) fn space_write(&self, at: u64, bytes: &[u8]) {
        self.space.save(at, bytes).expect("it is there");
    }

    pub(crate) fn get<T: FromBytes + IntoBytes>(&self, at: u64) -> T {
        let mut value = T::new_zeroed();
        self.space.load(at, value.as_mut_bytes()).expect("it is there");
        value
    }
}

impl Caller for Process {
    fn pid(&self) -> Pid {
        Pid(1)
    }

    fn read(&self, from: UserAddr, into: &mut [u8]) -> Result<(), BadPointer> {
        self.space.load(from.0, into).map_err(|at| BadPointer { at: UserAddr(at) })
    }

    fn write(&self, to: UserAddr, bytes: &[u8]) -> Result<(), BadPointer> {
        self.space.save(to.0, bytes).map_err(|at| BadPointer { at: UserAddr(at) })
    }

    fn file(&self, fd: i32) -> OpenFile {
        match self.files.lock().expect("no test panics with it").get(&fd) {
            None => OpenFile::Closed,
            Some(Fd::Vfio(file)) => OpenFile::Vfio(file.clone()),
            Some(Fd::Event(_) | Fd::Other) => OpenFile::Other,
        }
    }

    fn eventfd(&self, fd: i32) -> Result<Arc<dyn EventFd>, NoEventFd> {
        match self.files.lock().expect("no test panics with it").get(&fd) {
            None => Err(NoEventFd::Closed),
            Some(Fd::Event(event)) => Ok(event.clone()),
            Some(Fd::Vfio(_) | Fd::Other) => Err(NoEventFd::NotAnEventFd),
        }
    }

    fn address_space(&self) -> Arc<dyn AddressSpace> {
        self.space.clone()
    }

    fn memlock_limit(&self) -> Option<u64> {
        *self.memlock.lock().expect("no test panics with it")
    }

    fn capable(&self, capability: Capability) -> bool {
        self.capable.lock().expect("no test panics with it").contains(&capability)
    }
}

/// A device whose first register drives its first line, whose second copies one byte by DMA from the address written to the next
/// one up, and which logs its accesses.
struct Probe {
    wires: Wires,
    log: Arc<Mutex<Vec<(char, u64, u64)>>>,
}

impl Model for Probe {
    fn read(&mut self, _: usize, offset: u64, width: Width) -> u64 {
        self.log.lock().expect("no test panics with it").push(('r', offset, width.bytes()));
        offset
    }

    fn write(&mut self, _: usize, offset: u64, width: Width, value: u64) {
        self.log.lock().expect("no test panics with it").push(('w', offset, width.bytes()));
        let level = if value == 0 { Level::Low } else { Level::High };
        match (offset, self.wires.lines.first()) {
            (0, Some(line)) => line.set(level),
            (8, _) => {
                let mut byte = [0];
                let from = uvfio_kernel::addr::Iova(value);
                if self.wires.dma.read(from, &mut byte).is_ok() {
                    let _ = self.wires.dma.write(uvfio_kernel::addr::Iova(value + 1), &byte);
                }
            }
            _ => {}
        }
    }

    fn run(&mut self, _: u32) -> Progress {
        Progress::Idle
    }

    fn reset(&mut self, kind: ResetKind) -> Result<(), ResetFailed> {
        self.log.lock().expect("no test panics with it").push(('R', kind as u64, 0));
        self.wires.lines.iter().for_each(|line| line.set(Level::Low));
        Ok(())
    }

    fn activity(&self) -> Activity {
        Activity::default()
    }
}

/// A reset controller: each bit of its register is a line.
struct Bank(u32);

impl ResetLines for Bank {
    fn count(&self) -> u32 {
        32
    }

    fn is_asserted(&self, line: u32) -> bool {
        self.0 >> line & 1 == 1
    }
}

impl Model for Bank {
    fn read(&mut self, _: usize, _: u64, _: Width) -> u64 {
        self.0.into()
    }

    fn write(&mut self, _: usize, _: u64, _: Width, value: u64) {
        self.0 = value as u32;
    }

    fn run(&mut self, _: u32) -> Progress {
        Progress::Idle
    }

    fn reset(&mut self, _: ResetKind) -> Result<(), ResetFailed> {
        self.0 = 0;
        Ok(())
    }

    fn activity(&self) -> Activity {
        Activity::default()
    }

    fn reset_lines(&self) -> Option<&dyn ResetLines> {
        Some(self)
    }
}

struct Probes(Arc<Mutex<Vec<(char, u64, u64)>>>);

impl ModelMaker for Probes {
    fn make(&self, device: &firmware::Device, wires: Wires) -> Box<dyn Model> {
        if device.compatible[0] == "snps,dw-high-reset" {
            return Box::new(Bank(0));
        }
        Box::new(Probe { wires, log: self.0.clone() })
    }
}

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn wall_seconds(&self) -> u64 {
        0
    }
}

/// VFIO over a machine with an SMMUv3 and behind it `a`, `b`, `g`, which has a reset, and `p`, on the AMBA bus; `q` behind an IOMMU
/// of another kind, `s` behind one that puts devices of one stream into one group; `n` without an IOMMU; `x` and `y` on one
/// reset line. Each has three regions, a
/// level line and an edge line.
pub(crate) struct Bench {
    pub(crate) machine: Arc<Machine>,
    pub(crate) vfio: Arc<Vfio>,
    pub(crate) log: Arc<Mutex<Vec<(char, u64, u64)>>>,
}

/// A device; `stream` is its IOMMU and its number there.
pub(crate) fn device(
    name: &str,
    compatible: &str,
    bus: firmware::Bus,
    stream: Option<(&str, u32)>,
) -> firmware::Device {
    let region = |base, size| firmware::Region { name: None, base, size };
    let interrupt = |number, trigger| firmware::Interrupt {
        path: "/gic".into(),
        number,
        trigger,
        ..firmware::Interrupt::default()
    };
    let iommus = stream.map(|(iommu, stream)| firmware::Specifier {
        provider: firmware::NodeId(1),
        path: format!("/{iommu}").into(),
        cells: [stream][..].into(),
        name: None,
    });
    firmware::Device {
        name: name.into(),
        bus,
        path: format!("/{name}").into(),
        node: firmware::NodeId(2),
        compatible: vec![compatible.into()],
        regions: vec![region(0x1000, 0x1000), region(0x2000, 0x800), region(0x4000, 0x4000)],
        interrupts: vec![
            interrupt(32, firmware::Trigger::LevelHigh),
            interrupt(33, firmware::Trigger::EdgeRising),
        ],
        iommus: iommus.into_iter().collect(),
        dma_coherent: true,
        ..firmware::Device::default()
    }
}

/// The device, on the reset controller's first line.
fn on_line(mut device: firmware::Device) -> firmware::Device {
    device.resets =
        vec![firmware::Specifier { path: "/rst".into(), cells: [0][..].into(), ..Default::default() }];
    device
}

fn board() -> firmware::Board {
    use firmware::Bus::{Amba, Platform};
    let iommu = |name, compatible| firmware::Device {
        interrupts: Vec::new(),
        regions: Vec::new(),
        ..device(name, compatible, Platform, None)
    };
    let devices = vec![
        iommu("smmu", "arm,smmu-v3"),
        iommu("qcom", "qcom,msm-iommu-v1"),
        iommu("mmu500", "arm,mmu-500"),
        device("a", "test,a", Platform, Some(("smmu", 1))),
        device("b", "test,b", Platform, Some(("smmu", 2))),
        device("g", "calxeda,hb-xgmac", Platform, Some(("smmu", 3))),
        device("n", "test,n", Platform, None),
        device("p", "arm,primecell", Amba, Some(("smmu", 4))),
        device("q", "test,q", Platform, Some(("qcom", 1))),
        device("s", "test,s", Platform, Some(("mmu500", 1))),
        firmware::Device { interrupts: Vec::new(), ..device("rst", "snps,dw-high-reset", Platform, None) },
        on_line(device("x", "test,x", Platform, Some(("smmu", 5)))),
        on_line(device("y", "test,y", Platform, Some(("smmu", 6)))),
    ];
    firmware::Board {
        model: "bench".into(),
        compatible: vec!["test,bench".into()],
        devices,
        ..firmware::Board::default()
    }
}

impl Bench {
    /// With these module parameters, and the answers of this kernel.
    pub(crate) fn with(params: &[&str], kernel: &str) -> Self {
        let personality: Personality = kernel.parse().expect("a known kernel");
        Self::made(params, Options { personality, ..Options::default() })
    }

    fn made(params: &[&str], options: Options) -> Self {
        let log = Arc::new(Mutex::new(Vec::new()));
        let settings: Vec<Setting> =
            params.iter().map(|setting| setting.parse().expect("a well-formed setting")).collect();
        let setup = Setup {
            models: Arc::new(Probes(log.clone())),
            clock: Arc::new(Stopped),
            scheduler: Arc::new(NoScheduler),
            params: Params::new(settings),
            options: MachineOptions::default(),
        };
        let (machine, _) = Machine::new(board(), setup);
        let (vfio, _) = Vfio::new(&machine, options);
        Self { machine, vfio, log }
    }

    /// With what lets every device be used, on Linux 6.12.
    pub(crate) fn new() -> Self {
        Self::with(
            &["vfio-platform.reset_required=0", "vfio_iommu_type1.allow_unsafe_interrupts=1"],
            "linux-6.12",
        )
    }

    /// Where a program may reset what shares reset lines, as long as it has all of it, and a reset is required.
    pub(crate) fn together(more: &[&str]) -> Self {
        let options = Options { reset_sets: ResetSets::Together, ..Options::default() };
        Self::made(&[&["vfio_iommu_type1.allow_unsafe_interrupts=1"], more].concat(), options)
    }

    /// Bind as an administrator does. Returns what the write to `bind` answers.
    pub(crate) fn bind(&self, device: &str) -> Result<(), i32> {
        let (bus, driver) =
            if device == "p" { (Bus::Amba, "vfio-amba") } else { (Bus::Platform, "vfio-platform") };
        if let Some(driver) = self.machine.device(bus, device).and_then(|device| device.driver()) {
            self.machine.unbind(bus, driver.name(), device, &NoWait).expect("a host driver lets go");
        }
        self.machine.set_driver_override(bus, device, driver).expect("the device is there");
        self.machine.bind(bus, driver, device, &NoWait).map_err(|refusal| refusal.errno())
    }

    /// The node of a device's group.
    pub(crate) fn node(&self, device: &str) -> Node {
        let bus = if device == "p" { Bus::Amba } else { Bus::Platform };
        let device = self.machine.device(bus, device).expect("the device is there");
        Node::Group(device.group().expect("it has a group").id())
    }

    /// Bind a device and open it behind a container of this type.
    pub(crate) fn open(&self, process: &Process, device: &str, iommu: u32) -> Opened {
        self.bind(device).expect("it binds");
        let open = |node| self.vfio.open(node, process).expect("it opens");
        let (container, group) = (open(Node::Container), open(self.node(device)));
        let fd = process.add(&container);
        call(process, &group, abi::VFIO_GROUP_SET_CONTAINER, process.put(&fd)).expect("a container takes it");
        call(process, &container, abi::VFIO_SET_IOMMU, iommu.into()).expect("type1 takes it");
        let device = open_device(process, &group, device).expect("it opens");
        Opened { container, group, device }
    }
}

/// The three files of an open device.
pub(crate) struct Opened {
    pub(crate) container: File,
    pub(crate) group: File,
    pub(crate) device: File,
}

/// `ioctl` that returns a number.
pub(crate) fn call(process: &Process, file: &File, request: u32, arg: u64) -> Result<i32, Errno> {
    match refused(file.ioctl(process, request, arg))? {
        Reply::Value(value) => Ok(value),
        Reply::NewFile(_) => panic!("this call gives no file"),
    }
}

/// `VFIO_GROUP_GET_DEVICE_FD`.
pub(crate) fn open_device(process: &Process, group: &File, name: &str) -> Result<File, Errno> {
    let mut bytes = [0_u8; 64];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    match refused(group.ioctl(process, abi::VFIO_GROUP_GET_DEVICE_FD, process.put(&bytes)))? {
        Reply::NewFile(file) => Ok(file),
        Reply::Value(_) => panic!("this call gives a file"),
    }
}

/// The error number on the default kernel.
pub(crate) fn refused<T>(result: Result<T, Refusal>) -> Result<T, Errno> {
    result.map_err(|refusal| refusal.errno(&Personality::default()))
}

//! Any calls on any of VFIO's files in any order, with any arguments and pointers: each is answered, and at the end all is let go.

#![no_main]

use std::sync::{Arc, LazyLock};

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use uvfio_abi::vfio as abi;
use uvfio_firmware::Board;
use uvfio_fuzz::machine::{WIDTHS, hand_over, machine};
use uvfio_fuzz::process::{FILES, Process};
use uvfio_kernel::device::Bus;
use uvfio_vfio::file::{File, GroupId, Mmap, Node, Protection, Reply, Sharing};
use uvfio_vfio::{Options, Vfio};

/// As many files are open at once.
const MOST_FILES: usize = 12;
/// The board: an SMMU, and devices on both buses with and without an interrupt.
static BOARD: LazyLock<Board> =
    LazyLock::new(|| Board::from_dtb(include_bytes!("../corpus/dtb/parity")).expect("it is a device tree").0);

/// What a program does. `file` counts the open ones, round and round.
#[derive(Debug, Arbitrary)]
enum Act {
    OpenContainer,
    OpenGroup {
        group: u8,
    },
    Close {
        file: u8,
    },
    /// A group into a container, with an IOMMU type: without it there is little to see.
    Attach {
        group: u8,
        container: u8,
        iommu: u8,
    },
    /// A device by its place on the platform or the AMBA bus.
    GetDevice {
        group: u8,
        amba: bool,
        device: u8,
    },
    /// A call of vfio.h with these bytes at its pointer, `argsz` put right.
    Call {
        file: u8,
        number: u8,
        argument: Vec<u32>,
    },
    /// Any call with any argument.
    Any {
        file: u8,
        request: u32,
        argument: u64,
        bytes: Vec<u8>,
    },
    Map {
        file: u8,
        flags: u8,
        page: u8,
        pages: u8,
        iova: u64,
    },
    Read {
        file: u8,
        offset: u64,
        len: u8,
    },
    Write {
        file: u8,
        offset: u64,
        bytes: Vec<u8>,
    },
    /// A load or store of a region's register.
    Access {
        file: u8,
        region: u8,
        offset: u16,
        width: u8,
        store: Option<u64>,
    },
    Mmap {
        file: u8,
        offset: u64,
        len: u64,
        shared: bool,
        prot: u8,
    },
}

#[derive(Debug, Arbitrary)]
struct Case {
    memlock: Option<u16>,
    acts: Vec<Act>,
}

/// A program over VFIO.
struct Run<'a> {
    vfio: &'a Arc<Vfio>,
    devices: [Vec<String>; 2],
    process: Process,
}

impl Run<'_> {
    fn file(&self, at: u8) -> Option<File> {
        let files = &self.process.files;
        files.get(usize::from(at).checked_rem(files.len())?).cloned()
    }

    fn keep(&mut self, file: File) {
        if self.process.files.len() < MOST_FILES {
            self.process.files.push(file);
        } else {
            file.release();
        }
    }

    fn open(&mut self, node: Node) {
        if let Ok(file) = self.vfio.open(node, &self.process) {
            self.keep(file);
        }
    }

    fn ioctl(&mut self, at: u8, request: u32, argument: u64) {
        let Some(file) = self.file(at) else { return };
        match file.ioctl(&self.process, request, argument) {
            Ok(Reply::NewFile(new)) => self.keep(new),
            Ok(Reply::Value(value)) => assert!(value >= 0, "an ioctl that is not refused returns no error"),
            Err(refusal) => {
                let _named = refusal.errno(self.vfio.personality());
            }
        }
    }

    /// `argsz` is the first word of nearly every structure.
    fn call(&mut self, at: u8, request: u32, words: &[u32]) {
        let mut words = words.to_vec();
        if let Some(first) = words.first().copied() {
            words[0] = (words.len() as u32 * 4).saturating_add(first % 16).saturating_sub(8);
        }
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let argument = self.process.put(&bytes);
        self.ioctl(at, request, argument);
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::OpenContainer => self.open(Node::Container),
            Act::OpenGroup { group } => self.open(Node::Group(GroupId(u32::from(group % 16)))),
            Act::Close { file } => {
                if !self.process.files.is_empty() {
                    let at = usize::from(*file) % self.process.files.len();
                    self.process.files.remove(at).release();
                }
            }
            Act::Attach { group, container, iommu } => {
                let len = self.process.files.len().max(1);
                let fd = i32::try_from(usize::from(*container) % len).expect("few") + FILES;
                let argument = self.process.put(&fd.to_le_bytes());
                self.ioctl(*group, abi::VFIO_GROUP_SET_CONTAINER, argument);
                self.ioctl(*container, abi::VFIO_SET_IOMMU, (iommu % 12).into());
            }
            Act::GetDevice { group, amba, device } => {
                let names = &self.devices[usize::from(*amba)];
                let Some(name) = names.get(usize::from(*device) % names.len().max(1)) else { return };
                let argument = self.process.put(&[name.as_bytes(), &[0]].concat());
                self.ioctl(*group, abi::VFIO_GROUP_GET_DEVICE_FD, argument);
            }
            Act::Call { file, number, argument } => {
                self.call(*file, abi::request(u32::from(number % 24)), argument);
            }
            Act::Any { file, request, argument, bytes } => {
                self.process.put(bytes);
                self.ioctl(*file, *request, *argument);
            }
            Act::Map { file, flags, page, pages, iova } => {
                let (at, len) = (0xf000 + 0x1000 * u64::from(page % 12), 0x1000 * u64::from(pages % 10));
                let halves = |value: u64| [value as u32, (value >> 32) as u32];
                let [low, high] = halves(at);
                let [iova_low, iova_high] = halves(*iova);
                let [len_low, len_high] = halves(len);
                let words = [8, (flags % 8).into(), low, high, iova_low, iova_high, len_low, len_high];
                self.call(*file, abi::VFIO_IOMMU_MAP_DMA, &words);
            }
            Act::Read { file, offset, len } => {
                let Some(file) = self.file(*file) else { return };
                let mut bytes = vec![0; (*len).into()];
                if let Ok(read) = file.read(&self.process, *offset, &mut bytes) {
                    assert!(read <= bytes.len());
                }
            }
            Act::Write { file, offset, bytes } => {
                let Some(file) = self.file(*file) else { return };
                if let Ok(written) = file.write(&self.process, *offset, bytes) {
                    assert!(written <= bytes.len());
                }
            }
            Act::Access { file, region, offset, width, store } => {
                let Some(file) = self.file(*file) else { return };
                let (offset, width) =
                    (u64::from(region % 4) << 40 | u64::from(*offset), WIDTHS[usize::from(width % 4)]);
                match store {
                    Some(value) => drop(file.store(offset, width, value & width.mask())),
                    None => drop(file.load(offset, width)),
                }
            }
            Act::Mmap { file, offset, len, shared, prot } => {
                let Some(file) = self.file(*file) else { return };
                let prot = Protection { read: prot & 1 != 0, write: prot & 2 != 0, exec: prot & 4 != 0 };
                let sharing = if *shared { Sharing::Shared } else { Sharing::Private };
                let _refused = file.mmap(&self.process, Mmap { offset: *offset, len: *len, sharing, prot });
            }
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(case) = Case::arbitrary(&mut Unstructured::new(bytes)) else { return };
    let machine = machine(BOARD.clone());
    let (vfio, _) = Vfio::new(&machine, Options::default());
    hand_over(&machine);
    let names = |bus| machine.devices(bus).iter().map(|device| device.name().to_owned()).collect();
    let devices = [names(Bus::Platform), names(Bus::Amba)];
    let process = Process::new(case.memlock.map(|pages| u64::from(pages) * 0x400));
    let mut run = Run { vfio: &vfio, devices, process };
    for act in case.acts.iter().take(64) {
        run.act(act);
    }
    for file in run.process.files.drain(..) {
        file.release();
    }
});

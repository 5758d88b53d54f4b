//! The DMA-330 against its manual: a memory, interrupt lines and an assembler to run programs with.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use uvfio_kernel::addr::Iova;
use uvfio_kernel::hw::{
    Access, Clock, Dma, DmaFault, FaultReason, Level, Line, Model, Progress, ResetKind, Width, Wires,
};

use super::{Config, Dma330, Security};

mod asm;
mod equal;
mod faults;
mod fuzz;
mod programs;
mod translated;

/// Memory with holes: a byte of each page says what is allowed.
pub(super) struct Memory {
    state: Mutex<(Vec<u8>, Vec<u8>)>,
    copied: Mutex<Vec<u64>>,
}

pub(super) const PAGE: usize = 4096;
pub(super) const R: u8 = 1;
pub(super) const W: u8 = 2;
pub(super) const X: u8 = 4;

impl Memory {
    pub fn new(pages: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new((vec![0; pages * PAGE], vec![R | W | X; pages])),
            copied: Mutex::default(),
        })
    }

    pub fn allow(&self, page: usize, what: u8) {
        self.state.lock().unwrap().1[page] = what;
    }

    pub fn put(&self, at: usize, bytes: &[u8]) {
        self.state.lock().unwrap().0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    pub fn get(&self, at: usize, len: usize) -> Vec<u8> {
        self.state.lock().unwrap().0[at..at + len].to_vec()
    }

    /// How long each copy was that went past the model.
    pub fn copied(&self) -> Vec<u64> {
        self.copied.lock().unwrap().clone()
    }

    pub fn all(&self) -> Vec<u8> {
        self.state.lock().unwrap().0.clone()
    }

    fn each(
        &self,
        at: Iova,
        len: usize,
        access: Access,
        mut f: impl FnMut(&mut u8, usize),
    ) -> Result<(), DmaFault> {
        let bit = match access {
            Access::Read => R,
            Access::Write => W,
            Access::Execute => X,
        };
        let (bytes, pages) = &mut *self.state.lock().unwrap();
        for index in 0..len {
            let here = at.0 + index as u64;
            let fault = |reason| DmaFault { iova: Iova(here), access, reason };
            let page = pages.get(here as usize / PAGE).ok_or(fault(FaultReason::NotMapped))?;
            if page & bit == 0 {
                return Err(fault(FaultReason::NotAllowed));
            }
            f(&mut bytes[here as usize], index);
        }
        Ok(())
    }
}

impl Dma for Memory {
    fn read(&self, from: Iova, into: &mut [u8]) -> Result<(), DmaFault> {
        self.each(from, into.len(), Access::Read, |byte, index| into[index] = *byte)
    }

    fn write(&self, to: Iova, bytes: &[u8]) -> Result<(), DmaFault> {
        self.each(to, bytes.len(), Access::Write, |byte, index| *byte = bytes[index])
    }

    fn fetch(&self, from: Iova, into: &mut [u8]) -> Result<(), DmaFault> {
        self.each(from, into.len(), Access::Execute, |byte, index| into[index] = *byte)
    }

    fn copy(&self, from: Iova, to: Iova, len: u64, step: u64) -> Result<(), (u64, DmaFault)> {
        self.copied.lock().unwrap().push(len);
        let mut done = 0;
        while done < len {
            let mut buffer = vec![0; step.min(len - done) as usize];
            self.read(Iova(from.0 + done), &mut buffer).map_err(|fault| (done, fault))?;
            let at = Iova(to.0 + done);
            self.write(at, &buffer).map_err(|fault| (done + fault.iova.0 - at.0, fault))?;
            done += buffer.len() as u64;
        }
        Ok(())
    }
}

/// A line that remembers its level and how often it rose.
#[derive(Default)]
pub(super) struct Wire {
    state: Mutex<(bool, u32)>,
}

impl Wire {
    pub fn high(&self) -> bool {
        self.state.lock().unwrap().0
    }
}

impl Line for Wire {
    fn set(&self, level: Level) {
        let mut state = self.state.lock().unwrap();
        let high = level == Level::High;
        state.1 += u32::from(high && !state.0);
        state.0 = high;
    }
}

struct Still;

impl Clock for Still {
    fn now(&self) -> Duration {
        Duration::ZERO
    }
    fn wall_seconds(&self) -> u64 {
        0
    }
}

/// A controller with its surroundings.
pub(super) struct Bench {
    pub dma: Dma330,
    pub memory: Arc<Memory>,
    pub wires: Vec<Arc<Wire>>,
}

/// Where the abort line of Juno is.
pub(super) const ABORT: usize = 4;

impl Bench {
    pub fn new(pages: usize) -> Self {
        Self::with(Config::juno(), pages)
    }

    pub fn with(config: Config, pages: usize) -> Self {
        Self::made(config, pages, Dma330::new)
    }

    pub fn interpreted(pages: usize) -> Self {
        Self::made(Config::juno(), pages, Dma330::interpreted)
    }

    fn made(config: Config, pages: usize, make: fn(Config, Wires) -> Dma330) -> Self {
        let memory = Memory::new(pages);
        let wires: Vec<Arc<Wire>> = (0..9).map(|_| Arc::default()).collect();
        let lines = wires.iter().map(|wire| wire.clone() as Arc<dyn Line>).collect();
        let dma = make(config, Wires { dma: memory.clone(), lines, clock: Arc::new(Still) });
        Self { dma, memory, wires }
    }

    pub fn read(&mut self, offset: u64) -> u32 {
        self.dma.read(0, offset, Width::Word) as u32
    }

    pub fn write(&mut self, offset: u64, value: u32) {
        self.dma.write(0, offset, Width::Word, value.into());
    }

    /// Write an instruction to the debug registers, for the manager or a channel.
    pub fn debug(&mut self, thread: Option<u32>, bytes: &[u8]) {
        let byte = |at: usize| u32::from(bytes.get(at).copied().unwrap_or(0));
        let target = thread.map_or(0, |channel| 1 | channel << 8);
        self.write(0xd08, target | byte(0) << 16 | byte(1) << 24);
        self.write(0xd0c, byte(2) | byte(3) << 8 | byte(4) << 16 | byte(5) << 24);
        self.write(0xd04, 0);
    }

    /// Put `program` at `at` and start it on `channel`, non-secure.
    pub fn start(&mut self, channel: u32, at: u32, program: &[u8]) {
        self.memory.put(at as usize, program);
        let pc = at.to_le_bytes();
        self.debug(None, &[0xa2, channel as u8, pc[0], pc[1], pc[2], pc[3]]);
    }

    /// Run until there is nothing to do, at most a million steps.
    pub fn settle(&mut self) {
        for _ in 0..1000 {
            if self.dma.run(1000) == Progress::Idle {
                return;
            }
        }
        panic!("still running");
    }

    pub fn state(&mut self, channel: u64) -> u32 {
        self.read(0x100 + channel * 8) & 0xf
    }
}

#[test]
fn after_reset_the_registers_are_as_the_manual_says() {
    let mut bench = Bench::new(4);
    for round in 0..2 {
        assert_eq!(bench.read(0x000), 1 << 9, "round {round}: a stopped manager, non-secure");
        for offset in [0x004, 0x020, 0x024, 0x028, 0x030, 0x034, 0x038, 0x040, 0x100, 0x104, 0xd00, 0xe80] {
            assert_eq!(bench.read(offset), 0, "round {round}: {offset:#x}");
        }
        let ids: Vec<u32> = (0..8).map(|id| bench.read(0xfe0 + id * 4)).collect();
        assert_eq!(ids, [0x30, 0x13, 0x34, 0, 0x0d, 0xf0, 0x05, 0xb1]);
        bench.write(0x020, 0xff);
        bench.start(0, 0x1000, &asm::program(&["wfe 1"]));
        bench.debug(None, &asm::program(&["sev 2"]));
        bench.settle();
        assert!(bench.wires[2].high());
        assert!(bench.dma.activity().running);
        assert_eq!(bench.dma.is_reset(), Some(false));
        bench.dma.reset(ResetKind::Line).unwrap();
        assert!(!bench.wires[2].high());
        assert_eq!((bench.dma.activity(), bench.dma.is_reset()), (Default::default(), Some(true)));
    }
}

#[test]
fn registers_can_be_read_in_any_width() {
    let mut bench = Bench::new(1);
    assert_eq!(bench.dma.read(0, 0xfe0, Width::Byte), 0x30);
    assert_eq!(bench.dma.read(0, 0xfe0, Width::Double), 0x13_0000_0030);
    bench.dma.write(0, 0x021, Width::Byte, 0xff);
    assert_eq!(bench.read(0x020), 0, "there are eight events");
    bench.dma.write(0, 0x020, Width::Half, 0xffff);
    assert_eq!(bench.read(0x020), 0xff);
    assert_eq!(bench.dma.read(1, 0, Width::Word), 0, "there is one window");
}

#[test]
fn the_nonsecure_side_does_not_see_secure_threads() {
    let secure = Config { manager: Security::Secure, nonsecure_events: 0x0f, ..Config::juno() };
    let mut bench = Bench::with(secure, 4);
    assert_eq!(bench.read(0x000), 0);
    bench.write(0x020, 0xff);
    assert_eq!(bench.read(0x020), 0x0f);
    bench.start(0, 0x1000, &asm::program(&["end"]));
    bench.settle();
    assert_eq!(bench.read(0x104), 0, "the manager took no instruction");
}

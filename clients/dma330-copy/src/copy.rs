//! The job: map memory, program a channel, wait for its interrupt, compare.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::Failure;
use crate::dma330::Dma330;
use crate::memory::Memory;
use crate::options::{Leave, Options};
use crate::registers::Registers;
use crate::vfio::{AUTOMASKED, Container, Device, allow};

const SOURCE: u64 = 0x1000_0000;
const TARGET: u64 = 0x4000_0000;
const PROGRAM: u64 = 0x0010_0000;

/// How long an interrupt may take.
const PATIENCE_MS: i32 = 60_000;

/// What was done.
pub struct Outcome {
    /// Bytes that arrived.
    pub bytes: u64,
    /// Interrupts that came.
    pub interrupts: u64,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "copied {} bytes, {} interrupts, every byte compared", self.bytes, self.interrupts)
    }
}

/// Copy as the options say.
///
/// # Errors
/// The first thing that did not work, a byte that did not arrive included.
pub fn copy(options: &Options) -> Result<Outcome, Failure> {
    let container = Container::of(&options.device)?;
    let device = container.device(&options.device)?;
    let info = device.info()?;
    if info.regions == 0 || info.irqs <= options.irq {
        return Err(Failure::new("VFIO_DEVICE_GET_INFO", "too few regions or interrupts for a DMA-330"));
    }
    let registers = Registers::new(&device.fd, &device.region(0)?, options.access)?;
    let dma = Dma330::new(registers)?;

    let len = usize::try_from(options.bytes).map_err(|_| Failure::new("--bytes", "too many"))?;
    let source = Memory::new(len, options.memory)?;
    let target = Memory::new(len, options.memory)?;
    let program = Memory::new(4096, options.memory)?;
    container.map(&source, SOURCE, allow::READ)?;
    container.map(&target, TARGET, allow::WRITE)?;
    container.map(&program, PROGRAM, allow::READ)?;

    let mut work = Work {
        options,
        device: &device,
        dma: &dma,
        source: &source,
        target: &target,
        program: &program,
        interrupt: Interrupt::arm(&device, options.irq)?,
    };
    dma.enable(options.channel)?;
    let mut outcome = Outcome { bytes: 0, interrupts: 0 };
    let mut round = 0;
    while options.rounds == 0 || round < options.rounds {
        let pattern = pattern(len, round);
        source.write(0, &pattern);
        outcome.interrupts += work.round()?;
        if let Some(at) = target.read().iter().zip(&pattern).position(|(have, want)| have != want) {
            return Err(Failure::new("compare", format!("byte {at:#x} did not arrive")));
        }
        outcome.bytes += options.bytes;
        round += 1;
    }
    work.finish(&container)?;
    Ok(outcome)
}

struct Work<'a> {
    options: &'a Options,
    device: &'a Device,
    dma: &'a Dma330<'a>,
    source: &'a Memory,
    target: &'a Memory,
    program: &'a Memory,
    interrupt: Interrupt,
}

impl Work<'_> {
    /// One round: every piece is a program of its own and ends with an interrupt.
    fn round(&mut self) -> Result<u64, Failure> {
        let piece = self.options.bytes / self.options.pieces;
        for number in 0..self.options.pieces {
            self.start(number * piece, piece)?;
            self.interrupt.wait().map_err(|failure| match self.dma.fault(self.options.channel) {
                Ok(Some(fault)) => Failure::new(failure.step, fault),
                _ => failure,
            })?;
            self.dma.acknowledge(self.options.channel)?;
            if self.interrupt.automasked {
                self.device.unmask(self.options.irq)?;
            }
        }
        Ok(self.options.pieces)
    }

    fn start(&self, offset: u64, bytes: u64) -> Result<(), Failure> {
        let channel = self.options.channel;
        let code = self.dma.program((SOURCE + offset) as u32, (TARGET + offset) as u32, bytes, channel);
        self.program.write(0, &code);
        self.dma.go(channel, PROGRAM as u32)
    }

    /// Put everything back, but for what is to be left.
    fn finish(&mut self, container: &Container) -> Result<(), Failure> {
        match self.options.leave {
            // A channel that does nothing again and again: DMANOP in a DMALPFE without an end.
            Leave::Running => return self.run_for_ever(&[0x18, 0x28, 0x01]),
            Leave::Copying => {
                return self.run_for_ever(&self.dma.endless(SOURCE as u32, TARGET as u32));
            }
            Leave::Reset => self.reset_at_work()?,
            Leave::Armed => {}
            Leave::Mapped => self.disarm()?,
            Leave::Nothing => {
                self.disarm()?;
                container.unmap(SOURCE, self.options.bytes)?;
                container.unmap(TARGET, self.options.bytes)?;
                container.unmap(PROGRAM, 4096)?;
            }
        }
        Ok(())
    }

    fn disarm(&self) -> Result<(), Failure> {
        self.dma.disable(self.options.channel)?;
        self.device.trigger(self.options.irq, -1)
    }

    /// Reset the device while it copies: from then on nothing may arrive, and its channels are stopped.
    fn reset_at_work(&self) -> Result<(), Failure> {
        let arrived = || self.target.read()[0];
        self.disarm()?;
        self.source.write(0, &[0xaa; 8]);
        self.target.write(0, &[0; 8]);
        self.program.write(0, &self.dma.endless(SOURCE as u32, TARGET as u32));
        self.dma.go(self.options.channel, PROGRAM as u32)?;
        while arrived() != 0xaa {
            std::thread::yield_now();
        }
        self.device.reset()?;
        self.target.write(0, &[0; 8]);
        for _ in 0..100 {
            if !self.dma.is_stopped(self.options.channel)? || arrived() != 0 {
                return Err(Failure::new("VFIO_DEVICE_RESET", "the device is still at work"));
            }
        }
        Ok(())
    }

    fn run_for_ever(&self, code: &[u8]) -> Result<(), Failure> {
        self.disarm()?;
        self.program.write(0, code);
        self.dma.go(self.options.channel, PROGRAM as u32)
    }
}

/// The interrupt of one channel, as an eventfd.
struct Interrupt {
    eventfd: OwnedFd,
    automasked: bool,
}

impl Interrupt {
    fn arm(device: &Device, index: u32) -> Result<Self, Failure> {
        let info = device.irq(index)?;
        // SAFETY: a plain system call; the descriptor it gives is nobody else's.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
        if fd < 0 {
            return Err(Failure::system("eventfd"));
        }
        // SAFETY: see above.
        let eventfd = unsafe { OwnedFd::from_raw_fd(fd) };
        device.trigger(index, fd)?;
        Ok(Interrupt { eventfd, automasked: info.flags & AUTOMASKED != 0 })
    }

    fn wait(&self) -> Result<(), Failure> {
        let fd = self.eventfd.as_raw_fd();
        let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        loop {
            // SAFETY: one entry, as said.
            match unsafe { libc::poll(&mut poll, 1, PATIENCE_MS) } {
                0 => return Err(Failure::new("interrupt", "none came")),
                1 => break,
                _ if std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted => {}
                _ => return Err(Failure::system("poll")),
            }
        }
        let mut count = [0u8; 8];
        // SAFETY: the buffer has 8 bytes.
        match unsafe { libc::read(fd, count.as_mut_ptr().cast(), 8) } {
            8 => Ok(()),
            _ => Err(Failure::system("read of the eventfd")),
        }
    }
}

/// Bytes in which no burst is like another, different each round.
fn pattern(len: usize, round: u64) -> Vec<u8> {
    let mut state = round.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

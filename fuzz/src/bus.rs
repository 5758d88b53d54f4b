//! A bus with a little memory at address 0, for a model that is a master on it.
//!
//! Each page has what it may be used for, so that accesses end in the middle of transfers too.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uvfio_kernel::addr::Iova;
use uvfio_kernel::hw::{Access, Dma, DmaFault, FaultReason, Level, Line};

const PAGE: usize = 4096;
const PAGES: usize = 8;

/// The memory.
pub struct Bus(Mutex<State>);

struct State {
    bytes: Vec<u8>,
    /// Bit 0 reads, bit 1 writes, bit 2 fetches.
    allowed: [u8; PAGES],
}

impl State {
    /// Where an address is in `bytes`; `None` is one behind the last there can be.
    fn place(&self, at: Option<u64>, access: Access) -> Result<usize, DmaFault> {
        let fault = |reason| DmaFault { iova: Iova(at.unwrap_or(0)), access, reason };
        let place = usize::try_from(at.ok_or(fault(FaultReason::Wrap))?).unwrap_or(usize::MAX);
        let allowed = self.allowed.get(place / PAGE).ok_or(fault(FaultReason::NotMapped))?;
        let bit = match access {
            Access::Read => 1,
            Access::Write => 2,
            Access::Execute => 4,
        };
        if allowed & bit == 0 { Err(fault(FaultReason::NotAllowed)) } else { Ok(place) }
    }

    fn load(&self, from: Iova, into: &mut [u8], access: Access) -> Result<(), DmaFault> {
        for (n, byte) in into.iter_mut().enumerate() {
            *byte = self.bytes[self.place(from.0.checked_add(n as u64), access)?];
        }
        Ok(())
    }

    fn store(&mut self, to: Iova, bytes: &[u8]) -> Result<(), DmaFault> {
        for (n, byte) in bytes.iter().enumerate() {
            let place = self.place(to.0.checked_add(n as u64), Access::Write)?;
            self.bytes[place] = *byte;
        }
        Ok(())
    }
}

impl Bus {
    /// All zero, and everything allowed.
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { bytes: vec![0; PAGES * PAGE], allowed: [7; PAGES] })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Put bytes at the beginning of a page, as many as fit in it. Returns their address.
    pub fn put(&self, page: u8, bytes: &[u8]) -> u32 {
        let at = usize::from(page) % PAGES * PAGE;
        let len = bytes.len().min(PAGE);
        self.state().bytes[at..at + len].copy_from_slice(&bytes[..len]);
        at as u32
    }

    /// Say what a page may be used for.
    pub fn allow(&self, page: u8, what: u8) {
        self.state().allowed[usize::from(page) % PAGES] = what;
    }
}

impl Dma for Bus {
    fn read(&self, from: Iova, into: &mut [u8]) -> Result<(), DmaFault> {
        self.state().load(from, into, Access::Read)
    }

    fn write(&self, to: Iova, bytes: &[u8]) -> Result<(), DmaFault> {
        self.state().store(to, bytes)
    }

    fn fetch(&self, from: Iova, into: &mut [u8]) -> Result<(), DmaFault> {
        self.state().load(from, into, Access::Execute)
    }

    fn copy(&self, from: Iova, to: Iova, len: u64, step: u64) -> Result<(), (u64, DmaFault)> {
        let (mut state, mut done) = (self.state(), 0);
        let step = if step == 0 { len } else { step };
        while done < len {
            // One byte more than there is faults as all that is wanted would.
            let mut bytes = vec![0; step.min(len - done).min((PAGES * PAGE) as u64 + 1) as usize];
            let wraps = |access| DmaFault { iova: Iova(0), access, reason: FaultReason::Wrap };
            let source = from.0.checked_add(done).ok_or((done, wraps(Access::Read)))?;
            state.load(Iova(source), &mut bytes, Access::Read).map_err(|fault| (done, fault))?;
            let at = to.0.checked_add(done).ok_or((done, wraps(Access::Write)))?;
            let written = |fault: &DmaFault| done + fault.iova.0.saturating_sub(at);
            state.store(Iova(at), &bytes).map_err(|fault| (written(&fault), fault))?;
            done += bytes.len() as u64;
        }
        Ok(())
    }
}

/// An interrupt line that leads nowhere.
pub struct Open;

impl Line for Open {
    fn set(&self, _: Level) {}
}

//! A device's way to memory: through the domain it is attached to, or nowhere.
//!
//! In Linux a device's stream is programmed to a domain by `attach_dev` and by nothing else. Here each access asks the port for
//! its domain, then translates and happens under that domain's lock, the only lock it takes. Whoever attaches the port elsewhere,
//! or holds it, waits for the accesses under way and knows that none follows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

use super::domain::{Domain, DomainKind};
use super::fault::{Faults, Log};
use super::table::Table;
use crate::addr::{Iova, UserAddr};
use crate::hw::{Access, Backing, Dma, DmaFault, FaultReason};
use crate::sync::{self, Mutex, RwLockReadGuard};

/// The most bytes that are copied under the domain's lock at once, so that an unmap never waits for a whole large copy.
const PASS: u64 = 4 << 20;

/// Bytes that went through a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transferred {
    /// Read from memory, the device's program included.
    pub read: u64,
    /// Written to memory.
    pub written: u64,
}

/// One device's DMA.
pub struct DmaPort {
    device: String,
    /// What accesses go through now. Changed only with `control` held.
    effective: ArcSwap<Domain>,
    blocked: Arc<Domain>,
    control: Mutex<Control>,
    read: AtomicU64,
    written: AtomicU64,
    faults: Log,
}

struct Control {
    /// What the port is attached to, when nobody holds it.
    attached: Arc<Domain>,
    holds: usize,
}

impl DmaPort {
    /// A port of the device of this name, attached to `domain`.
    #[must_use]
    pub fn new(device: impl Into<String>, domain: Arc<Domain>) -> Arc<Self> {
        Arc::new(Self {
            device: device.into(),
            effective: ArcSwap::new(domain.clone()),
            blocked: Domain::blocked(),
            control: Mutex::new(Control { attached: domain, holds: 0 }),
            read: AtomicU64::new(0),
            written: AtomicU64::new(0),
            faults: Log::new(),
        })
    }

    /// The device's name.
    #[must_use]
    pub fn device(&self) -> &str {
        &self.device
    }

    /// The domain it is attached to, also while it is held.
    #[must_use]
    pub fn domain(&self) -> Arc<Domain> {
        sync::lock(&self.control).attached.clone()
    }

    /// Let accesses go through another domain. When it returns, none goes through the former one any more. A held port stays
    /// blocked.
    pub fn attach(&self, domain: &Arc<Domain>) {
        let mut control = sync::lock(&self.control);
        control.attached = domain.clone();
        self.apply(&control);
    }

    /// Let nothing through until the guard is dropped: the device is reset, or handed back. When it returns, no access is under
    /// way any more.
    #[must_use = "accesses are let through again when the guard is dropped"]
    pub fn hold(self: &Arc<Self>) -> Hold {
        let mut control = sync::lock(&self.control);
        control.holds += 1;
        self.apply(&control);
        Hold { port: self.clone() }
    }

    /// Whether somebody holds it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        sync::lock(&self.control).holds > 0
    }

    /// What went through it.
    #[must_use]
    pub fn transferred(&self) -> Transferred {
        Transferred { read: self.read.load(Ordering::Relaxed), written: self.written.load(Ordering::Relaxed) }
    }

    /// What did not.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.faults.facts()
    }

    fn apply(&self, control: &Control) {
        let next = if control.holds > 0 { &self.blocked } else { &control.attached };
        let former = self.effective.swap(next.clone());
        if !Arc::ptr_eq(&former, next) {
            // An access that has not seen the change holds this lock; one that takes it after us sees it.
            former.drain();
        }
    }

    /// Do something with the table of the domain the port is attached to, which it stays attached to meanwhile.
    fn through<T>(&self, act: impl FnOnce(Reach<'_>) -> T) -> T {
        loop {
            let domain = self.effective.load();
            let table = domain.table();
            if Arc::ptr_eq(&domain, &self.effective.load()) {
                return act(Reach { kind: domain.kind(), table });
            }
        }
    }

    fn fail(&self, iova: Iova, access: Access, reason: FaultReason) -> DmaFault {
        let fault = DmaFault { iova, access, reason };
        self.faults.record(fault);
        fault
    }

    /// Go over `len` bytes at `iova` run by run. `act` is told where in memory a run is and which of the bytes it is.
    fn each_run(
        &self,
        iova: Iova,
        len: usize,
        access: Access,
        mut act: impl FnMut(&dyn Backing, UserAddr, std::ops::Range<usize>) -> Result<(), UserAddr>,
    ) -> Result<(), DmaFault> {
        let mut done = 0;
        while done < len {
            let Some(at) = iova.checked_add(done as u64) else {
                return Err(self.fail(Iova(u64::MAX), access, FaultReason::Wrap));
            };
            let outcome = self.through(|reach| {
                let (backing, user, run) = reach.translate(at, access).map_err(|reason| (0, reason))?;
                let count = usize::try_from(run).unwrap_or(usize::MAX).min(len - done);
                act(&**backing, user, done..done + count)
                    .map(|()| count)
                    .map_err(|gone| (into_run(user, gone, count as u64), FaultReason::MemoryGone))
            });
            let (moved, failure) = match outcome {
                Ok(count) => (count as u64, None),
                Err((before, reason)) => (before, Some(reason)),
            };
            self.count(access, moved);
            done += usize::try_from(moved).unwrap_or(usize::MAX);
            if let Some(reason) = failure {
                return Err(self.fail(Iova(at.0.saturating_add(moved)), access, reason));
            }
        }
        Ok(())
    }

    fn count(&self, access: Access, bytes: u64) {
        let counter = match access {
            Access::Read | Access::Execute => &self.read,
            Access::Write => &self.written,
        };
        counter.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Copy as many whole steps as lie in one run on both sides, in one pass.
    fn copy_pass(&self, from: Iova, to: Iova, len: u64, step: u64) -> Pass {
        self.through(|reach| {
            let (source, source_at, readable) = match reach.translate(from, Access::Read) {
                Ok(run) => run,
                Err(reason) => return Pass::Failed { copied: 0, access: Access::Read, reason },
            };
            if readable < step {
                return Pass::Straddles;
            }
            let (target, target_at, writable) = match reach.translate(to, Access::Write) {
                Ok(run) => run,
                Err(reason) => return Pass::Failed { copied: 0, access: Access::Write, reason },
            };
            // Memory that a step writes may be what a later one reads: a pass must end before that. Whether the two sides are
            // the same process's is not asked; assuming it only makes passes shorter.
            let apart = match target_at.0.wrapping_sub(source_at.0) {
                0 => u64::MAX,
                distance => distance,
            };
            let most = len.min(readable).min(writable).min(apart).min(PASS.max(step));
            let count = most - most % step;
            if count == 0 {
                return Pass::Straddles;
            }
            match source.copy(source_at, &**target, target_at, count) {
                Ok(()) => Pass::Copied(count),
                Err((copied, _, access)) => {
                    Pass::Failed { copied: copied.min(count - 1), access, reason: FaultReason::MemoryGone }
                }
            }
        })
    }

    /// Copy one step that a run ends in, or whose target overlaps its source: read it whole, then write it.
    fn copy_one(&self, from: Iova, to: Iova, step: u64) -> Result<(), (u64, DmaFault)> {
        let mut near = [0; 4096];
        let mut far = Vec::new();
        let step = usize::try_from(step).unwrap_or(usize::MAX);
        let bytes = match near.get_mut(..step) {
            Some(bytes) => bytes,
            None => {
                far.resize(step, 0);
                far.as_mut_slice()
            }
        };
        self.read(from, bytes).map_err(|fault| (0, fault))?;
        self.write(to, bytes).map_err(|fault| (fault.iova.0.saturating_sub(to.0), fault))
    }
}

/// What became of one pass of a copy.
enum Pass {
    /// So many bytes, whole steps all, were copied.
    Copied(u64),
    /// The next step does not lie in one run, or overlaps its own copy.
    Straddles,
    /// It ended early.
    Failed { copied: u64, access: Access, reason: FaultReason },
}

impl Dma for DmaPort {
    fn read(&self, from: Iova, into: &mut [u8]) -> Result<(), DmaFault> {
        self.each_run(from, into.len(), Access::Read, |backing, at, range| {
            backing.read(at, &mut into[range]).map_err(|gone| gone.at)
        })
    }

    fn write(&self, to: Iova, bytes: &[u8]) -> Result<(), DmaFault> {
        self.each_run(to, bytes.len(), Access::Write, |backing, at, range| {
            backing.write(at, &bytes[range]).map_err(|gone| gone.at)
        })
    }

    fn fetch(&self, from: Iova, into: &mut [u8]) -> Result<(), DmaFault> {
        self.each_run(from, into.len(), Access::Execute, |backing, at, range| {
            backing.read(at, &mut into[range]).map_err(|gone| gone.at)
        })
    }

    fn copy(&self, from: Iova, to: Iova, len: u64, step: u64) -> Result<(), (u64, DmaFault)> {
        let step = if step == 0 { len } else { step }.min(PASS);
        let mut done = 0;
        while done < len {
            let left = len - done;
            let step = step.min(left);
            let (source, target) = match (from.checked_add(done), to.checked_add(done)) {
                (Some(source), Some(target)) => (source, target),
                (source, _) => {
                    let access = if source.is_none() { Access::Read } else { Access::Write };
                    return Err((done, self.fail(Iova(u64::MAX), access, FaultReason::Wrap)));
                }
            };
            match self.copy_pass(source, target, left, step) {
                Pass::Copied(copied) => {
                    self.count(Access::Read, copied);
                    self.count(Access::Write, copied);
                    done += copied;
                }
                Pass::Straddles => {
                    self.copy_one(source, target, step).map_err(|(more, fault)| (done + more, fault))?;
                    done += step;
                }
                Pass::Failed { copied, access, reason } => {
                    self.count(Access::Read, copied);
                    self.count(Access::Write, copied);
                    done += copied;
                    let start = if access == Access::Write { to } else { from };
                    return Err((done, self.fail(Iova(start.0.saturating_add(done)), access, reason)));
                }
            }
        }
        Ok(())
    }
}

/// The way through one domain, as long as its lock is held.
struct Reach<'a> {
    kind: &'a DomainKind,
    table: RwLockReadGuard<'a, Table>,
}

impl Reach<'_> {
    /// The memory behind an address, where in it, and for how many bytes.
    fn translate(
        &self,
        iova: Iova,
        access: Access,
    ) -> Result<(&Arc<dyn Backing>, UserAddr, u64), FaultReason> {
        match self.kind {
            DomainKind::Blocked => Err(FaultReason::Blocked),
            DomainKind::Direct(None) => Err(FaultReason::NotMapped),
            DomainKind::Direct(Some(memory)) => {
                Ok((memory, UserAddr(iova.0), (u64::MAX - iova.0).saturating_add(1)))
            }
            DomainKind::Paging(_) => {
                self.table.translate(iova, access).map(|run| (run.backing, run.at, run.len))
            }
        }
    }
}

/// How many of `count` bytes at `user` come before `gone`; a memory that names a byte outside of them failed at the first.
fn into_run(user: UserAddr, gone: UserAddr, count: u64) -> u64 {
    match gone.0.checked_sub(user.0) {
        Some(before) if before < count => before,
        _ => 0,
    }
}

/// Keeps a port from letting anything through.
#[must_use = "accesses are let through again when the guard is dropped"]
pub struct Hold {
    port: Arc<DmaPort>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut control = sync::lock(&self.port.control);
        control.holds = control.holds.saturating_sub(1);
        self.port.apply(&control);
    }
}

#[cfg(test)]
mod tests;

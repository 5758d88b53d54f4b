//! `/proc/PID/status` of processes that map memory for devices: `VmLck` counts those pages too.
//!
//! In Linux type1 adds them to the process's own count (`mm_lock_acct` of drivers/vfio/vfio_iommu_type1.c, `mm->locked_vm`), which
//! fs/proc/task_mmu.c shows (`task_mem`). The kernel of the host has locked nothing; so when a process first maps memory a file of ours
//! is laid over its `status`, which says what the real one says and adds the pages. The kernel takes it away with the process
//! (`proc_flush_pid`). `/proc/PID/task/TID/status` stays the host's.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uvfio_abi::Errno;
use uvfio_vfio::caller::AddressSpace;

use super::World;
use super::process::Process;

/// Longer than any, with groups and processors by the hundred.
const LONGEST: usize = 64 << 10;
const KIB_OF_A_PAGE: u64 = 4;

/// Those that are laid over.
#[derive(Default)]
pub struct Statuses {
    laid: Mutex<HashMap<u32, Arc<Status>>>,
}

struct Status {
    process: Arc<Process>,
    /// The real file.
    real: OwnedFd,
}

impl Statuses {
    fn laid(&self) -> MutexGuard<'_, HashMap<u32, Arc<Status>>> {
        self.laid.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lay a file over a process's status. Where that cannot be done, its `VmLck` stays what the host says.
    pub fn lay(&self, world: &World, process: &Arc<Process>) {
        let (Some(opener), number) = (world.opener(), process.inner()) else { return };
        let Ok(real) = world.proc.open(&format!("{number}/status")) else { return };
        let status = Arc::new(Status { process: process.clone(), real });
        {
            let mut laid = self.laid();
            laid.retain(|_, status| !status.process.is_gone());
            laid.insert(number, status);
        }
        let laid =
            opener.lay(world.proc.first(), format!("status/{number}"), format!("/proc/{number}/status"));
        if laid.is_err() {
            self.laid().remove(&number);
        }
    }

    /// What the file of the process with this number says now.
    ///
    /// # Errors
    /// `ESRCH` where the process is gone.
    pub fn text(&self, world: &World, number: u32) -> Result<Vec<u8>, Errno> {
        let status = self.laid().get(&number).cloned().ok_or(Errno::ESRCH)?;
        let mut text = vec![0; LONGEST];
        let mut len = 0;
        loop {
            match rustix::io::pread(&status.real, &mut text[len..], len as u64) {
                Ok(0) => break,
                Ok(read) => len += read,
                Err(error) => return Err(Errno(error.raw_os_error())),
            }
        }
        text.truncate(len);
        let space = status.process.space(&world.spaces);
        let pages = space.map_or(0, |space| world.vfio.locked_pages(space.id()));
        Ok(add(text, pages * KIB_OF_A_PAGE))
    }
}

/// Add to `VmLck`.
fn add(text: Vec<u8>, kib: u64) -> Vec<u8> {
    const FIELD: &[u8] = b"\nVmLck:\t";
    let find = || {
        let start = text.windows(FIELD.len()).position(|window| window == FIELD)? + FIELD.len();
        let len = text[start..].iter().position(|byte| *byte == b'\n')?;
        let value = std::str::from_utf8(&text[start..start + len]).ok()?.strip_suffix(" kB")?;
        Some((start, len, value.trim_start().parse::<u64>().ok()?))
    };
    let Some((start, len, locked)) = find() else { return text };
    let line = format!("{:8} kB", locked.saturating_add(kib));
    [&text[..start], line.as_bytes(), &text[start + len..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_added_where_the_line_is() {
        let text = b"Name:\tx\nVmLck:\t       4 kB\nVmPin:\t       0 kB\n".to_vec();
        assert_eq!(add(text, 64), b"Name:\tx\nVmLck:\t      68 kB\nVmPin:\t       0 kB\n");
        for text in ["Name:\tx\n", "\nVmLck:\t       4 kB", "\nVmLck:\tmany kB\n"] {
            assert_eq!(add(text.into(), 64), text.as_bytes());
        }
    }
}

//! Limits of another process (prlimit(2)).

use std::io;

use rustix::process::Pid;

/// How many bytes a process may lock, `RLIMIT_MEMLOCK`; `None` is no limit.
///
/// # Errors
/// What `prlimit` answers.
pub fn memlock(process: Pid) -> io::Result<Option<u64>> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    let pid = process.as_raw_nonzero().get();
    // SAFETY: no new limit is given, and the old one is written to a whole `rlimit`.
    if unsafe { libc::prlimit(pid, libc::RLIMIT_MEMLOCK, std::ptr::null(), &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur))
}

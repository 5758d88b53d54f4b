//! Installing a filter, and serving the calls it hands over.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::filter::Instruction;

/// Install a filter in this process and all it will start; what it hands over arrives at the listener.
///
/// The caller needs `CAP_SYS_ADMIN` in its user namespace or must have no_new_privs set. A program that a signal interrupts while
/// it waits for an answer goes on waiting (`SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`): otherwise its call would be served twice.
///
/// # Errors
/// `EBUSY` where the process already has a listener, `EINVAL` where the kernel knows no such filter or flag, `EACCES` where the
/// process may not.
pub fn install(filter: &[Instruction]) -> io::Result<OwnedFd> {
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?,
        filter: filter.as_ptr().cast_mut().cast(),
    };
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER
        | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
        // The filter confines nobody, so that speculation may go on as before it.
        | libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    // SAFETY: 1. `Instruction` has the layout of `sock_filter`. 2. `program` and the instructions outlive the call, which only
    // reads them. 3. The kernel checks the filter itself.
    let fd =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    let fd = RawFd::try_from(fd).ok().filter(|fd| *fd >= 0).ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the kernel just made it and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A call that waits for its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notification {
    /// Names the call in the answer.
    pub id: u64,
    /// The thread that made it, in the listener's pid namespace.
    pub pid: u32,
    /// The call's number.
    pub number: i32,
    /// Its arguments.
    pub args: [u64; 6],
}

/// Where a descriptor is put in a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the lowest free number.
    Anywhere,
    /// At this number, whatever is there.
    At(u32),
}

/// Where the calls of a filter arrive.
#[derive(Debug)]
pub struct Listener {
    fd: OwnedFd,
}

const SYNC_WAKE_UP: libc::c_ulong = 1;
const IOC_SET_FLAGS: libc::c_ulong = 0x4008_2104; // SECCOMP_IOCTL_NOTIF_SET_FLAGS, _IOW('!', 4, __u64)
const IOC_RECV: libc::c_ulong = 0xc050_2100; // SECCOMP_IOCTL_NOTIF_RECV, _IOWR('!', 0, struct seccomp_notif)
const IOC_SEND: libc::c_ulong = 0xc018_2101; // SECCOMP_IOCTL_NOTIF_SEND, _IOWR('!', 1, struct seccomp_notif_resp)
const IOC_ID_VALID: libc::c_ulong = 0x4008_2102; // SECCOMP_IOCTL_NOTIF_ID_VALID, _IOW('!', 2, __u64)
const IOC_ADDFD: libc::c_ulong = 0x4018_2103; // SECCOMP_IOCTL_NOTIF_ADDFD, _IOW('!', 3, struct seccomp_notif_addfd)

const _: () = assert!(size_of::<libc::seccomp_notif>() == 0x50);
const _: () = assert!(size_of::<libc::seccomp_notif_resp>() == 0x18);
const _: () = assert!(size_of::<libc::seccomp_notif_addfd>() == 0x18);

impl Listener {
    /// Serve the calls that arrive at `fd`, handing the processor over to whoever is woken (`SYNC_WAKE_UP`, 6.6) where the kernel
    /// can.
    #[must_use]
    pub fn new(fd: OwnedFd) -> Self {
        // SAFETY: this request takes its argument by value. An older kernel answers EINVAL and is slower.
        unsafe { libc::ioctl(fd.as_raw_fd(), IOC_SET_FLAGS, SYNC_WAKE_UP) };
        Self { fd }
    }

    /// Wait for the next call; `None` when nobody is left who could make one.
    ///
    /// # Errors
    /// Where the listener answers what it should not.
    pub fn receive(&self) -> io::Result<Option<Notification>> {
        // SAFETY: all fields are integers; the kernel demands zeros.
        let mut notification: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        loop {
            // SAFETY: the request writes one `seccomp_notif`.
            if unsafe { libc::ioctl(self.fd.as_raw_fd(), IOC_RECV, &raw mut notification) } == 0 {
                return Ok(Some(Notification {
                    id: notification.id,
                    pid: notification.pid,
                    number: notification.data.nr,
                    args: notification.data.args,
                }));
            }
            let error = io::Error::last_os_error();
            match error.raw_os_error() {
                Some(libc::EINTR) => {}
                // Either the caller was killed before its call was taken, or nobody is left.
                Some(libc::ENOENT) if self.is_deserted() => return Ok(None),
                Some(libc::ENOENT) => {}
                _ => return Err(error),
            }
        }
    }

    fn is_deserted(&self) -> bool {
        let mut poll = libc::pollfd { fd: self.fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one `pollfd`, and its number.
        unsafe { libc::poll(&raw mut poll, 1, 0) };
        poll.revents & libc::POLLHUP != 0
    }

    /// Answer a call: its value, or a positive error number. `false` where the caller is gone.
    pub fn answer(&self, id: u64, result: Result<i64, i32>) -> bool {
        let (val, error) = match result {
            Ok(value) => (value, 0),
            Err(errno) => (0, -errno),
        };
        self.send(&libc::seccomp_notif_resp { id, val, error, flags: 0 })
    }

    /// Let the kernel serve the call after all. `false` where the caller is gone.
    pub fn pass(&self, id: u64) -> bool {
        let flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32;
        self.send(&libc::seccomp_notif_resp { id, val: 0, error: 0, flags })
    }

    fn send(&self, response: &libc::seccomp_notif_resp) -> bool {
        // SAFETY: the request reads one `seccomp_notif_resp`.
        unsafe { libc::ioctl(self.fd.as_raw_fd(), IOC_SEND, std::ptr::from_ref(response)) == 0 }
    }

    /// Whether the caller still waits: what was read of its process before this was its own.
    #[must_use]
    pub fn is_waiting(&self, id: u64) -> bool {
        // SAFETY: the request reads one `u64`.
        unsafe { libc::ioctl(self.fd.as_raw_fd(), IOC_ID_VALID, &raw const id) == 0 }
    }

    /// Put a copy of `file` into the caller, close-on-exec, and say its number there. The caller still waits for its answer.
    ///
    /// # Errors
    /// `EBADF` where the number is beyond the caller's limit, `EMFILE` where it has no room, `ENOENT` where it is gone.
    pub fn give(&self, id: u64, file: BorrowedFd<'_>, place: Place) -> io::Result<i32> {
        let (flags, newfd) = match place {
            Place::Anywhere => (0, 0),
            Place::At(number) => (libc::SECCOMP_ADDFD_FLAG_SETFD as u32, number),
        };
        let srcfd = file.as_raw_fd() as u32;
        let newfd_flags = libc::O_CLOEXEC as u32;
        let request = libc::seccomp_notif_addfd { id, flags, srcfd, newfd, newfd_flags };
        // SAFETY: the request reads one `seccomp_notif_addfd`; `file` is open for the length of the call.
        let number = unsafe { libc::ioctl(self.fd.as_raw_fd(), IOC_ADDFD, &raw const request) };
        if number < 0 { Err(io::Error::last_os_error()) } else { Ok(number) }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

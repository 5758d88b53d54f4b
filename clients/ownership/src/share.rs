//! One open device in several hands: copies of a descriptor, children, programs they become, and strangers it is passed to. Only the last
//! of them closes it, and as long as it is open its group cannot be opened a second time.

use std::fs::OpenOptions;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use dma330_copy::Failure;
use dma330_copy::options::Access;
use dma330_copy::registers::Registers;
use dma330_copy::vfio::{Container, Device};

use crate::sysfs;
use crate::{must, wait_until};

/// All of them, one after another.
pub fn share(device: &str) -> Result<(), Failure> {
    let case = |name: &str, case: fn(&str, Device) -> Result<(), Failure>| {
        let open = Container::of(device)?.device(device)?;
        let at = |failure: Failure| Failure::new(format!("{name}: {}", failure.step), failure.why);
        must("the group is in use", in_use(device)?).map_err(at)?;
        case(device, open).map_err(at)?;
        must("the group is free", !in_use(device)?).map_err(at)?;
        println!("{name}: the last close was the last");
        Ok(())
    };
    case("dup", duplicated)?;
    case("fork", forked)?;
    case("close on exec", closed_on_exec)?;
    case("kept on exec", kept_on_exec)?;
    case("passed", passed)?;
    case("passed and never taken", never_taken)
}

/// Whether a second open of the group is refused.
fn in_use(device: &str) -> Result<bool, Failure> {
    let group = sysfs::link(device, "iommu_group")?.ok_or_else(|| Failure::new(device, "is in no group"))?;
    match OpenOptions::new().read(true).write(true).open(format!("/dev/vfio/{group}")) {
        Ok(_) => Ok(false),
        Err(error) if error.raw_os_error() == Some(libc::EBUSY) => Ok(true),
        Err(error) => Err(Failure::new(format!("/dev/vfio/{group}"), error.to_string())),
    }
}

fn still_in_use(device: &str) -> Result<(), Failure> {
    must("the group is still in use", in_use(device)?)
}

fn duplicated(device: &str, open: Device) -> Result<(), Failure> {
    let copy = open.fd.try_clone().map_err(|error| Failure::new("dup", error.to_string()))?;
    drop(open);
    still_in_use(device)?;
    drop(copy);
    Ok(())
}

/// A child has what its parent had.
fn forked(device: &str, open: Device) -> Result<(), Failure> {
    let (ours, theirs) = pair()?;
    // SAFETY: the child of this thread only makes system calls and ends.
    match unsafe { libc::fork() } {
        -1 => Err(Failure::system("fork")),
        0 => {
            drop(ours);
            hang_up_with(&theirs)
        }
        child => {
            drop((open, theirs));
            still_in_use(device)?;
            drop(ours);
            collect(child)
        }
    }
}

/// Wait until the other end is closed, and end, as a child that may do nothing else.
fn hang_up_with(theirs: &UnixStream) -> ! {
    let mut byte = 0_u8;
    // SAFETY: 1. The buffer has one byte. 2. `_exit` runs nothing of the parent's.
    unsafe {
        libc::read(theirs.as_raw_fd(), (&raw mut byte).cast(), 1);
        libc::_exit(0)
    }
}

fn collect(child: libc::pid_t) -> Result<(), Failure> {
    // SAFETY: a plain call; nobody wants the status.
    if unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) } == child {
        Ok(())
    } else {
        Err(Failure::system("waitpid"))
    }
}

fn closed_on_exec(device: &str, open: Device) -> Result<(), Failure> {
    // SAFETY: a plain call on a descriptor of ours.
    let flags = unsafe { libc::fcntl(open.fd.as_raw_fd(), libc::F_GETFD) };
    must("the descriptor is closed on exec", flags & libc::FD_CLOEXEC != 0)?;
    let cat = cat()?;
    drop(open);
    // Whoever starts a program goes on when that has its memory; it closes its files a moment later.
    wait_until("the close while the program runs", || Ok(!in_use(device)?))?;
    end(cat)
}

fn kept_on_exec(device: &str, open: Device) -> Result<(), Failure> {
    // SAFETY: a plain call on a descriptor of ours.
    unsafe { libc::fcntl(open.fd.as_raw_fd(), libc::F_SETFD, 0) };
    let cat = cat()?;
    drop(open);
    still_in_use(device)?;
    end(cat)
}

/// A program that waits for its input to end.
fn cat() -> Result<Child, Failure> {
    let cat = Command::new("cat").stdin(Stdio::piped()).spawn();
    cat.map_err(|error| Failure::new("cat", error.to_string()))
}

fn end(mut cat: Child) -> Result<(), Failure> {
    cat.wait().map(drop).map_err(|error| Failure::new("cat", error.to_string()))
}

/// Somebody who had nothing of it gets it, and can use it when we cannot any more.
fn passed(device: &str, open: Device) -> Result<(), Failure> {
    let (ours, theirs) = pair()?;
    send(&ours, open.fd.as_raw_fd())?;
    drop(open);
    still_in_use(device)?;
    let taken = Device { fd: receive(&theirs)? };
    drop((ours, theirs));
    Registers::new(&taken.fd, &taken.region(0)?, Access::Pread)?.load(0)?;
    still_in_use(device)?;
    drop(taken);
    Ok(())
}

/// On its way it is as open as anywhere.
fn never_taken(device: &str, open: Device) -> Result<(), Failure> {
    let (ours, theirs) = pair()?;
    send(&ours, open.fd.as_raw_fd())?;
    drop((open, ours));
    still_in_use(device)?;
    drop(theirs);
    Ok(())
}

fn pair() -> Result<(UnixStream, UnixStream), Failure> {
    UnixStream::pair().map_err(|error| Failure::new("socketpair", error.to_string()))
}

/// Room for a control message with one descriptor.
#[repr(C, align(8))]
struct Control([u8; 24]);

/// One byte, and room for one descriptor beside it.
fn message(byte: &mut libc::iovec, control: &mut Control) -> libc::msghdr {
    // SAFETY: a header of zeroes says that nothing is there.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = byte;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = control.0.len();
    header
}

fn send(to: &UnixStream, fd: RawFd) -> Result<(), Failure> {
    let mut byte = 0_u8;
    let mut control = Control([0; 24]);
    let mut vector = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let header = message(&mut vector, &mut control);
    // SAFETY: 1. The control buffer has room for one message with one descriptor, and is aligned for it. 2. All that the header points
    // to outlives the call.
    let sent = unsafe {
        let first = libc::CMSG_FIRSTHDR(&header);
        (*first).cmsg_level = libc::SOL_SOCKET;
        (*first).cmsg_type = libc::SCM_RIGHTS;
        (*first).cmsg_len = libc::CMSG_LEN(4) as usize;
        libc::CMSG_DATA(first).cast::<RawFd>().write_unaligned(fd);
        libc::sendmsg(to.as_raw_fd(), &header, 0)
    };
    if sent == 1 { Ok(()) } else { Err(Failure::system("sendmsg")) }
}

fn receive(from: &UnixStream) -> Result<OwnedFd, Failure> {
    let mut byte = 0_u8;
    let mut control = Control([0; 24]);
    let mut vector = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let mut header = message(&mut vector, &mut control);
    // SAFETY: 1. All that the header points to outlives the call. 2. Where the kernel put a control message there, it is whole, and its
    // descriptor is new and nobody else's.
    unsafe {
        if libc::recvmsg(from.as_raw_fd(), &mut header, libc::MSG_CMSG_CLOEXEC) != 1 {
            return Err(Failure::system("recvmsg"));
        }
        let first = libc::CMSG_FIRSTHDR(&header);
        if first.is_null() || (*first).cmsg_type != libc::SCM_RIGHTS {
            return Err(Failure::new("recvmsg", "no descriptor came"));
        }
        Ok(OwnedFd::from_raw_fd(libc::CMSG_DATA(first).cast::<RawFd>().read_unaligned()))
    }
}

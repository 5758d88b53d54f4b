//! `readlink` of `/proc/PID/fd/N` where that is a device's descriptor: `anon_inode:[vfio-device]`, as Linux names them.
//!
//! `vfio_device_open_file` of drivers/vfio/group.c makes such files of no file system (`anon_inode_getfile`); here they are of ours, and
//! the kernel would say where in it. What may be such a link is told by its name, without asking: a number in a directory of
//! descriptors of `/proc`. Everything else the kernel answers (fs/stat.c, `do_readlinkat`).

use std::borrow::Cow;

use rustix::fs::readlink;
use rustix::process::Pid;
use uvfio_abi::Errno;
use uvfio_kernel::addr::UserAddr;
use uvfio_sys::memory;
use uvfio_sys::seccomp::Notification;
use uvfio_vfio::caller::Caller;
use uvfio_vfio::file::File;

use super::super::World;
use super::super::caller::Program;
use super::{Outcome, PAGE, filter};

/// What Linux says of a device's descriptor.
const NAME: &[u8] = b"anon_inode:[vfio-device]";
/// No name of a descriptor is longer. (`/proc/4194304/task/4194304/fd/1048576` is 37.)
const LONGEST: usize = 64;
/// `AT_FDCWD`.
const CWD: i32 = -100;

/// Whether a call is one of these.
pub fn is_one(number: u32) -> bool {
    matches!(number, filter::READLINK | filter::READLINKAT | filter::READLINK_I386 | filter::READLINKAT_I386)
}

/// Serve such a call.
pub fn serve(world: &World, call: &Notification) -> Outcome {
    answer(world, call).map_or(Outcome::Pass, Outcome::Answer)
}

/// `None` leaves it to the kernel.
fn answer(world: &World, call: &Notification) -> Option<Result<i64, Errno>> {
    if !world.files.is_any_open() {
        return None;
    }
    let [a, b, c, d, ..] = call.args;
    let (dir, path, buffer, size) = match call.number as u32 {
        filter::READLINKAT | filter::READLINKAT_I386 => (a as i32, b, c, d),
        _ => (CWD, a, b, c),
    };
    let size = usize::try_from(size as i32).ok().filter(|size| *size > 0)?;
    let thread = i32::try_from(call.pid).ok().and_then(Pid::from_raw)?;
    let mut bytes = [0; LONGEST];
    let path = text(thread, path, &mut bytes)?;
    let link = find(path, || base(thread, dir))?;
    let node = match link {
        Link::Own(fd) => Program::of(world, call.pid).ok()?.node(fd)?,
        Link::Of(link) => world.node_of(&world.proc.stat(&link)?)?,
    };
    if !matches!(world.files.get(node)?.file, File::Device(_)) {
        return None;
    }
    let name = &NAME[..NAME.len().min(size)];
    let written = Program::of(world, call.pid).ok()?.write(UserAddr(buffer), name);
    Some(written.map(|()| name.len() as i64).map_err(|_| Errno::EFAULT))
}

/// A path in the thread's memory; `None` where it is longer than any that matters, or not there.
fn text(thread: Pid, at: u64, bytes: &mut [u8; LONGEST]) -> Option<&str> {
    let mut have = 0;
    // Not beyond the page before its bytes are known not to end the path.
    while have < LONGEST {
        let from = at.checked_add(have as u64)?;
        let len = (LONGEST - have).min((PAGE - from % PAGE) as usize);
        let read = memory::read(thread, from, &mut bytes[have..have + len]).ok()?;
        if let Some(end) = bytes[have..have + read].iter().position(|byte| *byte == 0) {
            return std::str::from_utf8(&bytes[..have + end]).ok();
        }
        if read < len {
            return None;
        }
        have += read;
    }
    None
}

/// Where relative paths begin.
fn base(thread: Pid, dir: i32) -> Option<String> {
    let thread = thread.as_raw_nonzero();
    let link = match dir {
        CWD => format!("/proc/{thread}/cwd"),
        dir => format!("/proc/{thread}/fd/{dir}"),
    };
    readlink(link, Vec::new()).ok()?.into_string().ok()
}

/// A link to what a descriptor stands for.
#[derive(Debug, PartialEq, Eq)]
enum Link {
    /// Of the thread itself.
    Own(i32),
    /// At this path in the program's `/proc`.
    Of(String),
}

/// The link a path names, if it is one of a descriptor. `base` is where relative paths begin.
fn find(path: &str, base: impl FnOnce() -> Option<String>) -> Option<Link> {
    // An empty path is the directory itself, which may be a link opened with O_PATH.
    let last = path.rsplit('/').next().unwrap_or_default();
    if !path.is_empty() && !is_number(last) {
        return None;
    }
    let path = match path.strip_prefix('/') {
        Some(path) => Cow::Borrowed(path),
        None => Cow::Owned(format!("{}/{path}", base()?)),
    };
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            // What is above a link is not what stands before it.
            ".." if matches!(parts.last(), Some(&("self" | "thread-self"))) => return None,
            ".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    let fd = |text: &str| text.parse().ok().map(Link::Own);
    match parts[..] {
        ["proc", "self" | "thread-self", "fd", number] | ["dev", "fd", number] => fd(number),
        ["proc", process, "fd", number] if is_number(process) && is_number(number) => {
            Some(Link::Of(format!("{process}/fd/{number}")))
        }
        ["proc", process, "task", task, "fd", number]
            if [process, task, number].into_iter().all(is_number) =>
        {
            Some(Link::Of(format!("{process}/task/{task}/fd/{number}")))
        }
        // A thread of its own process has the same descriptors, but for one that took a table of its own.
        ["proc", "self", "task", task, "fd", number] if is_number(task) => fd(number),
        _ => None,
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str) -> Option<Link> {
        find(path, || panic!("{path} is absolute, or no number"))
    }

    fn below(base: &str, path: &str) -> Option<Link> {
        find(path, || Some(base.to_owned()))
    }

    #[test]
    fn links_of_descriptors_are_told_by_their_names() {
        for path in ["/proc/self/fd/7", "/proc/thread-self/fd/7", "//proc/./self//fd/7", "/dev/fd/7"] {
            assert_eq!(at(path), Some(Link::Own(7)), "{path}");
        }
        assert_eq!(at("/proc/12/fd/960"), Some(Link::Of("12/fd/960".to_owned())));
        assert_eq!(at("/proc/12/task/13/fd/0"), Some(Link::Of("12/task/13/fd/0".to_owned())));
        assert_eq!(at("/proc/self/task/13/fd/0"), Some(Link::Own(0)));
        for path in
            ["/proc/self/fd/x", "/proc/self/exe", "/sys/7", "/proc/self/../1/fd/7", "/proc/self/fd/7/"]
        {
            assert_eq!(at(path), None, "{path}");
        }
        assert_eq!(at("/proc/self/fd/99999999999"), None);
    }

    #[test]
    fn relative_paths_begin_where_they_are_said_to() {
        let link = || Some(Link::Of("12/fd/960".to_owned()));
        assert_eq!(below("/proc/12/fd", "960"), link());
        assert_eq!(below("/proc", "12/fd/960"), link());
        assert_eq!(below("/proc/12/task", "../fd/960"), link());
        assert_eq!(below("/proc/12/fd/960", ""), link());
        assert_eq!(below("/", "proc/self/fd/3"), Some(Link::Own(3)));
        assert_eq!(below("/home", "960"), None);
    }

    #[test]
    fn a_path_is_read_up_to_its_end() {
        let thread = rustix::thread::gettid();
        let mut bytes = [0; LONGEST];
        let path = c"/proc/self/fd/960";
        let read = text(thread, path.as_ptr() as u64, &mut bytes);
        assert_eq!(read, Some("/proc/self/fd/960"));
        assert_eq!(text(thread, [b'/'; LONGEST].as_ptr() as u64, &mut bytes), None);
        assert_eq!(text(thread, 0, &mut bytes), None);
    }
}

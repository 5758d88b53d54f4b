//! What is mapped at an address of a process: one question to the kernel, or the text of /proc/PID/maps where it is too old.
//!
//! `PROCMAP_QUERY` (include/uapi/linux/fs.h, Linux 6.11) answers for one address at a cost that does not grow with the number of
//! mappings. A [`Maps`] stays with the memory the process had when it was made: after an exec it answers for no other program.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::AsRawFd;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Pid;

/// One mapping of a process (a line of /proc/PID/maps).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// Its first address.
    pub start: u64,
    /// The first address behind it.
    pub end: u64,
    /// `PROT_READ`.
    pub read: bool,
    /// `PROT_WRITE`.
    pub write: bool,
    /// `PROT_EXEC`.
    pub exec: bool,
    /// `MAP_SHARED`.
    pub shared: bool,
    /// Where in the file it begins, bytes. 0 for anonymous memory.
    pub offset: u64,
    /// The device the file is on, major and minor.
    pub device: (u32, u32),
    /// The file's inode; 0 for anonymous memory.
    pub inode: u64,
}

impl Area {
    /// The offset in the file of what is at `address`, which must lie inside.
    #[must_use]
    pub fn offset_of(&self, address: u64) -> u64 {
        self.offset.wrapping_add(address.wrapping_sub(self.start))
    }

    /// Whether it is a mapping of the file with this device number (`st_dev`) and inode.
    #[must_use]
    pub fn is_of(&self, device: u64, inode: u64) -> bool {
        self.inode == inode && self.is_on(device)
    }

    /// Whether it is a mapping of a file on this device (`st_dev`).
    #[must_use]
    pub fn is_on(&self, device: u64) -> bool {
        self.inode != 0 && self.device == (rustix::fs::major(device), rustix::fs::minor(device))
    }
}

/// The mappings of a process.
#[derive(Debug)]
pub struct Maps {
    file: Mutex<File>,
    raw: i32,
    query: AtomicBool,
}

/// `struct procmap_query`.
#[repr(C)]
#[derive(Default)]
struct Query {
    size: u64,
    flags: u64,
    address: u64,
    start: u64,
    end: u64,
    vma_flags: u64,
    page_size: u64,
    offset: u64,
    inode: u64,
    major: u32,
    minor: u32,
    name_size: u32,
    build_id_size: u32,
    name: u64,
    build_id: u64,
}

/// `PROCMAP_QUERY`: `_IOWR('f', 17, struct procmap_query)`.
const PROCMAP_QUERY: libc::c_ulong = 0xC000_0000 | ((size_of::<Query>() as libc::c_ulong) << 16) | 0x6611;

impl Maps {
    /// The mappings of the memory that `process` has now.
    ///
    /// # Errors
    /// What opening `/proc/PID/maps` answers.
    pub fn of(process: Pid) -> io::Result<Self> {
        let file = File::open(format!("/proc/{}/maps", process.as_raw_nonzero()))?;
        Ok(Self { raw: file.as_raw_fd(), file: Mutex::new(file), query: AtomicBool::new(true) })
    }

    /// The mapping that covers `address`; `None` where nothing is mapped, or the memory is gone.
    ///
    /// # Errors
    /// Where the kernel's answer cannot be had at all.
    pub fn at(&self, address: u64) -> io::Result<Option<Area>> {
        if self.query.load(Ordering::Relaxed) {
            match self.query(address) {
                Err(error) if error.raw_os_error() == Some(libc::ENOTTY) => {
                    self.query.store(false, Ordering::Relaxed);
                }
                answer => return answer,
            }
        }
        Ok(self.all()?.into_iter().find(|area| (area.start..area.end).contains(&address)))
    }

    /// Whether a question costs the same however many mappings there are. Known after the first.
    #[must_use]
    pub fn is_quick(&self) -> bool {
        self.query.load(Ordering::Relaxed)
    }

    /// Every mapping, by address.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn all(&self) -> io::Result<Vec<Area>> {
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.rewind()?;
        // Names of files may be any bytes; they come last on a line and are not looked at.
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).lines().filter_map(parse).collect())
    }

    fn query(&self, address: u64) -> io::Result<Option<Area>> {
        let mut query = Query { size: size_of::<Query>() as u64, address, ..Query::default() };
        // SAFETY: 1. `query` is a whole `struct procmap_query` with its size in it. 2. Neither a name nor a build id is asked for,
        // so the kernel writes to nothing else. 3. The descriptor is open as long as `self.file`.
        let result = unsafe { libc::ioctl(self.raw, PROCMAP_QUERY, &raw mut query) };
        if result < 0 {
            let error = io::Error::last_os_error();
            return match error.raw_os_error() {
                // Nothing covers the address, or the process has ended or executed another program.
                Some(libc::ENOENT | libc::ESRCH) => Ok(None),
                _ => Err(error),
            };
        }
        Ok(Some(Area {
            start: query.start,
            end: query.end,
            read: query.vma_flags & 1 != 0,
            write: query.vma_flags & 2 != 0,
            exec: query.vma_flags & 4 != 0,
            shared: query.vma_flags & 8 != 0,
            offset: query.offset,
            device: (query.major, query.minor),
            inode: query.inode,
        }))
    }
}

/// One line: `start-end rwxs offset major:minor inode name`.
fn parse(line: &str) -> Option<Area> {
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    let mut fields = line.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let flags = fields.next()?.as_bytes();
    let offset = hex(fields.next()?)?;
    let (major, minor) = fields.next()?.split_once(':')?;
    let inode = fields.next()?.parse().ok()?;
    Some(Area {
        start: hex(start)?,
        end: hex(end)?,
        read: flags.first() == Some(&b'r'),
        write: flags.get(1) == Some(&b'w'),
        exec: flags.get(2) == Some(&b'x'),
        shared: flags.get(3) == Some(&b's'),
        offset,
        device: (u32::from_str_radix(major, 16).ok()?, u32::from_str_radix(minor, 16).ok()?),
        inode,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_parsed() {
        let area =
            parse("7f00a000-7f00c000 rw-s 00001000 00:2f 1234                       /memfd:a b (deleted)");
        let expected = Area {
            start: 0x7f00_a000,
            end: 0x7f00_c000,
            read: true,
            write: true,
            exec: false,
            shared: true,
            offset: 0x1000,
            device: (0, 0x2f),
            inode: 1234,
        };
        assert_eq!(area, Some(expected));
        assert_eq!(expected.offset_of(0x7f00_b010), 0x2010);
        assert_eq!(parse("garbage"), None);
    }

    #[test]
    fn the_question_and_the_text_agree() {
        let maps = Maps::of(rustix::process::getpid()).expect("this process has mappings");
        let value = 1_u8;
        let address = (&raw const value) as u64;
        let asked = maps.at(address).expect("the kernel answers").expect("the stack is mapped");
        let read = maps.all().expect("the text is there");
        let read = read.iter().find(|area| (area.start..area.end).contains(&address));
        assert_eq!(Some(&asked), read);
        assert!(asked.read && asked.write && !asked.shared);
        assert_eq!(maps.at(8).expect("the kernel answers"), None);
    }
}

//! The system calls the cases are made of, and the numbers of `linux/vfio.h` they use.
//!
//! The cases pass wrong sizes, wrong pointers and closed descriptors on purpose, so nothing here checks anything.

use crate::answer::Answer;

/// Request number of VFIO command `n`.
pub const fn request(n: u64) -> u64 {
    0x3b64 + n
}

pub const GET_API_VERSION: u64 = request(0);
pub const CHECK_EXTENSION: u64 = request(1);
pub const SET_IOMMU: u64 = request(2);
pub const GROUP_GET_STATUS: u64 = request(3);
pub const GROUP_SET_CONTAINER: u64 = request(4);
pub const GROUP_UNSET_CONTAINER: u64 = request(5);
pub const GROUP_GET_DEVICE_FD: u64 = request(6);
pub const DEVICE_GET_INFO: u64 = request(7);
pub const DEVICE_GET_REGION_INFO: u64 = request(8);
pub const DEVICE_GET_IRQ_INFO: u64 = request(9);
pub const DEVICE_SET_IRQS: u64 = request(10);
pub const DEVICE_RESET: u64 = request(11);
pub const IOMMU_GET_INFO: u64 = request(12);
pub const IOMMU_MAP_DMA: u64 = request(13);
pub const IOMMU_UNMAP_DMA: u64 = request(14);
pub const IOMMU_ENABLE: u64 = request(15);
pub const IOMMU_DISABLE: u64 = request(16);
pub const IOMMU_DIRTY_PAGES: u64 = request(17);
pub const DEVICE_FEATURE: u64 = request(17);

pub const TYPE1: i64 = 1;
pub const TYPE1V2: i64 = 3;
pub const TYPE1_NESTING: i64 = 6;
pub const NOIOMMU: i64 = 8;

pub const DATA_NONE: u32 = 1;
pub const DATA_BOOL: u32 = 2;
pub const DATA_EVENTFD: u32 = 4;
pub const ACTION_MASK: u32 = 8;
pub const ACTION_UNMASK: u32 = 16;
pub const ACTION_TRIGGER: u32 = 32;

pub const MAP_READ: u32 = 1;
pub const MAP_WRITE: u32 = 2;
pub const MAP_RW: u32 = 3;
pub const MAP_VADDR: u32 = 4;
pub const UNMAP_GET_DIRTY: u32 = 1;
pub const UNMAP_ALL: u32 = 2;
pub const UNMAP_VADDR: u32 = 4;

/// Bytes of a page; the recorded answers are for 4 KiB.
pub const PAGE: u64 = 4096;

/// The host's libc names request numbers differently for glibc and musl.
#[cfg(target_env = "musl")]
type Request = libc::c_int;
/// The host's libc names request numbers differently for glibc and musl.
#[cfg(not(target_env = "musl"))]
type Request = libc::c_ulong;

/// `ioctl` with an integer, or an address the caller made up.
pub fn ioctl_value(fd: i32, request: u64, value: u64) -> Answer {
    // SAFETY: (1) the third argument is passed as an integer; the kernel checks every address it dereferences, and the cases that
    // pass one on purpose pass an address at which this program keeps nothing.
    Answer::of(i64::from(unsafe { libc::ioctl(fd, request as Request, value) }))
}

/// `ioctl` on a structure, or on bytes that begin like one.
pub fn ioctl<T: ?Sized>(fd: i32, request: u64, argument: &mut T) -> Answer {
    // SAFETY: (1) the reference is exclusive for the length of the call; (2) every case hands over at least as many bytes as its
    // `argsz` and the structure of its request say, or relies on the kernel refusing the call.
    Answer::of(i64::from(unsafe {
        libc::ioctl(fd, request as Request, std::ptr::from_mut(argument).cast::<u8>())
    }))
}

/// `open`; the descriptor is the value.
pub fn open(path: &str, flags: i32) -> Answer {
    let path = std::ffi::CString::new(path).expect("case paths have no zero bytes");
    // SAFETY: (1) the path is a C string that lives through the call.
    Answer::of(i64::from(unsafe { libc::open(path.as_ptr(), flags) }))
}

/// `close` by number, whatever it is.
pub fn close(fd: i32) {
    // SAFETY: (1) the numbers closed here belong to the case that opened them; nothing else in the program owns one.
    unsafe { libc::close(fd) };
}

/// `dup`.
pub fn dup(fd: i32) -> Answer {
    // SAFETY: (1) dup has no memory to touch.
    Answer::of(i64::from(unsafe { libc::dup(fd) }))
}

/// `fcntl` with a command that takes no argument.
pub fn fcntl(fd: i32, command: i32) -> Answer {
    // SAFETY: (1) the commands used take no pointer.
    Answer::of(i64::from(unsafe { libc::fcntl(fd, command) }))
}

/// `read` into a buffer.
pub fn read(fd: i32, into: &mut [u8]) -> Answer {
    // SAFETY: (1) the buffer is exclusive and as long as said.
    Answer::of(unsafe { libc::read(fd, into.as_mut_ptr().cast(), into.len()) } as i64)
}

/// `write` from a buffer.
pub fn write(fd: i32, bytes: &[u8]) -> Answer {
    // SAFETY: (1) the buffer is as long as said.
    Answer::of(unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) } as i64)
}

/// `pread` into a buffer.
pub fn pread(fd: i32, into: &mut [u8], offset: u64) -> Answer {
    // SAFETY: (1) the buffer is exclusive and as long as said.
    Answer::of(unsafe { libc::pread(fd, into.as_mut_ptr().cast(), into.len(), offset as i64) } as i64)
}

/// `pread` to an address the caller made up.
pub fn pread_to(fd: i32, address: usize, len: usize, offset: u64) -> Answer {
    // SAFETY: (1) the only address used is one at which nothing is mapped, so the kernel refuses the call.
    Answer::of(unsafe { libc::pread(fd, address as *mut libc::c_void, len, offset as i64) } as i64)
}

/// `pwrite` from a buffer.
pub fn pwrite(fd: i32, bytes: &[u8], offset: u64) -> Answer {
    // SAFETY: (1) the buffer is as long as said.
    Answer::of(unsafe { libc::pwrite(fd, bytes.as_ptr().cast(), bytes.len(), offset as i64) } as i64)
}

/// A mapping of this process, unmapped when dropped.
pub struct Mapping {
    /// Where it is.
    pub address: u64,
    len: usize,
}

impl Mapping {
    /// `mmap` of a file, or of fresh memory where `fd` is -1.
    pub fn new(len: u64, protection: i32, flags: i32, fd: i32, offset: u64) -> Result<Mapping, Answer> {
        // SAFETY: (1) the kernel chooses an address at which nothing is mapped.
        let at =
            unsafe { libc::mmap(std::ptr::null_mut(), len as usize, protection, flags, fd, offset as i64) };
        if at == libc::MAP_FAILED {
            return Err(Answer::of(-1));
        }
        Ok(Mapping { address: at as u64, len: len as usize })
    }

    /// Private memory of `len` bytes.
    pub fn memory(len: u64, protection: i32) -> Mapping {
        Mapping::new(len, protection, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0)
            .unwrap_or_else(|_| panic!("no memory for the cases"))
    }

    /// Take one page of the mapping away, or put it back as fresh memory.
    pub fn set_page(&self, page: u64, there: Page) {
        let at = (self.address + page * PAGE) as *mut libc::c_void;
        // SAFETY: (1) the page lies within this mapping, which belongs to the cases alone; (2) no reference into it exists: it is
        // only named by number.
        unsafe {
            match there {
                Page::Gone => {
                    libc::munmap(at, PAGE as usize);
                }
                Page::Fresh => {
                    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
                    libc::mmap(at, PAGE as usize, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
                }
            }
        }
    }

    /// Touch `pages` pages, so that they are there to be locked.
    pub fn touch(&self, pages: u64) {
        // SAFETY: (1) the mapping is writable memory and at least `pages` pages long.
        unsafe { std::ptr::write_bytes(self.address as *mut u8, 1, (pages * PAGE) as usize) };
    }

    /// A load of a register.
    pub fn load(&self, offset: usize) -> u32 {
        // SAFETY: (1) the offset is a multiple of 4 within the mapping.
        unsafe { std::ptr::read_volatile((self.address as usize + offset) as *const u32) }
    }

    /// A store to a register.
    pub fn store(&self, offset: usize, value: u32) {
        // SAFETY: (1) the offset is a multiple of 4 within the mapping.
        unsafe { std::ptr::write_volatile((self.address as usize + offset) as *mut u32, value) };
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: (1) the range was mapped by `new` and nothing refers into it any more.
        unsafe { libc::munmap(self.address as *mut libc::c_void, self.len) };
    }
}

/// Whether a page is there.
pub enum Page {
    /// Unmapped.
    Gone,
    /// Mapped afresh.
    Fresh,
}

/// A new eventfd that never blocks.
pub fn eventfd() -> i32 {
    // SAFETY: (1) eventfd has no memory to touch.
    unsafe { libc::eventfd(0, libc::EFD_NONBLOCK) }
}

/// Wait up to `milliseconds` for an eventfd and take its count; 0 if none came.
pub fn take_count(fd: i32, milliseconds: i32) -> u64 {
    let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // SAFETY: (1) one valid pollfd.
    unsafe { libc::poll(&raw mut poll, 1, milliseconds) };
    let mut count = [0; 8];
    if read(fd, &mut count).0 == Ok(8) { u64::from_ne_bytes(count) } else { 0 }
}

/// `poll` without waiting: the answer and the events found.
pub fn poll_now(fd: i32) -> (Answer, i16) {
    let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // SAFETY: (1) one valid pollfd.
    let answer = Answer::of(i64::from(unsafe { libc::poll(&raw mut poll, 1, 0) }));
    (answer, poll.revents)
}

/// `lseek` to the start.
pub fn seek_start(fd: i32) -> Answer {
    // SAFETY: (1) lseek has no memory to touch.
    Answer::of(unsafe { libc::lseek(fd, 0, libc::SEEK_SET) })
}

/// `fsync`.
pub fn fsync(fd: i32) -> Answer {
    // SAFETY: (1) fsync has no memory to touch.
    Answer::of(i64::from(unsafe { libc::fsync(fd) }))
}

/// `ftruncate` to nothing.
pub fn truncate(fd: i32) -> Answer {
    // SAFETY: (1) ftruncate has no memory to touch.
    Answer::of(i64::from(unsafe { libc::ftruncate(fd, 0) }))
}

/// The file mode of a descriptor, 0 where it is not open.
pub fn mode(fd: i32) -> u32 {
    // SAFETY: (1) an all-zero `stat` is a valid value; (2) the kernel writes at most one `stat`.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        libc::fstat(fd, &raw mut stat);
        stat.st_mode
    }
}

/// Run `cases` in a child process and wait for its end.
pub fn in_child(cases: impl FnOnce()) {
    // SAFETY: (1) the program has one thread, so the child may go on as usual.
    match unsafe { libc::fork() } {
        0 => {
            cases();
            // SAFETY: (1) no destructor of the parent's state is to run in the child.
            unsafe { libc::_exit(0) }
        }
        child => {
            // SAFETY: (1) no status is asked for.
            unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
        }
    }
}

//! System calls that are nothing of VFIO's. Run inside a sandbox and outside, they tell what it costs those who do not need it.

use std::fs::File;
use std::os::fd::AsRawFd;

use dma330_copy::Failure;
use dma330_copy::memory::Memory;
use dma330_copy::options::Kind;

use crate::print;
use crate::time::{beside, getppid, many};

/// Measure each.
///
/// # Errors
/// A call that is refused, or a file that cannot be opened.
pub fn measure() -> Result<(), Failure> {
    let zero = File::open("/dev/zero").map_err(|error| Failure::new("/dev/zero", error.to_string()))?;
    let fd = zero.as_raw_fd();
    let mut byte = [0_u8; 1];
    let into = byte.as_mut_ptr().cast::<libc::c_void>();
    let compare = |name: &str, call: &mut dyn FnMut() -> bool| {
        let mut step = || many(|| if call() { Ok(()) } else { Err(Failure::system(name)) });
        let (cost, base) = beside(1, &mut step, &mut getppid)?;
        print(name, cost, base)
    };
    // SAFETY: takes nothing.
    compare("getppid", &mut || unsafe { libc::getppid() } >= 0)?;
    // SAFETY: the buffer has one byte, here and below.
    compare("read", &mut || unsafe { libc::read(fd, into, 1) } == 1)?;
    // SAFETY: see above.
    compare("pread", &mut || unsafe { libc::pread(fd, into, 1, 0) } == 1)?;
    let mut waiting = 0_i32;
    // SAFETY: the request writes one integer; a device that has none to tell answers ENOTTY, which is as good.
    compare("ioctl", &mut || unsafe { libc::ioctl(fd, libc::FIONREAD, &raw mut waiting) } <= 0)?;
    // SAFETY: the path is terminated, and the descriptor is closed by whoever opened it.
    compare("open", &mut || unsafe {
        let opened = libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY);
        opened >= 0 && libc::close(opened) == 0
    })?;
    compare("mmap", &mut || Memory::new(4096, Kind::Anonymous).is_ok())?;
    compare("mmap-shared", &mut || Memory::new(4096, Kind::Memfd).is_ok())
}

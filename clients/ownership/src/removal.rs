//! A device that is taken away while it is used: whoever takes it waits for the last descriptor and the last mapping.

use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use dma330_copy::Failure;
use dma330_copy::options::Access;
use dma330_copy::registers::Registers;
use dma330_copy::vfio::{Container, Device};

use crate::sysfs;
use crate::{must, wait_until};

/// A mapping of a device's first page, which is never touched.
struct Mapping(NonNull<libc::c_void>);

impl Mapping {
    const LEN: usize = 4096;

    fn of(device: &Device) -> Result<Self, Failure> {
        let offset = device.region(0)?.offset as libc::off_t;
        let (prot, fd) = (libc::PROT_READ, device.fd.as_raw_fd());
        // SAFETY: a new mapping at an address of the system's choice replaces nothing.
        let start =
            unsafe { libc::mmap(std::ptr::null_mut(), Self::LEN, prot, libc::MAP_SHARED, fd, offset) };
        match NonNull::new(start) {
            Some(start) if start.as_ptr() != libc::MAP_FAILED => Ok(Mapping(start)),
            _ => Err(Failure::system("mmap of the registers")),
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and nothing refers to it.
        unsafe { libc::munmap(self.0.as_ptr(), Self::LEN) };
    }
}

/// Start the command that takes the device away, and see that it waits for us, works until we let go, and comes to its end then.
pub fn removed(device: &str, command: &[&str]) -> Result<(), Failure> {
    let container = Container::of(device)?;
    let held = container.device(device)?;
    let second = container.device(device)?;
    let mapping = Mapping::of(&second)?;
    let mut child = start(command)?;
    wait_until("the removal", || Ok(is_leaving(&container, device)))?;

    // Who has it goes on with it.
    Registers::new(&held.fd, &held.region(0)?, Access::Pread)?.load(0)?;
    waits(&mut child, device)?;
    drop(held);
    waits(&mut child, device)?;
    drop(second);
    waits(&mut child, device)?;
    drop(mapping);
    let status = child.wait().map_err(|error| Failure::new("the removal", error.to_string()))?;
    if !status.success() {
        return Err(Failure::new("the removal", status.to_string()));
    }
    must("the device is nobody's who could open it", is_leaving(&container, device))
}

/// Whether the device can be opened no more.
fn is_leaving(container: &Container, device: &str) -> bool {
    container.device(device).is_err()
}

fn waits(child: &mut Child, device: &str) -> Result<(), Failure> {
    let ended = child.try_wait().map_err(|error| Failure::new("the removal", error.to_string()))?;
    must("the removal waits", ended.is_none())?;
    must("the device still has its driver", sysfs::link(device, "driver")?.is_some())
}

/// Start the command that takes the device away, and kill it while it waits for us: all is as it was then.
pub fn interrupted(device: &str, command: &[&str]) -> Result<(), Failure> {
    let container = Container::of(device)?;
    let held = container.device(device)?;
    let driver = sysfs::link(device, "driver")?;
    let mut child = start(command)?;
    wait_until("the removal", || Ok(is_leaving(&container, device)))?;
    // SAFETY: the child has not been waited for, so that its number is its own.
    unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGTERM) };
    let status = child.wait().map_err(|error| Failure::new("the removal", error.to_string()))?;
    must("it was killed", status.signal() == Some(libc::SIGTERM))?;
    as_before(&container, &held, device, driver.as_deref())
}

/// Take the device away by `unbind`, and let a signal come meanwhile that is handled.
pub fn signalled(device: &str) -> Result<(), Failure> {
    let container = Container::of(device)?;
    let held = container.device(device)?;
    let file = sysfs::unbind_file(device)?;
    let driver = sysfs::link(device, "driver")?;

    // The thread says who it is, so that the signal goes to it and to no other.
    static WRITER: AtomicU64 = AtomicU64::new(0);
    handle_usr1()?;
    let to = device.to_owned();
    let writer = std::thread::spawn(move || {
        // SAFETY: a plain call.
        WRITER.store(unsafe { libc::pthread_self() }, Ordering::SeqCst);
        sysfs::write(&file, &to)
    });
    wait_until("the removal", || Ok(is_leaving(&container, device)))?;
    // SAFETY: the thread waits in its write and has not been joined.
    unsafe { libc::pthread_kill(WRITER.load(Ordering::SeqCst), libc::SIGUSR1) };
    let written = writer.join().map_err(|_| Failure::new("the writer", "panicked"))?;
    let errno = written.err().and_then(|error| error.raw_os_error());
    must("the write was interrupted", errno == Some(libc::EINTR))?;
    as_before(&container, &held, device, driver.as_deref())
}

/// The device can be opened again, has the driver it had, and works.
fn as_before(
    container: &Container,
    held: &Device,
    device: &str,
    driver: Option<&str>,
) -> Result<(), Failure> {
    wait_until("its end", || Ok(!is_leaving(container, device)))?;
    must("the device still has its driver", sysfs::link(device, "driver")?.as_deref() == driver)?;
    held.info()?;
    println!("{device}: interrupted, and as before");
    Ok(())
}

fn start(command: &[&str]) -> Result<Child, Failure> {
    let (program, args) = command.split_first().ok_or_else(|| Failure::new("COMMAND", "is missing"))?;
    Command::new(program).args(args).spawn().map_err(|error| Failure::new(*program, error.to_string()))
}

/// A handler that does nothing, and after which calls do not go on by themselves.
fn handle_usr1() -> Result<(), Failure> {
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: 1. An action of zeroes is a valid one: no flags, an empty mask. 2. The handler does nothing, which any thread may at any time.
    let set = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as libc::sighandler_t;
        libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut())
    };
    if set == 0 { Ok(()) } else { Err(Failure::system("sigaction")) }
}

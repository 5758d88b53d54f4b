//! The first process of a real kernel that is asked the parity suite's questions: mounts, modules, a device bound to VFIO, the
//! suite's client, power off.
//!
//! `cargo xtask truth` puts it into an initial file system with the client at `/vfio-parity` and modules in `/modules`, in the order
//! they are to be loaded in. Everything it prints that is not an answer begins with `#`.

use std::ffi::CString;
use std::fs;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;

/// QEMU's educational device: a function with no driver of its own, alone in its group.
const EDU: &str = "0x1234 0x11e8";

fn main() {
    mount("proc", "/proc");
    mount("sysfs", "/sys");
    mount("devtmpfs", "/dev");
    println!("# kernel {}", fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim());
    load_modules();
    match bind_edu() {
        Some((device, group)) => ask(&device, &group),
        None => println!("# no edu device behind an IOMMU"),
    }
    println!("# end");
    power_off();
}

fn mount(kind: &str, at: &str) {
    let _ = fs::create_dir(at);
    let (kind, at) = (CString::new(kind).expect("no zero"), CString::new(at).expect("no zero"));
    // SAFETY: (1) both are C strings that live through the call; (2) no data is passed.
    let failed = unsafe { libc::mount(kind.as_ptr(), at.as_ptr(), kind.as_ptr(), 0, std::ptr::null()) } != 0;
    if failed {
        println!("# mount {at:?}: {}", std::io::Error::last_os_error());
    }
}

fn load_modules() {
    let mut modules: Vec<PathBuf> =
        fs::read_dir("/modules").into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    modules.sort();
    for module in modules {
        if let Err(error) = load(&module) {
            println!("# load {}: {error}", module.display());
        }
    }
}

fn load(module: &Path) -> std::io::Result<()> {
    let file = fs::File::open(module)?;
    // SAFETY: (1) the descriptor is open; (2) the parameters are a C string.
    let failed = unsafe { libc::syscall(libc::SYS_finit_module, file.as_raw_fd(), c"".as_ptr(), 0) } != 0;
    if failed { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}

/// Bind the device to vfio-pci. Returns its name and its group's file.
fn bind_edu() -> Option<(String, String)> {
    let device =
        fs::read_dir("/sys/bus/pci/devices").ok()?.flatten().map(|entry| entry.path()).find(|device| {
            let read = |file: &str| fs::read_to_string(device.join(file)).unwrap_or_default();
            format!("{} {}", read("vendor").trim(), read("device").trim()) == EDU
        })?;
    let name = device.file_name()?.to_str()?.to_owned();
    for (file, text) in [
        (device.join("driver_override"), "vfio-pci"),
        (PathBuf::from("/sys/bus/pci/drivers_probe"), name.as_str()),
    ] {
        if let Err(error) = fs::write(&file, text) {
            println!("# write {}: {error}", file.display());
        }
    }
    let group = fs::read_link(device.join("iommu_group")).ok()?;
    let group = format!("/dev/vfio/{}", group.file_name()?.to_str()?);
    println!("# {name} in {group}");
    Some((name, group))
}

fn ask(device: &str, group: &str) {
    let status = Command::new("/vfio-parity")
        .args([group, device, "edu", "container", "group", "t1", "t1v2"])
        .status();
    println!("# asked: {status:?}");
}

fn power_off() -> ! {
    // SAFETY: (1) sync and reboot touch no memory of ours.
    unsafe {
        libc::sync();
        libc::reboot(libc::RB_POWER_OFF);
    }
    loop {
        std::thread::park();
    }
}

//! Serves the FUSE mount: each request of the kernel to whoever answers it.
//!
//! Requests are served one after another by the crew's leader. Those that may wait for something (a write to sysfs, the open of a
//! group) let another thread lead first.

mod device;
mod handles;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uvfio_abi::Errno;
use uvfio_kernel::wait::Interruptible;
use uvfio_sys::fuse::{MESSAGE, Session};

use self::handles::Handles;
use super::World;
use super::crew::Turn;
use super::files;
use super::fuse::{Directory, Operation, Reply, Request, wire};

/// The most bytes of a listing in one answer.
const MOST: u32 = 64 << 10;

/// The mount and what is open on it.
pub struct Mount {
    session: Session,
    handles: Mutex<Handles>,
    /// Requests that block, by number: a signal ends their wait.
    waiting: Mutex<HashMap<u64, Arc<Interruptible>>>,
}

impl Mount {
    /// A mount that is served through this session.
    #[must_use]
    pub fn new(session: Session) -> Self {
        Self { session, handles: Mutex::default(), waiting: Mutex::default() }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, Arc<Interruptible>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Receive and serve until the mount is gone or another thread leads.
pub fn lead(world: &World, mut turn: Turn) {
    let mut message = vec![0; MESSAGE];
    let mut scratch = Vec::new();
    // An error of the device ends the mount, and with it whoever uses it: there is nobody to tell.
    while let Ok(Some(length)) = world.mount.session.receive(&mut message) {
        turn.begin();
        if let Some(request) = Request::parse(&message[..length]) {
            // A defect in what serves a request must not leave a program waiting, nor end the mount.
            let served = catch_unwind(AssertUnwindSafe(|| serve(world, &turn, &request, &mut scratch)));
            if served.is_err() {
                Reply::new(&world.mount.session, request.unique).error(Errno::EIO);
            }
        }
        if !turn.end() {
            break;
        }
    }
}

fn serve(world: &World, turn: &Turn, request: &Request<'_>, scratch: &mut Vec<u8>) {
    let mount = &world.mount;
    let reply = Reply::new(&mount.session, request.unique);
    // The files programs hold have numbers of their own, above all others.
    let of_vfio = request.node >= files::FIRST;
    match request.operation {
        Operation::Init { major, minor, flags } => {
            if major == wire::MAJOR {
                reply.init(minor, flags)
            } else {
                reply.error(Errno::EPROTO)
            }
        }
        Operation::Lookup { name } => match world.tree.look(request.node, name, &world.vfio, &world.files) {
            Ok(entry) => reply.entry(&entry),
            Err(errno) => reply.error(errno),
        },
        Operation::Forget(forgets) => {
            forgets.for_each(|node, _| world.files.forget(node));
            reply.not_wanted();
        }
        // A device file has no length to change; sysfs ignores truncation.
        Operation::SetAttr { size: Some(_) } if of_vfio => reply.error(Errno::EINVAL),
        Operation::GetAttr | Operation::SetAttr { .. } => match world.tree.attributes(request.node) {
            Ok(entry) => reply.attributes(&entry),
            Err(errno) => reply.error(errno),
        },
        Operation::ReadLink => match world.tree.link(request.node) {
            Some(target) => reply.bytes(&target),
            None => reply.error(Errno::ENOENT),
        },
        Operation::Open { .. } if of_vfio => {
            turn.step_down();
            device::open(world, request, reply);
        }
        Operation::Read { .. } | Operation::Write { .. } if of_vfio => {
            device::transfer(world, request, scratch, reply);
        }
        Operation::Release { .. } if of_vfio => device::release(world, request.node, reply),
        Operation::Sync if of_vfio => reply.error(Errno::EINVAL),
        Operation::Flush => {
            world.files.closed_one();
            reply.done();
        }
        Operation::Ioctl { command, argument, .. } => device::ioctl(world, request, command, argument, reply),
        Operation::Open { flags } => handles::open(world, request.node, flags, reply),
        Operation::Read { handle, offset, size, .. } => {
            handles::read(world, request.node, handle, offset, size, scratch, reply);
        }
        Operation::Write { handle, offset, bytes, .. } => {
            let wait = Arc::new(Interruptible::default());
            mount.waiting().insert(request.unique, wait.clone());
            turn.step_down();
            world.files.wait_for_releases();
            let result = handles::write(world, request, handle, offset, bytes, &*wait);
            mount.waiting().remove(&request.unique);
            match result {
                Ok(written) => reply.written(written),
                Err(errno) => reply.error(errno),
            }
        }
        Operation::Sync => reply.done(),
        Operation::OpenDir => handles::open_dir(world, request.node, reply),
        Operation::ReadDir { handle, offset, size, detail } => {
            let directory = Directory::new(size.min(MOST), detail);
            handles::read_dir(world, request.node, handle, offset, directory, reply);
        }
        Operation::Release { handle } | Operation::ReleaseDir { handle } => {
            handles::close(world, handle);
            reply.done();
        }
        Operation::StatFs => reply.statfs(),
        Operation::Interrupt { unique } => {
            let wait = mount.waiting().get(&unique).cloned();
            if let Some(wait) = wait {
                wait.interrupt();
            }
            reply.not_wanted();
        }
        Operation::Destroy => reply.done(),
        // Directories of sysfs have no operation that makes a file (`lookup_open`), and none that changes what is in them.
        Operation::Create => reply.error(Errno::EACCES),
        Operation::Rearrange => reply.error(Errno::EPERM),
        Operation::Other => reply.error(Errno::ENOSYS),
    }
}

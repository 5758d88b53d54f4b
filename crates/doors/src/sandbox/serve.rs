//! Serves the FUSE mount: each request of the kernel to whoever answers it.
//!
//! Requests are served one after another by the crew's leader. Those that may wait for something (a write to sysfs, the open of a
//! group) let another thread lead first.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uvfio_abi::Errno;
use uvfio_kernel::sysfs::Attribute;
use uvfio_kernel::wait::Interruptible;
use uvfio_sys::fuse::{MESSAGE, Session};
use uvfio_vfio::caller::Caller;
use uvfio_vfio::file::Reply as Answer;

use super::caller::Program;
use super::crew::Turn;
use super::files::{self, Opening};
use super::fuse::{Directory, Operation, Reply, Request, wire};
use super::tree::{Listing, Place, Thing};
use super::{World, Write};

/// What an open handle of the tree keeps.
enum Handle {
    Listing(Arc<Listing>),
    Attribute { said: Option<Arc<[u8]>> },
    Real(Arc<OwnedFd>),
}

/// The mount and what is open on it.
pub struct Mount {
    session: Session,
    handles: Mutex<Handles>,
    /// Requests that block, by number: a signal ends their wait.
    waiting: Mutex<HashMap<u64, Arc<Interruptible>>>,
}

#[derive(Default)]
struct Handles {
    given: u64,
    open: HashMap<u64, Handle>,
}

impl Mount {
    /// A mount that is served through this session.
    #[must_use]
    pub fn new(session: Session) -> Self {
        Self { session, handles: Mutex::default(), waiting: Mutex::default() }
    }

    fn handles(&self) -> MutexGuard<'_, Handles> {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, handle: Handle) -> u64 {
        let mut handles = self.handles();
        handles.given += 1;
        let number = handles.given;
        handles.open.insert(number, handle);
        number
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
            serve(world, &turn, &request, &mut scratch);
        }
        if !turn.end() {
            break;
        }
    }
}

fn serve(world: &World, turn: &Turn, request: &Request<'_>, scratch: &mut Vec<u8>) {
    let mount = &world.mount;
    let reply = Reply::new(&mount.session, request.unique);
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
        Operation::GetAttr | Operation::SetAttr { size: None } => attributes(world, request.node, reply),
        // sysfs ignores truncation; a device file has no length to change.
        Operation::SetAttr { size: Some(_) } if request.node >= files::FIRST => reply.error(Errno::EINVAL),
        Operation::SetAttr { .. } => attributes(world, request.node, reply),
        Operation::ReadLink => read_link(world, request.node, reply),
        Operation::Open { .. } if request.node >= files::FIRST => {
            turn.step_down();
            open_vfio(world, request, reply);
        }
        Operation::Open { flags } => open(world, request.node, flags, reply),
        Operation::Read { .. } | Operation::Write { .. } if request.node >= files::FIRST => {
            transfer(world, request, scratch, reply);
        }
        Operation::Read { handle, offset, size, .. } => {
            read(world, request.node, handle, offset, size, scratch, reply);
        }
        Operation::Write { handle, offset, bytes, .. } => {
            let wait = Arc::new(Interruptible::default());
            mount.waiting().insert(request.unique, wait.clone());
            turn.step_down();
            world.files.wait_for_releases();
            let result = write(world, request, handle, offset, bytes, &wait);
            mount.waiting().remove(&request.unique);
            match result {
                Ok(written) => reply.written(written),
                Err(errno) => reply.error(errno),
            }
        }
        Operation::Flush => {
            world.files.closed_one();
            reply.done();
        }
        Operation::Release { .. } if request.node >= files::FIRST => {
            let releasing = world.files.releasing();
            world.files.closed_one();
            reply.done();
            if let Some(open) = world.files.released(request.node) {
                open.file.release();
                releasing.done();
            }
        }
        Operation::Release { handle } | Operation::ReleaseDir { handle } => {
            mount.handles().open.remove(&handle);
            reply.done();
        }
        Operation::Sync if request.node >= files::FIRST => reply.error(Errno::EINVAL),
        Operation::Sync => reply.done(),
        Operation::OpenDir => match world.tree.list(request.node, &world.vfio) {
            Ok(listing) => reply.opened(mount.keep(Handle::Listing(Arc::new(listing))), 0),
            Err(errno) => reply.error(errno),
        },
        Operation::ReadDir { handle, offset, size } => {
            read_dir(mount, request.node, handle, offset, size, reply)
        }
        Operation::StatFs => reply.statfs(),
        Operation::Ioctl { command, argument, .. } => ioctl(world, request, command, argument, reply),
        Operation::Interrupt { unique } => {
            let wait = mount.waiting().get(&unique).cloned();
            if let Some(wait) = wait {
                wait.interrupt();
            }
            reply.not_wanted();
        }
        Operation::Destroy => reply.done(),
        Operation::Other => reply.error(Errno::ENOSYS),
    }
}

fn attributes(world: &World, node: u64, reply: Reply<'_>) {
    match world.tree.attributes(node) {
        Ok(entry) => reply.attributes(&entry),
        Err(errno) => reply.error(errno),
    }
}

fn read_link(world: &World, node: u64, reply: Reply<'_>) {
    let target = match world.tree.place(node) {
        Some(Place::Sys(thing)) => world.tree.sys().link(&thing),
        _ => None,
    };
    match target {
        Some(target) => reply.bytes(&target),
        None => reply.error(Errno::ENOENT),
    }
}

fn open_vfio(world: &World, request: &Request<'_>, reply: Reply<'_>) {
    let file = match world.files.opening(request.node) {
        Opening::Unknown => return reply.error(Errno::ENOENT),
        Opening::Taken => return reply.error(Errno::ESTALE),
        Opening::Ready(file) => Ok(file),
        Opening::Named(name) => {
            world.files.wait_for_releases();
            match Program::of(world, request.pid) {
                Ok(program) => world.vfio.open(name, &program).map_err(|refusal| world.errno(&refusal)),
                Err(_) => Err(Errno::EINTR),
            }
        }
    };
    match file.map(|file| world.files.opened(request.node, file)) {
        Ok(Ok(open)) => {
            // The FLUSH of each close tells that a descriptor's number may mean something else from now on.
            reply.opened(open.node, wire::OPEN_DIRECT_IO | wire::OPEN_PARALLEL_DIRECT_WRITES);
        }
        Ok(Err(second)) => {
            second.release();
            reply.error(Errno::ESTALE);
        }
        Err(errno) => reply.error(errno),
    }
}

fn open(world: &World, node: u64, flags: u32, reply: Reply<'_>) {
    let Some(Place::Sys(thing)) = world.tree.place(node) else { return reply.error(Errno::EISDIR) };
    let handle = match &*thing {
        Thing::Attribute(_) => Handle::Attribute { said: None },
        Thing::Real(path, _) => match world.tree.sys().real().open(path, flags) {
            Ok(file) => Handle::Real(Arc::new(file)),
            Err(error) => return reply.error(Errno(error.raw_os_error().unwrap_or(Errno::EIO.0))),
        },
        Thing::Directory(_) | Thing::Link(..) => return reply.error(Errno::EISDIR),
    };
    reply.opened(world.mount.keep(handle), wire::OPEN_DIRECT_IO | wire::OPEN_NOFLUSH);
}

fn read(
    world: &World,
    node: u64,
    handle: u64,
    offset: u64,
    size: u32,
    scratch: &mut Vec<u8>,
    reply: Reply<'_>,
) {
    let said = match world.mount.handles().open.get(&handle) {
        Some(Handle::Real(file)) => Err(file.clone()),
        // As sysfs does: the text is made when it is read from its beginning, and read on from where it was.
        Some(Handle::Attribute { said: Some(said) }) if offset > 0 => Ok(Some(said.clone())),
        Some(Handle::Attribute { .. }) => Ok(None),
        Some(Handle::Listing(_)) | None => return reply.error(Errno::EBADF),
    };
    let size = usize::try_from(size).unwrap_or(usize::MAX).min(MESSAGE);
    let said = match said {
        Ok(Some(said)) => said,
        Ok(None) => match say(world, node) {
            Ok(said) => said,
            Err(errno) => return reply.error(errno),
        },
        Err(file) => {
            scratch.resize(size, 0);
            return match rustix::io::pread(&*file, &mut scratch[..], offset) {
                Ok(length) => reply.bytes(&scratch[..length]),
                Err(error) => reply.error(Errno(error.raw_os_error())),
            };
        }
    };
    if let Some(Handle::Attribute { said: kept }) = world.mount.handles().open.get_mut(&handle) {
        *kept = Some(said.clone());
    }
    let start = usize::try_from(offset).unwrap_or(usize::MAX).min(said.len());
    let end = start.saturating_add(size).min(said.len());
    reply.bytes(&said[start..end]);
}

fn say(world: &World, node: u64) -> Result<Arc<[u8]>, Errno> {
    let said = attribute(world, node).and_then(|attribute| world.tree.sys().machine().read(&attribute));
    said.map(Arc::from).ok_or(Errno::ENODEV)
}

fn attribute(world: &World, node: u64) -> Option<Attribute> {
    match &**world.tree.place(node)?.thing()? {
        Thing::Attribute(attribute) => Some(attribute.clone()),
        _ => None,
    }
}

fn write(
    world: &World,
    request: &Request<'_>,
    handle: u64,
    offset: u64,
    bytes: &[u8],
    wait: &Interruptible,
) -> Result<u32, Errno> {
    let real = match world.mount.handles().open.get(&handle) {
        Some(Handle::Real(file)) => Some(file.clone()),
        Some(Handle::Attribute { .. }) => None,
        Some(Handle::Listing(_)) | None => return Err(Errno::EBADF),
    };
    let written = match real {
        Some(file) => {
            rustix::io::pwrite(&*file, bytes, offset).map_err(|error| Errno(error.raw_os_error()))?
        }
        None => {
            let attribute = attribute(world, request.node).ok_or(Errno::ENODEV)?;
            let machine = world.tree.sys().machine();
            let result = machine.write(&attribute, bytes, wait);
            if let Some(onlooker) = &world.onlooker {
                let pid = Program::of(world, request.pid).ok().map(|program| program.pid());
                let path = machine.attribute_path(&attribute).unwrap_or_default();
                onlooker.wrote(&Write { pid, path: &path, bytes, result: result.as_ref().copied() });
            }
            result.map_err(|refusal| Errno(refusal.errno()))?;
            bytes.len()
        }
    };
    u32::try_from(written).map_err(|_| Errno::EINVAL)
}

fn read_dir(mount: &Mount, node: u64, handle: u64, offset: u64, size: u32, reply: Reply<'_>) {
    let listing = match mount.handles().open.get(&handle) {
        Some(Handle::Listing(listing)) => listing.clone(),
        _ => return reply.error(Errno::EBADF),
    };
    let mut directory = Directory::new(size.min(64 << 10));
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    for (index, (name, kind)) in listing.iter().enumerate().skip(start) {
        // Numbers are given when names are looked up; until then any but 0 will do.
        if !directory.push(node, kind.mode(), name, index as u64 + 1) {
            break;
        }
    }
    reply.bytes(directory.bytes());
}

/// `read` and `write` of a VFIO file that were not caught: through another number, by another call, or a page of a mapping.
fn transfer(world: &World, request: &Request<'_>, scratch: &mut Vec<u8>, reply: Reply<'_>) {
    let Some(open) = world.files.get(request.node) else { return reply.error(Errno::EBADF) };
    let Ok(program) = Program::of(world, request.pid) else { return reply.error(Errno::EINTR) };
    match request.operation {
        // Registers are no memory: their pages stay away, and each access traps.
        Operation::Read { of_page: true, .. } => reply.error(Errno::EIO),
        Operation::Read { offset, size, .. } => {
            scratch.resize(usize::try_from(size).unwrap_or(0).min(MESSAGE), 0);
            match open.file.read(&program, offset, scratch) {
                Ok(length) => reply.bytes(&scratch[..length]),
                Err(refusal) => reply.error(world.errno(&refusal)),
            }
        }
        Operation::Write { bytes, of_page: true, .. } => reply.written(bytes.len() as u32),
        Operation::Write { offset, bytes, .. } => match open.file.write(&program, offset, bytes) {
            Ok(length) => reply.written(length as u32),
            Err(refusal) => reply.error(world.errno(&refusal)),
        },
        _ => reply.error(Errno::EINVAL),
    }
}

/// An ioctl that the filter let through: not one of VFIO's numbers, yet the file must say so itself.
fn ioctl(world: &World, request: &Request<'_>, command: u32, argument: u64, reply: Reply<'_>) {
    let Some(open) = world.files.get(request.node) else { return reply.error(Errno::ENOTTY) };
    let Ok(program) = Program::of(world, request.pid) else { return reply.error(Errno::EINTR) };
    match open.file.ioctl(&program, command, argument) {
        Ok(Answer::Value(value)) => reply.ioctl(value),
        Ok(Answer::NewFile(file)) => {
            // Only a caught call can be answered with a descriptor.
            file.release();
            reply.error(Errno::ENOTTY);
        }
        Err(refusal) => reply.error(world.errno(&refusal)),
    }
}

//! Requests on the tree's own files and directories: what an open one remembers, and what reading and writing it does.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, MutexGuard, PoisonError};

use rustix::fs::OFlags;
use uvfio_abi::Errno;
use uvfio_kernel::wait::Wait;
use uvfio_sys::fuse::MESSAGE;
use uvfio_vfio::caller::Caller;

use super::super::caller::Program;
use super::super::fuse::{Detail, Directory, Reply, Request, wire};
use super::super::tree::{Item, Kind, Listing, Thing};
use super::super::{World, Write};

/// What is open.
#[derive(Default)]
pub(super) struct Handles {
    given: u64,
    open: HashMap<u64, Handle>,
}

/// What an open handle remembers.
enum Handle {
    Listing(Arc<Listing>),
    /// The text of a file as it was made last.
    Text(Option<Arc<[u8]>>),
    Real(Arc<OwnedFd>),
}

fn handles(world: &World) -> MutexGuard<'_, Handles> {
    world.mount.handles.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keep(world: &World, handle: Handle) -> u64 {
    let mut handles = handles(world);
    handles.given += 1;
    let number = handles.given;
    handles.open.insert(number, handle);
    number
}

/// Open a file.
pub(super) fn open(world: &World, node: u64, flags: u32, reply: Reply<'_>) {
    let thing = world.tree.thing(node);
    let handle = match thing.as_deref() {
        Some(thing @ (Thing::Attribute(_) | Thing::Session(_))) => {
            if !permits(world.tree.kind(thing), flags) {
                return reply.error(Errno::EACCES);
            }
            Handle::Text(None)
        }
        Some(Thing::Real(path, _)) => match world.tree.sys().real().open(path, flags) {
            Ok(file) => Handle::Real(Arc::new(file)),
            Err(error) => return reply.error(Errno(error.raw_os_error().unwrap_or(Errno::EIO.0))),
        },
        Some(Thing::Directory(_) | Thing::Link(..)) | None => return reply.error(Errno::EISDIR),
    };
    reply.opened(keep(world, handle), wire::OPEN_DIRECT_IO | wire::OPEN_NOFLUSH);
}

/// A file of sysfs that nobody may read, or write, opens so for nobody, the administrator included (`kernfs_fop_open`).
fn permits(kind: Kind, flags: u32) -> bool {
    let Kind::File { permissions } = kind else { return false };
    let (readable, writable) = (permissions & 0o444 != 0, permissions & 0o222 != 0);
    match OFlags::from_bits_retain(flags) & OFlags::ACCMODE {
        OFlags::WRONLY => writable,
        OFlags::RDWR => readable && writable,
        _ => readable,
    }
}

/// Read a file. As sysfs does: the text is made when it is read from its beginning, and read on from where it was.
pub(super) fn read(
    world: &World,
    node: u64,
    handle: u64,
    offset: u64,
    size: u32,
    scratch: &mut Vec<u8>,
    reply: Reply<'_>,
) {
    let kept = match handles(world).open.get(&handle) {
        Some(Handle::Real(file)) => Err(file.clone()),
        Some(Handle::Text(text)) => Ok(text.clone()),
        Some(Handle::Listing(_)) | None => return reply.error(Errno::EBADF),
    };
    let size = usize::try_from(size).unwrap_or(usize::MAX).min(MESSAGE);
    let text = match kept {
        Ok(Some(text)) if offset > 0 => text,
        Ok(kept) => match text(world, node, kept) {
            Ok(text) => text,
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
    if let Some(Handle::Text(kept)) = handles(world).open.get_mut(&handle) {
        *kept = Some(text.clone());
    }
    let start = usize::try_from(offset).unwrap_or(usize::MAX).min(text.len());
    let end = start.saturating_add(size).min(text.len());
    reply.bytes(&text[start..end]);
}

/// What a file says now.
fn text(world: &World, node: u64, kept: Option<Arc<[u8]>>) -> Result<Arc<[u8]>, Errno> {
    match world.tree.thing(node).as_deref() {
        Some(Thing::Attribute(attribute)) => {
            world.tree.sys().machine().read(attribute).map(Arc::from).ok_or(Errno::ENODEV)
        }
        // The answer to the request that was written last.
        Some(Thing::Session(Item::Control)) => Ok(kept.unwrap_or_else(|| Arc::from([]))),
        Some(Thing::Session(Item::Status(number))) => world.statuses.text(world, *number).map(Arc::from),
        Some(Thing::Session(item)) => Ok(item.text(&world.machine).into()),
        _ => Err(Errno::ENODEV),
    }
}

/// Write to a file; how many bytes were taken.
pub(super) fn write(
    world: &World,
    request: &Request<'_>,
    handle: u64,
    offset: u64,
    bytes: &[u8],
    wait: &dyn Wait,
) -> Result<u32, Errno> {
    let real = match handles(world).open.get(&handle) {
        Some(Handle::Real(file)) => Some(file.clone()),
        Some(Handle::Text(_)) => None,
        Some(Handle::Listing(_)) | None => return Err(Errno::EBADF),
    };
    let written = match (real, world.tree.thing(request.node).as_deref()) {
        (Some(file), _) => {
            rustix::io::pwrite(&*file, bytes, offset).map_err(|error| Errno(error.raw_os_error()))?
        }
        (None, Some(Thing::Attribute(attribute))) => {
            let machine = world.tree.sys().machine();
            let result = machine.write(attribute, bytes, wait);
            if let Some(onlooker) = &world.onlooker {
                let pid = Program::of(world, request.pid).ok().map(|program| program.pid());
                let path = machine.attribute_path(attribute).unwrap_or_default();
                onlooker.wrote(&Write { pid, path: &path, bytes, result: result.as_ref().copied() });
            }
            result.map_err(|refusal| Errno(refusal.errno()))?;
            bytes.len()
        }
        (None, Some(Thing::Session(Item::Control))) => {
            let control = world.control.as_ref().ok_or(Errno::EINVAL)?;
            let answer = control.request(bytes, wait);
            if let Some(Handle::Text(kept)) = handles(world).open.get_mut(&handle) {
                *kept = Some(answer.into());
            }
            bytes.len()
        }
        _ => return Err(Errno::EINVAL),
    };
    u32::try_from(written).map_err(|_| Errno::EINVAL)
}

/// Open a directory: it lists what is there now.
pub(super) fn open_dir(world: &World, node: u64, reply: Reply<'_>) {
    match world.tree.list(node, &world.vfio) {
        Ok(listing) => reply.opened(keep(world, Handle::Listing(Arc::new(listing))), 0),
        Err(errno) => reply.error(errno),
    }
}

/// List an open directory from a position.
pub(super) fn read_dir(
    world: &World,
    node: u64,
    handle: u64,
    offset: u64,
    mut directory: Directory,
    reply: Reply<'_>,
) {
    let listing = match handles(world).open.get(&handle) {
        Some(Handle::Listing(listing)) => listing.clone(),
        _ => return reply.error(Errno::EBADF),
    };
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    for (index, (name, kind)) in listing.iter().enumerate().skip(start) {
        // Only the root's names lead to the same for ever; all others are asked for when they are used.
        let entry = if node == wire::ROOT && directory.detail() == Detail::Entries {
            world.tree.look(node, name, &world.vfio, &world.files).ok()
        } else {
            None
        };
        // Numbers are given when names are looked up; until then any but 0 will do.
        let ino = entry.map_or(node, |entry| entry.node);
        if !directory.push(ino, kind.mode(), name, index as u64 + 1, entry.as_ref()) {
            break;
        }
    }
    reply.bytes(directory.bytes());
}

/// Nothing holds it open any more.
pub(super) fn close(world: &World, handle: u64) {
    handles(world).open.remove(&handle);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_nobody_may_read_opens_for_writing_only() {
        let [read, write, both] = [OFlags::RDONLY, OFlags::WRONLY, OFlags::RDWR].map(|flags| flags.bits());
        let permissions = |permissions| Kind::File { permissions };
        assert!(!permits(permissions(0o200), read) && permits(permissions(0o200), write));
        assert!(permits(permissions(0o444), read) && !permits(permissions(0o444), both));
        assert!(permits(permissions(0o644), both | OFlags::TRUNC.bits()));
    }
}

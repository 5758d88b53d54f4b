//! Requests on the files programs hold: `/dev/vfio/*` and devices.

use rustix::process::Pid;
use uvfio_abi::Errno;
use uvfio_sys::fuse::MESSAGE;
use uvfio_vfio::file::Reply as Answer;

use super::super::World;
use super::super::caller::Program;
use super::super::files::Opening;
use super::super::fuse::{Operation, Reply, Request, wire};

/// `open`.
pub(super) fn open(world: &World, request: &Request<'_>, reply: Reply<'_>) {
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

/// The last reference is gone.
pub(super) fn release(world: &World, node: u64, reply: Reply<'_>) {
    let releasing = world.files.releasing();
    world.files.closed_one();
    reply.done();
    if let Some(open) = world.files.released(node) {
        open.release();
        releasing.done();
    }
}

/// `read` and `write` that were not caught: through another number, by another call, or a page of a mapping.
pub(super) fn transfer(world: &World, request: &Request<'_>, scratch: &mut Vec<u8>, reply: Reply<'_>) {
    let Some(open) = world.files.get(request.node) else { return reply.error(Errno::EBADF) };
    let Ok(program) = Program::of(world, request.pid) else { return reply.error(Errno::EINTR) };
    match request.operation {
        // Registers are no memory: their pages stay away, and each access traps.
        Operation::Read { of_page: true, .. } => {
            if let Some(thread) = i32::try_from(request.pid).ok().and_then(Pid::from_raw) {
                // Where it cannot be traced the access ends the program, and the onlooker has been told why.
                let _ = world.registers.attach(thread);
            }
            reply.error(Errno::EIO);
        }
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
pub(super) fn ioctl(world: &World, request: &Request<'_>, command: u32, argument: u64, reply: Reply<'_>) {
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

//! Serves the calls the seccomp filter catches.
//!
//! The crew's leader receives a call, answers it, and receives the next; a call that is not ours after all is handed back to the
//! kernel. Most of what a call needs, which thread and which file, is what the last one needed: it is kept beside the leader, and
//! holds until a descriptor of that file is closed.

pub mod filter;
mod known;
mod links;
mod modules;
mod stat;
mod statfs;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use uvfio_abi::Errno;
use uvfio_abi::vfio::{VFIO_GROUP_UNSET_CONTAINER, VFIO_IOMMU_MAP_DMA};
use uvfio_kernel::addr::UserAddr;
use uvfio_sys::seccomp::{Listener, Notification, Place};
use uvfio_vfio::caller::Caller;
use uvfio_vfio::file::{File, Mmap, Protection, Reply, Sharing};

use self::known::Known;
use super::World;
use super::caller::{Lookup, Program};
use super::crew::Turn;

/// The most bytes moved in one step of a read or write.
const CHUNK: usize = 128 << 10;
/// `MAX_RW_COUNT`: Linux moves no more in one call.
const MOST: u64 = 0x7fff_f000;

const PAGE: u64 = 4096;

/// Where calls arrive, and what their answers need.
pub struct Desk {
    listener: Listener,
    /// One descriptor at a time is put into programs: the number chosen must still be free then.
    placing: Mutex<()>,
}

/// How a call ends.
enum Outcome {
    /// With this value or error.
    Answer(Result<i64, Errno>),
    /// The kernel serves it.
    Pass,
}

impl Desk {
    /// A desk for this listener.
    #[must_use]
    pub fn new(listener: Listener) -> Self {
        Self { listener, placing: Mutex::new(()) }
    }

    /// Receive and answer until nobody is left or another thread leads.
    pub fn lead(&self, world: &World, mut turn: Turn) {
        let mut known = Known::default();
        let mut scratch = Vec::new();
        // An error of the listener leaves its programs without answers; they are ended with the sandbox.
        while let Ok(Some(call)) = self.listener.receive() {
            turn.begin();
            // A defect in what serves a call must not leave its caller waiting, nor end the calls of all others.
            let served =
                catch_unwind(AssertUnwindSafe(|| self.serve(world, &turn, &call, &mut known, &mut scratch)));
            match served.unwrap_or(Outcome::Answer(Err(Errno::EIO))) {
                // Where the caller is gone there is nobody to answer.
                Outcome::Answer(result) => _ = self.listener.answer(call.id, result.map_err(|errno| errno.0)),
                Outcome::Pass => _ = self.listener.pass(call.id),
            }
            if !turn.end() {
                break;
            }
        }
    }

    fn serve<'a>(
        &self,
        world: &'a World,
        turn: &Turn,
        call: &Notification,
        known: &mut Known<'a>,
        scratch: &mut Vec<u8>,
    ) -> Outcome {
        let number = call.number as u32;
        if modules::is_one(number) {
            return modules::serve(world, call, turn);
        }
        if number == filter::FSTATFS {
            return statfs::serve(world, call);
        }
        if stat::is_one(number) {
            return stat::serve(world, call);
        }
        if links::is_one(number) {
            return links::serve(world, call);
        }
        // The kernel takes 32 bits of a descriptor's number.
        let fd = call.args[if number == filter::MMAP { 4 } else { 0 }] as i32;
        let Some((program, open)) = known.look(world, call.pid, fd) else { return Outcome::Pass };
        let request = call.args[1] as u32;
        if matches!(number, filter::IOCTL | filter::IOCTL_I386)
            && depends_on_closes(&open.file)
            && (world.files.is_unsettled() || request == VFIO_GROUP_UNSET_CONTAINER)
        {
            world.settle();
        }
        let Some(_call) = open.call() else { return Outcome::Answer(Err(Errno::EBADF)) };
        let answer = match number {
            filter::IOCTL | filter::IOCTL_I386 => match open.file.ioctl(program, request, call.args[2]) {
                Ok(Reply::Value(value)) => {
                    if request == VFIO_IOMMU_MAP_DMA && program.process().maps_for_the_first_time() {
                        world.statuses.lay(world, program.process());
                    }
                    Ok(i64::from(value))
                }
                Ok(Reply::NewFile(file)) => self.give(world, call.id, program, file),
                Err(refusal) => Err(world.errno(&refusal)),
            },
            filter::PREAD | filter::PWRITE => {
                let Ok(offset) = u64::try_from(call.args[3] as i64) else { return Outcome::Pass };
                let range = Range { at: UserAddr(call.args[1]), len: call.args[2].min(MOST), offset };
                if number == filter::PREAD {
                    read(world, program, &open.file, range, scratch)
                } else {
                    write(world, program, &open.file, range, scratch)
                }
            }
            filter::LSEEK => Err(Errno::ESPIPE),
            filter::MMAP => return map(world, program, &open.file, &call.args),
            _ => return Outcome::Pass,
        };
        Outcome::Answer(answer)
    }

    /// Put a new file into the caller.
    fn give(&self, world: &World, id: u64, program: &Program<'_>, file: File) -> Result<i64, Errno> {
        let node = world.files.place(file);
        let _one_at_a_time = self.placing.lock().unwrap_or_else(PoisonError::into_inner);
        let free =
            filter::WINDOW.into_iter().find(|number| matches!(program.held(*number as i32), Lookup::Closed));
        let places = free.map(Place::At).into_iter().chain([Place::Anywhere]).collect();
        // Nobody else has it when this returns: what the caller closes then is the last reference.
        let placed = world.opener().map(|opener| opener.give(format!("open/{node}"), id, places));
        match placed {
            Some(Ok(number)) => Ok(i64::from(number)),
            Some(Err(error)) => Err(Errno(error.raw_os_error().unwrap_or(Errno::EMFILE.0))),
            None => Err(Errno::EINTR),
        }
    }
}

/// Whether calls on a file answer otherwise when another file has been closed.
const fn depends_on_closes(file: &File) -> bool {
    match file {
        File::Container(_) | File::Group(_) => true,
        File::Device(_) => false,
    }
}

/// Bytes of the caller's memory, and where in the file they go or come from.
struct Range {
    at: UserAddr,
    len: u64,
    offset: u64,
}

impl Range {
    /// The part that begins `done` bytes further on, at most a chunk; `None` where an address wraps.
    fn step(&self, done: u64) -> Option<(UserAddr, usize, u64)> {
        let len = usize::try_from(self.len - done).unwrap_or(CHUNK).min(CHUNK);
        Some((self.at.checked_add(done)?, len, self.offset.checked_add(done)?))
    }
}

fn read(
    world: &World,
    program: &Program<'_>,
    file: &File,
    range: Range,
    scratch: &mut Vec<u8>,
) -> Result<i64, Errno> {
    transfer(range, scratch, |at, offset, buffer| {
        let length = file.read(program, offset, buffer).map_err(|refusal| world.errno(&refusal))?;
        program.write(at, &buffer[..length]).map_err(|_| Errno::EFAULT)?;
        Ok(length)
    })
}

fn write(
    world: &World,
    program: &Program<'_>,
    file: &File,
    range: Range,
    scratch: &mut Vec<u8>,
) -> Result<i64, Errno> {
    transfer(range, scratch, |at, offset, buffer| {
        program.read(at, buffer).map_err(|_| Errno::EFAULT)?;
        file.write(program, offset, buffer).map_err(|refusal| world.errno(&refusal))
    })
}

/// Move a range step by step until one is short. What was moved before a failure counts.
fn transfer(
    range: Range,
    scratch: &mut Vec<u8>,
    mut step: impl FnMut(UserAddr, u64, &mut [u8]) -> Result<usize, Errno>,
) -> Result<i64, Errno> {
    let mut done = 0;
    loop {
        let (at, len, offset) = range.step(done).ok_or(Errno::EINVAL)?;
        if scratch.len() < len {
            scratch.resize(len, 0);
        }
        match step(at, offset, &mut scratch[..len]) {
            Ok(moved) => done += moved as u64,
            Err(_) if done > 0 => return Ok(done as i64),
            Err(errno) => return Err(errno),
        }
        if done >= range.len || done % CHUNK as u64 != 0 || len == 0 {
            return Ok(done as i64);
        }
    }
}

/// `mmap` of a VFIO file: refused here, or made by the kernel on the FUSE file, whose pages then trap.
fn map(world: &World, program: &Program<'_>, file: &File, args: &[u64; 6]) -> Outcome {
    let [_, len, prot, flags, _, offset] = *args;
    let Some(len) = len.checked_next_multiple_of(PAGE).filter(|len| *len > 0) else { return Outcome::Pass };
    if offset % PAGE != 0 {
        return Outcome::Pass;
    }
    let sharing = if flags & 1 != 0 { Sharing::Shared } else { Sharing::Private };
    let prot = Protection { read: prot & 1 != 0, write: prot & 2 != 0, exec: prot & 4 != 0 };
    match file.mmap(program, Mmap { offset, len, sharing, prot }) {
        Ok(_) => Outcome::Pass,
        Err(refusal) => Outcome::Answer(Err(world.errno(&refusal))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(
        len: u64,
        mut step: impl FnMut(UserAddr, u64, usize) -> Result<usize, Errno>,
    ) -> Result<i64, Errno> {
        let range = Range { at: UserAddr(0x1000), len, offset: 8 };
        transfer(range, &mut Vec::new(), |at, offset, buffer| step(at, offset, buffer.len()))
    }

    #[test]
    fn a_transfer_goes_in_chunks_until_one_is_short() {
        let mut seen = Vec::new();
        let chunk = CHUNK as u64;
        let result = moved(3 * chunk, |at, offset, len| {
            seen.push((at.0, offset, len));
            Ok(if seen.len() == 2 { 100 } else { len })
        });
        assert_eq!(result, Ok(chunk as i64 + 100));
        assert_eq!(seen, [(0x1000, 8, CHUNK), (0x1000 + chunk, 8 + chunk, CHUNK)]);
    }

    #[test]
    fn what_was_moved_before_a_failure_counts() {
        assert_eq!(moved(16, |_, _, _| Err(Errno::EFAULT)), Err(Errno::EFAULT));
        let mut first = true;
        let result =
            moved(
                2 * CHUNK as u64,
                |_, _, len| {
                    if std::mem::take(&mut first) { Ok(len) } else { Err(Errno::EFAULT) }
                },
            );
        assert_eq!(result, Ok(CHUNK as i64));
    }

    #[test]
    fn nothing_is_moved_once_and_asked_about_once() {
        let mut asked = 0;
        let result = moved(0, |_, _, len| {
            asked += 1;
            Ok(len)
        });
        assert_eq!((result, asked), (Ok(0), 1));
    }
}

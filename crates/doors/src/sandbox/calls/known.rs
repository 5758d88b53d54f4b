//! What the leader knows from earlier calls: which file a thread's descriptor stands for.
//!
//! To find out costs several system calls. An answer holds until a descriptor of one of these files is closed anywhere: closing one sends a
//! FLUSH, and `close` (or `dup2`, `execve`, the process's end) does not return before that is served. It is also not trusted for
//! long, because the kernel gives thread numbers out anew.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::World;
use super::super::caller::{Lookup, Program};
use super::super::files::OpenFile;

/// A power of two; threads and descriptors are few, and a clash only costs asking again.
const SLOTS: usize = 64;
/// The kernel does not come back to a thread's number within this.
const TRUSTED: Duration = Duration::from_millis(50);

struct Fact<'a> {
    tid: u32,
    fd: i32,
    since: Instant,
    closes: u64,
    program: Program<'a>,
    open: Arc<OpenFile>,
}

/// The facts known.
pub struct Known<'a> {
    facts: Box<[Option<Fact<'a>>; SLOTS]>,
}

impl Default for Known<'_> {
    fn default() -> Self {
        Self { facts: Box::new([const { None }; SLOTS]) }
    }
}

impl<'a> Known<'a> {
    /// The file a thread's descriptor stands for, and the thread; `None` where it is no file of VFIO.
    pub fn look(&mut self, world: &'a World, tid: u32, fd: i32) -> Option<(&Program<'a>, &Arc<OpenFile>)> {
        let slot = &mut self.facts[(tid as usize).wrapping_mul(31).wrapping_add(fd as usize) % SLOTS];
        let closes = world.files.closes();
        let holds = slot.as_ref().is_some_and(|fact| {
            fact.tid == tid && fact.fd == fd && fact.closes == closes && fact.since.elapsed() < TRUSTED
        });
        if !holds {
            let program = Program::of(world, tid).ok()?;
            *slot = match program.held(fd) {
                Lookup::Vfio(open) => Some(Fact { tid, fd, since: Instant::now(), closes, program, open }),
                Lookup::Closed | Lookup::Other => None,
            };
        }
        slot.as_ref().map(|fact| (&fact.program, &fact.open))
    }
}

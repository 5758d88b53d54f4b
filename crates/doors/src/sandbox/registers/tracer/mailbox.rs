//! Letters to the tracing thread, which waits for processes and can wait for nothing else.
//!
//! It looks into the mailbox between two reports. Whoever posts a letter rings until it has been taken.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::Pid;
use uvfio_sys::ptrace::Bell;

/// How long to wait before ringing again: a ring just before the wait is not heard.
const AGAIN: Duration = Duration::from_millis(1);

/// Starts the thread that takes the letters.
type Start = Box<dyn Fn(&Arc<Mailbox>) -> io::Result<()> + Send + Sync>;

/// The mailbox.
pub struct Mailbox {
    start: Start,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    started: bool,
    closed: bool,
    bell: Option<Bell>,
    posted: u64,
    /// Threads whose letters have been answered: they need post none again.
    traced: HashSet<Pid>,
    letters: Vec<Letter>,
    answers: Vec<(u64, io::Result<()>)>,
}

/// A request to trace the process of a thread.
pub struct Letter {
    number: u64,
    /// The thread.
    pub thread: Pid,
}

impl Mailbox {
    /// An empty mailbox. `start` is called for the first letter.
    pub fn new(start: Start) -> Self {
        Self { start, state: Mutex::default(), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Post a letter and wait for the answer.
    pub fn post(this: &Arc<Self>, thread: Pid) -> io::Result<()> {
        let mut state = this.state();
        if state.traced.contains(&thread) {
            return Ok(());
        }
        if !state.started {
            (this.start)(this)?;
            state.started = true;
        }
        state.posted += 1;
        let number = state.posted;
        state.letters.push(Letter { number, thread });
        this.changed.notify_all();
        loop {
            if let Some(at) = state.answers.iter().position(|(answered, _)| *answered == number) {
                return state.answers.swap_remove(at).1;
            }
            if state.closed {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            if let Some(bell) = state.bell {
                bell.ring();
            }
            state = this.changed.wait_timeout(state, AGAIN).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The tracing thread is there. Returns whether it can be rung for.
    pub fn begin(&self) -> bool {
        let bell = Bell::here().ok();
        let mut state = self.state();
        state.bell = bell;
        state.closed |= bell.is_none();
        bell.is_some()
    }

    /// The next letter.
    pub fn take(&self) -> Option<Letter> {
        self.state().letters.pop()
    }

    /// Answer a letter.
    pub fn answer(&self, letter: Letter, answer: io::Result<()>) {
        let mut state = self.state();
        if answer.is_ok() {
            state.traced.insert(letter.thread);
        }
        state.answers.push((letter.number, answer));
        drop(state);
        self.changed.notify_all();
    }

    /// Threads are not traced any more.
    pub fn forget(&self, gone: impl Fn(&Pid) -> bool) {
        self.state().traced.retain(|thread| !gone(thread));
    }

    /// Wait for a letter or the end, where there is nobody to be rung away from.
    pub fn wait(&self) {
        let state = self.state();
        let empty = |state: &mut State| state.letters.is_empty() && !state.closed;
        drop(self.changed.wait_while(state, empty).unwrap_or_else(PoisonError::into_inner));
    }

    /// Whether the thread is to end.
    pub fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// The thread ends.
    pub fn end(&self) {
        self.state().started = false;
        self.changed.notify_all();
    }

    /// Let the thread end, and wait until it has.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        self.changed.notify_all();
        while state.started {
            if let Some(bell) = state.bell {
                bell.ring();
            }
            state = self.changed.wait_timeout(state, AGAIN).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

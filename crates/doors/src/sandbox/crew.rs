//! Threads that take turns at one source of requests, so that a request that blocks never keeps the next one waiting.
//!
//! One thread at a time, the leader, receives requests and serves each before it receives the next: no hand-over, no queue, and
//! requests begin in the order they came. A leader that knows it is going to block steps down first; one that blocks unawares is
//! relieved by the warden within two ticks. Either way a new thread leads, and the old one ends after its request.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

/// How often the warden looks, while there is anything to look at.
const TICK: Duration = Duration::from_millis(5);

/// What a leader does: receive and serve until [`Turn::end`] says to stop.
type Lead = dyn Fn(Turn) + Send + Sync;

/// One source of requests and who serves it.
pub struct Crew {
    name: &'static str,
    /// The leader's term in the high half; in the low half a count that is odd while a request is served.
    state: AtomicU64,
    warden: Arc<Bell>,
    lead: Box<Lead>,
}

/// Wakes the warden when it sleeps for want of work.
#[derive(Default)]
struct Bell {
    sleeping: AtomicBool,
    closed: AtomicBool,
    thread: Mutex<Option<Thread>>,
}

impl Bell {
    fn ring(&self) {
        if self.sleeping.load(Ordering::SeqCst) {
            self.unpark();
        }
    }

    fn unpark(&self) {
        if let Some(thread) = &*self.thread.lock().unwrap_or_else(PoisonError::into_inner) {
            thread.unpark();
        }
    }
}

/// The right to lead, for one term.
pub struct Turn {
    crew: Arc<Crew>,
    term: u64,
    served: u64,
}

const fn state(term: u64, count: u64) -> u64 {
    (term << 32) | (count & 0xffff_ffff)
}

impl Crew {
    fn start(self: &Arc<Self>, term: u64) -> io::Result<()> {
        let turn = Turn { crew: self.clone(), term, served: 0 };
        let crew = self.clone();
        thread::Builder::new().name(self.name.to_owned()).spawn(move || (crew.lead)(turn))?;
        Ok(())
    }

    /// Take the lead from whoever serves the request of `seen`; the term of the next leader. `None` where it is served meanwhile.
    fn take(&self, seen: u64) -> Option<u64> {
        let term = (seen >> 32) + 1;
        let taken = self.state.compare_exchange(seen, state(term, 0), Ordering::SeqCst, Ordering::SeqCst);
        taken.is_ok().then_some(term)
    }
}

impl Turn {
    /// A request was received.
    pub fn begin(&mut self) {
        self.served += 1;
        // Nobody else changes the state while no request is served.
        self.crew.state.store(state(self.term, self.served * 2 - 1), Ordering::SeqCst);
        self.crew.warden.ring();
    }

    /// Serving the request may block: let another thread lead from now on. Where the system has no thread to give, this one goes on
    /// leading, and requests wait for it.
    pub fn step_down(&self) {
        let now = state(self.term, self.served * 2 - 1);
        if let Some(term) = self.crew.take(now)
            && self.crew.start(term).is_err()
        {
            // The new term has no leader that could have changed anything.
            self.crew.state.store(now, Ordering::SeqCst);
        }
    }

    /// The request is served. Whether this thread still leads; if not, it must not receive another.
    #[must_use]
    pub fn end(&mut self) -> bool {
        let (now, next) = (state(self.term, self.served * 2 - 1), state(self.term, self.served * 2));
        self.crew.state.compare_exchange(now, next, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

/// Watches over crews and relieves leaders that block. Dropping it ends the watch, soon; crews end with their sources.
pub struct Warden {
    bell: Arc<Bell>,
    crews: Arc<Mutex<Vec<Arc<Crew>>>>,
}

impl Warden {
    /// A warden without crews.
    ///
    /// # Errors
    /// Where no thread can be had.
    pub fn new() -> io::Result<Self> {
        let bell = Arc::new(Bell::default());
        let crews = Arc::<Mutex<Vec<Arc<Crew>>>>::default();
        let thread = {
            let (bell, crews) = (bell.clone(), crews.clone());
            thread::Builder::new().name("warden".to_owned()).spawn(move || watch(&bell, &crews))?
        };
        *bell.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread.thread().clone());
        Ok(Self { bell, crews })
    }

    /// Start serving a source: `lead` is called on a thread of its own for each term.
    ///
    /// # Errors
    /// Where no thread can be had.
    pub fn add(&self, name: &'static str, lead: impl Fn(Turn) + Send + Sync + 'static) -> io::Result<()> {
        let crew = Arc::new(Crew {
            name,
            state: AtomicU64::new(0),
            warden: self.bell.clone(),
            lead: Box::new(lead),
        });
        crew.start(0)?;
        self.crews.lock().unwrap_or_else(PoisonError::into_inner).push(crew);
        Ok(())
    }
}

impl Drop for Warden {
    fn drop(&mut self) {
        self.bell.closed.store(true, Ordering::SeqCst);
        self.bell.unpark();
    }
}

fn watch(bell: &Bell, crews: &Mutex<Vec<Arc<Crew>>>) {
    let mut seen: Vec<u64> = Vec::new();
    while !bell.closed.load(Ordering::SeqCst) {
        let crews = crews.lock().unwrap_or_else(PoisonError::into_inner).clone();
        bell.sleeping.store(true, Ordering::SeqCst);
        let now: Vec<u64> = crews.iter().map(|crew| crew.state.load(Ordering::SeqCst)).collect();
        if now == seen && now.iter().all(|state| state % 2 == 0) {
            thread::park();
            bell.sleeping.store(false, Ordering::SeqCst);
            continue;
        }
        bell.sleeping.store(false, Ordering::SeqCst);
        for (crew, (now, before)) in crews.iter().zip(now.iter().zip(&seen)) {
            if now == before && now % 2 == 1 {
                relieve(crew, *now);
            }
        }
        seen = now;
        thread::park_timeout(TICK);
    }
}

/// Find a new leader for a crew whose own is blocked. Until the system has a thread to give, nothing else can be done.
fn relieve(crew: &Arc<Crew>, seen: u64) {
    if let Some(term) = crew.take(seen) {
        while crew.start(term).is_err() {
            thread::sleep(TICK);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    enum Job {
        Block(Receiver<()>),
        Say(u32),
        StepDownAndBlock(Receiver<()>),
    }

    fn crew(warden: &Warden) -> (Sender<Job>, Receiver<u32>) {
        let (jobs, source) = channel();
        let (answers, heard) = channel();
        let source = Mutex::new(source);
        let lead = move |mut turn: Turn| {
            loop {
                let Ok(job) = source.lock().unwrap_or_else(PoisonError::into_inner).recv() else { break };
                turn.begin();
                match job {
                    Job::Say(word) => answers.send(word).expect("somebody listens"),
                    Job::Block(until) => _ = until.recv(),
                    Job::StepDownAndBlock(until) => {
                        turn.step_down();
                        let _ = until.recv();
                    }
                }
                if !turn.end() {
                    break;
                }
            }
        };
        warden.add("test", lead).expect("a thread");
        (jobs, heard)
    }

    #[test]
    fn a_request_that_blocks_does_not_keep_the_next_one_waiting() {
        let warden = Warden::new().expect("a thread");
        let (jobs, heard) = crew(&warden);
        let (end, until) = channel();
        jobs.send(Job::Say(1)).expect("a crew");
        jobs.send(Job::Block(until)).expect("a crew");
        jobs.send(Job::Say(2)).expect("a crew");
        assert_eq!((heard.recv(), heard.recv()), (Ok(1), Ok(2)));
        drop(end);
    }

    #[test]
    fn a_leader_may_step_down_first() {
        let warden = Warden::new().expect("a thread");
        let (jobs, heard) = crew(&warden);
        let held: Vec<_> = (0..3)
            .map(|word| {
                let (end, until) = channel();
                jobs.send(Job::StepDownAndBlock(until)).expect("a crew");
                jobs.send(Job::Say(word)).expect("a crew");
                end
            })
            .collect();
        assert_eq!(heard.iter().take(3).collect::<Vec<_>>(), [0, 1, 2]);
        drop(held);
    }
}

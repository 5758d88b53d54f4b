//! Eventfds as a program has them: taken by number from this very process.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};
use rustix::process::{PidfdFlags, getpid, pidfd_open};

use super::*;

/// Long enough for anything that happens at all.
const SOON: Duration = Duration::from_secs(20);

struct Tell(Sender<()>);

impl Watcher for Tell {
    fn signalled(&self) {
        self.0.send(()).expect("somebody listens");
    }
}

fn teller() -> (Arc<Tell>, Receiver<()>) {
    let (tell, told) = channel();
    (Arc::new(Tell(tell)), told)
}

fn own() -> OwnedFd {
    pidfd_open(getpid(), PidfdFlags::empty()).expect("this process is there")
}

fn count(fd: &OwnedFd) -> u64 {
    Facts::of(fd).expect("it is an eventfd").count
}

#[test]
fn descriptors_are_told_apart() {
    let eventfds = EventFds::default();
    let fd = eventfd(0, EventfdFlags::CLOEXEC).expect("an eventfd can be made");
    let file = fs::File::open("/proc/self/status").expect("it is there");
    let taken = eventfds.take(own(), fd.as_raw_fd()).expect("it is an eventfd");
    let copy = fd.try_clone().expect("it can be duplicated");
    let again = eventfds.take(own(), copy.as_raw_fd()).expect("it is an eventfd");
    assert!(Arc::ptr_eq(&taken, &again));
    assert_eq!(eventfds.take(own(), file.as_raw_fd()).err(), Some(NoEventFd::NotAnEventFd));
    assert_eq!(eventfds.take(own(), -1).err(), Some(NoEventFd::Closed));
    assert_eq!(eventfds.take(own(), 1 << 20).err(), Some(NoEventFd::Closed));
    assert!(!taken.is_held(), "this process does not count");
}

#[test]
fn a_full_counter_stops_nobody() {
    let eventfds = EventFds::default();
    let fd = eventfd(0, EventfdFlags::CLOEXEC).expect("an eventfd can be made");
    let taken = eventfds.take(own(), fd.as_raw_fd()).expect("it is an eventfd");
    assert!(!taken.is_readable());
    taken.signal();
    assert!(taken.is_readable());
    assert_eq!(count(&fd), 1);
    rustix::io::write(&fd, &(u64::MAX - 2).to_ne_bytes()).expect("it fits");
    taken.signal();
    assert_eq!(count(&fd), u64::MAX - 1);
}

#[test]
fn each_watcher_is_called_for_each_signal_and_the_counter_is_taken() {
    let eventfds = EventFds::default();
    let fd = eventfd(0, EventfdFlags::CLOEXEC).expect("an eventfd can be made");
    let taken = eventfds.take(own(), fd.as_raw_fd()).expect("it is an eventfd");
    let ((one, one_told), (other, other_told)) = (teller(), teller());
    let first = taken.watch(one);
    let _second = taken.watch(other);
    taken.signal();
    one_told.recv_timeout(SOON).expect("it was signalled");
    other_told.recv_timeout(SOON).expect("it was signalled");
    assert_eq!(count(&fd), 0);
    drop(first);
    taken.signal();
    other_told.recv_timeout(SOON).expect("it was signalled");
    assert!(one_told.try_recv().is_err(), "its watch has ended");
}

#[test]
fn what_was_readable_before_is_neither_told_nor_taken() {
    let eventfds = EventFds::default();
    let fd = eventfd(5, EventfdFlags::CLOEXEC).expect("an eventfd can be made");
    let taken = eventfds.take(own(), fd.as_raw_fd()).expect("it is an eventfd");
    let (tell, told) = teller();
    let _watch = taken.watch(tell);
    // Another eventfd is served by the same thread afterwards, so the first has been by then.
    let other = eventfd(0, EventfdFlags::CLOEXEC).expect("an eventfd can be made");
    let other = eventfds.take(own(), other.as_raw_fd()).expect("it is an eventfd");
    let (tell_other, told_other) = teller();
    let _other_watch = other.watch(tell_other);
    other.signal();
    told_other.recv_timeout(SOON).expect("it was signalled");
    assert!(told.try_recv().is_err());
    assert_eq!(count(&fd), 5);
    taken.signal();
    told.recv_timeout(SOON).expect("it was signalled");
    assert_eq!(count(&fd), 0);
}

#[test]
fn a_watch_may_end_within_its_own_call() {
    struct Once(Mutex<Option<Box<dyn Watch>>>, Sender<()>);
    impl Watcher for Once {
        fn signalled(&self) {
            drop(self.0.lock().expect("nobody panics").take());
            self.1.send(()).expect("somebody listens");
        }
    }
    let eventfds = EventFds::default();
    let fd = eventfd(0, EventfdFlags::CLOEXEC).expect("an eventfd can be made");
    let taken = eventfds.take(own(), fd.as_raw_fd()).expect("it is an eventfd");
    let (tell, told) = channel();
    let once = Arc::new(Once(Mutex::new(None), tell));
    *once.0.lock().expect("nobody panics") = Some(taken.watch(once.clone()));
    taken.signal();
    told.recv_timeout(SOON).expect("it was signalled");
    taken.signal();
    assert!(taken.is_readable(), "nobody watches any more");
}

#[test]
fn fdinfo_is_parsed() {
    let text = "pos:\t0\nflags:\t02\nino:\t1\neventfd-count:               1a\neventfd-id: 12\n";
    assert_eq!(Facts::parse(text), Some(Facts { count: 26, id: 12 }));
    assert_eq!(Facts::parse("pos:\t0\nflags:\t02\n"), None);
}

#[test]
fn a_signal_is_taken_by_its_watchers_before_it_returns() {
    let eventfds = EventFds::default();
    let fd = eventfd(0, EventfdFlags::CLOEXEC).expect("an eventfd can be made");
    let taken = eventfds.take(own(), fd.as_raw_fd()).expect("it is an eventfd");
    let (tell, told) = teller();
    let _watch = taken.watch(tell);
    taken.signal();
    assert_eq!(count(&fd), 0);
    told.try_recv().expect("it was told already");
}

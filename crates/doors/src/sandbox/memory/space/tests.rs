//! An address space against a real process: a child that is written to, shares files, executes something else, and ends.

use std::process::{Child, Command, Stdio};

use rustix::process::{Signal, kill_process};

use super::*;

/// A process that is stopped, so that its memory may be overwritten.
struct Sleeper(Child);

impl Sleeper {
    fn new() -> Self {
        let child =
            Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().expect("sleep can be started");
        kill_process(Pid::from_child(&child), Signal::STOP).expect("it is our child");
        Self(child)
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }

    /// Its stack, which is 132 KiB when a program begins.
    fn stack(&self) -> Area {
        let maps = Maps::of(self.pid()).expect("the process is there");
        let areas = maps.all().expect("its mappings can be read");
        *areas.iter().rfind(|area| area.write && area.inode == 0).expect("a process has a stack")
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.kill().expect("it is our child");
        self.0.wait().expect("it is our child");
    }
}

#[test]
fn memory_is_read_and_written_in_small_and_large_pieces() {
    let sleeper = Sleeper::new();
    let area = sleeper.stack();
    let spaces = Spaces::new(None);
    let space = spaces.of(sleeper.pid()).expect("the process is there");
    for len in [1, 8, 100, 0x7000] {
        let bytes: Vec<u8> = (0..len).map(|n| (n * 7 + len) as u8).collect();
        space.write(UserAddr(area.start), &bytes).expect("it is mapped");
        let mut read = vec![0; len];
        space.read(UserAddr(area.start), &mut read).expect("it is mapped");
        assert_eq!(read, bytes);
    }
    let end = UserAddr(area.end);
    for len in [16, 0x8000] {
        let before = UserAddr(end.0 - 8);
        assert_eq!(space.read(before, &mut vec![0; len]), Err(MemoryGone { at: end }));
        assert_eq!(space.write(before, &vec![0; len]), Err(MemoryGone { at: end }));
    }
    let mapped = space.mapped(UserAddr(area.start + 16), 1 << 40).expect("it is mapped");
    assert_eq!(mapped, Mapped { len: area.end - area.start - 16, read: true, write: true, device: false });
}

#[test]
fn a_copy_stops_where_memory_ends() {
    let sleeper = Sleeper::new();
    let area = sleeper.stack();
    let spaces = Spaces::new(None);
    let space = spaces.of(sleeper.pid()).expect("the process is there");
    space.write(UserAddr(area.start), &[0x5a; 0x4000]).expect("it is mapped");
    space
        .copy(UserAddr(area.start), &*space, UserAddr(area.start + 0x4000), 0x4000)
        .expect("both are mapped");
    let mut read = [0; 0x4000];
    space.read(UserAddr(area.start + 0x4000), &mut read).expect("it is mapped");
    assert_eq!(read, [0x5a; 0x4000]);
    let (done, gone, access) =
        space.copy(UserAddr(area.start), &*space, UserAddr(8), 0x4000).expect_err("nothing is at 8");
    assert_eq!((done, gone.at, access), (0, UserAddr(8), Access::Write));
    let (done, gone, access) =
        space.copy(UserAddr(8), &*space, UserAddr(area.start), 8).expect_err("nothing is at 8");
    assert_eq!((done, gone.at, access), (0, UserAddr(8), Access::Read));
}

#[test]
fn memory_is_gone_when_the_process_is() {
    let sleeper = Sleeper::new();
    let area = sleeper.stack();
    let spaces = Spaces::new(None);
    let space = spaces.of(sleeper.pid()).expect("the process is there");
    assert!(Arc::ptr_eq(&space, &spaces.of(sleeper.pid()).expect("it still is")));
    drop(sleeper);
    assert!(!space.is_alive());
    assert_eq!(space.mapped(UserAddr(area.start), 8), None);
    for len in [8, 0x8000] {
        assert_eq!(
            space.read(UserAddr(area.start), &mut vec![0; len]),
            Err(MemoryGone { at: UserAddr(area.start) })
        );
        assert_eq!(
            space.write(UserAddr(area.start), &vec![0; len]),
            Err(MemoryGone { at: UserAddr(area.start) })
        );
    }
}

#[test]
fn memory_is_gone_when_another_program_is_executed() {
    // The shell waits for a line and then becomes another program under the same number.
    let mut child = Command::new("sh")
        .args(["-c", "read line; exec sleep 1000"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("sh can be started");
    let stdin = child.stdin.take();
    let sleeper = Sleeper(child);
    let area = sleeper.stack();
    let spaces = Spaces::new(None);
    let before = spaces.of(sleeper.pid()).expect("the process is there");
    drop(stdin);
    while before.is_alive() {
        std::thread::yield_now();
    }
    let after = spaces.of(sleeper.pid()).expect("the process still is there");
    assert_ne!(before.id(), after.id());
    assert!(before.read(UserAddr(area.start), &mut [0; 8]).is_err());
    assert!(before.write(UserAddr(area.start), &[0; 0x8000]).is_err());
}

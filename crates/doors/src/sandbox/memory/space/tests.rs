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

/// The variable that makes this test program play the other process.
const PART: &str = "UVFIO_TEST_SHARES";

/// A process that maps a file shared, shortens it for the first line it reads, and unmaps it for the second.
#[test]
fn plays_a_process_that_shares() {
    use rustix::fs::{MemfdFlags, fstat, ftruncate, memfd_create};
    if std::env::var_os(PART).is_none() {
        return;
    }
    let file = memfd_create("shared", MemfdFlags::CLOEXEC).expect("a memfd can be made");
    ftruncate(&file, 0x10_0000).expect("it can grow");
    let mapping = SharedMapping::new(&file, 0, 0x10_0000).expect("it can be mapped");
    mapping.write(0x1_0000, &[0x5a; 0x1_0000]).expect("inside");
    let listen = || std::io::stdin().read_line(&mut String::new()).expect("somebody tells");
    println!(":{}:", fstat(&file).expect("it is open").st_ino);
    listen();
    let mut seen = [0; 2];
    mapping.read(0x4_ffff, &mut seen).expect("inside");
    println!(":{}:", u16::from_le_bytes(seen));
    ftruncate(&file, 0x1000).expect("it can shrink");
    println!(":0:");
    listen();
    drop(mapping);
    println!(":0:");
    listen();
}

#[test]
fn shared_files_are_reached_through_a_window() {
    use std::io::{BufRead, BufReader, Write};
    let mut child = Command::new(std::env::current_exe().expect("this is a program"))
        .args(["--exact", "sandbox::memory::space::tests::plays_a_process_that_shares", "--nocapture"])
        .env(PART, "")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it can be started");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut told = child.stdin.take().expect("piped");
    let mut says = || loop {
        let line = lines.next().expect("it goes on").expect("it can be read");
        if let Some(number) = line.split(':').nth(1).and_then(|number| number.parse::<u64>().ok()) {
            return number;
        }
    };
    let sleeper = Sleeper(child);
    let inode = says();
    let areas = Maps::of(sleeper.pid()).expect("it is there").all().expect("it has mappings");
    let area = *areas.iter().find(|area| area.inode == inode).expect("it maps the file");
    let at = |offset: u64| UserAddr(area.start + offset);
    let spaces = Spaces::new(None);
    let space = spaces.of(sleeper.pid()).expect("the process is there");

    let mut bytes = vec![0; 0x1_0000];
    space.read(at(0x1_0000), &mut bytes).expect("it is mapped");
    assert!(bytes.iter().all(|byte| *byte == 0x5a));
    assert!(matches!(space.windows.at(area.start), Remembered::Window(..)), "it is not a window");
    space.copy(at(0x1_0000), &*space, at(0x4_0000), 0x1_0000).expect("both are mapped");
    space.write(at(0x5_0000), &[0xa5]).expect("it is mapped");
    // Between a window and other memory, both ways.
    let stack = sleeper.stack();
    space.copy(at(0x1_0000), &*space, UserAddr(stack.start), 0x8000).expect("both are mapped");
    space.copy(UserAddr(stack.start), &*space, at(0x8_0000), 0x8000).expect("both are mapped");
    space.read(at(0x8_0000), &mut bytes[..0x8000]).expect("it is mapped");
    assert!(bytes.iter().all(|byte| *byte == 0x5a));

    writeln!(told).expect("it listens");
    assert_eq!(says(), 0xa55a);
    assert_eq!(says(), 0);
    let shortened = MemoryGone { at: at(0x1000) };
    assert_eq!(space.read(at(0), &mut bytes), Err(shortened));
    assert_eq!(space.write(at(0), &bytes), Err(shortened));
    let (done, gone, access) = space.copy(at(0), &*space, at(0x800), 0x1_0000).expect_err("it is shorter");
    assert_eq!((done, gone.at, access), (0x800, at(0x1000), Access::Write));
    writeln!(told).expect("it listens");
    assert_eq!(says(), 0);
    assert_eq!(space.read(at(0), &mut bytes[..8]), Err(MemoryGone { at: at(0) }));
    assert_eq!(space.mapped(at(0), 8), None);
}

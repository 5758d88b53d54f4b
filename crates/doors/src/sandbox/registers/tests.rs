//! The tracer and a real program: this test program itself, started anew to play a part.
//!
//! Its registers are a file of length 0. An access to a mapping of it ends in SIGBUS, as one to a page that FUSE does not give.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use rustix::fs::{MemfdFlags, fstat, major, memfd_create, minor};
use rustix::process::{Signal, kill_process};
use uvfio_sys::memory::SharedMapping;

use super::*;

/// The variable that names a part.
const PART: &str = "UVFIO_TEST_PART";
/// Bytes mapped.
const LEN: usize = 0x2000;

/// One load or store that reached the device.
type Access = (&'static str, u64, Width, u64);

/// A device that notes every access and answers loads by their offset.
struct Device {
    place: (u32, u32, u64),
    accesses: Mutex<Vec<Access>>,
}

impl RegisterFiles for Device {
    fn device(&self) -> (u32, u32) {
        (self.place.0, self.place.1)
    }

    fn has(&self, inode: u64) -> bool {
        inode == self.place.2
    }

    fn load(&self, _: u64, offset: u64, width: Width) -> Option<u64> {
        let value = answer(offset) & width.mask();
        self.accesses.lock().expect("nobody panics").push(("load", offset, width, value));
        Some(value)
    }

    fn store(&self, _: u64, offset: u64, width: Width, value: u64) -> Option<()> {
        self.accesses.lock().expect("nobody panics").push(("store", offset, width, value));
        Some(())
    }
}

fn answer(offset: u64) -> u64 {
    0x8877_6655_4433_2211_u64.wrapping_add(offset)
}

/// The program with its part.
struct Program {
    child: Child,
    says: BufReader<ChildStdout>,
    told: ChildStdin,
    device: Arc<Device>,
    registers: Registers,
}

impl Program {
    fn new(part: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this is a program"))
            .args(["--exact", "sandbox::registers::tests::plays_a_part", "--nocapture"])
            .env(PART, part)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it can be started");
        let mut says = BufReader::new(child.stdout.take().expect("piped"));
        let told = child.stdin.take().expect("piped");
        let place = said(&mut says);
        let [major, minor, inode] = place[..] else { panic!("{place:?}") };
        let device =
            Arc::new(Device { place: (major as u32, minor as u32, inode), accesses: Mutex::default() });
        let registers = Registers::new(device.clone(), None);
        registers.attach(Pid::from_child(&child)).expect("a child may be traced");
        Self { child, says, told, device, registers }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn go(&mut self) {
        writeln!(self.told).expect("it listens");
    }

    fn says(&mut self) -> Vec<u64> {
        said(&mut self.says)
    }

    /// Wait for the end. Whoever traces a child of its own process has waited for it already, so its status is not to be had.
    fn ends(&mut self) {
        let mut rest = String::new();
        self.says.read_to_string(&mut rest).expect("it can be read");
    }

    fn accesses(&self) -> Vec<Access> {
        std::mem::take(&mut *self.device.accesses.lock().expect("nobody panics"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// The numbers on the next line of a program that begins with a colon.
fn said(says: &mut impl BufRead) -> Vec<u64> {
    let mut line = String::new();
    loop {
        line.clear();
        assert_ne!(says.read_line(&mut line).expect("it can be read"), 0, "it has ended");
        // The test harness may have written the test's name before it.
        if let Some((_, numbers)) = line.split_once(':')
            && let Ok(numbers) = numbers.split_whitespace().map(|number| number.parse()).collect()
        {
            return numbers;
        }
    }
}

fn say(numbers: &[u64]) {
    let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
    println!(":{}", numbers.join(" "));
}

fn listen() {
    std::io::stdin().read_line(&mut String::new()).expect("somebody tells");
}

fn load<const N: usize>(mapping: &SharedMapping, at: usize) -> u64 {
    let mut bytes = [0; N];
    mapping.read(at, &mut bytes).expect("it is a register");
    let mut wide = [0; 8];
    wide[..N].copy_from_slice(&bytes);
    u64::from_le_bytes(wide)
}

/// What the program does; nothing when the tests run.
#[test]
fn plays_a_part() {
    let Ok(part) = std::env::var(PART) else { return };
    let file = memfd_create("registers", MemfdFlags::CLOEXEC).expect("a memfd can be made");
    let mapping = Arc::new(SharedMapping::new(&file, 0, LEN).expect("it can be mapped"));
    let stat = fstat(&file).expect("it is open");
    say(&[u64::from(major(stat.st_dev)), u64::from(minor(stat.st_dev)), stat.st_ino]);
    listen();
    match part.as_str() {
        "widths" => {
            for _ in 0..2 {
                say(&[
                    load::<1>(&mapping, 1),
                    load::<2>(&mapping, 2),
                    load::<4>(&mapping, 4),
                    load::<8>(&mapping, 8),
                ]);
                mapping.write(0x1001, &[0x5a]).expect("a register");
                mapping.write(0x1ffc, &0x1234_5678_u32.to_le_bytes()).expect("a register");
            }
            let mut bytes = [0; 5];
            mapping.read(0xffe, &mut bytes).expect("registers");
            say(&bytes.map(u64::from));
        }
        "threads" => {
            let threads: Vec<_> = (0..4)
                .map(|n| {
                    let mapping = mapping.clone();
                    std::thread::spawn(move || (0..100).map(|_| load::<4>(&mapping, 4 * n)).sum::<u64>())
                })
                .collect();
            let sums: Vec<u64> = threads.into_iter().map(|thread| thread.join().expect("it loads")).collect();
            say(&sums);
        }
        "stops" => {
            say(&[load::<4>(&mapping, 0)]);
            listen();
            say(&[load::<4>(&mapping, 4)]);
        }
        "executes" => {
            say(&[load::<4>(&mapping, 0)]);
            let status = Command::new("true").status().expect("true can be started");
            say(&[u64::from(status.success()), load::<4>(&mapping, 0)]);
        }
        "endless" => {
            say(&[]);
            loop {
                load::<4>(&mapping, 0);
            }
        }
        other => panic!("no such part: {other}"),
    }
}

#[test]
fn each_access_reaches_the_device_in_its_width() {
    let mut program = Program::new("widths");
    program.go();
    let expected = [answer(1) & 0xff, answer(2) & 0xffff, answer(4) & 0xffff_ffff, answer(8)];
    for _ in 0..2 {
        assert_eq!(program.says(), expected);
    }
    assert_eq!(program.says(), [0, 1, 2, 3, 4].map(|n| answer(0xffe + n) & 0xff));
    let mut accesses = program.accesses();
    let bytes = accesses.split_off(12);
    let (first, second) = accesses.split_at(6);
    assert_eq!(first, second, "the first faults differ from those of hidden pages");
    assert_eq!(
        first,
        [
            ("load", 1, Width::Byte, expected[0]),
            ("load", 2, Width::Half, expected[1]),
            ("load", 4, Width::Word, expected[2]),
            ("load", 8, Width::Double, expected[3]),
            ("store", 0x1001, Width::Byte, 0x5a),
            ("store", 0x1ffc, Width::Word, 0x1234_5678),
        ]
    );
    assert_eq!(bytes.len(), 5);
    assert!(bytes.iter().all(|(_, _, width, _)| *width == Width::Byte));
    program.ends();
}

#[test]
fn threads_made_later_are_traced_too() {
    let mut program = Program::new("threads");
    program.go();
    let expected: Vec<u64> = (0..4).map(|n| 100 * (answer(4 * n) & 0xffff_ffff)).collect();
    assert_eq!(program.says(), expected);
    assert_eq!(program.accesses().len(), 400);
    program.ends();
}

#[test]
fn a_stopped_program_stays_stopped_until_it_is_continued() {
    let mut program = Program::new("stops");
    program.go();
    assert_eq!(program.says(), [answer(0) & 0xffff_ffff]);
    kill_process(program.pid(), Signal::STOP).expect("it is there");
    let status = format!("/proc/{}/status", program.pid().as_raw_nonzero());
    // A stop under a tracer is called a tracing stop. It waits for a line, so that it does not stop for an access.
    while !std::fs::read_to_string(&status).expect("it is there").contains("State:\tt") {
        std::thread::yield_now();
    }
    kill_process(program.pid(), Signal::CONT).expect("it is there");
    program.go();
    assert_eq!(program.says(), [answer(4) & 0xffff_ffff]);
    program.ends();
}

#[test]
fn a_forked_child_may_execute_another_program() {
    let mut program = Program::new("executes");
    program.go();
    assert_eq!(program.says(), [answer(0) & 0xffff_ffff]);
    assert_eq!(program.says(), [1, answer(0) & 0xffff_ffff]);
    program.ends();
}

#[test]
fn a_program_killed_amid_accesses_only_ends() {
    for signal in [Signal::KILL, Signal::TERM] {
        let mut program = Program::new("endless");
        program.go();
        assert_eq!(program.says(), []);
        while program.device.accesses.lock().expect("nobody panics").len() < 10 {
            std::thread::yield_now();
        }
        kill_process(program.pid(), signal).expect("it is there");
        program.ends();
        // Another can be traced by the same thread afterwards.
        let error = program.registers.attach(rustix::process::getpid()).expect_err("it is this process");
        assert_eq!(rustix::io::Errno::from_io_error(&error), Some(rustix::io::Errno::PERM));
    }
}

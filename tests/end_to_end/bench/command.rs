//! The built `uvfio`, run with a time limit, with its output caught and with nothing of it left afterwards.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Far more than any of these runs takes on a slow machine: what it finds is a hang.
const LIMIT: Duration = Duration::from_secs(120);

/// The variable by which a run's processes are found again.
const MARK: &str = "UVFIO_END_TO_END_RUN";

static RUNS: AtomicU32 = AtomicU32::new(0);

/// The command under test.
pub fn uvfio() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_uvfio"))
}

/// A command line being put together.
pub struct Run {
    command: Command,
    mark: String,
}

/// What a finished run said.
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Its stdout.
    pub stdout: String,
    /// Its stderr.
    pub stderr: String,
}

/// A run under way.
pub struct Running {
    child: Child,
    mark: String,
    stdout: JoinHandle<String>,
    stderr: JoinHandle<String>,
}

impl Run {
    /// `uvfio ARGS...`
    pub fn new<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Self {
        Self::of(uvfio(), args)
    }

    /// Another program that ends up in uvfio.
    pub fn of<S: AsRef<OsStr>>(program: &Path, args: impl IntoIterator<Item = S>) -> Self {
        let mark = format!("{}-{}", std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed));
        let mut command = Command::new(program);
        command.args(args).env(MARK, &mark).env_remove("UVFIO_REQUIRE");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Run { command, mark }
    }

    /// More arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// With a variable in its environment.
    pub fn set(mut self, name: &str, value: &Path) -> Self {
        self.command.env(name, value);
        self
    }

    /// In another folder.
    pub fn folder(mut self, folder: &str) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// As another user.
    pub fn user(mut self, id: u32) -> Self {
        self.command.uid(id).gid(id);
        self
    }

    /// Begin.
    pub fn start(mut self) -> Running {
        let mut child = self.command.spawn().expect("the command starts");
        let stdout = drain(child.stdout.take().expect("stdout is a pipe"));
        let stderr = drain(child.stderr.take().expect("stderr is a pipe"));
        Running { child, mark: self.mark, stdout, stderr }
    }

    /// Run to the end and check that nothing is left of it.
    pub fn finish(self) -> Finished {
        self.start().finish()
    }
}

impl Running {
    /// The command's process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// A process of this run by a word of its command line, uvfio's own aside.
    pub fn process(&self, word: &str) -> Option<i32> {
        let entry = format!("{MARK}={}", self.mark);
        let folders = std::fs::read_dir("/proc").ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        let mut found = folders.filter(|folder| carries(folder, &entry) && first_word(folder).contains(word));
        found.next()?.file_name()?.to_str()?.parse().ok()
    }

    /// SIGKILL for the command itself.
    pub fn kill(&mut self) {
        self.child.kill().expect("the command can be killed");
    }

    /// Wait for the end and check that nothing is left.
    pub fn finish(mut self) -> Finished {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("the command can be waited for") {
                break status;
            }
            if begun.elapsed() > LIMIT {
                let processes = marked(&self.mark);
                let _ = self.child.kill();
                panic!("the command hangs; its processes: {processes:?}");
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        nothing_left(&self.mark);
        let stdout = self.stdout.join().expect("stdout was read");
        let stderr = self.stderr.join().expect("stderr was read");
        Finished { status, stdout, stderr }
    }
}

impl Finished {
    /// The exit status as a shell shows it.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| 128 + self.status.signal().unwrap_or(0))
    }

    /// It must have ended with this status; its output is shown where it did not.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

fn drain(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).expect("a pipe can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Nothing of a run may remain once the command has ended: no process (the kernel may need a moment to end the last ones), and no
/// mount, which could only be seen from here if it had been made in our namespace.
fn nothing_left(mark: &str) {
    let begun = Instant::now();
    loop {
        let left = marked(mark);
        if left.is_empty() {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "processes left behind: {left:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let ours: Vec<&str> = mounts.lines().filter(|line| line.contains("uvfio")).collect();
    assert!(ours.is_empty(), "mounts left behind: {ours:?}");
}

/// Live processes of a run: those with its mark in their environment.
fn marked(mark: &str) -> Vec<String> {
    let entry = format!("{MARK}={mark}");
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let folders = processes.filter_map(|entry| Some(entry.ok()?.path()));
    folders.filter(|folder| carries(folder, &entry)).map(|folder| describe(&folder)).collect()
}

fn carries(folder: &Path, entry: &str) -> bool {
    // A process that has ended and was not collected yet has an empty environment.
    let environment = std::fs::read(folder.join("environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|one| one == entry.as_bytes())
}

fn first_word(folder: &Path) -> String {
    let line = std::fs::read(folder.join("cmdline")).unwrap_or_default();
    String::from_utf8_lossy(line.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}

fn describe(folder: &Path) -> String {
    let line = std::fs::read(folder.join("cmdline")).unwrap_or_default();
    format!("{} {}", folder.display(), String::from_utf8_lossy(&line).replace('\0', " "))
}

//! A traced program's memory as the tracer needs it: where its registers are mapped, and what was allowed there.
//!
//! The kernel is asked at each access what is mapped (`PROCMAP_QUERY`), so that nothing is kept that munmap, mremap or another mmap
//! could make stale. Only what the kernel no longer knows is kept: the permissions of mappings that have been hidden.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

use rustix::process::Pid;
use uvfio_sys::memory::{Area, Foreign, Maps};

use super::RegisterFiles;
use super::remote::Gate;

/// A program that is traced, as long as it executes nothing else.
pub struct Program {
    /// Its number.
    pub pid: Pid,
    /// Its memory, from outside.
    pub process: Foreign,
    maps: Maps,
    memory: File,
    gate: Option<Gate>,
    hidden: Vec<Hidden>,
    /// Whether mappings may be hidden: the program lets us make system calls.
    hides: bool,
}

/// A mapping whose pages are inaccessible now, so that accesses fault at once instead of asking the file first.
#[derive(Clone, Copy, Debug)]
pub struct Hidden {
    area: Area,
}

/// Registers mapped by a program.
pub struct Mapping {
    /// What the kernel says is mapped.
    pub area: Area,
    /// Loads are allowed.
    pub read: bool,
    /// Stores are allowed.
    pub write: bool,
    /// It is hidden already.
    pub hidden: bool,
}

impl Program {
    /// The program that `pid` executes now.
    ///
    /// # Errors
    /// Where it is gone or is this one.
    pub fn of(pid: Pid) -> io::Result<Self> {
        let memory = File::open(format!("/proc/{}/mem", pid.as_raw_nonzero()))?;
        let hides = filters(pid)? <= filters(rustix::process::getpid())? + 1;
        Ok(Self {
            pid,
            process: Foreign::new(pid)?,
            maps: Maps::of(pid)?,
            memory,
            gate: None,
            hidden: Vec::new(),
            hides,
        })
    }

    /// Read code. Returns the bytes read, which are fewer where a page ends behind which there is nothing.
    pub fn code(&self, at: u64, into: &mut [u8]) -> usize {
        self.memory.read_at(into, at).unwrap_or(0)
    }

    /// What is mapped at `address`, registers or not.
    pub fn area(&self, address: u64) -> Option<Area> {
        self.maps.at(address).ok()?
    }

    /// The registers in `area`. `parents` are programs that this one may have been forked from: they know what it inherited hidden.
    pub fn registers<'a>(
        &mut self,
        area: Area,
        files: &dyn RegisterFiles,
        parents: impl Iterator<Item = &'a [Hidden]>,
    ) -> Option<Mapping> {
        if area.device != files.device() || !area.shared || !files.has(area.inode) {
            return None;
        }
        if area.read || area.write || area.exec {
            return Some(Mapping { area, read: area.read, write: area.write, hidden: false });
        }
        let hidden = match Hidden::among(self.hidden.iter(), &area) {
            Some(hidden) => hidden,
            None => {
                let inherited = Hidden::among(parents.flatten(), &area)?;
                self.hidden.push(inherited);
                inherited
            }
        };
        Some(Mapping { area, read: hidden.area.read, write: hidden.area.write, hidden: true })
    }

    /// What has been hidden from this program.
    pub fn hidden(&self) -> &[Hidden] {
        &self.hidden
    }

    /// Remember a mapping that is about to be hidden, and say how to make the system call that does so; `None` where it must not be.
    pub fn hide(&mut self, area: Area) -> Option<Gate> {
        if !self.hides {
            return None;
        }
        if self.gate.is_none() {
            self.gate = Gate::find(&self.maps, &self.memory).ok();
            self.hides = self.gate.is_some();
        }
        let gate = self.gate?;
        self.hidden.retain(|hidden| !hidden.is_inside(&area));
        self.hidden.push(Hidden { area });
        Some(gate)
    }

    /// A mapping could not be hidden. No other will be.
    pub fn not_hidden(&mut self, area: Area) {
        self.hidden.retain(|hidden| hidden.area != area);
        self.hides = false;
    }
}

impl Hidden {
    /// What a mapping was before it was hidden: best what was hidden there, else the same part of the file that was elsewhere.
    fn among<'a>(all: impl Iterator<Item = &'a Self>, area: &Area) -> Option<Self> {
        let mut moved = None;
        for hidden in all.filter(|hidden| hidden.covers(area)) {
            if hidden.area.start <= area.start && area.end <= hidden.area.end {
                return Some(*hidden);
            }
            moved = Some(*hidden);
        }
        moved
    }

    /// Whether this is what `area` was before, or a larger mapping that it was a part of. A mapping may have been moved since, so
    /// the file's offsets count.
    fn covers(&self, area: &Area) -> bool {
        let len = area.end - area.start;
        let before = self.area.end - self.area.start;
        self.area.inode == area.inode
            && area.offset >= self.area.offset
            && area.offset - self.area.offset <= before
            && len <= before - (area.offset - self.area.offset)
    }

    fn is_inside(&self, area: &Area) -> bool {
        self.area.start >= area.start && self.area.end <= area.end
    }
}

/// How many seccomp filters a process has. One more than ours is the sandbox's own; a program's own might not let it make a system
/// call that we want it to make, or end it.
fn filters(pid: Pid) -> io::Result<u32> {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero()))?;
    let count = status.lines().find_map(|line| line.strip_prefix("Seccomp_filters:"));
    Ok(count.and_then(|count| count.trim().parse().ok()).unwrap_or(0))
}

//! The memory of an emulated instruction: registers where they are mapped, the program's own memory elsewhere.

use uvfio_kernel::hw::Width;
use uvfio_sys::memory::{self, Area};

use super::RegisterFiles;
use super::program::{Hidden, Mapping, Program};
use crate::sandbox::emulate::{Direction, Fault, FaultKind, Memory};

/// What one instruction reaches. What is mapped is asked once for each mapping: the program may run on meanwhile, but it cannot
/// expect to change what its instruction does halfway.
pub struct Reach<'a> {
    pub program: &'a mut Program,
    pub files: &'a dyn RegisterFiles,
    /// What has been hidden from other programs.
    pub parents: &'a [&'a [Hidden]],
    registers: Vec<Mapping>,
    others: Vec<Area>,
}

/// Where an access goes.
enum Goes {
    /// To registers: the inode of the file, and the offset in it.
    Registers(u64, u64),
    /// To ordinary memory, or to nothing.
    Ordinary,
}

impl<'a> Reach<'a> {
    /// What an instruction of `program` reaches; `first` is where it faulted.
    pub fn new(
        program: &'a mut Program,
        files: &'a dyn RegisterFiles,
        parents: &'a [&'a [Hidden]],
        first: Mapping,
    ) -> Self {
        Self { program, files, parents, registers: vec![first], others: Vec::new() }
    }

    /// The mapping where the instruction faulted.
    pub fn into_first(mut self) -> Mapping {
        self.registers.swap_remove(0)
    }

    /// The registers mapped at `at`, by their place among those known.
    fn registers_at(&mut self, at: u64) -> Option<usize> {
        let covers = |area: &Area| (area.start..area.end).contains(&at);
        if let Some(known) = self.registers.iter().position(|mapping| covers(&mapping.area)) {
            return Some(known);
        }
        if self.others.iter().any(covers) {
            return None;
        }
        let area = self.program.area(at)?;
        match self.program.registers(area, self.files, self.parents.iter().copied()) {
            Some(mapping) => {
                self.registers.push(mapping);
                Some(self.registers.len() - 1)
            }
            None => {
                self.others.push(area);
                None
            }
        }
    }

    fn goes(&mut self, at: u64, len: u64, direction: Direction) -> Result<Goes, Fault> {
        let fault = |at, kind| Err(Fault { at, direction, kind });
        let Some(last) = at.checked_add(len - 1) else { return fault(at, FaultKind::NotMapped) };
        match (self.registers_at(at), self.registers_at(last)) {
            (None, None) => Ok(Goes::Ordinary),
            (Some(one), Some(other)) if one == other => {
                let mapping = &self.registers[one];
                let allowed = match direction {
                    Direction::Load => mapping.read,
                    Direction::Store => mapping.write,
                };
                if !allowed {
                    return fault(at, FaultKind::NotMapped);
                }
                Ok(Goes::Registers(mapping.area.inode, mapping.area.offset_of(at)))
            }
            _ => fault(at, FaultKind::Straddles),
        }
    }
}

impl Memory for Reach<'_> {
    fn load(&mut self, at: u64, width: Width) -> Result<u64, Fault> {
        let direction = Direction::Load;
        match self.goes(at, width.bytes(), direction)? {
            Goes::Registers(inode, offset) => {
                let nothing = Fault { at, direction, kind: FaultKind::NoDevice };
                self.files.load(inode, offset, width).ok_or(nothing)
            }
            Goes::Ordinary => {
                let (mut bytes, len) = ([0; 8], width.bytes() as usize);
                let read = memory::read(self.program.process.pid(), at, &mut bytes[..len]);
                complete(read, at, len, direction)?;
                Ok(u64::from_le_bytes(bytes))
            }
        }
    }

    fn store(&mut self, at: u64, width: Width, value: u64) -> Result<(), Fault> {
        let direction = Direction::Store;
        match self.goes(at, width.bytes(), direction)? {
            Goes::Registers(inode, offset) => {
                let nothing = Fault { at, direction, kind: FaultKind::NoDevice };
                self.files.store(inode, offset, width, value).ok_or(nothing)
            }
            Goes::Ordinary => {
                let len = width.bytes() as usize;
                let written = memory::write(self.program.process, at, &value.to_le_bytes()[..len]);
                complete(written, at, len, direction)
            }
        }
    }

    fn check(&mut self, at: u64, len: u64, direction: Direction) -> Result<(), Fault> {
        if let Goes::Registers(..) = self.goes(at, len, direction)? {
            return Ok(());
        }
        // Both ends are ordinary; what is between them is too, or the middle of it faults and is reported then.
        for address in [at, at + (len - 1)] {
            let allowed = self.program.area(address).is_some_and(|area| match direction {
                Direction::Load => area.read,
                Direction::Store => area.write,
            });
            if !allowed {
                return Err(Fault { at: address, direction, kind: FaultKind::NotMapped });
            }
        }
        Ok(())
    }

    fn is_device(&mut self, at: u64) -> bool {
        self.registers_at(at).is_some()
    }
}

fn complete(copied: std::io::Result<usize>, at: u64, len: usize, direction: Direction) -> Result<(), Fault> {
    let copied = copied.unwrap_or(0);
    if copied == len {
        return Ok(());
    }
    Err(Fault { at: at + copied as u64, direction, kind: FaultKind::NotMapped })
}

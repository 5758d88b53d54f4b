//! Memory and IOMMUs for the tests of this crate.

use std::any::Any;
use std::sync::{Arc, Mutex};

use super::{Aperture, Iommu, IommuFacts};
use crate::addr::{Iova, UserAddr};
use crate::hw::{Access, Backing, MemoryGone};

/// A process's memory: bytes from address 0 on, and nothing beyond them.
pub(crate) struct Memory(Mutex<Vec<u8>>);

impl Memory {
    pub(crate) fn new(bytes: Vec<u8>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(bytes)))
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        crate::sync::lock(&self.0).clone()
    }
}

fn range(from: UserAddr, len: usize, end: usize) -> (usize, usize) {
    let start = usize::try_from(from.0).unwrap().min(end);
    (start, len.min(end - start))
}

impl Backing for Memory {
    fn read(&self, from: UserAddr, into: &mut [u8]) -> Result<(), MemoryGone> {
        let bytes = crate::sync::lock(&self.0);
        let (start, count) = range(from, into.len(), bytes.len());
        into[..count].copy_from_slice(&bytes[start..start + count]);
        if count < into.len() { Err(MemoryGone { at: UserAddr(from.0 + count as u64) }) } else { Ok(()) }
    }

    fn write(&self, to: UserAddr, from: &[u8]) -> Result<(), MemoryGone> {
        let mut bytes = crate::sync::lock(&self.0);
        let (start, count) = range(to, from.len(), bytes.len());
        bytes[start..start + count].copy_from_slice(&from[..count]);
        if count < from.len() { Err(MemoryGone { at: UserAddr(to.0 + count as u64) }) } else { Ok(()) }
    }

    fn copy(
        &self,
        from: UserAddr,
        other: &dyn Backing,
        to: UserAddr,
        len: u64,
    ) -> Result<(), (u64, MemoryGone, Access)> {
        let mut bytes = vec![0; usize::try_from(len).unwrap()];
        let read = self.read(from, &mut bytes);
        let whole = read.map_or_else(|gone| gone.at.0 - from.0, |()| len);
        other
            .write(to, &bytes[..usize::try_from(whole).unwrap()])
            .map_err(|gone| (gone.at.0 - to.0, gone, Access::Write))?;
        read.map_err(|gone| (whole, gone, Access::Read))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// An IOMMU of 4 KiB pages and 32 bits.
pub(crate) fn iommu(path: &str) -> Arc<Iommu> {
    let facts = IommuFacts {
        page_sizes: 0x4020_1000,
        aperture: Aperture { first: Iova(0), last: Iova(0xffff_ffff) },
        reserved: Vec::new(),
    };
    Iommu::new(path, facts)
}

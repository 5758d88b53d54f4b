//! The register windows of a device: offsets in the file, reads, writes and mappings.
//!
//! In Linux `vfio_platform_read_mmio`, `vfio_platform_write_mmio` and `vfio_platform_mmap` of
//! `drivers/vfio/platform/vfio_platform_common.c`. The region's number is in the offset's bits from 40 on. An access is split into
//! pieces of 4, 2 and 1 bytes by the alignment of its offset, and clamped at the region's end.

use std::sync::Arc;

use uvfio_abi::vfio::{VFIO_REGION_INFO_FLAG_MMAP, VFIO_REGION_INFO_FLAG_READ, VFIO_REGION_INFO_FLAG_WRITE};
use uvfio_kernel::addr::PhysAddr;
use uvfio_kernel::device::Device;
use uvfio_kernel::hw::Width;

use crate::file::{Mmap, MmapPlan, Sharing};
use crate::personality::{self, Personality};
use crate::refusal::DeviceRefusal;
use crate::vfio::Registers;

/// The bits of a file offset that are the offset within a region.
pub(super) const SHIFT: u32 = 40;

/// The page of the host, which mappings come in.
const PAGE: u64 = 4096;

/// The register windows of one device.
pub(super) struct Regions<'a> {
    device: &'a Arc<Device>,
    registers: Registers,
}

/// A place in a region.
struct Place {
    index: u32,
    offset: u64,
    size: u64,
}

impl<'a> Regions<'a> {
    /// Those of a device.
    pub(super) fn of(device: &'a Arc<Device>, registers: Registers) -> Self {
        Self { device, registers }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u32 {
        self.device.regions().len() as u32
    }

    /// The flags and bytes of one.
    pub(super) fn describe(&self, index: u32) -> Result<(u32, u64), DeviceRefusal> {
        let refusal = DeviceRefusal::NoRegion { index: index.into(), regions: self.count() };
        let region = self.device.regions().get(index as usize).ok_or(refusal)?;
        let whole_pages = (region.base | region.size).is_multiple_of(PAGE);
        let mappable = whole_pages && self.registers == Registers::Mappable;
        let mmap = if mappable { VFIO_REGION_INFO_FLAG_MMAP } else { 0 };
        Ok((VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE | mmap, region.size))
    }

    fn place(&self, at: u64) -> Result<Place, DeviceRefusal> {
        let index = at >> SHIFT;
        let refusal = DeviceRefusal::NoRegion { index, regions: self.count() };
        let region = usize::try_from(index).ok().and_then(|index| self.device.regions().get(index));
        let region = region.ok_or(refusal)?;
        Ok(Place { index: index as u32, offset: at & ((1 << SHIFT) - 1), size: region.size })
    }

    /// Where a transfer begins, and how many of its bytes the region has.
    fn transfer(&self, at: u64, len: usize) -> Result<(Place, usize), DeviceRefusal> {
        let place = self.place(at)?;
        if place.offset >= place.size {
            return Err(DeviceRefusal::PastEnd {
                index: place.index,
                offset: place.offset,
                size: place.size,
            });
        }
        let left = place.size - place.offset;
        Ok((place, usize::try_from(left).unwrap_or(usize::MAX).min(len)))
    }

    /// Read at an offset of the file. Returns the bytes read.
    pub(super) fn read(&self, at: u64, into: &mut [u8]) -> Result<usize, DeviceRefusal> {
        let (place, count) = self.transfer(at, into.len())?;
        let mut done = 0;
        while done < count {
            let offset = place.offset + done as u64;
            let width = piece(offset, count - done);
            let value = self.device.load(place.index as usize, offset, width).to_le_bytes();
            let bytes = width.bytes() as usize;
            into[done..done + bytes].copy_from_slice(&value[..bytes]);
            done += bytes;
        }
        Ok(count)
    }

    /// Write at an offset of the file. Returns the bytes written.
    pub(super) fn write(&self, at: u64, bytes: &[u8]) -> Result<usize, DeviceRefusal> {
        let (place, count) = self.transfer(at, bytes.len())?;
        let mut done = 0;
        while done < count {
            let offset = place.offset + done as u64;
            let width = piece(offset, count - done);
            let len = width.bytes() as usize;
            let mut value = [0; 8];
            value[..len].copy_from_slice(&bytes[done..done + len]);
            self.device.store(place.index as usize, offset, width, u64::from_le_bytes(value));
            done += len;
        }
        Ok(count)
    }

    /// One access of a mapping. Returns the region's number and the offset in it.
    pub(super) fn access(&self, at: u64, width: Width) -> Result<(usize, u64), DeviceRefusal> {
        let Place { index, offset, size } = self.place(at)?;
        let bytes = width.bytes();
        if offset.checked_add(bytes).is_none_or(|end| end > size) {
            return Err(DeviceRefusal::BadAccess { index, offset, bytes });
        }
        Ok((index as usize, offset))
    }

    /// Whether a mapping is permitted, and how to serve it.
    pub(super) fn mmap(&self, mmap: Mmap, kernel: &Personality) -> Result<MmapPlan, DeviceRefusal> {
        if mmap.prot.exec && kernel.holds(&personality::MMAP_NOEXEC) {
            return Err(DeviceRefusal::MapExec);
        }
        if mmap.sharing == Sharing::Private {
            return Err(DeviceRefusal::MapPrivate);
        }
        if !mmap.offset.is_multiple_of(PAGE) {
            return Err(DeviceRefusal::MapUnaligned { offset: mmap.offset });
        }
        let Place { index, offset, size } = self.place(mmap.offset)?;
        if self.registers == Registers::TransferOnly {
            return Err(DeviceRefusal::MapWithheld { index });
        }
        let (flags, _) = self.describe(index)?;
        if flags & VFIO_REGION_INFO_FLAG_MMAP == 0 || size < PAGE {
            let base = PhysAddr(self.device.regions()[index as usize].base);
            return Err(DeviceRefusal::MapRegion { index, base, size });
        }
        if offset.checked_add(mmap.len).is_none_or(|end| end > size) {
            return Err(DeviceRefusal::MapPastEnd { index, offset, len: mmap.len, size });
        }
        Ok(MmapPlan::Trap { region: index, offset })
    }
}

/// The next piece of a transfer.
fn piece(offset: u64, left: usize) -> Width {
    if left >= 4 && offset.is_multiple_of(4) {
        Width::Word
    } else if left >= 2 && offset.is_multiple_of(2) {
        Width::Half
    } else {
        Width::Byte
    }
}

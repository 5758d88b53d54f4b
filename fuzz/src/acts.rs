//! What a program over VFIO may do, made of a fuzzer's bytes.
//!
//! Each act names what it is about loosely, a number among as many things as there are at that moment, so that most sequences of bytes
//! are sequences that get somewhere. Nothing is ruled out: a file may be of the wrong kind, and every number and pointer may be any.

use arbitrary::Arbitrary;

/// One of the open files of the kind a call is for, round and round; from 0xc0 on one of all.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub struct Pick(pub u8);

/// An address for devices.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub enum At {
    /// One of the first pages.
    Page(u8),
    /// One of those that have been mapped.
    Mapped(u8),
    /// So many pages before the end of an address space of so many bits.
    End {
        bits: u8,
        pages: u8,
    },
    Any(u64),
}

/// A place in a device's file.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub enum Offset {
    /// One of the first registers.
    Register {
        region: u8,
        register: u8,
    },
    Inside {
        region: u8,
        offset: u16,
    },
    Any(u64),
}

/// What a program or the machine it is on does.
#[derive(Debug, Arbitrary)]
pub enum Act {
    Map {
        container: Pick,
        flags: u8,
        page: u8,
        pages: u8,
        at: At,
    },
    OpenContainer,
    OpenGroup {
        node: u8,
    },
    Close {
        file: u8,
    },
    SetContainer {
        group: Pick,
        container: Pick,
    },
    UnsetContainer {
        group: Pick,
    },
    SetIommu {
        container: Pick,
        iommu: u8,
    },
    GetDevice {
        group: Pick,
        device: u8,
    },
    /// All that it takes to open a device: container, group, IOMMU, as far as they are not there.
    Reach {
        node: u8,
        iommu: u8,
        device: u8,
    },
    Unmap {
        container: Pick,
        flags: u8,
        at: At,
        pages: u8,
        bitmap: Option<Bitmap>,
    },
    Dirty {
        container: Pick,
        flags: u8,
        at: At,
        pages: u8,
        bitmap: Bitmap,
    },
    /// A call that fills in a structure; `argsz` is short or long by as much.
    Info {
        file: Pick,
        what: Info,
        index: u8,
        argsz: i8,
    },
    SetIrqs {
        device: Pick,
        data: u8,
        action: u8,
        index: u8,
        start: u8,
        count: u8,
        fds: [i8; 2],
    },
    Reset {
        device: Pick,
    },
    Feature {
        device: Pick,
        flags: u8,
        index: u8,
        data: [u32; 2],
    },
    /// A call of vfio.h with these words at its pointer, `argsz` put right.
    Call {
        file: u8,
        number: u8,
        words: [u32; 8],
    },
    /// Any call with any argument.
    Any {
        file: u8,
        request: u32,
        argument: u64,
        bytes: [u8; 8],
    },
    Read {
        device: Pick,
        offset: Offset,
        len: u8,
    },
    Write {
        device: Pick,
        offset: Offset,
        bytes: [u8; 8],
    },
    /// A load or store of a mapped register.
    Access {
        device: Pick,
        offset: Offset,
        width: u8,
        store: Option<u64>,
    },
    Mmap {
        device: Pick,
        offset: Offset,
        pages: u8,
        shared: bool,
        prot: u8,
    },
    /// A device drives one of its interrupt wires.
    Wire {
        device: u8,
        line: u8,
        high: bool,
    },
    /// A device transfers.
    Transfer {
        device: u8,
        at: At,
        len: u16,
        write: bool,
    },
    /// The program adds to an eventfd.
    Signal {
        eventfd: u8,
    },
    /// An administrator takes a device away from its driver, or gives it to VFIO again.
    Unbind {
        device: u8,
    },
    Bind {
        device: u8,
    },
    /// An administrator sets a parameter of a module.
    Param {
        which: u8,
        value: u8,
    },
}

/// The calls of [`Act::Info`].
#[derive(Clone, Copy, Debug, Arbitrary)]
pub enum Info {
    ApiVersion,
    Extension,
    GroupStatus,
    Iommu,
    Device,
    Region,
    Irq,
}

/// `struct vfio_bitmap`.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub struct Bitmap {
    /// Its page size as a power of 2.
    pub order: u8,
    pub size: u8,
    /// Where it goes: nowhere sensible from 0xc0 on.
    pub data: u8,
}

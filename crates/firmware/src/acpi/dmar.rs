//! DMAR, Intel's DMA remapping table: the VT-d units, which devices each serves, and memory that stays reserved for a device.
//!
//! Intel Virtualization Technology for Directed I/O, chapter 8; Linux: `drivers/iommu/intel/dmar.c`.

use super::bytes::{View, walk};
use super::{Report, Trouble};

/// What the table says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dmar {
    /// Bits of a physical address, as DMA may use them.
    pub address_bits: u32,
    /// The platform can remap interrupts.
    pub interrupt_remapping: bool,
    /// The remapping units (DRHD).
    pub units: Vec<Unit>,
    /// Memory that devices use by themselves (RMRR).
    pub reserved: Vec<Reserved>,
    /// Devices of the ACPI namespace (ANDD).
    pub named: Vec<Named>,
}

/// A remapping unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its registers.
    pub base: u64,
    /// The PCI segment of its devices.
    pub segment: u16,
    /// Serves every PCI device of the segment that no other unit names.
    pub all_others: bool,
    /// The devices it names.
    pub devices: Vec<Scope>,
}

/// Memory that devices use without their driver, such as for a keyboard controller emulated by firmware.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// First and last address.
    pub range: (u64, u64),
    /// The PCI segment of its devices.
    pub segment: u16,
    /// The devices that use it.
    pub devices: Vec<Scope>,
}

/// A device as the table names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// What it is.
    pub kind: ScopeKind,
    /// The I/O APIC's id, the HPET's number, or the number of the [`Named`] device; 0 for PCI.
    pub enumeration_id: u8,
    /// The bus the path starts at.
    pub start_bus: u8,
    /// Device and function of each bridge on the way, the device itself last.
    pub path: Vec<(u8, u8)>,
}

/// What a scope names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeKind {
    /// A PCI function.
    PciEndpoint,
    /// A PCI bridge and all behind it.
    PciBridge,
    /// An I/O APIC.
    IoApic,
    /// A timer that can send messages.
    Hpet,
    /// A device of the namespace.
    Namespace,
    /// A number this reader does not know.
    Unknown(u8),
}

/// A device of the ACPI namespace: a platform device behind a VT-d unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// What scopes call it.
    pub number: u8,
    /// Its path in the namespace, `\_SB.PCI0.I2C0`.
    pub path: String,
}

const DRHD: u16 = 0;
const RMRR: u16 = 1;
const ATSR: u16 = 2;
const RHSA: u16 = 3;
const ANDD: u16 = 4;
const SATC: u16 = 5;
const SIDP: u16 = 6;

pub(super) fn read(bytes: &[u8], report: &mut Report<'_>) -> Dmar {
    let table = View::of_table(bytes);
    let mut dmar = Dmar {
        address_bits: u32::from(table.u8(36)) + 1,
        interrupt_remapping: table.u8(37) & 1 != 0,
        ..Dmar::default()
    };
    walk(
        table.rest(48),
        report,
        |structure| (structure.u16(0), structure.u16(2).into()),
        |kind| match kind {
            DRHD => 16,
            RMRR => 24,
            RHSA => 20,
            ATSR | SATC | SIDP => 8,
            ANDD => 9,
            _ => 4,
        },
        |kind, structure, report| match kind {
            DRHD => dmar.units.push(Unit {
                base: structure.u64(8),
                segment: structure.u16(6),
                all_others: structure.u8(4) & 1 != 0,
                devices: scopes(structure.rest(16), report),
            }),
            RMRR => dmar.reserved.push(Reserved {
                range: (structure.u64(8), structure.u64(16)),
                segment: structure.u16(6),
                devices: scopes(structure.rest(24), report),
            }),
            ANDD => dmar.named.push(Named { number: structure.u8(7), path: structure.text(8, report) }),
            // Address translation caches and memory proximity say nothing of who can be handed to whom.
            ATSR | RHSA | SATC | SIDP => {}
            _ => report.add(structure.at(), Trouble::Unknown { kind }),
        },
    );
    let mut known = [false; 256];
    dmar.named.iter().for_each(|named| known[usize::from(named.number)] = true);
    for unit in dmar
        .units
        .iter()
        .map(|unit| &unit.devices)
        .chain(dmar.reserved.iter().map(|reserved| &reserved.devices))
    {
        for scope in unit.iter().filter(|scope| scope.kind == ScopeKind::Namespace) {
            if !known[usize::from(scope.enumeration_id)] {
                report.add(48, Trouble::Reference { to: scope.enumeration_id.into() });
            }
        }
    }
    dmar
}

fn scopes(list: View<'_>, report: &mut Report<'_>) -> Vec<Scope> {
    let mut scopes = Vec::new();
    walk(
        list,
        report,
        |scope| (scope.u8(0).into(), scope.u8(1).into()),
        |_| 6,
        |_, scope, _| {
            let kind = match scope.u8(0) {
                1 => ScopeKind::PciEndpoint,
                2 => ScopeKind::PciBridge,
                3 => ScopeKind::IoApic,
                4 => ScopeKind::Hpet,
                5 => ScopeKind::Namespace,
                other => ScopeKind::Unknown(other),
            };
            let path = (6..scope.len().saturating_sub(1))
                .step_by(2)
                .map(|at| (scope.u8(at), scope.u8(at + 1)))
                .collect();
            scopes.push(Scope { kind, enumeration_id: scope.u8(4), start_bus: scope.u8(5), path });
        },
    );
    scopes
}

impl Dmar {
    /// The device of the namespace that a scope names.
    #[must_use]
    pub fn named(&self, scope: &Scope) -> Option<&Named> {
        self.named
            .iter()
            .find(|named| scope.kind == ScopeKind::Namespace && named.number == scope.enumeration_id)
    }
}

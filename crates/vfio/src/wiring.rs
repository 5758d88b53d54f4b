//! What VFIO asks the kernel about a device's wires: its interrupt lines and its IOMMU group.

use std::sync::Arc;

use uvfio_kernel::device::Device;
use uvfio_kernel::iommu::{Group, GroupId};
use uvfio_kernel::irq::{IrqLine, Trigger};
use uvfio_kernel::machine::Machine;

/// Its interrupt lines, in order.
pub(crate) fn irqs(device: &Device) -> Vec<Arc<IrqLine>> {
    let interrupts = device.facts().interrupts.iter();
    interrupts.map(|_| IrqLine::new(Trigger::Level)).collect()
}

/// Its group.
pub(crate) fn group(_: &Device) -> Option<Arc<Group>> {
    None
}

/// Whether its IOMMU keeps its DMA coherent.
pub(crate) fn is_coherent(_: &Device, group: &Group) -> bool {
    group.coherent()
}

/// The numbers of all groups.
pub(crate) fn group_ids(_: &Machine) -> Vec<GroupId> {
    Vec::new()
}

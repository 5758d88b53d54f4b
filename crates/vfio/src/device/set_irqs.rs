//! `VFIO_DEVICE_SET_IRQS`: what a request must look like, in the order Linux looks, and which interrupt it is for.
//!
//! In Linux `vfio_set_irqs_validate_and_prepare` of `drivers/vfio/vfio_main.c`, then `vfio_platform_set_irqs_ioctl` of
//! `drivers/vfio/platform/vfio_platform_irq.c`. The first checks `start` and `count` against the number of interrupts of the whole
//! device, only the second knows that each index has exactly one: hence which number comes back when both are wrong.

use std::sync::Arc;

use uvfio_abi::vfio::{
    IrqSet, VFIO_IRQ_SET_ACTION_MASK, VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_IRQ_SET_ACTION_TYPE_MASK,
    VFIO_IRQ_SET_ACTION_UNMASK, VFIO_IRQ_SET_DATA_BOOL, VFIO_IRQ_SET_DATA_EVENTFD, VFIO_IRQ_SET_DATA_NONE,
    VFIO_IRQ_SET_DATA_TYPE_MASK,
};
use uvfio_kernel::addr::UserAddr;

use super::opened::Opened;
use crate::caller::Caller;
use crate::irq::{Irq, Kind};
use crate::refusal::{IrqRefusal, MaskAction, Refusal};
use crate::user;

/// What comes with a request, read from the program.
enum Data {
    /// Nothing: it is done.
    None,
    /// It is done if this is true.
    Bool(bool),
    /// An eventfd does it.
    EventFd(i32),
}

/// What a request wants.
enum Action {
    Mask(MaskAction),
    Trigger,
}

impl Opened {
    /// Answer the call.
    pub(super) fn set_irqs(&self, caller: &dyn Caller, arg: u64) -> Result<(), Refusal> {
        let set: IrqSet = user::read(caller, arg)?;
        user::at_least(set.argsz, size_of::<IrqSet>())?;
        let irqs = self.irqs();
        let unit = check(&set, irqs.len() as u32)?;
        let data = read_data(caller, arg, &set, unit)?;
        let _gate = self.gate();
        let irq = &irqs[set.index as usize];
        if let Some(errno) = irq.not_requested {
            return Err(IrqRefusal::NotRequested { index: set.index, errno }.into());
        }
        let action = match set.flags & VFIO_IRQ_SET_ACTION_TYPE_MASK {
            VFIO_IRQ_SET_ACTION_MASK => Action::Mask(MaskAction::Mask),
            VFIO_IRQ_SET_ACTION_UNMASK => Action::Mask(MaskAction::Unmask),
            VFIO_IRQ_SET_ACTION_TRIGGER => Action::Trigger,
            _ => return Err(IrqRefusal::Action { flags: set.flags }.into()),
        };
        match action {
            Action::Trigger if set.count == 0 && matches!(data, Data::None) => {
                irq.irq.set_trigger(caller, -1)?;
            }
            _ if set.start != 0 || set.count != 1 => {
                return Err(IrqRefusal::NotSingle { start: set.start, count: set.count }.into());
            }
            Action::Trigger => trigger(caller, &irq.irq, &data)?,
            Action::Mask(action) => mask(caller, set.index, &irq.irq, action, &data)?,
        }
        Ok(())
    }
}

/// Check the header. Returns the bytes of one datum.
fn check(set: &IrqSet, irqs: u32) -> Result<u32, IrqRefusal> {
    let IrqSet { argsz, flags, index, start, count } = *set;
    if index >= irqs {
        return Err(IrqRefusal::NoIrq { index, irqs });
    }
    if count >= u32::MAX - start {
        return Err(IrqRefusal::Wraps { start, count });
    }
    let unknown = flags & !(VFIO_IRQ_SET_DATA_TYPE_MASK | VFIO_IRQ_SET_ACTION_TYPE_MASK);
    if unknown != 0 {
        return Err(IrqRefusal::Flags { unknown });
    }
    if start >= irqs || start + count > irqs {
        return Err(IrqRefusal::Count { start, count, irqs });
    }
    let unit = match flags & VFIO_IRQ_SET_DATA_TYPE_MASK {
        VFIO_IRQ_SET_DATA_NONE => 0,
        VFIO_IRQ_SET_DATA_BOOL => 1,
        VFIO_IRQ_SET_DATA_EVENTFD => 4,
        _ => return Err(IrqRefusal::Data { flags }),
    };
    let needed = u64::from(count) * u64::from(unit);
    if u64::from(argsz) - (size_of::<IrqSet>() as u64) < needed {
        return Err(IrqRefusal::ShortData { argsz, needed });
    }
    Ok(unit)
}

/// Read the data. Only the first datum is ever used, but all of it must be readable.
fn read_data(caller: &dyn Caller, arg: u64, set: &IrqSet, unit: u32) -> Result<Data, Refusal> {
    if unit == 0 {
        return Ok(Data::None);
    }
    let mut bytes = vec![0; set.count as usize * unit as usize];
    caller.read(UserAddr(user::after(arg, size_of::<IrqSet>())), &mut bytes)?;
    Ok(match *bytes.as_slice() {
        [a, b, c, d, ..] if unit == 4 => Data::EventFd(i32::from_le_bytes([a, b, c, d])),
        [byte, ..] if unit == 1 => Data::Bool(byte != 0),
        _ => Data::Bool(false),
    })
}

fn trigger(caller: &dyn Caller, irq: &Arc<Irq>, data: &Data) -> Result<(), IrqRefusal> {
    match data {
        Data::EventFd(fd) => return irq.set_trigger(caller, *fd),
        Data::None | Data::Bool(true) => irq.raise(),
        Data::Bool(false) => {}
    }
    Ok(())
}

fn mask(
    caller: &dyn Caller,
    index: u32,
    irq: &Arc<Irq>,
    action: MaskAction,
    data: &Data,
) -> Result<(), IrqRefusal> {
    if irq.kind() == Kind::Plain {
        return Err(IrqRefusal::NotMaskable { index });
    }
    match (data, action) {
        (Data::EventFd(fd), action) => return irq.set_masker(caller, action, *fd),
        (Data::Bool(false), _) => {}
        (Data::None | Data::Bool(true), MaskAction::Mask) => {
            irq.mask();
        }
        (Data::None | Data::Bool(true), MaskAction::Unmask) => irq.unmask(),
    }
    Ok(())
}

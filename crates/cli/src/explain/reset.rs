//! Why a device was not reset, in words.

use uvfio_kernel::provider::reset::platform::HandlerFailed;
use uvfio_kernel::provider::reset::{AcpiFailure, Holder, NotYours, ResetError, ResetRefusal as R};

/// Why a reset was refused, or what of it failed.
pub fn reset(refusal: &R) -> String {
    match refusal {
        R::NoMethod { device } => format!("{device} has no reset of that kind"),
        R::NotAvailable { scope } => format!("{scope} is a reset of PCI functions, and there is no PCI"),
        R::NotOneLine { device, lines } => {
            format!(
                "{device} has {lines} reset lines, and only one of its own would do: see --reset-set together"
            )
        }
        R::NotDedicated { device, provider, cells, other } => format!(
            "its reset line, {} of {provider}, is also that of {other}, so {device} can only be reset with it: see --reset-set together",
            numbers(cells)
        ),
        R::NotYours(not_yours) => holder(not_yours),
        R::UnderWay { device } => format!("{device} is being reset, and the reset asked for another"),
        R::Stale { device, other } => {
            format!("{other} came meanwhile, and the reset of {device} would reach it, too; ask again")
        }
        R::Line(error) => line(error),
        R::Handler { device, why } => {
            format!("{device} did not come to the end of its reset: {}", handler(*why))
        }
        R::Acpi { device, why } => acpi(device, why),
        R::NotReset { device } => {
            format!("the reset line was moved, but {device} is not in the state its manual describes")
        }
        R::StillAtWork { device } => format!("{device} was reset, but it is still at work"),
    }
}

/// In whose hands a device is.
pub fn held_by(holder: &Holder) -> String {
    match holder {
        Holder::Asker => "the asker's".to_owned(),
        Holder::User(_) => "a program's".to_owned(),
        Holder::Host { driver } if driver.starts_with("vfio-") => "VFIO's, and in no container".to_owned(),
        Holder::Host { driver } => format!("driver {driver}'s"),
        Holder::Nobody => "nobody's".to_owned(),
        Holder::NobodyAtWork => "nobody's, but at work".to_owned(),
    }
}

fn holder(NotYours { device, holder }: &NotYours) -> String {
    let whose = match holder {
        Holder::Asker => return format!("the reset would also reach {device}"),
        Holder::User(_) => "another user's; all groups a reset reaches must be in one container".to_owned(),
        Holder::Host { driver } if driver.starts_with("vfio-") => {
            "VFIO's and in no container; put its group into the same container".to_owned()
        }
        Holder::Host { driver } => {
            format!("driver {driver}'s; take it from that driver, and give it to this container")
        }
        Holder::Nobody => "nobody's".to_owned(),
        Holder::NobodyAtWork => "nobody's, but still at work".to_owned(),
    };
    format!("the reset would also reach {device}, which is {whose}")
}

fn acpi(device: &str, why: &AcpiFailure) -> String {
    let method = format!("the firmware's _RST of {device}");
    match why {
        AcpiFailure::NoMethod => format!("{device} has no _RST"),
        AcpiFailure::Interpreter { says } => format!("{method} failed: {says}"),
        AcpiFailure::Endless { bound } => format!("{method} did not end within {bound}"),
        AcpiFailure::NotYours(not_yours) => format!("{method} failed: {}", holder(not_yours)),
        AcpiFailure::Busy { device } => format!("{method} failed: it reached {device} while that was busy"),
    }
}

fn handler(why: HandlerFailed) -> String {
    match why {
        HandlerFailed::Phy => "its phy hangs".to_owned(),
        HandlerFailed::Mac => "its MAC hangs".to_owned(),
        HandlerFailed::Ring { ring } => format!("ring {ring} hangs"),
    }
}

/// A line as a description writes it.
fn numbers(cells: &[u32]) -> String {
    cells.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")
}

fn line(error: &ResetError) -> String {
    match error {
        ResetError::NoLine { wanted } => format!("the device has no reset line {wanted}"),
        ResetError::Unreadable { consumer } => format!(
            "the description is wrong: an entry of the resets of {consumer} refers to a node that is not there, so which lines it has is not known"
        ),
        ResetError::Deferred { provider } => {
            format!("reset controller {provider} has no driver, so its lines cannot be moved")
        }
        ResetError::Cells { provider, takes, has } => {
            format!(
                "the description is wrong: {provider} takes {takes} cells for a reset line, and {has} are given"
            )
        }
        ResetError::NoSuchLine { provider, cells } => {
            format!("the description is wrong: {provider} has no reset line {}", numbers(cells))
        }
        ResetError::Busy { provider, line } => {
            format!("line {line} of {provider} is in somebody else's hands")
        }
        ResetError::NotAcquired { provider, line } => format!("line {line} of {provider} is not acquired"),
        ResetError::NotSupported { provider, operation } => {
            format!("{provider} cannot {operation} its lines")
        }
        ResetError::Unbalanced { provider, line, operation } => {
            format!(
                "{operation} of shared line {line} of {provider} does not balance with the other users' calls"
            )
        }
        ResetError::Gone { provider } => format!("reset controller {provider} has lost its driver"),
        ResetError::Failed { provider, line, operation, errno } => {
            format!("{operation} of line {line} of {provider} failed with error {errno}")
        }
        ResetError::StatusOfArray => "several lines have no one status".to_owned(),
    }
}

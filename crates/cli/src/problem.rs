//! What can go wrong before a program runs, each as one line that says the way out. The command ends with status 2 then.
//!
//! This is where typed errors of the other rooms become sentences for people; what a *program* does wrong is not here but in the
//! trace and the report.

use std::io;
use std::path::PathBuf;

use uvfio_doors::sandbox::SandboxError;

use crate::explain;

/// Status of the command when uvfio itself could not do what it was asked.
pub const STATUS: u8 = 2;

/// Why the command could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The command line makes no sense; clap's own words.
    #[error("{0}")]
    Usage(String),
    /// A board's file cannot be read.
    #[error("cannot read the board {}: {error}", .path.display())]
    BoardUnreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A board's file is larger than any board.
    #[error("the board {} is larger than {} MiB; a device tree has less than one", .path.display(), .limit >> 20)]
    BoardTooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
    /// A board's file is not a device tree.
    #[error("{} is not a usable device tree: {why}", .path.display())]
    NotADeviceTree {
        /// The file.
        path: PathBuf,
        /// What its header says.
        why: String,
    },
    /// Tables of ACPI that say nothing of devices.
    #[error("{} has tables of ACPI and no DSDT among them, which says what devices there are", .path.display())]
    NoDsdt {
        /// The file or folder.
        path: PathBuf,
    },
    /// A table of the machine is only its administrator's to read.
    #[error("only root may read {}; ask with sudo, or copy the tables first", .path.display())]
    TableForbidden {
        /// The table.
        path: PathBuf,
    },
    /// A file holds tables that say nothing of IOMMUs.
    #[error("{} holds {}, and none of IORT, DMAR, IVRS and VIOT, which say what is behind an IOMMU", .path.display(), .tables.join(", "))]
    OtherTables {
        /// The file.
        path: PathBuf,
        /// What it holds.
        tables: Vec<String>,
    },
    /// Overlays are for device trees.
    #[error("{} is ACPI; an overlay can only be put into a device tree", .path.display())]
    OverlayOnTables {
        /// The file.
        path: PathBuf,
    },
    /// The tables say nothing of a PCI function.
    #[error(
        "the tables name no {device}, nor a range it is in; it may be behind a bridge, whose bus number they do not say"
    )]
    NoSuchFunction {
        /// The function.
        device: String,
    },
    /// A folder has no table that is read.
    #[error("{} is a folder without tables of ACPI; uvfio rank takes folders of device trees", .path.display())]
    NoTables {
        /// The folder.
        path: PathBuf,
    },
    /// A folder has no board.
    #[error("no board in {}: neither it nor the folders in it hold a .dtb or tables of ACPI that can be read", .path.display())]
    NoBoards {
        /// The folder.
        path: PathBuf,
    },
    /// An overlay is not for this board.
    #[error("the overlay {} does not fit the board: {why}", .path.display())]
    OverlayDoesNotFit {
        /// The overlay.
        path: PathBuf,
        /// What is in the way.
        why: uvfio_firmware::dt::Misfit,
    },
    /// dtc is not installed.
    #[error("{} is source text and dtc, which compiles it, cannot be started ({error}); install device-tree-compiler or give the .dtb", .path.display())]
    NoCompiler {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// dtc does not accept the source.
    #[error("dtc does not accept {}: {complaint}", .path.display())]
    NotCompiled {
        /// The file.
        path: PathBuf,
        /// Its first complaint.
        complaint: String,
    },
    /// A file that was to be written cannot be.
    #[error("cannot write {}: {error}", .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Our own executable cannot be found.
    #[error("cannot find this executable: {0}")]
    NoExecutable(io::Error),
    /// There is no sandbox, or no program in it.
    #[error("{}", explain::sandbox(.0))]
    Sandbox(#[from] SandboxError),
    /// This is not inside a session.
    #[error("this works only inside uvfio shell or a program that uvfio run started")]
    NoSession,
    /// The session cannot be asked.
    #[error("the session cannot be asked: {0}")]
    Session(io::Error),
    /// A request is larger than a session takes.
    #[error("{bytes} bytes are more than a session takes at once")]
    RequestTooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The session refused; its own words.
    #[error("{0}")]
    Refused(String),
    /// No kernel has this name.
    #[error("no kernel is called {name:?}; there are {known}")]
    NoSuchPersonality {
        /// The name.
        name: String,
        /// The names there are.
        known: String,
    },
    /// There is no such form of report.
    #[error("no report has the form {form:?}; there are text, json and none")]
    NoSuchReport {
        /// The form.
        form: String,
    },
    /// The board has no device of this name.
    #[error("the board has no device {device:?}{}", meant(.near))]
    NoSuchDevice {
        /// The name.
        device: String,
        /// Names it may have been meant to be.
        near: Vec<String>,
    },
    /// Several devices have this in their names.
    #[error("{count} devices have {device:?} in their names or paths, such as {}; name one", .some.join(", "))]
    SeveralDevices {
        /// The name.
        device: String,
        /// How many.
        count: usize,
        /// The first few.
        some: Vec<String>,
    },
    /// Other devices need this one.
    #[error("{device} is the {role} of {}; they would lose it, so it is not handed out", few(.consumers))]
    NeededByOthers {
        /// The device.
        device: String,
        /// What it is to them.
        role: &'static str,
        /// Who they are.
        consumers: Vec<String>,
    },
    /// A device did not go to VFIO.
    #[error("cannot bind {device}: {why}")]
    NotBound {
        /// The device.
        device: String,
        /// Why.
        why: String,
    },
    /// No module has this parameter.
    #[error("there is no parameter {wanted}; there is {known}")]
    NoSuchParameter {
        /// The name, with its module.
        wanted: String,
        /// Names that are near.
        known: String,
    },
    /// A parameter cannot have this value.
    #[error("{value:?} is no value for {name}: {why}")]
    BadParameter {
        /// The name, with its module.
        name: String,
        /// The value.
        value: String,
        /// Why not.
        why: String,
    },
}

fn meant(near: &[String]) -> String {
    match near {
        [] => "; uvfio board FILE lists them".to_owned(),
        [one] => format!("; did you mean {one}?"),
        several => format!("; did you mean one of {}?", several.join(", ")),
    }
}

fn few(names: &[String]) -> String {
    match names {
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [one, rest @ ..] => format!("{one} and {} others", rest.len()),
        [] => "others".to_owned(),
    }
}

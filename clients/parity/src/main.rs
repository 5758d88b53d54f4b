//! Asks a kernel's VFIO every question of the parity suite and prints one line for each answer.
//!
//! An ordinary VFIO program: it knows `/dev/vfio`, the ioctl interface and nothing else, so the same binary asks a real kernel and
//! uvfio. A line is `case: value ERRNO [fields]`, without addresses, descriptors or process ids, so that two logs can be compared.
//! What the answers should be is data beside it (`tests/parity`), not its business.
//!
//!     vfio-parity GROUP_FILE DEVICE TAG SECTION...
//!
//! SECTION is any of `container group t1 t1v2 dev pl031 noread`; TAG is the prefix of the device's own cases.

mod answer;
mod container;
mod device;
mod dirty;
mod group;
mod irq;
mod machine;
mod memlock;
mod pl031;
mod raw;
mod type1;
mod unmap;
mod vaddr;

use std::process::ExitCode;

use machine::{Opened, Place};

/// What the command line asks for.
struct Plan {
    place: Place,
    tag: String,
    sections: Vec<String>,
}

impl Plan {
    fn from_arguments() -> Option<Plan> {
        let mut arguments = std::env::args().skip(1);
        let group = arguments.next()?;
        let device = arguments.next()?;
        let tag = arguments.next()?;
        Some(Plan { place: Place { group, device }, tag, sections: arguments.collect() })
    }

    fn wants(&self, section: &str) -> bool {
        self.sections.iter().any(|wanted| wanted == section)
    }
}

fn main() -> ExitCode {
    let Some(plan) = Plan::from_arguments() else {
        eprintln!("usage: vfio-parity GROUP_FILE DEVICE TAG [container|group|t1|t1v2|dev|pl031|noread]...");
        return ExitCode::from(2);
    };
    match run(&plan) {
        Ok(()) => ExitCode::SUCCESS,
        Err(stage) => {
            eprintln!("vfio-parity: {stage}: {}", std::io::Error::last_os_error());
            ExitCode::FAILURE
        }
    }
}

/// Run the sections in the order the answers were recorded in: they share state.
fn run(plan: &Plan) -> Result<(), &'static str> {
    if plan.wants("container") {
        container::ask();
    }
    if plan.wants("group") {
        group::ask(&plan.place);
    }
    if plan.wants("t1") {
        let opened = Opened::new(&plan.place, raw::TYPE1)?;
        type1::ask("t1", opened.container.number());
    }
    let opened = Opened::new(&plan.place, raw::TYPE1V2)?;
    if plan.wants("t1v2") {
        type1::ask("t1v2", opened.container.number());
    }
    if plan.wants("dev") {
        let regions =
            if plan.wants("noread") { device::Regions::Described } else { device::Regions::Accessed };
        device::ask(&plan.tag, opened.device.number(), regions);
    }
    if plan.wants("pl031") {
        pl031::ask(&plan.tag, opened.device.number());
    }
    Ok(())
}

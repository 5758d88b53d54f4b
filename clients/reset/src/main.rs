//! A VFIO program that takes devices and resets them, step by step as its command line says, and prints what each step was answered.
//!
//! It is an ordinary program: all it knows is /dev/vfio, /sys and the structures of linux/vfio.h. With several devices it shows who
//! may reset what, and what a reset leaves.

mod session;
mod steps;
mod vfio;

use std::process::ExitCode;

use session::Session;

/// What the program says when it does not understand.
const USAGE: &str = "usage: vfio-reset STEP...
  container                      from here on devices go into a new container
  join DEVICE                    put its group into the container
  open DEVICE, close DEVICE      likewise, and open it; close it, and its group with the last of it
  info DEVICE                    whether it says that it can be reset
  write DEVICE OFFSET VALUE      a register of 32 bits of its first region
  read DEVICE OFFSET
  reset DEVICE                   VFIO_DEVICE_RESET
  reset-with DEVICE FD[,FD...]   VFIO_DEVICE_PCI_HOT_RESET, with the groups of these devices, or descriptors by number
  pause                          until a line comes, or no more can, on stdin";

fn main() -> ExitCode {
    let steps = match steps::parse(std::env::args().skip(1)) {
        Ok(steps) => steps,
        Err(wrong) => {
            eprintln!("vfio-reset: {wrong}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let mut session = Session::default();
    let mut status = ExitCode::SUCCESS;
    for step in steps {
        match session.perform(&step) {
            Ok(answer) => println!("{step}: {answer}"),
            Err(errno) => {
                println!("{step}: {}", steps::name(errno));
                status = ExitCode::FAILURE;
            }
        }
    }
    status
}

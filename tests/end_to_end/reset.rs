//! Resets as a program and an administrator see them.

mod choosing;
mod failing;
mod h3;
mod wrong;

use std::path::Path;

use crate::bench::clients::vfio_reset;
use crate::bench::command::{Finished, Run};

/// A board with devices bound; what is refused is explained on stderr.
fn board(board: &Path, bind: &[&str]) -> Run {
    let run = Run::new(["run", "--board"]).args([board]).args(["--report", "none", "--trace"]);
    let run = run.args(["--param", "vfio_iommu_type1.allow_unsafe_interrupts=1"]);
    run.args(bind.iter().flat_map(|device| ["--bind", device]))
}

/// The client with these steps.
fn steps(run: Run, steps: &str) -> Finished {
    run.args(["--"]).args([vfio_reset()]).args(steps.split_whitespace()).finish()
}

/// A shell script: `$r` is the client, `$u` the command.
fn script(run: Run, text: &str) -> Finished {
    let text = format!("PATH=$PATH:/usr/sbin:/sbin r=$1 u=$2\n{text}");
    let run = run.args(["--", "sh", "-c", &text, "sh"]);
    run.args([vfio_reset(), crate::bench::command::uvfio()]).finish()
}

//! Shell scripts inside a sandbox, and what they say.

use std::path::Path;

use super::clients::{Linking, dma330_copy, ownership};
use super::command::{Finished, Run, uvfio};

/// What every script begins with: it stops at the first failure, finds the tools, and has words for what is looked at again and again.
/// `refused COMMAND...` says how a command failed, `put TEXT FILE` is one write, as bash makes it and tells of it.
const BEFORE: &str = r#"
set -euo pipefail; PATH=$PATH:/usr/sbin:/sbin; export LC_ALL=C
p=/sys/bus/platform a=/sys/bus/amba
state() { cat "/sys/module/$1/initstate" 2>/dev/null || echo absent; }
driver() { local d; for d in $p/devices/$1 $a/devices/$1; do test ! -e $d || basename "$(readlink $d/driver || echo none)"; done; }
refused() { local why; if why=$("$@" 2>&1); then echo "done: $*"; else echo "${why##*: }"; fi; }
put() { echo "$1" > "$2"; }
"#;

/// A script on a board. It finds `$uvfio`, `$copy` (dma330-copy) and `$own` (vfio-ownership).
pub fn script(board: &Path, more: &[&str], text: &str) -> Finished {
    let run = Run::new(["run", "--board"]).args([board]).args(more);
    let run = run.set("uvfio", uvfio()).set("copy", dma330_copy(Linking::Dynamic)).set("own", ownership());
    run.args(["--", "bash", "-c", &format!("{BEFORE}{text}")]).finish()
}

/// The lines of a script that succeeds and leaves stderr empty. It must not ask for the report.
pub fn says(board: &Path, more: &[&str], text: &str) -> Vec<String> {
    let finished = script(board, &[&["--report", "none"], more].concat(), text).expect(0);
    assert_eq!(finished.stderr, "", "stdout:\n{}", finished.stdout);
    finished.stdout.lines().map(str::to_owned).collect()
}

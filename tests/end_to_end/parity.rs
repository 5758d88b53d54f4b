//! Parity: every case of tests/parity, answered by uvfio and compared with what a real kernel answered.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::bench::boards;
use crate::bench::clients::{Linking, parity_client};
use crate::bench::command::Run;
use crate::bench::host;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/parity").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(data(name)).expect("the suite's data is there")
}

/// `case: answer` lines in their order. A case that comes more than once is numbered.
fn answers(text: &str) -> Vec<(String, String)> {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    text.lines()
        .map(|line| {
            let (case, answer) = line.split_once(": ").unwrap_or((line, ""));
            let times = seen.entry(case).or_default();
            *times += 1;
            let name = if *times == 1 { case.to_owned() } else { format!("{case} ({times})") };
            (name, answer.to_owned())
        })
        .collect()
}

/// The cases that cannot agree.
fn cannot() -> Vec<String> {
    text("cannot.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('\t'))
        .map(|(case, _)| case.to_owned())
        .collect()
}

/// Run the plan under a personality.
fn asked(personality: &str) -> Vec<(String, String)> {
    let mut run = Run::new(["run", "--personality", personality, "--report", "none", "--board"])
        .args([boards::parity()])
        .args(["--param", "vfio-platform.reset_required=0"]);
    for device in [
        "7c000000.block",
        "7c100000.silent",
        "7c200000.ethernet",
        "a000000.virtio",
        "9020000.fw-cfg",
        "9010000.rtc",
        "9030000.gpio",
    ] {
        run = run.args(["--bind", device]);
    }
    let finished =
        run.args(["--", "sh"]).args([data("plan.sh")]).args([parity_client(Linking::Static)]).finish();
    let finished = finished.expect(0);
    answers(&finished.stdout)
}

/// One line for each difference: the case, what the kernel says, what uvfio said.
fn differences(kernel: &[(String, String)], uvfio: &[(String, String)]) -> Vec<(String, String)> {
    let said: BTreeMap<&str, &str> =
        uvfio.iter().map(|(case, answer)| (case.as_str(), answer.as_str())).collect();
    let known: BTreeMap<&str, &str> =
        kernel.iter().map(|(case, answer)| (case.as_str(), answer.as_str())).collect();
    let missed = kernel.iter().filter_map(|(case, answer)| {
        let said = said.get(case.as_str()).copied().unwrap_or("nothing");
        (said != answer).then(|| (case.clone(), format!("the kernel says {answer}, uvfio said {said}")))
    });
    let added = uvfio.iter().filter(|(case, _)| !known.contains_key(case.as_str()));
    missed
        .chain(added.map(|(case, answer)| (case.clone(), format!("not recorded, uvfio said {answer}"))))
        .collect()
}

/// The cases that two sets of answers have otherwise.
fn changed(from: &[(String, String)], to: &[(String, String)]) -> BTreeSet<String> {
    differences(from, to).into_iter().map(|(case, _)| case).collect()
}

/// The cases that need no particular device.
fn type1_asked(personality: &str) -> Vec<(String, String)> {
    let run = Run::new(["run", "--personality", personality, "--report", "none", "--board"])
        .args([boards::parity()])
        .args(["--bind", "7c200000.ethernet", "--", "sh"])
        .args([data("type1.sh")])
        .args([parity_client(Linking::Static)]);
    answers(&run.finish().expect(0).stdout)
}

/// From one personality to another exactly those answers change that changed from one recorded kernel to the other.
#[test]
fn personalities_change_what_the_recorded_kernels_changed() {
    if !host::has_sandbox("personalities_change_what_the_recorded_kernels_changed") {
        return;
    }
    // Asked of a device behind an SMMUv3, which refuses nesting since 6.9; the recorded kernels were asked behind VT-d, which
    // refuses it otherwise.
    let smmu_nesting = "container.set_iommu_ok_type6";
    let default = type1_asked("linux-6.12");
    let recorded_default = answers(&text("type1-6.12.txt"));
    for version in ["6.1", "6.18", "7.2"] {
        let mut ours = changed(&default, &type1_asked(&format!("linux-{version}")));
        let mut recorded = changed(&recorded_default, &answers(&text(&format!("type1-{version}.txt"))));
        ours.remove(smmu_nesting);
        recorded.remove(smmu_nesting);
        assert_eq!(ours, recorded, "linux-{version}");
    }
}

/// On the platform devices 6.18 changes what it changed on the recorded kernels, and refuses executable mappings
/// (device.mmap.noexec); nothing else.
#[test]
fn linux_6_18_changes_only_what_its_rules_name() {
    if !host::has_sandbox("linux_6_18_changes_only_what_its_rules_name") {
        return;
    }
    let kernel = answers(&text("linux-6.12.txt"));
    let recorded = changed(&answers(&text("type1-6.12.txt")), &answers(&text("type1-6.18.txt")));
    let named = |case: &str| {
        let once = case.split(' ').next().unwrap_or_default();
        recorded.contains(once) || once.ends_with(".mmap.shared_x")
    };
    let ours = changed(&asked("linux-6.12"), &asked("linux-6.18"));
    let expected: BTreeSet<String> =
        kernel.into_iter().map(|(case, _)| case).filter(|case| named(case)).collect();
    assert_eq!(ours, expected);
}

#[test]
fn parity_with_linux_6_12() {
    if !host::has_sandbox("parity_with_linux_6_12") {
        return;
    }
    let kernel = answers(&text("linux-6.12.txt"));
    let differences = differences(&kernel, &asked("linux-6.12"));
    let cannot = cannot();
    println!("{} of {} cases agree with linux-6.12", kernel.len() - differences.len(), kernel.len());
    let (known, news): (Vec<_>, Vec<_>) =
        differences.into_iter().partition(|(case, _)| cannot.contains(case));
    let lines: Vec<String> = news.iter().map(|(case, difference)| format!("{case}: {difference}")).collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
    let agree: Vec<&String> =
        cannot.iter().filter(|case| !known.iter().any(|(known, _)| known == *case)).collect();
    assert!(agree.is_empty(), "these agree now and leave tests/parity/cannot.txt: {agree:?}");
}

//! What uvfio costs, in one table: `cargo xtask bench`.
//!
//! Every figure is a ratio of two things measured by turns in the same run, because the machine's own speed is nobody's merit. The
//! program that measures is `clients/bench`; the targets are this project's own. Not part of `ci`: a busy machine misses targets.

use std::collections::HashMap;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::shell::{Failure, cargo, root, run};

/// One of the demo board's DMA controllers.
const DEVICE: &str = "7ff00000.dma";
/// Starts of a program, each way.
const STARTS: usize = 20;
/// Measurements of other system calls, inside and outside.
const SIDES: usize = 3;

/// What a ratio has to be.
#[derive(Clone, Copy)]
enum Target {
    AtMost(f64),
    AtLeast(f64),
    /// Shown only.
    None,
}

struct Figure {
    /// As the client prints it.
    name: &'static str,
    /// As people read it.
    says: &'static str,
    target: Target,
}

const fn figure(name: &'static str, says: &'static str, target: Target) -> Figure {
    Figure { name, says, target }
}

const FIGURES: &[Figure] = &[
    figure("api-version", "bare notification (VFIO_GET_API_VERSION), getppid", Target::None),
    figure("region-info", "GET_REGION_INFO, getppid", Target::AtMost(30.0)),
    figure("pread", "pread of a register, getppid", Target::AtMost(45.0)),
    figure("mapped-load", "mapped register load, getppid", Target::AtMost(75.0)),
    figure("mapped-store", "mapped register store, getppid", Target::AtMost(75.0)),
    figure("doorbell-pwrite", "doorbell (pwrite) to eventfd, getppid", Target::AtMost(110.0)),
    figure("doorbell-mapped", "doorbell (mapped) to eventfd, getppid", Target::AtMost(110.0)),
    figure("map-page", "MAP + UNMAP of 4 KiB, getppid", Target::AtMost(70.0)),
    figure("map-gib", "MAP + UNMAP of 1 GiB, of 4 KiB", Target::AtMost(1.5)),
    figure("copy-anonymous", "speed of a DMA-330 (pwrite), memcpy, anonymous", Target::AtLeast(0.35)),
    figure("copy-memfd", "speed of a DMA-330 (pwrite), memcpy, memfd", Target::AtLeast(0.8)),
    figure("start", "uvfio run -- true, bwrap --dev-bind / / true", Target::AtMost(3.0)),
    figure("calls", "other system calls, the worst, outside", Target::AtMost(1.5)),
    figure("bring-up", "bring-up of 10,000 devices, of 1,000", Target::AtMost(12.0)),
    figure("call-mmap-shared", "mmap of a file, shared, outside", Target::None),
];

/// What each figure is, by name: a cost and what it is compared with, in nanoseconds.
type Measured = HashMap<String, (f64, f64)>;

/// The one figure that needs no program and no sandbox.
const BRING_UP: &str = "bring-up";

/// The lane `bench`: all figures, or with the argument `bring-up` only that.
pub fn bench(args: &[String]) -> Result<(), Failure> {
    let mut measured = bring_up()?;
    let only_that = args.iter().any(|arg| arg == BRING_UP);
    if !only_that {
        run(cargo().args([
            "build",
            "--quiet",
            "--release",
            "--package",
            "uvfio",
            "--package",
            "vfio-bench",
        ]))?;
        measured.extend(calls_of_vfio()?);
        measured.extend(starts()?);
        measured.extend(other_calls()?);
    }
    let mut missed = Vec::new();
    println!("{:<52} {:>9} {:>9}", "figure, beside", "measured", "target");
    for figure in FIGURES.iter().filter(|figure| !only_that || figure.name == BRING_UP) {
        let (line, met) = row(figure, measured.get(figure.name).copied());
        println!("{line}");
        if !met {
            missed.push(figure.says.to_owned());
        }
    }
    if missed.is_empty() { Ok(()) } else { Err(Failure::Findings(missed)) }
}

/// A line of the table, and whether the target is met.
fn row(figure: &Figure, measured: Option<(f64, f64)>) -> (String, bool) {
    let (target, ratio, met) = match (figure.target, measured) {
        (Target::AtMost(most), Some((cost, base))) => {
            (format!("<= {most}"), cost / base, cost / base <= most)
        }
        (Target::AtLeast(least), Some((cost, base))) => {
            (format!(">= {least}"), base / cost, base / cost >= least)
        }
        (Target::None, Some((cost, base))) => (String::new(), cost / base, true),
        (Target::AtMost(target) | Target::AtLeast(target), None) => (target.to_string(), f64::NAN, false),
        (Target::None, None) => (String::new(), f64::NAN, true),
    };
    let value = if measured.is_some() { format!("{ratio:.2}") } else { "not had".to_owned() };
    let verdict = match figure.target {
        Target::None => "",
        _ if met => "met",
        _ => "MISSED",
    };
    let line = format!("{:<52} {value:>9} {target:>9} {verdict}", figure.says);
    (line.trim_end().to_owned(), met)
}

fn uvfio() -> Command {
    let mut uvfio = Command::new(root().join("target/release/uvfio"));
    uvfio
        .args(["run", "--report", "none", "--param", "vfio_iommu_type1.allow_unsafe_interrupts=1", "--board"])
        .arg(root().join("boards/demo.dtb"));
    uvfio
}

fn client() -> std::path::PathBuf {
    root().join("target/release/vfio-bench")
}

/// Boards of two sizes brought up, a fifth of their devices deferred, with devices plugged in and out.
fn bring_up() -> Result<Measured, Failure> {
    let example = ["run", "--quiet", "--release", "--package", "uvfio-kernel", "--example", "bring_up"];
    figures(cargo().args(example))
}

fn calls_of_vfio() -> Result<Measured, Failure> {
    let mut inside = uvfio();
    inside.args(["--bind", DEVICE, "--"]).arg(client()).arg(DEVICE);
    figures(&mut inside)
}

/// The figures a client prints. One that fails halfway has said why; what it measured before counts.
fn figures(command: &mut Command) -> Result<Measured, Failure> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| Failure::NotStarted("uvfio".to_owned(), error))?;
    if !output.status.success() {
        eprintln!("xtask: the client did not come to its end ({})", output.status);
    }
    Ok(parse(&String::from_utf8_lossy(&output.stdout)))
}

fn parse(text: &str) -> Measured {
    let figure = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next()?.to_owned();
        Some((name, (words.next()?.parse().ok()?, words.next()?.parse().ok()?)))
    };
    text.lines().filter_map(figure).collect()
}

/// How long starting a program takes, by turns through uvfio and through bwrap.
fn starts() -> Result<Measured, Failure> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        ours.push(time(uvfio().args(["--", "true"]))?);
        match time(Command::new("bwrap").args(["--dev-bind", "/", "/", "true"])) {
            Ok(time) => theirs.push(time),
            Err(failure) => {
                eprintln!("xtask: {failure}");
                return Ok(Measured::new());
            }
        }
    }
    Ok(Measured::from([("start".to_owned(), (median(ours), median(theirs)))]))
}

fn time(command: &mut Command) -> Result<f64, Failure> {
    let start = Instant::now();
    run(command.stdin(Stdio::null()))?;
    Ok(start.elapsed().as_nanos() as f64)
}

/// Each system call inside beside itself outside. The worst of those that are not caught stands for all.
fn other_calls() -> Result<Measured, Failure> {
    let mut sides: HashMap<String, (Vec<f64>, Vec<f64>)> = HashMap::new();
    for _ in 0..SIDES {
        for (name, (cost, _)) in figures(uvfio().arg("--").arg(client()).arg("--calls"))? {
            sides.entry(name).or_default().0.push(cost);
        }
        for (name, (cost, _)) in figures(Command::new(client()).arg("--calls"))? {
            sides.entry(name).or_default().1.push(cost);
        }
    }
    let mut measured: Measured = sides
        .into_iter()
        .filter(|(_, (inside, outside))| !inside.is_empty() && !outside.is_empty())
        .map(|(name, (inside, outside))| (format!("call-{name}"), (least(&inside), least(&outside))))
        .collect();
    let worst = measured
        .iter()
        .filter(|(name, _)| *name != "call-mmap-shared")
        .max_by(|(_, one), (_, other)| (one.0 / one.1).total_cmp(&(other.0 / other.1)));
    if let Some((name, worst)) = worst {
        println!("the worst of the other system calls: {}", name.trim_start_matches("call-"));
        let worst = *worst;
        measured.insert("calls".to_owned(), worst);
    }
    Ok(measured)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

fn least(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_measured_is_missed() {
        let figure = figure("pread", "pread", Target::AtMost(45.0));
        assert!(row(&figure, Some((4000.0, 100.0))).1);
        let (line, met) = row(&figure, Some((4600.0, 100.0)));
        assert!(!met && line.ends_with("46.00     <= 45 MISSED"), "{line}");
        assert!(!row(&figure, None).1);
    }

    #[test]
    fn a_speed_has_to_be_high() {
        let figure = figure("copy", "copy", Target::AtLeast(0.35));
        assert!(row(&figure, Some((200.0, 100.0))).1);
        assert!(!row(&figure, Some((300.0, 100.0))).1);
    }

    #[test]
    fn lines_that_are_no_figures_are_left_out() {
        let measured = parse("pread 3000.0 100.5\nhello\n");
        assert_eq!(measured, Measured::from([("pread".to_owned(), (3000.0, 100.5))]));
    }
}

//! The lanes: what each proves, and the command it is.

use crate::acpi_tables;
use crate::architecture;
use crate::bench;
use crate::boards;
use crate::corpus;
use crate::fuzz;
use crate::programs;
use crate::shell::{Failure, cargo, root, run as must};
use crate::truth;

struct Lane {
    name: &'static str,
    proves: &'static str,
    /// Part of `cargo xtask ci`.
    ci: Ci,
    work: fn(&[String]) -> Result<(), Failure>,
}

#[derive(PartialEq, Eq)]
enum Ci {
    Yes,
    No,
}

const LANES: &[Lane] = &[
    Lane { name: "fmt", proves: "the code is formatted", ci: Ci::Yes, work: fmt },
    Lane {
        name: "architecture",
        proves: "the invariants of ARCHITECTURE.md hold",
        ci: Ci::Yes,
        work: invariants,
    },
    Lane { name: "clippy", proves: "clippy has nothing to say", ci: Ci::Yes, work: clippy },
    Lane { name: "doc", proves: "the documentation builds without a warning", ci: Ci::Yes, work: doc },
    Lane {
        name: "interleavings",
        proves: "concurrent callers are served under many schedules",
        ci: Ci::Yes,
        work: interleavings,
    },
    Lane {
        name: "fuzz",
        proves: "hostile input is taken: each fuzz target runs for some seconds ([TARGET [SECONDS]])",
        ci: Ci::Yes,
        work: fuzz::fuzz,
    },
    Lane {
        name: "programs",
        proves: "programs drive the devices of a real board, Juno r2",
        ci: Ci::Yes,
        work: programs::programs,
    },
    Lane {
        name: "parity",
        proves: "every case of tests/parity is answered as the recorded kernel did (part of the tests, too)",
        ci: Ci::No,
        work: parity,
    },
    Lane {
        name: "boards",
        proves: "fetches real boards' device trees from Debian's kernel packages to target/boards ([LABEL...])",
        ci: Ci::No,
        work: boards::fetch,
    },
    Lane {
        name: "corpus",
        proves: "real boards get the answers in tests/corpus, fast, as dtc reads them, damaged ones too ([--bless])",
        ci: Ci::No,
        work: corpus::corpus,
    },
    Lane {
        name: "own-boards",
        proves: "makes the blobs of our own boards of their sources (dtc, iasl), or compares them ([--check])",
        ci: Ci::No,
        work: boards::compile_own,
    },
    Lane {
        name: "acpi-tables",
        proves: "makes boards/acpi: the tables that QEMU's machines have ([FILE...])",
        ci: Ci::No,
        work: acpi_tables::acpi_tables,
    },
    Lane {
        name: "truth",
        proves: "asks a stock Debian kernel in QEMU, and prints where it differs from the recorded answers",
        ci: Ci::No,
        work: truth::truth,
    },
    Lane {
        name: "bench",
        proves: "measures what uvfio costs, beside what each figure has to stay below ([bring-up])",
        ci: Ci::No,
        work: bench::bench,
    },
    Lane { name: "man", proves: "writes the manual pages to target/man", ci: Ci::No, work: man },
];

/// The list of lanes, for people.
pub fn help() -> String {
    let mut text = String::from(
        "usage: cargo xtask LANE [ARGS]\n\n  ci            every lane marked *, in this order\n",
    );
    for lane in LANES {
        let mark = if lane.ci == Ci::Yes { '*' } else { ' ' };
        text.push_str(&format!("{mark} {:<13} {}\n", lane.name, lane.proves));
    }
    text
}

/// Every lane of the continuous check, in order.
pub fn ci() -> Result<(), Failure> {
    for lane in LANES.iter().filter(|lane| lane.ci == Ci::Yes) {
        println!("\n-- {}: {}", lane.name, lane.proves);
        (lane.work)(&[])?;
    }
    Ok(())
}

/// One lane by its name.
pub fn run(name: &str, args: &[String]) -> Result<(), Failure> {
    match LANES.iter().find(|lane| lane.name == name) {
        Some(lane) => (lane.work)(args),
        None => Err(Failure::NoSuchLane(name.to_owned())),
    }
}

fn fmt(_: &[String]) -> Result<(), Failure> {
    must(cargo().args(["fmt", "--all", "--check"]))
}

fn clippy(_: &[String]) -> Result<(), Failure> {
    must(cargo().args(["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn doc(_: &[String]) -> Result<(), Failure> {
    must(
        cargo()
            .args(["doc", "--quiet", "--workspace", "--no-deps", "--document-private-items"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

fn invariants(_: &[String]) -> Result<(), Failure> {
    let findings = architecture::findings(&root());
    if findings.is_empty() { Ok(()) } else { Err(Failure::Findings(findings)) }
}

fn parity(_: &[String]) -> Result<(), Failure> {
    must(cargo().args(["test", "--package", "uvfio", "--test", "end_to_end", "parity", "--", "--nocapture"]))
}

fn interleavings(_: &[String]) -> Result<(), Failure> {
    must(cargo().args(["test", "--quiet", "--package", "uvfio-vfio", "--features", "shuttle"]))?;
    must(cargo().args([
        "test",
        "--quiet",
        "--package",
        "uvfio-kernel",
        "--features",
        "shuttle",
        "--test",
        "schedules",
    ]))
}

fn man(_: &[String]) -> Result<(), Failure> {
    let folder = root().join("target/man");
    must(cargo().args(["run", "--quiet", "--package", "uvfio", "--", "man"]).arg(folder))
}

//! Fuzzing with libFuzzer on a stable compiler: `cargo xtask fuzz [TARGET [SECONDS]]`.
//!
//! Coverage comes from LLVM's own instrumentation pass, which needs no nightly compiler; there is no address sanitizer, which only
//! `sys` would need. Without a target every one runs for a few seconds from a fixed seed, as the continuous check does: that asks
//! the same of every change. Corpora start from `fuzz/corpus/TARGET` and grow in `target/fuzz`.

use std::path::PathBuf;
use std::process::Command;

use crate::shell::{Failure, cargo, root, run};

/// Every target of fuzz/Cargo.toml.
const TARGETS: &[&str] = &["dtb", "acpi", "verdicts", "ioctl", "fuse", "dma330", "emulate"];
const SECONDS: &str = "10";

/// The lane.
pub fn fuzz(arguments: &[String]) -> Result<(), Failure> {
    let seconds = arguments.get(1).map_or(SECONDS, String::as_str);
    let targets = match arguments.first() {
        Some(target) => vec![target.as_str()],
        None => TARGETS.to_vec(),
    };
    let seed = if arguments.is_empty() { "-seed=1" } else { "-seed=0" };
    build()?;
    targets.into_iter().try_for_each(|target| fuzz_one(target, seconds, seed))
}

fn triple() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

fn folder() -> PathBuf {
    root().join("target/fuzz")
}

fn build() -> Result<(), Failure> {
    let flags = [
        "--cfg fuzzing",
        "-Cpasses=sancov-module",
        "-Cllvm-args=-sanitizer-coverage-level=4",
        "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
        "-Cllvm-args=-sanitizer-coverage-pc-table",
        "-Cllvm-args=-sanitizer-coverage-trace-compares",
        "-Clink-dead-code",
        "-Ccodegen-units=1",
    ];
    run(cargo()
        .args(["build", "--quiet", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", &triple()])
        .arg("--target-dir")
        .arg(folder())
        .env("RUSTFLAGS", flags.join(" ")))
}

/// Seed 0 is a new one each time.
fn fuzz_one(target: &str, seconds: &str, seed: &str) -> Result<(), Failure> {
    println!("fuzzing {target} for {seconds} s");
    let grown = folder().join("corpus").join(target);
    std::fs::create_dir_all(&grown).map_err(|error| Failure::File(grown.clone(), error))?;
    let program = folder().join(triple()).join("release").join(target);
    let mut fuzzer = Command::new(program);
    fuzzer
        .arg(format!("-max_total_time={seconds}"))
        .args([seed, "-timeout=20", "-rss_limit_mb=4096", "-print_final_stats=0", "-verbosity=0"])
        .arg(format!("-artifact_prefix={}/", folder().display()))
        .arg(grown);
    let seeds = root().join("fuzz/corpus").join(target);
    if seeds.is_dir() {
        fuzzer.arg(seeds);
    }
    run(&mut fuzzer)
}

//! Recognised and interpreted copies come out the same.

use proptest::prelude::*;
use uvfio_kernel::hw::{Model, Progress};

use super::asm::{ccr, mov, program};
use super::{Bench, PAGE, R, W, X};

pub const PAGES: usize = 24;

/// A program with up to two loops and what is in them.
#[derive(Clone, Debug)]
pub struct Case {
    pub control: u32,
    pub from: u32,
    pub to: u32,
    pub outer: Option<u32>,
    pub inner: u32,
    pub body: Vec<&'static str>,
    /// Pages that do not allow everything.
    pub holes: Vec<(usize, u8)>,
    /// Steps of each call of `run`.
    pub budget: u32,
}

pub fn cases() -> impl Strategy<Value = Case> {
    let control = (0_u32..5, 1_u32..17, 0_u32..40).prop_map(|(size, beats, odd)| match odd {
        0 => ccr(1 << size, beats) & !1,
        1 => ccr(1 << size, beats) & !(1 << 14),
        2 => ccr(1 << size, beats) | 2 << 28,
        3 => (ccr(1 << size, beats) & 0x3fff) | (ccr(16, 2) & !0x3fff),
        _ => ccr(1 << size, beats),
    });
    let address = prop_oneof![
        4 => (1..PAGES as u32 - 1).prop_map(|page| page * PAGE as u32),
        2 => (0..PAGES as u32 * 64).prop_map(|step| step * 64),
        1 => 0..(PAGES * PAGE) as u32,
        1 => (u32::MAX - 8192)..u32::MAX,
    ];
    let body = prop_oneof![
        6 => prop_oneof![
            Just(vec!["ld", "st"]),
            Just(vec!["ld", "rmb", "st", "wmb"]),
            Just(vec!["ld", "st", "ld", "nop", "st"]),
        ],
        1 => prop::collection::vec(
            prop::sample::select(vec!["ld", "st", "nop", "stz", "sev 1", "lds", "stb", "addh sar 0x4"]),
            1..6
        ),
    ];
    let count = prop_oneof![1_u32..5, 1_u32..257];
    let holes = prop::collection::vec((1..PAGES, prop::sample::select(vec![0, R | X, W | X, R | W])), 0..3);
    (control, address.clone(), address, prop::option::of(1_u32..6), count, body, holes, 1_u32..2000).prop_map(
        |(control, from, to, outer, inner, body, holes, budget)| Case {
            control,
            from,
            to,
            outer,
            inner,
            body,
            holes,
            budget,
        },
    )
}

impl Case {
    pub fn program(&self) -> Vec<u8> {
        let set = [mov("ccr", self.control), mov("sar", self.from), mov("dar", self.to)];
        let (outer, inner) = (format!("lp1 {}", self.outer.unwrap_or(1)), format!("lp0 {}", self.inner));
        let mut lines: Vec<&str> = set.iter().map(String::as_str).collect();
        lines.extend(self.outer.map(|_| outer.as_str()));
        lines.push(&inner);
        lines.extend(&self.body);
        lines.push("lpend0");
        lines.extend(self.outer.map(|_| "lpend1"));
        lines.extend(["sev 3", "end"]);
        program(&lines)
    }

    /// Everything a program can see after running it.
    fn outcome(&self, mut bench: Bench) -> (Vec<u32>, Vec<u8>, Vec<bool>) {
        let fill: Vec<u8> = (0..PAGES * PAGE).map(|at| (at ^ at >> 8 ^ at >> 13) as u8).collect();
        bench.memory.put(0, &fill);
        for (page, what) in &self.holes {
            bench.memory.allow(*page, *what);
        }
        bench.write(0x020, 1 << 3);
        bench.start(0, 0x20, &self.program());
        for _ in 0..200_000 {
            if bench.dma.run(self.budget) == Progress::Idle {
                let offsets = (0..0x60).chain(0x100..0x140).chain(0x400..0x500).step_by(4);
                let registers = offsets.map(|offset| bench.read(offset)).collect();
                let lines = bench.wires.iter().map(|wire| wire.high()).collect();
                return (registers, bench.memory.all(), lines);
            }
        }
        panic!("it does not end");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn recognised_copies_equal_interpreted_ones(case in cases()) {
        let (registers, memory, lines) = case.outcome(Bench::new(PAGES));
        let (expected, expected_memory, expected_lines) = case.outcome(Bench::interpreted(PAGES));
        prop_assert_eq!(registers, expected);
        prop_assert!(memory == expected_memory, "memory differs");
        prop_assert_eq!(lines, expected_lines);
    }
}

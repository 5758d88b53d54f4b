//! Programs that come to their end.

use uvfio_kernel::hw::{Model, Progress};

use super::asm::{ccr, mov, program};
use super::{Bench, PAGE};
use crate::dma330::PeripheralRequest;

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + at / 256) as u8).collect()
}

/// Set up a transfer and run `body` on channel 0 with it.
fn transfer(bench: &mut Bench, from: u32, to: u32, control: u32, body: &[&str]) {
    let set = [mov("ccr", control), mov("sar", from), mov("dar", to)];
    let mut lines: Vec<&str> = set.iter().map(String::as_str).collect();
    lines.extend(body);
    bench.start(0, 0, &program(&lines));
    bench.settle();
}

#[test]
fn a_copy_in_nested_loops_moves_every_byte_and_interrupts() {
    let mut bench = Bench::new(40);
    let data = pattern(16 * PAGE);
    bench.memory.put(PAGE, &data);
    bench.write(0x020, 1 << 3);
    let body = ["lp1 16", "lp0 16", "ld", "rmb", "st", "wmb", "lpend0", "lpend1", "wmb", "sev 3", "end"];
    transfer(&mut bench, PAGE as u32, 20 * PAGE as u32, ccr(16, 16), &body);
    assert_eq!(bench.memory.get(20 * PAGE, data.len()), data);
    assert_eq!(bench.memory.copied().iter().sum::<u64>(), 254 * 256, "all but the first and the last pass");
    assert_eq!(bench.state(0), 0);
    assert_eq!((bench.read(0x400), bench.read(0x404)), (17 * PAGE as u32, 36 * PAGE as u32));
    assert_eq!((bench.read(0x40c), bench.read(0x410)), (0, 0));
    assert_eq!((bench.read(0x024), bench.read(0x028)), (8, 8));
    assert!(bench.wires[3].high());
    bench.write(0x02c, 8);
    assert_eq!(bench.read(0x024), 0);
    assert!(!bench.wires[3].high());
}

#[test]
fn the_registers_can_be_read_while_a_program_runs() {
    let mut bench = Bench::new(8);
    let set = [mov("ccr", ccr(4, 1)), mov("sar", 0x1000), mov("dar", 0x2000)];
    let mut lines: Vec<&str> = set.iter().map(String::as_str).collect();
    lines.extend(["lp0 256", "ld", "nop", "st", "sev 1", "lpend0", "end"]);
    bench.start(0, 0, &program(&lines));
    let mut seen = Vec::new();
    while bench.dma.run(100) == Progress::More {
        assert_eq!(bench.state(0), 1);
        seen.push(bench.read(0x404));
    }
    assert!(seen.len() > 5 && seen.is_sorted(), "{seen:x?}");
    assert_eq!(bench.read(0x404), 0x2400);
}

#[test]
fn unaligned_and_fixed_addresses() {
    let mut bench = Bench::new(4);
    bench.memory.put(0x1000, &pattern(64));
    transfer(&mut bench, 0x1003, 0x2003, ccr(8, 2), &["ld", "st", "end"]);
    assert_eq!(bench.memory.get(0x2000, 20), [&[0; 3], &pattern(64)[3..16], &[0; 4]].concat());
    assert_eq!((bench.read(0x400), bench.read(0x404)), (0x1010, 0x2010));

    // The source stays where it is: the same word four times.
    transfer(&mut bench, 0x1004, 0x2100, ccr(4, 4) & !1, &["ld", "st", "end"]);
    assert_eq!(bench.memory.get(0x2100, 16), pattern(64)[4..8].repeat(4));
    assert_eq!(bench.read(0x400), 0x1004);

    // The destination stays: the last word wins.
    transfer(&mut bench, 0x1000, 0x2200, ccr(4, 4) & !(1 << 14), &["ld", "st", "end"]);
    assert_eq!(bench.memory.get(0x2200, 8), [&pattern(64)[12..16], &[0; 4]].concat());
}

#[test]
fn byte_order_is_turned_round_in_groups() {
    let mut bench = Bench::new(4);
    bench.memory.put(0x1000, &[1, 2, 3, 4, 5, 6, 7, 8]);
    for (swap, expected) in
        [(1, [2, 1, 4, 3, 6, 5, 8, 7]), (2, [4, 3, 2, 1, 8, 7, 6, 5]), (3, [8, 7, 6, 5, 4, 3, 2, 1])]
    {
        transfer(&mut bench, 0x1000, 0x2000, ccr(8, 1) | swap << 28, &["ld", "st", "end"]);
        assert_eq!(bench.memory.get(0x2000, 8), expected);
    }
}

#[test]
fn zeros_are_stored_without_loads_and_addresses_are_added_to() {
    let mut bench = Bench::new(4);
    bench.memory.put(0x2000, &[0xff; 64]);
    transfer(&mut bench, 0, 0x2010, ccr(4, 4), &["stz", "addh dar 0x8", "adnh sar 0xfff0", "end"]);
    assert_eq!(bench.memory.get(0x2000, 64), [&[0xff; 16][..], &[0; 16], &[0xff; 32]].concat());
    assert_eq!((bench.read(0x400), bench.read(0x404)), (0xffff_fff0, 0x2028));
}

#[test]
fn the_mfifo_joins_and_splits_bursts() {
    let mut bench = Bench::new(4);
    bench.memory.put(0x1000, &pattern(64));
    // Loads of 4 beats of 4, stores of 2 beats of 8.
    let control = (ccr(4, 4) & 0x3fff) | (ccr(8, 2) & !0x3fff);
    transfer(&mut bench, 0x1000, 0x2000, control, &["ld", "ld", "st", "ld", "st", "st", "end"]);
    assert_eq!(bench.memory.get(0x2000, 48), pattern(48));
}

#[test]
fn channels_wait_for_each_others_events() {
    let mut bench = Bench::new(4);
    bench.start(0, 0x100, &program(&["wfe 5", "sev 6", "end"]));
    bench.start(1, 0x200, &program(&["wfe 5 invalid", "end"]));
    bench.settle();
    assert_eq!((bench.state(0), bench.state(1)), (4, 4));
    assert_eq!(bench.read(0x100) >> 4 & 0x1f, 5);
    bench.debug(None, &program(&["sev 5"]));
    bench.settle();
    assert_eq!((bench.state(0), bench.state(1)), (0, 0));
    assert_eq!(bench.read(0x024), 1 << 6, "nobody has waited for event 6 yet");
    bench.start(2, 0x300, &program(&["wfe 6", "end"]));
    bench.settle();
    assert_eq!((bench.state(2), bench.read(0x024)), (0, 0));
}

#[test]
fn a_program_for_the_manager_starts_channels() {
    let config = crate::dma330::Config { boot: Some(0x100), ..crate::dma330::Config::juno() };
    let mut bench = Bench::with(config, 4);
    bench.memory.put(0x100, &program(&["nop", "go 3 0x200", "wfe 1", "end"]));
    bench.memory.put(0x200, &program(&["sev 1", "end"]));
    bench.settle();
    assert_eq!((bench.read(0x000) & 0xf, bench.state(3)), (0, 0));
    assert_eq!(bench.read(0xe08), 0x100);
}

#[test]
fn a_peripheral_paces_a_transfer() {
    let mut bench = Bench::new(4);
    bench.memory.put(0x1000, &pattern(64));
    let set = [mov("ccr", ccr(4, 4)), mov("sar", 0x1000), mov("dar", 0x2000)];
    let mut lines: Vec<&str> = set.iter().map(String::as_str).collect();
    // A burst takes four beats, a single one.
    lines.extend(["lpfe", "wfpp 2", "ldb", "stpb 2", "lds", "stps 2", "lpendfe", "sev 1", "end"]);
    bench.start(0, 0, &program(&lines));
    bench.settle();
    assert_eq!(bench.read(0x100), 7 | 2 << 4 | 1 << 15 | 1 << 21);
    for (request, copied) in [
        (PeripheralRequest { burst: true, last: false }, 16),
        (PeripheralRequest { burst: false, last: false }, 20),
        (PeripheralRequest { burst: false, last: true }, 24),
    ] {
        bench.dma.request(2, request);
        bench.settle();
        assert_eq!(bench.memory.get(0x2000, 32), [&pattern(copied)[..], &vec![0; 32 - copied]].concat());
    }
    assert_eq!((bench.state(0), bench.dma.acknowledged(2), bench.read(0x024)), (0, 3, 2));
}

#[test]
fn waiting_for_a_burst_passes_single_requests_by() {
    let mut bench = Bench::new(4);
    bench.start(0, 0, &program(&["flushp 1", "wfpb 1", "lp0 2", "sev 1", "lpend0b", "end"]));
    bench.settle();
    bench.dma.request(1, PeripheralRequest { burst: false, last: false });
    bench.settle();
    assert_eq!(bench.state(0), 7);
    bench.dma.request(1, PeripheralRequest { burst: true, last: false });
    bench.settle();
    assert_eq!(bench.state(0), 0);
}

#[test]
fn a_channel_that_runs_is_killed_and_starts_again() {
    let mut bench = Bench::new(4);
    bench.start(0, 0, &program(&["lpfe", "nop", "lpendfe"]));
    assert_eq!(bench.dma.run(1000), Progress::More);
    bench.start(0, 0x100, &program(&["end"]));
    bench.dma.run(100);
    assert_eq!(bench.state(0), 1, "DMAGO of a channel that runs does nothing");
    bench.debug(Some(0), &program(&["kill"]));
    bench.settle();
    assert_eq!(bench.state(0), 0);
    bench.start(0, 0x100, &program(&["sev 1", "end"]));
    bench.settle();
    assert_eq!(bench.read(0x024), 2);
}

//! What reading and judging cost when a board grows: ten times the devices may take hardly more than ten times as long.

#[path = "../../firmware/tests/source/mod.rs"]
mod source;

use std::fmt::Write;
use std::time::Duration;

use uvfio_board::{Options, Verdicts};
use uvfio_firmware::Board;

/// The blob of a board of so many devices behind one SMMU: each tenth shares a page, a stream, a reset line and an interrupt with the next, all
/// have one provider, and each has one of its own.
fn blob(devices: u32) -> Vec<u8> {
    let mut text = String::from(
        r#"/ { #address-cells = <1>; #size-cells = <1>; interrupt-parent = <&gic>;
        gic: gic@1000 { compatible = "arm,gic-400"; interrupt-controller; #interrupt-cells = <3>; reg = <0x1000 0x1000>; };
        smmu: iommu@2000 { compatible = "arm,mmu-500"; #iommu-cells = <1>; dma-coherent; reg = <0x2000 0x1000>; };
        rst: reset@3000 { compatible = "x,rst"; #reset-cells = <1>; #clock-cells = <1>; reg = <0x3000 0x1000>; };"#,
    );
    for at in 0..devices {
        let own = at - u32::from(at % 10 == 1);
        let base = 0x10_0000 + own * 0x1000 + (at - own) * 0x100;
        write!(
            text,
            r#"p{at}: phy@{phy:x} {{ compatible = "x,phy"; #phy-cells = <0>; reg = <{phy} 0x1000>; clocks = <&rst {at}>; }};
            d@{base:x} {{ compatible = "x,d"; reg = <{base} 0x100>; resets = <&rst {own}>; interrupts = <0 {own} 4>;
            iommus = <&smmu {own}>; phys = <&p{at}>; }};"#,
            phy = 0x4000_0000 + at * 0x1000,
        )
        .expect("a string");
    }
    text.push_str("};");
    source::blob(&text)
}

/// What one run costs, by as many as take long enough to be counted: the system counts in ticks of some milliseconds.
fn cost(blob: &[u8]) -> Duration {
    let (start, mut runs) = (processor_time(), 0);
    loop {
        let (board, _) = Board::from_dtb(blob).expect("a tree");
        assert!(Verdicts::of(&board, Options::default()).devices.len() > 2);
        runs += 1;
        let taken = processor_time() - start;
        if taken > Duration::from_millis(300) {
            return taken / runs;
        }
    }
}

/// How long this thread has had a processor: a machine that is busy with others does not decide.
fn processor_time() -> Duration {
    let said =
        std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux says how long a thread ran");
    let nanoseconds = said.split_whitespace().next().and_then(|word| word.parse().ok());
    Duration::from_nanos(nanoseconds.expect("the first of three numbers"))
}

#[test]
fn ten_times_the_devices_cost_about_ten_times_as_much() {
    let (small, large) = (blob(600), blob(6000));
    let ratio = cost(&large).as_secs_f64() / cost(&small).as_secs_f64();
    println!("10 times the devices cost {ratio:.1} times as much");
    // A cost that grows with the square would be 100; the bound is far from both, so that a busy machine does not decide.
    assert!(ratio < 25.0, "10 times the devices cost {ratio:.1} times as much");
}

//! The demo's board brought up, and what its devices answer when they are to be bound.

use std::time::{Duration, Instant};

use uvfio_kernel::device::Bus;

use super::*;
use crate::board_file;

fn demo(params: &[&str], bind: &[&str]) -> Result<Up, Problem> {
    let params: Vec<Setting> = params.iter().map(|text| text.parse().expect("a setting")).collect();
    let bind: Vec<String> = bind.iter().map(|name| (*name).to_owned()).collect();
    up(Wanted {
        description: board_file::DEMO,
        name: Path::new("demo"),
        params: &params,
        core: machine::Options::default(),
        bind: &bind,
        personality: Personality::default(),
        registers: Registers::Mappable,
        inject: &[],
        reset_sets: ResetSets::Apart,
        trace: None,
    })
}

fn refused(params: &[&str], bind: &[&str]) -> String {
    demo(params, bind).err().expect("it is refused").to_string()
}

fn driver(up: &Up, bus: Bus, device: &str) -> Option<String> {
    Some(up.machine.device(bus, device)?.driver()?.name().to_owned())
}

#[test]
fn a_board_comes_up_with_its_host_drivers() {
    let up = demo(&[], &[]).expect("comes up");
    assert_eq!(driver(&up, Bus::Amba, "7ff00000.dma").as_deref(), Some("dma-pl330"));
    assert_eq!(driver(&up, Bus::Platform, "2b400000.iommu").as_deref(), Some("arm-smmu-v3"));
}

#[test]
fn devices_that_can_be_bound_are() {
    let up = demo(
        &["vfio-platform.reset_required=0"],
        &["7ff00000.dma", "1c170000.rtc", "2c000000.ethernet", "2b000000.hdlcd"],
    );
    let up = up.expect("all of them");
    assert_eq!(driver(&up, Bus::Amba, "7ff00000.dma").as_deref(), Some("vfio-amba"));
    assert_eq!(driver(&up, Bus::Platform, "2c000000.ethernet").as_deref(), Some("vfio-platform"));
}

#[test]
fn a_device_that_cannot_be_bound_says_why() {
    let cases = [
        ("7ff0000.dma", "the board has no device \"7ff0000.dma\"; did you mean one of 7ff00000.dma, "),
        ("1c090000.serial", "cannot bind 1c090000.serial: it is behind no IOMMU"),
        ("2b400000.iommu", "2b400000.iommu is the IOMMU of 7ff00000.dma and 5 others"),
        ("2b000000.hdlcd", "--param vfio-platform.reset_required=0 allows it without"),
    ];
    for (device, words) in cases {
        let sentence = refused(&[], &[device]);
        assert!(sentence.contains(words), "{sentence}");
        assert!(!sentence.contains('\n'));
    }
    assert!(refused(&["vfio-platform.reset_required=0"], &["2d000000.gpu"]).contains("is not coherent"));
}

#[test]
fn a_parameter_that_is_not_there_is_named() {
    assert!(refused(&["vfio-platform.reset=0"], &[]).contains("vfio_platform.reset_required"));
    assert!(
        refused(&["nothing.at_all=0"], &[]).starts_with("there is no parameter nothing.at_all; there is ")
    );
    let bad = refused(&["vfio_iommu_type1.dma_entry_limit=many"], &[]);
    assert!(bad.starts_with("\"many\" is no value for vfio_iommu_type1.dma_entry_limit: "), "{bad}");
}

/// The clock of the PL031 ticks by itself: a match that was set fires without anybody looking at the device.
#[test]
fn the_worker_goes_on_with_what_a_device_has_to_do() {
    let up = demo(&[], &[]).expect("comes up");
    up.worker.begin();
    let rtc = up.machine.device(Bus::Amba, "1c170000.rtc").expect("there is one");
    let now = rtc.load(0, 0, uvfio_kernel::hw::Width::Word);
    rtc.store(0, 0x10, uvfio_kernel::hw::Width::Word, 1);
    rtc.store(0, 0x4, uvfio_kernel::hw::Width::Word, now + 1);
    let begun = Instant::now();
    while rtc.irq(0).expect("it has one").level() == uvfio_kernel::hw::Level::Low {
        assert!(begun.elapsed() < Duration::from_secs(60), "the alarm never rings");
        std::thread::sleep(Duration::from_millis(5));
    }
}

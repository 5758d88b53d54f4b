//! Requests of a session, on the demo's board.

use std::path::Path;

use uvfio_doors::sandbox::Control;
use uvfio_kernel::wait::NoWait;
use uvfio_vfio::personality::Personality;
use uvfio_vfio::{Registers, ResetSets};

use super::*;
use crate::board_file;
use crate::bringup::{Up, Wanted, up};

/// VFIO must stay as long as its session.
struct Bench {
    session: Session,
    _up: Up,
}

fn session(params: &[&str]) -> Bench {
    let params: Vec<_> = params.iter().map(|text| text.parse().expect("a setting")).collect();
    let wanted = Wanted {
        description: board_file::DEMO,
        name: Path::new("demo"),
        params: &params,
        core: uvfio_kernel::machine::Options::default(),
        bind: &[],
        personality: Personality::default(),
        registers: Registers::Mappable,
        inject: &[],
        reset_sets: ResetSets::Apart,
        trace: None,
    };
    let up = up(wanted).expect("the demo's board comes up");
    Bench { session: Session::of(&up), _up: up }
}

fn ask(bench: &Bench, request: &Request) -> Answer {
    let message = serde_json::to_vec(request).expect("JSON");
    serde_json::from_slice(&bench.session.request(&message, &NoWait)).expect("JSON")
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn refused(answer: Answer) -> String {
    match answer {
        Answer::Refused(why) => why,
        Answer::Done(done) => panic!("done: {done:?}"),
    }
}

#[test]
fn a_pair_goes_together_and_comes_back_together() {
    let session = session(&["vfio-platform.reset_required=0"]);
    let devices = names(&["2b000000.hdlcd"]);
    let Answer::Done(Done { lines: bound, .. }) = ask(&session, &Request::Bind { devices: devices.clone() })
    else {
        panic!("refused")
    };
    assert_eq!(bound.len(), 2, "the other of the group goes with it: {bound:?}");
    assert!(bound.iter().all(|line| line.contains(": vfio-platform, group ")), "{bound:?}");
    let Answer::Done(Done { lines: back, .. }) = ask(&session, &Request::Unbind { devices }) else {
        panic!("refused")
    };
    assert!(back.len() == 2 && !back.iter().any(|line| line.contains("vfio")), "{back:?}");
}

#[test]
fn what_is_in_the_way_is_named() {
    let session = session(&[]);
    let bind = |name: &str| refused(ask(&session, &Request::Bind { devices: names(&[name]) }));
    assert!(bind("2b000000.hdlcd").contains("reset_required=0"));
    assert!(bind("1c090000.serial").contains("IOMMU"));
    assert!(bind("2b400000.iommu").contains("is the IOMMU of"));
    assert!(bind("7ff0000.dma").contains("did you mean"));
    assert!(
        refused(ask(&session, &Request::Plug { overlay: "x".into() })).contains("not a usable device tree")
    );
    assert!(refused(ask(&session, &Request::Unplug { name: "nothing.here".into() })).contains("no device"));
    let nonsense = session.session.request(b"nonsense", &NoWait);
    assert!(String::from_utf8_lossy(&nonsense).contains("not understood"));
}

#[test]
fn a_device_can_be_unplugged() {
    let session = session(&[]);
    let name = "1c090000.serial".to_owned();
    assert_eq!(
        ask(&session, &Request::Unplug { name: name.clone() }),
        Answer::Done(vec!["1c090000.serial: gone".to_owned()].into())
    );
    assert!(refused(ask(&session, &Request::Unplug { name })).contains("no device"));
}

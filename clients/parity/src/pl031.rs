//! A real device's interrupt: the PL031 real-time clock raises, is masked, acknowledged and raises again.

use crate::answer::{Answer, Section};
use crate::irq::{self, Request, say_count};
use crate::raw::{self, ACTION_MASK, ACTION_TRIGGER, ACTION_UNMASK, DATA_EVENTFD, DATA_NONE, Mapping, PAGE};

// Registers of ARM DDI 0224 (PL031), chapter 3.
const DATA: usize = 0x00;
const MATCH: usize = 0x04;
const MASK_SET: usize = 0x10;
const MASKED_STATUS: usize = 0x18;
const CLEAR: usize = 0x1c;
const PERIPHERAL_ID: usize = 0xfe0;

/// The cases `TAG.pl031.*`.
pub fn ask(tag: &str, device: i32) {
    let section = Section::new(tag);
    let Ok(clock) = Mapping::new(PAGE, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, device, 0)
    else {
        eprintln!("vfio-parity: the clock's registers cannot be mapped: {}", std::io::Error::last_os_error());
        return;
    };
    let ids = [0, 4, 8, 12].map(|at| format!("{:x}", clock.load(PERIPHERAL_ID + at)));
    section.say_with("pl031.periphid", Answer::DONE, format_args!("{}", ids.join(" ")));
    let mut id = [0; 4];
    section.say("pl031.pread_id", raw::pread(device, &mut id, PERIPHERAL_ID as u64));
    section.say_with(
        "pl031.pread_id.v",
        Answer::DONE,
        format_args!("{}", crate::answer::Hex(u32::from_le_bytes(id).into())),
    );

    let event = raw::eventfd();
    interrupt(&section, device, &clock, event);
    section.say("pl031.pwrite4", raw::pwrite(device, &5u32.to_le_bytes(), MATCH as u64));
    let matched = clock.load(MATCH);
    section.say_with("pl031.mr", Answer::DONE, format_args!("{}", crate::answer::Hex(matched.into())));
    section.say("pl031.pread_end", raw::pread(device, &mut [0; 4], 0xffc));
    // A placeholder of the recorded run: it made no call.
    section.say("pl031.pread_cross_end", Answer::DONE);
    drop(clock);
    raw::close(event);
}

fn interrupt(section: &Section, device: i32, clock: &Mapping, event: i32) {
    let ask = |flags: u32| irq::set(device, &Request::new(flags, 0).count(1));
    let count = |case: &str| say_count(section, case, event);
    ask(DATA_NONE | ACTION_UNMASK);
    clock.store(CLEAR, 1);
    clock.store(MASK_SET, 0);
    let trigger = Request::new(DATA_EVENTFD | ACTION_TRIGGER, 0).count(1).data(&event.to_ne_bytes());
    section.say("pl031.evfd", irq::set(device, &trigger));
    clock.store(MATCH, clock.load(DATA));
    clock.store(MASK_SET, 1);
    count("pl031.fire.ev");
    section.say_with(
        "pl031.mis",
        Answer::DONE,
        format_args!("{}", crate::answer::Hex(clock.load(MASKED_STATUS).into())),
    );
    count("pl031.automasked.ev");
    section.say("pl031.unmask_noack", ask(DATA_NONE | ACTION_UNMASK));
    count("pl031.refire.ev");
    clock.store(CLEAR, 1);
    section.say("pl031.unmask_acked", ask(DATA_NONE | ACTION_UNMASK));
    count("pl031.quiet.ev");
    ask(DATA_NONE | ACTION_MASK);
    clock.store(MATCH, clock.load(DATA));
    count("pl031.masked.ev");
    ask(DATA_NONE | ACTION_UNMASK);
    count("pl031.unmasked_pending.ev");
    clock.store(CLEAR, 1);
    clock.store(MASK_SET, 0);
    section.say("pl031.off", irq::set(device, &Request::new(DATA_NONE | ACTION_TRIGGER, 0)));
}

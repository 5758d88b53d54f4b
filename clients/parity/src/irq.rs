//! Interrupts of a device, index by index: wrong requests, loopback, mask and unmask, and eventfds for each.

use crate::answer::{Answer, Section};
use crate::raw::{
    self, ACTION_MASK as MASK, ACTION_TRIGGER as TRIGGER, ACTION_UNMASK as UNMASK, DATA_BOOL as BOOL,
    DATA_EVENTFD as EVENTFD, DATA_NONE as NONE,
};

/// One `DEVICE_SET_IRQS`: `struct vfio_irq_set` and its data.
#[derive(Clone)]
pub struct Request {
    argsz: Option<u32>,
    flags: u32,
    index: u32,
    start: u32,
    count: u32,
    data: Vec<u8>,
}

impl Request {
    /// A request of no interrupt at all.
    pub fn new(flags: u32, index: u32) -> Request {
        Request { argsz: None, flags, index, start: 0, count: 0, data: Vec::new() }
    }

    /// How many interrupts.
    pub fn count(mut self, count: u32) -> Request {
        self.count = count;
        self
    }

    /// The first interrupt.
    pub fn start(mut self, start: u32) -> Request {
        self.start = start;
        self
    }

    /// The bytes behind the structure.
    pub fn data(mut self, data: &[u8]) -> Request {
        self.data = data.to_vec();
        self
    }

    /// An `argsz` that is not the size of the whole.
    pub fn argsz(mut self, argsz: u32) -> Request {
        self.argsz = Some(argsz);
        self
    }
}

/// Make the request.
pub fn set(device: i32, request: &Request) -> Answer {
    // Room for every size a case claims.
    let mut bytes = [0u8; 256];
    let argsz = request.argsz.unwrap_or(20 + request.data.len() as u32);
    for (at, word) in
        [argsz, request.flags, request.index, request.start, request.count].into_iter().enumerate()
    {
        bytes[4 * at..4 * at + 4].copy_from_slice(&word.to_ne_bytes());
    }
    bytes[20..20 + request.data.len()].copy_from_slice(&request.data);
    raw::ioctl(device, raw::DEVICE_SET_IRQS, &mut bytes)
}

/// Wait for an eventfd and print its count.
pub fn say_count(section: &Section, case: &str, event: i32) {
    section.say_with(case, Answer::DONE, format_args!("count={}", raw::take_count(event, 200)));
}

/// The interrupt under test.
struct Irq {
    section: Section,
    device: i32,
    index: u32,
    /// The eventfd of most cases.
    event: i32,
}

impl Irq {
    fn one(&self, flags: u32) -> Request {
        Request::new(flags, self.index).count(1)
    }

    fn none(&self, action: u32) -> Request {
        self.one(NONE | action)
    }

    fn bool(&self, action: u32, value: u8) -> Request {
        self.one(BOOL | action).data(&[value])
    }

    fn eventfd(&self, action: u32, fd: i32) -> Request {
        self.one(EVENTFD | action).data(&fd.to_ne_bytes())
    }

    fn set(&self, request: &Request) -> Answer {
        set(self.device, request)
    }

    fn say(&self, case: &str, request: &Request) {
        self.section.say(case, self.set(request));
    }

    fn say_count(&self, case: &str) {
        say_count(&self.section, case, self.event);
    }

    /// A request and the count that it left.
    fn say_both(&self, case: &str, request: &Request) {
        self.say(case, request);
        self.say_count(&format!("{case}.ev"));
    }
}

/// The cases `TAG.irqINDEX.*`.
pub fn ask(tag: &str, device: i32, index: u32) {
    let irq =
        Irq { section: Section::new(format!("{tag}.irq{index}")), device, index, event: raw::eventfd() };
    let null = raw::open("/dev/null", libc::O_RDWR).0.map_or(-1, |fd| fd as i32);
    wrong_requests(&irq);
    before_an_eventfd(&irq);
    wrong_eventfds(&irq, null);
    loopback(&irq);
    masking(&irq);
    unmask_by_eventfd(&irq);
    switching_off(&irq);
    raw::close(null);
    raw::close(irq.event);
}

fn wrong_requests(irq: &Irq) {
    irq.section.say("set.null", raw::ioctl_value(irq.device, raw::DEVICE_SET_IRQS, 0));
    irq.say("set.argsz0", &irq.none(TRIGGER).count(0).argsz(0));
    irq.say("set.argsz19", &irq.none(TRIGGER).count(0).argsz(19));
    irq.say("set.noflags", &irq.one(0));
    irq.say("set.data_only", &irq.one(NONE));
    irq.say("set.action_only", &irq.one(TRIGGER));
    irq.say("set.two_data", &irq.one(NONE | BOOL | TRIGGER).data(&[1]));
    irq.say("set.two_action", &irq.one(NONE | TRIGGER | MASK));
    irq.say("set.unknown_flag", &irq.one(NONE | TRIGGER | 0x40));
    irq.say("set.badindex", &Request::new(NONE | TRIGGER, 99).count(1));
}

fn before_an_eventfd(irq: &Irq) {
    irq.say("trig.none.before_eventfd", &irq.none(TRIGGER));
    irq.say("trig.disable_before", &irq.none(TRIGGER).count(0));
    irq.say("mask.before", &irq.none(MASK));
    irq.say("unmask.before", &irq.none(UNMASK));
}

fn wrong_eventfds(irq: &Irq, null: i32) {
    let event = irq.eventfd(TRIGGER, irq.event);
    irq.say("evfd.start1", &event.clone().start(1));
    irq.say("evfd.count0", &event.clone().count(0));
    let two = [irq.event.to_ne_bytes(), irq.event.to_ne_bytes()].concat();
    irq.say("evfd.count2", &irq.one(EVENTFD | TRIGGER).count(2).data(&two));
    irq.set(&irq.none(TRIGGER).count(0));
    irq.say("evfd.argsz_short", &event.clone().argsz(20));
    irq.say("evfd.fd_bad", &irq.eventfd(TRIGGER, 999));
    irq.say("evfd.fd_notevent", &irq.eventfd(TRIGGER, null));
    irq.say("evfd.fd_-1_before", &irq.eventfd(TRIGGER, -1));
    irq.say("evfd.wrap", &event.clone().start(u32::MAX).count(2));
    irq.say("evfd.count_huge", &event.clone().count(0x4000_0000));
    irq.say("evfd.set", &event);
    irq.say("evfd.set_again", &event);
    irq.say_count("evfd.initial");
}

fn loopback(irq: &Irq) {
    irq.say_both("trig.none", &irq.none(TRIGGER));
    irq.say_both("trig.none2", &irq.none(TRIGGER));
    irq.say_both("unmask.none", &irq.none(UNMASK));
    irq.say_both("trig.bool1", &irq.bool(TRIGGER, 1));
    irq.say("unmask.bool1", &irq.bool(UNMASK, 1));
    irq.say_both("trig.bool0", &irq.bool(TRIGGER, 0));
    irq.say("trig.start1", &irq.none(TRIGGER).start(1));
    irq.say("trig.count2", &irq.none(TRIGGER).count(2));
}

fn masking(irq: &Irq) {
    irq.say("mask.none", &irq.none(MASK));
    irq.say("mask.again", &irq.none(MASK));
    irq.say_both("trig.while_masked", &irq.none(TRIGGER));
    irq.say("unmask.bool0", &irq.bool(UNMASK, 0));
    irq.say_both("trig.still_masked", &irq.none(TRIGGER));
    irq.say("unmask", &irq.none(UNMASK));
    irq.say("unmask.again", &irq.none(UNMASK));
    irq.say_count("unmask.ev");
    irq.say("mask.bool0", &irq.bool(MASK, 0));
    irq.say_both("trig.after_mask_bool0", &irq.none(TRIGGER));
    irq.set(&irq.none(UNMASK));
    irq.say("mask.start1", &irq.none(MASK).start(1));
    irq.say("mask.count0", &irq.none(MASK).count(0));
    irq.say("mask.count2", &irq.none(MASK).count(2));
    irq.say("mask.evfd", &irq.eventfd(MASK, irq.event));
}

fn unmask_by_eventfd(irq: &Irq) {
    let unmask = raw::eventfd();
    irq.say("unmask.evfd", &irq.eventfd(UNMASK, unmask));
    irq.set(&irq.none(MASK));
    raw::write(unmask, &1u64.to_ne_bytes());
    // The kernel unmasks from a work queue; the recorded run gave it this long.
    std::thread::sleep(std::time::Duration::from_millis(50));
    irq.set(&irq.none(TRIGGER));
    irq.say_count("unmask.evfd.then_trigger.ev");
    irq.say("unmask.evfd_off", &irq.eventfd(UNMASK, -1));
    irq.set(&irq.none(UNMASK));
    raw::take_count(irq.event, 10);
    raw::close(unmask);
}

fn switching_off(irq: &Irq) {
    irq.say("evfd.off", &irq.eventfd(TRIGGER, -1));
    irq.say("trig.after_off", &irq.none(TRIGGER));
    irq.say("evfd.off_again", &irq.eventfd(TRIGGER, -1));
    irq.say("disable", &irq.none(TRIGGER).count(0));
    irq.say("disable_start1", &irq.none(TRIGGER).start(1).count(0));
    irq.say("bool_count0", &irq.one(BOOL | TRIGGER).count(0));
}

//! Any register accesses and any DMA programs: the model of the DMA-330 answers each, never panics, and works no longer than asked.

#![no_main]

use std::sync::Arc;

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use uvfio_fuzz::bus::{Bus, Open};
use uvfio_fuzz::machine::{Stopped, WIDTHS};
use uvfio_kernel::hw::{Line, Model, Progress, ResetKind, Wires};
use uvfio_models::dma330::{Config, Dma330, PeripheralRequest, Security};

/// What is done to the controller, in a program's words.
#[derive(Debug, Arbitrary)]
enum Act {
    Read {
        region: u8,
        offset: u16,
        width: u8,
    },
    Write {
        region: u8,
        offset: u16,
        width: u8,
        value: u64,
    },
    /// An instruction through the debug registers, for the manager or a channel.
    Debug {
        channel: Option<u8>,
        code: [u8; 6],
    },
    /// Put a program somewhere and start it.
    Start {
        channel: u8,
        page: u8,
        code: Vec<u8>,
    },
    /// What a page may be used for.
    Allow {
        page: u8,
        what: u8,
    },
    Request {
        peripheral: u8,
        burst: bool,
        last: bool,
    },
    Run {
        steps: u16,
    },
    Reset,
}

#[derive(Debug, Arbitrary)]
struct Case {
    secure_bus: bool,
    secure_manager: bool,
    nonsecure_events: u32,
    channels: u8,
    mfifo_lines: u16,
    width: u8,
    acts: Vec<Act>,
}

impl Case {
    fn config(&self) -> Config {
        let security = |secure| if secure { Security::Secure } else { Security::NonSecure };
        Config {
            channels: self.channels.into(),
            mfifo_lines: self.mfifo_lines.into(),
            width: self.width.into(),
            manager: security(self.secure_manager),
            bus: security(self.secure_bus),
            nonsecure_events: self.nonsecure_events,
            ..Config::juno()
        }
    }
}

/// DBGINST0, DBGINST1 and DBGCMD (ARM DDI 0424, section 3.3).
fn debug(dma: &mut Dma330, channel: Option<u8>, code: [u8; 6]) {
    let target = channel.map_or(0, |channel| 1 | u64::from(channel) << 8);
    let rest = u32::from_le_bytes([code[2], code[3], code[4], code[5]]);
    let word = WIDTHS[2];
    dma.write(0, 0xd08, word, target & 0xffff | u64::from(code[0]) << 16 | u64::from(code[1]) << 24);
    dma.write(0, 0xd0c, word, rest.into());
    dma.write(0, 0xd04, word, 0);
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(case) = Case::arbitrary(&mut Unstructured::new(bytes)) else { return };
    let bus = Bus::new();
    let lines = (0..9).map(|_| Arc::new(Open) as Arc<dyn Line>).collect();
    let mut dma = Dma330::new(case.config(), Wires { dma: bus.clone(), lines, clock: Arc::new(Stopped) });
    for act in case.acts.iter().take(64) {
        match act {
            Act::Read { region, offset, width } => {
                let width = WIDTHS[usize::from(width % 4)];
                let value = dma.read(usize::from(region % 4), (*offset).into(), width);
                assert_eq!(value & !width.mask(), 0, "a value has the width asked for");
            }
            Act::Write { region, offset, width, value } => {
                let width = WIDTHS[usize::from(width % 4)];
                dma.write(usize::from(region % 4), (*offset).into(), width, value & width.mask());
            }
            Act::Debug { channel, code } => debug(&mut dma, *channel, *code),
            Act::Start { channel, page, code } => {
                let at = bus.put(*page, code).to_le_bytes();
                debug(&mut dma, None, [0xa2, channel % 8, at[0], at[1], at[2], at[3]]);
            }
            Act::Allow { page, what } => bus.allow(*page, *what),
            Act::Request { peripheral, burst, last } => {
                dma.request((*peripheral).into(), PeripheralRequest { burst: *burst, last: *last });
            }
            Act::Run { steps } => {
                dma.run((*steps).into());
            }
            Act::Reset => {
                dma.reset(ResetKind::Line).expect("no fault was injected");
                assert_eq!(dma.is_reset(), Some(true), "a reset leaves it as its manual says");
            }
        }
        assert!(dma.activity().running || dma.run(20) == Progress::Idle, "who is not at work has none");
    }
});

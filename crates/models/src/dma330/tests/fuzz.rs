//! Nothing a program writes, and no program it starts, makes the model panic, grow or work for ever.

use proptest::prelude::*;
use uvfio_kernel::hw::{Model, ResetKind, Width};

use super::{Bench, PAGE};
use crate::dma330::config::Outstanding;
use crate::dma330::{Config, PeripheralRequest, Security, Wiring};

#[derive(Clone, Debug)]
enum Act {
    Read(usize, u64, Width),
    Write(usize, u64, Width, u64),
    Debug(Option<u32>, [u8; 6]),
    Program(usize, Vec<u8>),
    Run(u32),
    Request(usize, bool, bool),
    Reset,
}

fn widths() -> impl Strategy<Value = Width> {
    prop::sample::select(vec![Width::Byte, Width::Half, Width::Word, Width::Double])
}

/// Bytes that are mostly instructions.
fn code() -> impl Strategy<Value = Vec<u8>> {
    let opcodes = vec![
        0x00, 0x04, 0x05, 0x07, 0x08, 0x09, 0x0b, 0x0c, 0x12, 0x13, 0x18, 0x20, 0x22, 0x25, 0x27, 0x28, 0x29,
        0x2b, 0x30, 0x31, 0x32, 0x34, 0x35, 0x36, 0x38, 0x39, 0x3c, 0x54, 0x56, 0x5c, 0x5e, 0xa2, 0xbc, 0xbc,
        0xbc,
    ];
    let byte = prop_oneof![4 => prop::sample::select(opcodes), 2 => 0_u8..16, 1 => any::<u8>()];
    prop::collection::vec(byte, 1..200)
}

fn acts() -> impl Strategy<Value = Act> {
    let offsets = || prop_oneof![8 => 0_u64..0x1000, 1 => any::<u64>()];
    prop_oneof![
        (0_usize..2, offsets(), widths())
            .prop_map(|(region, offset, width)| Act::Read(region, offset, width)),
        (0_usize..2, offsets(), widths(), any::<u64>()).prop_map(
            |(region, offset, width, value)| Act::Write(region, offset, width, value & width.mask())
        ),
        (prop::option::of(0_u32..8), any::<[u8; 6]>()).prop_map(|(thread, bytes)| Act::Debug(thread, bytes)),
        (0_u8..8, 0_u8..8).prop_map(|(channel, page)| Act::Debug(None, [0xa2, channel, 0, page * 16, 0, 0])),
        (0_usize..8, code()).prop_map(|(page, code)| Act::Program(page, code)),
        (0_u32..3000).prop_map(Act::Run),
        (0_usize..40, any::<bool>(), any::<bool>())
            .prop_map(|(number, burst, last)| Act::Request(number, burst, last)),
        Just(Act::Reset),
    ]
}

fn configs() -> impl Strategy<Value = Config> {
    let security = || prop::sample::select(vec![Security::Secure, Security::NonSecure]);
    let sizes = (0_usize..12, 0_usize..40, 0_usize..40, 0_u32..40, 0_usize..2000, 0_usize..40, 0_usize..20);
    let wiring =
        prop_oneof![Just(Wiring::juno()), (0_usize..70).prop_map(|lines| Wiring::described(&[], lines))];
    let rest = (security(), security(), prop::option::of(0_u32..0x4000), any::<u32>(), any::<u32>(), wiring);
    (sizes, rest).prop_map(
        |(sizes, (manager, bus, boot, nonsecure_events, nonsecure_peripherals, wiring))| {
            let (channels, peripherals, events, width, mfifo_lines, icache_bytes, icache_lines) = sizes;
            Config {
                channels,
                peripherals,
                events,
                width,
                mfifo_lines,
                icache_bytes,
                icache_lines,
                outstanding: Outstanding { writes: width, write_queue: width, reads: 0, read_queue: 0 },
                manager,
                boot,
                nonsecure_events,
                nonsecure_peripherals,
                bus,
                wiring,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_written_is_answered(config in configs(), acts in prop::collection::vec(acts(), 1..60)) {
        let mut bench = Bench::with(config, 8);
        for act in acts {
            match act {
                Act::Read(region, offset, width) => {
                    let value = bench.dma.read(region, offset, width);
                    prop_assert_eq!(value & !width.mask(), 0);
                }
                Act::Write(region, offset, width, value) => bench.dma.write(region, offset, width, value),
                Act::Debug(thread, bytes) => bench.debug(thread, &bytes),
                Act::Program(page, code) => bench.memory.put(page * PAGE, &code),
                Act::Run(steps) => {
                    bench.dma.run(steps);
                }
                Act::Request(number, burst, last) => bench.dma.request(number, PeripheralRequest { burst, last }),
                Act::Reset => bench.dma.reset(ResetKind::Power).unwrap(),
            }
            let running = bench.dma.activity();
            prop_assert!(running.running || bench.dma.run(20) == uvfio_kernel::hw::Progress::Idle);
        }
    }
}

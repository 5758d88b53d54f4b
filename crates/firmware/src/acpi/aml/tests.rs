//! Tables that iasl compiled, and tables that nobody should: what they evaluate to, and that each ends.

use std::collections::BTreeMap;

use super::*;

/// Memory, byte by byte, and how long was waited.
#[derive(Default)]
struct Memory {
    bytes: BTreeMap<u64, u8>,
    stores: Vec<(u64, u8, u64)>,
    waited: u64,
}

impl Host for Memory {
    fn load(&mut self, address: u64, bytes: u8) -> Result<u64, Stopped> {
        let byte = |at: u64| u64::from(self.bytes.get(&address.wrapping_add(at)).copied().unwrap_or(0));
        Ok((0..bytes.into()).rev().fold(0, |value, at| value << 8 | byte(at)))
    }

    fn store(&mut self, address: u64, bytes: u8, value: u64) -> Result<(), Stopped> {
        self.stores.push((address, bytes, value));
        for at in 0..u64::from(bytes) {
            self.bytes.insert(address.wrapping_add(at), (value >> (at * 8)) as u8);
        }
        Ok(())
    }

    fn wait(&mut self, microseconds: u64) -> Result<(), Stopped> {
        self.waited += microseconds;
        if self.waited > 10_000_000 { Err(Stopped) } else { Ok(()) }
    }
}

fn file(path: &str) -> Vec<u8> {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read(path).expect("the table is there");
    table[super::super::header::LENGTH..].to_vec()
}

fn loaded(code: &[u8]) -> (Interpreter, Vec<Unread>) {
    let mut interpreter = Interpreter::new(2);
    let unread = interpreter.load(code, &mut Nothing, &mut { Bounds::LOAD });
    (interpreter, unread)
}

#[test]
fn the_language_is_understood() {
    let (mut interpreter, unread) = loaded(&file("tests/aml/language.aml"));
    assert_eq!(unread, []);
    let mut memory = Memory::default();
    for method in ["ARIT", "LOGI", "LOOP", "CALL", "REFS", "TEXT", "BITS", "FLDS", "SYNC"] {
        for _ in 0..2 {
            let answer = interpreter.evaluate(&format!("\\{method}"), &mut memory, Bounds::METHOD);
            assert_eq!(answer, Ok(Value::Integer(0)), "{method}");
        }
    }
    // The bits beside a field stay, and units are as wide as the field says.
    assert_eq!(memory.stores.first(), Some(&(0x1000, 4, 0xaabb_ccdd)));
    assert_eq!(memory.bytes[&0x1010], 0xf0);
    assert!(memory.stores.contains(&(0x1012, 2, 0x4321)));
    assert_eq!(memory.waited, 2 * 1010);
}

#[test]
fn the_demo_boards_devices_are_found_in_their_order() {
    let (mut interpreter, unread) = loaded(&file("../../boards/acpi-demo/dsdt.aml"));
    assert_eq!(unread, []);
    let namespace = interpreter.devices(&mut Nothing, &mut { Bounds::LOAD });
    let paths: Vec<&str> = namespace.devices.iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(paths[..5], ["\\_SB_.DMA0", "\\_SB_.DMA1", "\\_SB_.DMA2", "\\_SB_.DMA3", "\\_SB_.LOOP"]);
    assert_eq!(paths[7..], ["\\_SB_.SOC0", "\\_SB_.SOC0.COM0", "\\_SB_.SOC0.COM1"]);
    assert!(namespace.devices.iter().all(|entry| entry.failed.is_empty()));
    assert_eq!(namespace.devices[0].object("_HID"), Some(&Value::Text("ARMH0330".to_owned())));
    assert_eq!(namespace.devices[9].object("_STA"), Some(&Value::Integer(0)));
    // A template that a method makes.
    let Some(Value::Buffer(resources)) = namespace.devices[2].object("_CRS") else { panic!("a buffer") };
    let found = super::super::resource::Resources::read(resources);
    assert_eq!((found.regions[0].base, found.interrupts.len()), (0x7ff2_0000, 9));
}

#[test]
fn a_reset_reaches_the_registers_of_its_device() {
    let (mut interpreter, _) = loaded(&file("../../boards/acpi-demo/dsdt.aml"));
    for (device, base) in [("DMA0", 0x7ff0_0000), ("DMA2", 0x7ff2_0000)] {
        let mut memory = Memory::default();
        let method = format!("\\_SB_.{device}._RST");
        assert!(interpreter.evaluate(&method, &mut memory, Bounds::METHOD).is_ok());
        let at = |offset: u64| base + offset;
        assert_eq!(memory.stores[..3], [(at(0xd08), 4, 0x1_0000), (at(0xd0c), 4, 0), (at(0xd04), 4, 0)]);
        assert_eq!(memory.stores[24..27], [(at(0xd08), 4, 0x1_0701), (at(0xd0c), 4, 0), (at(0xd04), 4, 0)]);
        assert_eq!(memory.stores[27..], [(at(0x20), 4, 0xff), (at(0x2c), 4, 0xff), (at(0x20), 4, 0)]);
    }
    let fails = |interpreter: &mut Interpreter, device: &str| {
        interpreter.evaluate(&format!("\\_SB_.{device}._RST"), &mut Memory::default(), Bounds::METHOD)
    };
    assert_eq!(fails(&mut interpreter, "LOOP"), Err(Failure::TooManySteps(250_000)));
    assert_eq!(fails(&mut interpreter, "FAIL"), Err(Failure::DividedByZero));
    assert_eq!(fails(&mut interpreter, "DMA1"), Err(Failure::NoSuchName("\\_SB_.DMA1._RST".to_owned())));
}

/// Tables that QEMU and its firmware made (`cargo xtask acpi-tables`).
#[test]
fn tables_of_qemu_are_read_to_their_ends() {
    for (file, id, count) in [("virt.dsdt", "LNRO0005", 32), ("q35.dsdt", "PNP0C0F", 16)] {
        let (mut interpreter, unread) = loaded(&file_of_qemu(file));
        assert_eq!(unread, []);
        let namespace = interpreter.devices(&mut Nothing, &mut { Bounds::LOAD });
        assert!(namespace.devices.iter().all(|entry| entry.failed.is_empty()), "{file}");
        let wanted = |entry: &&Entry| super::super::AcpiFacts::of(entry).0.hid() == Some(id);
        assert_eq!(namespace.devices.iter().filter(wanted).count(), count, "{file}");
    }
}

fn file_of_qemu(name: &str) -> Vec<u8> {
    file(&format!("../../boards/acpi/{name}"))
}

/// A package: opcode, length, inside.
fn package(opcode: &[u8], inside: &[u8]) -> Vec<u8> {
    let length = inside.len() + 4;
    let mut bytes = opcode.to_vec();
    bytes.extend([
        0xc0 | (length & 0xf) as u8,
        (length >> 4) as u8,
        (length >> 12) as u8,
        (length >> 20) as u8,
    ]);
    bytes.extend(inside);
    bytes
}

/// A method `MTHD` without arguments.
fn method(body: &[u8]) -> Vec<u8> {
    package(&[0x14], &[b"MTHD\0", body].concat())
}

fn run(code: &[u8]) -> Result<Value, Failure> {
    let (mut interpreter, _) = loaded(code);
    interpreter.evaluate("\\MTHD", &mut Memory::default(), Bounds::METHOD)
}

#[test]
fn what_would_go_on_for_ever_ends() {
    let endless = Err(Failure::TooManySteps(Bounds::METHOD.steps));
    assert_eq!(run(&method(&package(&[0xa2], &[1]))), endless);
    // Twice calling itself, which no depth alone bounds in time.
    assert_eq!(run(&method(b"MTHDMTHD")), Err(Failure::TooDeep));
    // A sleep that is longer than the host allows.
    let sleep = [&[0x5b, 0x22, 0x0c][..], &u32::MAX.to_le_bytes()].concat();
    assert_eq!(run(&method(&package(&[0xa2], &[&[1], &sleep[..]].concat()))), Err(Failure::Stopped));
    // A reference to itself: Store (RefOf (Local0), Local0), then its value.
    assert_eq!(run(&method(&[0x70, 0x71, 0x60, 0x60, 0x72, 0x60, 1, 0])), Err(Failure::TooDeep));
    // Aliases of each other.
    let circle =
        [&[0x08][..], b"AAAA\0\x06AAAABBBB\x06BBBBAAAA", &method(&[0x72, b'A', b'A', b'A', b'A', 1, 0])]
            .concat();
    assert!(run(&circle).is_err());
}

#[test]
fn what_would_take_all_memory_is_refused() {
    // Buffer (0xffffffffffffffff) {}
    let huge = package(&[0x11], &[&[0x0e][..], &[0xff; 8]].concat());
    assert_eq!(run(&method(&huge)), Err(Failure::TooMuchMemory));
    // Package (Ones) {}
    assert_eq!(run(&method(&package(&[0x13], &[0xff]))), Err(Failure::TooMuchMemory));
    // Local0 = "aa"; While (1) { Local0 = Concatenate (Local0, Local0) }
    let grows =
        [&[0x70, 0x0d, b'a', b'a', 0, 0x60][..], &package(&[0xa2], &[1, 0x73, 0x60, 0x60, 0x60])].concat();
    assert_eq!(run(&method(&grows)), Err(Failure::TooMuchMemory));
    // Local0 = Package (1) { Local0 }, again and again.
    let nested = package(&[0x12], &[1, 0x60]);
    let nests = package(&[0xa2], &[&[1, 0x70][..], &nested, &[0x60]].concat());
    assert_eq!(run(&method(&nests)), Err(Failure::TooDeep));
    // Names without end: While (1) { Name (...) } gives the one name there can be.
    let names = package(&[0xa2], &[&[1, 0x08][..], b"NAME\0"].concat());
    assert_eq!(run(&method(&names)), Err(Failure::TooManySteps(Bounds::METHOD.steps)));
}

#[test]
fn what_nests_too_deep_is_refused_on_a_small_stack() {
    let deep = |opcode: &[u8], count: usize| {
        let mut code = vec![0xa3];
        for _ in 0..count {
            code = package(opcode, &[&[1][..], &code].concat());
        }
        code
    };
    let nots = [vec![0x92; 100_000], vec![1]].concat();
    let mut scopes = Vec::new();
    for _ in 0..5_000 {
        scopes = package(&[0x5b, 0x82], &[&b"DEV0"[..], &scopes].concat());
    }
    let calls = method(b"MTHD");
    let indices = method(&[vec![0x88; 50_000], vec![0x60, 1, 0]].concat());
    let small = std::thread::Builder::new().stack_size(1 << 20);
    let all = move || {
        assert_eq!(run(&method(&deep(&[0xa0], 2_000))), Err(Failure::TooDeep));
        assert_eq!(run(&method(&deep(&[0xa2], 2_000))), Err(Failure::TooDeep));
        assert_eq!(run(&method(&nots)), Err(Failure::TooDeep));
        assert_eq!(run(&calls), Err(Failure::TooDeep));
        assert_eq!(run(&indices), Err(Failure::TooDeep));
        let (_, unread) = loaded(&scopes);
        assert!(unread.iter().any(|unread| unread.why == Failure::TooDeep));
    };
    small.spawn(all).unwrap().join().unwrap();
}

#[test]
fn a_failure_in_a_device_ends_that_device_alone() {
    let broken = package(&[0x5b, 0x82], b"DEV0\x08NAM0\xfe");
    let whole = package(&[0x5b, 0x82], b"DEV1\x08_HID\x0dACME0001\0");
    let (mut interpreter, unread) = loaded(&[broken, whole].concat());
    assert_eq!(unread, [Unread { scope: "\\DEV0".to_owned(), why: Failure::Unknown(0xfe) }]);
    let namespace = interpreter.devices(&mut Nothing, &mut { Bounds::LOAD });
    assert_eq!(namespace.devices.len(), 2);
    assert_eq!(namespace.devices[1].object("_HID"), Some(&Value::Text("ACME0001".to_owned())));
}

/// Every byte changed to several values, and every length: nothing panics, and everything ends.
#[test]
fn damaged_tables_end() {
    let bounds = Bounds { steps: 2_000, room: 1 << 18 };
    for code in [file("tests/aml/language.aml"), file("../../boards/acpi-demo/dsdt.aml")] {
        let all = |code: &[u8]| {
            let mut interpreter = Interpreter::new(1);
            interpreter.load(code, &mut Memory::default(), &mut { bounds });
            let namespace = interpreter.devices(&mut Memory::default(), &mut { bounds });
            for entry in &namespace.devices {
                let _ = interpreter.evaluate(&format!("{}._RST", entry.path), &mut Memory::default(), bounds);
            }
            for method in ["ARIT", "LOGI", "CALL", "REFS", "TEXT", "BITS", "FLDS"] {
                let _ = interpreter.evaluate(&format!("\\{method}"), &mut Memory::default(), bounds);
            }
        };
        for at in (0..code.len()).step_by(13) {
            for value in [0, 0x5b, 0x72, 0x88, 0xff] {
                let mut damaged = code.clone();
                damaged[at] = value;
                all(&damaged);
            }
            all(&code[..at]);
        }
    }
}

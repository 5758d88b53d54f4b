//! The firmware's methods at work: what they reach is the machine, and the time they take is the host's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use uvfio_firmware::Board;
use uvfio_firmware::acpi::Firmware;
use uvfio_firmware::acpi::aml::{Failure, Host, Stopped};
use uvfio_kernel::hw::Width;
use uvfio_kernel::provider::reset::{AcpiFailure, AcpiReset, Bound, SystemMemory};

/// Seconds that a method may sleep in all.
const LONGEST_SLEEP: u64 = 5;

/// The `_RST` methods of a board.
pub struct Methods {
    /// By the device's name, the path of the device in the namespace.
    resets: BTreeMap<String, Arc<str>>,
    /// One method is evaluated at a time.
    firmware: Mutex<Firmware>,
}

impl Methods {
    /// Of this board.
    pub fn of(board: &Board, firmware: Firmware) -> Self {
        let has_reset = board.devices.iter().filter(|it| it.acpi.as_ref().is_some_and(|acpi| acpi.has_reset));
        let resets = has_reset.map(|device| (device.name.clone(), device.path.clone())).collect();
        Methods { resets, firmware: Mutex::new(firmware) }
    }
}

impl AcpiReset for Methods {
    fn describes_machine(&self) -> bool {
        true
    }

    fn has(&self, device: &str) -> bool {
        self.resets.contains_key(device)
    }

    fn evaluate(&self, device: &str, memory: &dyn SystemMemory) -> Result<(), AcpiFailure> {
        let path = self.resets.get(device).ok_or(AcpiFailure::NoMethod)?;
        let mut machine = Reached { memory, slept: Duration::ZERO, refused: None };
        let mut firmware = self.firmware.lock().unwrap_or_else(PoisonError::into_inner);
        match firmware.reset(path, &mut machine) {
            Ok(_) => Ok(()),
            Err(Failure::TooManySteps(steps)) => {
                Err(AcpiFailure::Endless { bound: Bound::Operations(steps) })
            }
            Err(failure) => {
                Err(machine.refused.unwrap_or(AcpiFailure::Interpreter { says: failure.to_string() }))
            }
        }
    }
}

/// The machine as a method reaches it.
struct Reached<'a> {
    memory: &'a dyn SystemMemory,
    slept: Duration,
    /// Why it was stopped.
    refused: Option<AcpiFailure>,
}

impl Reached<'_> {
    fn or_stop<T>(&mut self, done: Result<T, AcpiFailure>) -> Result<T, Stopped> {
        done.map_err(|refusal| {
            self.refused = Some(refusal);
            Stopped
        })
    }
}

fn width(bytes: u8) -> Width {
    match bytes {
        1 => Width::Byte,
        2 => Width::Half,
        4 => Width::Word,
        _ => Width::Double,
    }
}

impl Host for Reached<'_> {
    fn load(&mut self, address: u64, bytes: u8) -> Result<u64, Stopped> {
        let loaded = self.memory.load(address, width(bytes));
        self.or_stop(loaded)
    }

    fn store(&mut self, address: u64, bytes: u8, value: u64) -> Result<(), Stopped> {
        let stored = self.memory.store(address, width(bytes), value);
        self.or_stop(stored)
    }

    /// Devices go on meanwhile. What is longer than all of a method's sleep may be is not slept at all.
    fn wait(&mut self, microseconds: u64) -> Result<(), Stopped> {
        let time = Duration::from_micros(microseconds);
        let slept = self.slept.saturating_add(time);
        if slept > Duration::from_secs(LONGEST_SLEEP) {
            return self.or_stop(Err(AcpiFailure::Endless { bound: Bound::Seconds(LONGEST_SLEEP) }));
        }
        self.slept = slept;
        std::thread::sleep(time);
        Ok(())
    }
}

//! A GPIO pin as a reset line.
//!
//! In Linux drivers/reset/reset-gpio.c, which the reset core makes a device for where a consumer has `reset-gpios` and no `resets`. A
//! specifier is a pin and flags; the lowest flag says that low asserts (dt-bindings/gpio/gpio.h). There is no pulse.

use std::sync::Arc;

use super::super::controller::{OpFailed, Registers, ResetController};
use super::super::error::Operation;
use super::Active;
use crate::hw::Level;
use crate::sync::{self, Mutex};

/// Pins that can be driven.
pub trait Pins: Send + Sync {
    /// How many.
    fn count(&self) -> u32;
    /// Make a pin an output and drive it.
    fn drive(&self, pin: u32, level: Level);
    /// What it is driven to.
    fn level(&self, pin: u32) -> Level;
}

/// Pins of a GPIO block as reset lines: `2 * pin`, one more where low asserts.
pub struct GpioReset {
    pins: Arc<dyn Pins>,
}

pub(super) fn translate(cells: &[u32]) -> Option<u32> {
    match cells {
        &[pin, flags] => Some(pin.checked_mul(2)? | (flags & 1)),
        _ => None,
    }
}

/// The pin of a line, and which of its levels asserts.
pub(super) fn output(line: u32) -> (u32, Active) {
    (line / 2, if line & 1 == 0 { Active::High } else { Active::Low })
}

impl GpioReset {
    /// Of these pins.
    pub fn new(pins: Arc<dyn Pins>) -> Self {
        Self { pins }
    }

    fn asserting(line: u32) -> Level {
        if line & 1 == 0 { Level::High } else { Level::Low }
    }

    fn releasing(line: u32) -> Level {
        Self::asserting(line ^ 1)
    }
}

impl ResetController for GpioReset {
    fn cells(&self) -> usize {
        2
    }

    fn translate(&self, cells: &[u32]) -> Option<u32> {
        translate(cells).filter(|line| line / 2 < self.pins.count())
    }

    fn has(&self, operation: Operation) -> bool {
        operation != Operation::Reset
    }

    fn assert(&self, line: u32) -> Result<(), OpFailed> {
        self.pins.drive(line / 2, Self::asserting(line));
        Ok(())
    }

    fn deassert(&self, line: u32) -> Result<(), OpFailed> {
        self.pins.drive(line / 2, Self::releasing(line));
        Ok(())
    }

    fn status(&self, line: u32) -> Result<bool, OpFailed> {
        Ok(self.pins.level(line / 2) == Self::asserting(line))
    }
}

/// The eight pins of a PL061 (ARM DDI 0190): an access to the data register at `4 * mask` touches the pins of the mask.
pub struct Pl061Pins {
    registers: Arc<dyn Registers>,
    changing: Mutex<()>,
}

/// Direction register: a one is an output.
const GPIODIR: u64 = 0x400;

impl Pl061Pins {
    /// Of this block.
    pub fn new(registers: Arc<dyn Registers>) -> Self {
        Self { registers, changing: Mutex::new(()) }
    }
}

impl Pins for Pl061Pins {
    fn count(&self) -> u32 {
        8
    }

    fn drive(&self, pin: u32, level: Level) {
        let bit = 1u32 << (pin % 8);
        let value = if level == Level::High { bit } else { 0 };
        let _changing = sync::lock(&self.changing);
        // As pl061_direction_output does it: the value is stored again once the pin is an output.
        self.registers.store(0, u64::from(bit) << 2, value);
        self.registers.store(0, GPIODIR, self.registers.load(0, GPIODIR) | bit);
        self.registers.store(0, u64::from(bit) << 2, value);
    }

    fn level(&self, pin: u32) -> Level {
        let bit = 1u32 << (pin % 8);
        match self.registers.load(0, u64::from(bit) << 2) & bit {
            0 => Level::Low,
            _ => Level::High,
        }
    }
}

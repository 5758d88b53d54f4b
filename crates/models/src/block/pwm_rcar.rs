//! One PWM timer channel of Renesas R-Car. Seven of them share one reset line (523 on R-Car H3).
//!
//! R-Car Gen3 manual, section 59; `drivers/pwm/pwm-rcar.c`.

use super::{Register, Table};

/// PWM channel: control and count.
pub static PWM_RCAR: Table = Table {
    name: "R-Car PWM channel",
    registers: &[
        // PWMCR: clock division, sync, single pulse, enable.
        Register { offset: 0x0, reset: 0, writable: 0x000f_8811 },
        // PWMCNT: cycle and high period.
        Register { offset: 0x4, reset: 0, writable: 0x03ff_03ff },
    ],
    software_reset: None,
    running: (0x0, 1, 1),
    halted: None,
};

//! The ways to reset a device, by name, and the order in which a device prefers them.
//!
//! In Linux a PCI function's are in `reset_method` (Documentation/ABI/testing/sysfs-bus-pci, `pci_reset_fn_methods` in
//! drivers/pci/pci.c); VFIO's platform devices have ACPI's `_RST`, a reset driver, and would have had a reset controller, in this
//! order (drivers/vfio/platform/vfio_platform_common.c). One list serves both here.

use std::fmt;
use std::str::FromStr;

use crate::errno::{self, Errno};

/// A way to reset a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// By registers of its own, which a driver for its kind knows.
    DeviceSpecific,
    /// By the firmware's `_RST`.
    Acpi,
    /// By the reset controller its lines come from.
    Controller,
    /// PCI: function level reset.
    Flr,
    /// PCI: from D3hot to D0.
    Pm,
    /// PCI: by its slot.
    Slot,
    /// PCI: by the bus above it.
    Bus,
}

impl Scope {
    /// All of them, in the order a platform device prefers them, then PCI's.
    pub const ALL: [Scope; 7] = [
        Scope::Acpi,
        Scope::DeviceSpecific,
        Scope::Controller,
        Scope::Flr,
        Scope::Pm,
        Scope::Slot,
        Scope::Bus,
    ];

    /// Its name in `reset_method`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Scope::DeviceSpecific => "device_specific",
            Scope::Acpi => "acpi",
            Scope::Controller => "controller",
            Scope::Flr => "flr",
            Scope::Pm => "pm",
            Scope::Slot => "slot",
            Scope::Bus => "bus",
        }
    }

    /// Whether it needs PCI, which there is none of.
    #[must_use]
    pub const fn is_pci(self) -> bool {
        matches!(self, Scope::Flr | Scope::Pm | Scope::Slot | Scope::Bus)
    }

    /// Whether it resets a link with all that is behind it, and not a function.
    #[must_use]
    pub const fn is_link(self) -> bool {
        matches!(self, Scope::Slot | Scope::Bus)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a caller asks for: a scope, or any of some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// Whatever the device prefers.
    Any,
    /// Of those that reset the function.
    Function,
    /// Of those that reset a link.
    Link,
    /// This one.
    Only(Scope),
}

impl Ask {
    /// Whether a scope is one of those asked for.
    #[must_use]
    pub fn accepts(self, scope: Scope) -> bool {
        match self {
            Ask::Any => true,
            Ask::Function => !scope.is_link(),
            Ask::Link => scope.is_link(),
            Ask::Only(only) => only == scope,
        }
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ask::Any => "any",
            Ask::Function => "function",
            Ask::Link => "link",
            Ask::Only(scope) => scope.name(),
        })
    }
}

impl FromStr for Ask {
    type Err = BadMethod;

    fn from_str(name: &str) -> Result<Self, BadMethod> {
        match name {
            "any" => Ok(Ask::Any),
            "function" => Ok(Ask::Function),
            "link" => Ok(Ask::Link),
            name => scope_named(name).map(Ask::Only),
        }
    }
}

fn scope_named(name: &str) -> Result<Scope, BadMethod> {
    let found = Scope::ALL.into_iter().find(|scope| scope.name() == name);
    found.ok_or_else(|| BadMethod::Unknown { name: name.to_owned() })
}

/// Why a text is no list of reset methods for a device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMethod {
    /// There is no such method.
    #[error("no reset method {name:?}")]
    Unknown {
        /// What was written.
        name: String,
    },
    /// The device does not have it.
    #[error("reset method {scope} is not available")]
    NotAvailable {
        /// The method.
        scope: Scope,
    },
}

impl BadMethod {
    /// What a write to `reset_method` answers.
    #[must_use]
    pub const fn errno(&self) -> Errno {
        errno::EINVAL
    }
}

/// The reset methods of one device: those it has, and those in use in order of preference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Methods {
    available: Vec<Scope>,
    chosen: Option<Vec<Scope>>,
}

impl Methods {
    /// Those a device has, the preferred one first.
    #[must_use]
    pub fn new(available: Vec<Scope>) -> Self {
        Self { available, chosen: None }
    }

    /// Whether the device has any, in use or not.
    #[must_use]
    pub fn has_any(&self) -> bool {
        !self.available.is_empty()
    }

    /// Those in use, the preferred one first.
    #[must_use]
    pub fn in_use(&self) -> &[Scope] {
        self.chosen.as_deref().unwrap_or(&self.available)
    }

    /// What the device has now may differ from what it had: its choice stays, as far as it still has it.
    pub fn set_available(&mut self, available: Vec<Scope>) {
        if let Some(chosen) = &mut self.chosen {
            chosen.retain(|scope| available.contains(scope));
        }
        self.available = available;
    }

    /// What a read of `reset_method` gives: names with blanks between and a newline, or nothing at all.
    #[must_use]
    pub fn show(&self) -> String {
        let names: Vec<&str> = self.in_use().iter().map(|scope| scope.name()).collect();
        if names.is_empty() { String::new() } else { names.join(" ") + "\n" }
    }

    /// Write `reset_method`: nothing disables resets, `default` returns to what the device prefers, and names set the order.
    ///
    /// # Errors
    /// A name that is none, or of a method the device does not have; nothing was changed.
    pub fn store(&mut self, text: &str) -> Result<(), BadMethod> {
        if text.trim() == "default" {
            self.chosen = None;
            return Ok(());
        }
        let mut chosen = Vec::new();
        for name in text.split_whitespace() {
            let scope = scope_named(name)?;
            if !self.available.contains(&scope) {
                return Err(BadMethod::NotAvailable { scope });
            }
            if !chosen.contains(&scope) {
                chosen.push(scope);
            }
        }
        self.chosen = Some(chosen);
        Ok(())
    }

    /// The preferred one of those asked for.
    #[must_use]
    pub fn pick(&self, ask: Ask) -> Option<Scope> {
        self.in_use().iter().copied().find(|scope| ask.accepts(*scope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reset_method_reads_and_writes_as_in_linux() {
        let mut methods = Methods::new(vec![Scope::DeviceSpecific, Scope::Controller]);
        assert_eq!(methods.show(), "device_specific controller\n");
        methods.store("controller device_specific controller\n").unwrap();
        assert_eq!(methods.in_use(), [Scope::Controller, Scope::DeviceSpecific]);
        assert_eq!(methods.store("flr").unwrap_err(), BadMethod::NotAvailable { scope: Scope::Flr });
        assert!(matches!(methods.store("hammer"), Err(BadMethod::Unknown { .. })));
        assert_eq!(methods.pick(Ask::Any), Some(Scope::Controller));
        methods.set_available(vec![Scope::DeviceSpecific]);
        assert_eq!(methods.show(), "device_specific\n");
        methods.store("").unwrap();
        assert_eq!((methods.show().as_str(), methods.pick(Ask::Any)), ("", None));
        methods.store("default\n").unwrap();
        assert_eq!(methods.pick(Ask::Function), Some(Scope::DeviceSpecific));
    }

    #[test]
    fn aliases_pick_of_their_kind() {
        let methods = Methods::new(vec![Scope::Bus, Scope::Flr]);
        assert_eq!(methods.pick("any".parse().unwrap()), Some(Scope::Bus));
        assert_eq!(methods.pick("function".parse().unwrap()), Some(Scope::Flr));
        assert_eq!(methods.pick("link".parse().unwrap()), Some(Scope::Bus));
        assert_eq!(methods.pick("pm".parse().unwrap()), None);
        assert_eq!("slot".parse(), Ok(Ask::Only(Scope::Slot)));
        for ask in ["any", "function", "link", "flr"] {
            assert_eq!(ask.parse::<Ask>().map(|ask| ask.to_string()).as_deref(), Ok(ask));
        }
        assert!("nothing".parse::<Ask>().is_err());
    }
}

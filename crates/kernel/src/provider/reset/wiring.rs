//! Which devices a reset line reaches.
//!
//! In Linux nobody keeps this: a driver that takes a line cannot know who else is on it, and for that reason VFIO never came to use
//! reset controllers. Here the `resets` of all devices are indexed once, by line, as the board's description has them, whether or not
//! any driver is bound.

use std::collections::{BTreeMap, HashMap, HashSet};

use uvfio_firmware::{Device, Reference, Specifier, Supplier};

use super::drivers::{Active, ResetDriver};

/// The reset lines a device wants: its `resets`, or where it has none, its `reset-gpios` (`__of_reset_control_get`).
pub fn wanted(device: &Device) -> impl Iterator<Item = &Specifier> {
    let pin = |supplier: &&Supplier| {
        supplier.kind == Reference::Gpio && supplier.specifier.name.as_deref() == Some("reset")
    };
    let pin = device.suppliers.iter().find(pin).filter(|_| device.resets.is_empty());
    device.resets.iter().chain(pin.map(|supplier| &supplier.specifier))
}

/// A reset line: the controller's node, and its number there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line {
    /// The controller's node.
    pub provider: String,
    /// The number of the block's output, where the controller's driver is known: one line then has one number, however it is
    /// written. Otherwise the cells as they are.
    pub cells: Vec<u32>,
}

impl Line {
    /// What a specifier means at a provider with these compatibles, and which level of the output asserts.
    #[must_use]
    pub fn of(specifier: &Specifier, provider: &[String]) -> (Self, Active) {
        let output = ResetDriver::of(provider).and_then(|driver| driver.output(&specifier.cells));
        let (cells, active) = match output {
            Some((number, active)) => (vec![number], active),
            None => (specifier.cells.to_vec(), Active::High),
        };
        (Line { provider: specifier.path.to_string(), cells }, active)
    }

    /// An output of a block.
    #[must_use]
    pub fn at(provider: impl Into<String>, output: u32) -> Self {
        Line { provider: provider.into(), cells: vec![output] }
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let cells: Vec<String> = self.cells.iter().map(u32::to_string).collect();
        write!(f, "{}:{}", self.provider, cells.join(","))
    }
}

/// The lines of a board and the devices on them, `D` being how devices are told apart. Building it is linear in the number of
/// references; adding or removing a device costs what its own lines cost.
#[derive(Clone, Debug)]
pub struct Wiring<D> {
    devices: HashMap<Line, Vec<D>>,
    lines: BTreeMap<D, Vec<Line>>,
}

impl<D> Default for Wiring<D> {
    fn default() -> Self {
        Self { devices: HashMap::new(), lines: BTreeMap::new() }
    }
}

impl<D: Clone + Ord> Wiring<D> {
    /// No devices.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A device comes, with its lines; one it names twice counts once. A device that is there already is replaced.
    pub fn add(&mut self, device: D, lines: impl IntoIterator<Item = Line>) {
        self.remove(&device);
        let mut seen = HashSet::new();
        let lines: Vec<Line> = lines.into_iter().filter(|line| seen.insert(line.clone())).collect();
        for line in &lines {
            self.devices.entry(line.clone()).or_default().push(device.clone());
        }
        self.lines.insert(device, lines);
    }

    /// A device goes.
    pub fn remove(&mut self, device: &D) {
        for line in self.lines.remove(device).unwrap_or_default() {
            if let Some(devices) = self.devices.get_mut(&line) {
                devices.retain(|other| other != device);
                if devices.is_empty() {
                    self.devices.remove(&line);
                }
            }
        }
    }

    /// The lines of a device, in the order of its `resets`.
    #[must_use]
    pub fn lines(&self, device: &D) -> &[Line] {
        self.lines.get(device).map_or(&[], Vec::as_slice)
    }

    /// The devices on a line, in the order they came.
    #[must_use]
    pub fn devices(&self, line: &Line) -> &[D] {
        self.devices.get(line).map_or(&[], Vec::as_slice)
    }

    /// All devices that moving this one's lines would reach, itself included, by device.
    #[must_use]
    pub fn reached(&self, device: &D) -> Vec<D> {
        let mut reached: Vec<D> =
            self.lines(device).iter().flat_map(|line| self.devices(line)).cloned().collect();
        reached.push(device.clone());
        reached.sort();
        reached.dedup();
        reached
    }

    /// All devices.
    pub fn all(&self) -> impl Iterator<Item = (&D, &[Line])> {
        self.lines.iter().map(|(device, lines)| (device, lines.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u32) -> Line {
        Line::at("/cpg", number)
    }

    #[test]
    fn a_line_reaches_every_device_on_it() {
        let mut wiring = Wiring::new();
        wiring.add("pwm0", [line(183)]);
        wiring.add("pwm1", [line(183), line(183)]);
        wiring.add("usb", [line(1), line(2)]);
        wiring.add("phy", [line(2)]);
        wiring.add("rtc", []);
        assert_eq!(wiring.reached(&"pwm0"), ["pwm0", "pwm1"]);
        assert_eq!(wiring.reached(&"phy"), ["phy", "usb"]);
        assert_eq!(wiring.reached(&"rtc"), ["rtc"]);
        assert_eq!(wiring.devices(&line(183)), ["pwm0", "pwm1"]);
        wiring.remove(&"usb");
        assert_eq!(wiring.reached(&"phy"), ["phy"]);
        assert!(wiring.devices(&line(1)).is_empty());
    }

    #[test]
    fn a_line_has_one_number_however_it_is_written() {
        let specifier = |cells: &[u32]| Specifier {
            provider: uvfio_firmware::NodeId(0),
            path: "/cpg".into(),
            cells: cells.into(),
            name: None,
        };
        let cpg = ["renesas,r8a7795-cpg-mssr".to_owned()];
        assert_eq!(Line::of(&specifier(&[523]), &cpg).0, line(183));
        assert_eq!(Line::of(&specifier(&[523]), &[]).0, line(523));
        assert_eq!(Line::of(&specifier(&[1, 2]), &[]).0.to_string(), "/cpg:1,2");
        let gpio = ["arm,pl061".to_owned()];
        assert_eq!(Line::of(&specifier(&[3, 1]), &gpio), (line(3), Active::Low));
        assert_eq!(Line::of(&specifier(&[3, 0]), &gpio), (line(3), Active::High));
    }
}

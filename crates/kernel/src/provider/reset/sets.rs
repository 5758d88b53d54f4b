//! Reset sets: devices that share reset lines, and why they do.
//!
//! Nobody in Linux tells these apart. Of the lines of a real SoC that several nodes name, some couple devices that have nothing else in
//! common; some are a device's and its own phy's, which go together anyway; and some are named by two descriptions of one block, of
//! which a board only ever enables one. The measured example is R-Car H3: ten lines, 28 nodes, all three sorts.

use std::collections::BTreeMap;

use uvfio_firmware as firmware;

use super::wiring::{Line, Wiring};

/// Why two devices are on one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// They are the same block, described twice: their first register windows overlap.
    SameBlock,
    /// One is the other's phy: it names it in `phys`, or contains it.
    Phy,
    /// Nothing but the line: resetting one disturbs the other.
    Coupled,
}

/// The nodes of the phys a device names.
pub fn phys(device: &firmware::Device) -> Vec<&str> {
    let phys = device.suppliers.iter().filter(|supplier| supplier.kind == firmware::Reference::Phy);
    phys.map(|supplier| supplier.specifier.path.as_ref()).collect()
}

/// Devices that can only be reset together, directly or through others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResetSet<D> {
    /// The devices, in order.
    pub devices: Vec<D>,
    /// The lines that bind them, in order.
    pub lines: Vec<Line>,
}

/// What two devices on one line are to each other. `phys_of` gives the nodes a device names in `phys`.
pub fn relation<'a>(
    one: &'a firmware::Device,
    other: &'a firmware::Device,
    phys_of: impl Fn(&'a firmware::Device) -> Vec<&'a str>,
) -> Relation {
    let block = |device: &firmware::Device| device.regions.first().map(|region| (region.base, region.size));
    if let (Some((one, size)), Some((other, other_size))) = (block(one), block(other))
        && one < other.saturating_add(other_size)
        && other < one.saturating_add(size)
    {
        return Relation::SameBlock;
    }
    let below = |above: &str, path: &str| path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'));
    let has_phy = |device: &'a firmware::Device, phy: &firmware::Device| {
        below(&device.path, &phy.path)
            || phys_of(device).iter().any(|named| *named == &*phy.path || below(&phy.path, named))
    };
    if has_phy(one, other) || has_phy(other, one) { Relation::Phy } else { Relation::Coupled }
}

/// The sets of a wiring with more than one device: the connected parts of "shares a line with". Linear in the number of references.
#[must_use]
pub fn sets<D: Clone + Ord>(wiring: &Wiring<D>) -> Vec<ResetSet<D>> {
    let all: Vec<(&D, &[Line])> = wiring.all().collect();
    let mut parent: Vec<usize> = (0..all.len()).collect();
    let mut first: BTreeMap<&Line, usize> = BTreeMap::new();
    for (at, (_, lines)) in all.iter().enumerate() {
        for line in *lines {
            let other = *first.entry(line).or_insert(at);
            let (one, other) = (root(&mut parent, at), root(&mut parent, other));
            parent[one.max(other)] = one.min(other);
        }
    }
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for at in 0..all.len() {
        members.entry(root(&mut parent, at)).or_default().push(at);
    }
    let set = |members: Vec<usize>| {
        let mut lines: Vec<Line> = members.iter().flat_map(|at| all[*at].1).cloned().collect();
        lines.sort();
        lines.dedup();
        ResetSet { devices: members.iter().map(|at| all[*at].0.clone()).collect(), lines }
    };
    members.into_values().filter(|members| members.len() > 1).map(set).collect()
}

/// The root of a part, with the way to it halved.
fn root(parent: &mut [usize], mut at: usize) -> usize {
    while parent[at] != at {
        parent[at] = parent[parent[at]];
        at = parent[at];
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u32) -> Line {
        Line::at("/cpg", number)
    }

    #[test]
    fn sets_are_what_lines_connect() {
        let mut wiring = Wiring::new();
        for pwm in 0..7 {
            wiring.add(format!("pwm{pwm}"), [line(183)]);
        }
        wiring.add("phy".to_owned(), [line(703), line(704)]);
        wiring.add("ehci".to_owned(), [line(703)]);
        wiring.add("hsusb".to_owned(), [line(704)]);
        wiring.add("rtc".to_owned(), [line(5)]);
        wiring.add("none".to_owned(), []);
        let sets = sets(&wiring);
        assert_eq!(sets.len(), 2);
        assert_eq!(sets[0].devices, ["ehci", "hsusb", "phy"]);
        assert_eq!(sets[0].lines, [line(703), line(704)]);
        assert_eq!(sets[1].devices.len(), 7);
    }

    fn device(path: &str, base: u64) -> firmware::Device {
        let region = firmware::Region { name: None, base, size: 0x100 };
        firmware::Device { path: path.into(), regions: vec![region], ..firmware::Device::default() }
    }

    #[test]
    fn three_sorts_of_sharing_are_told_apart() {
        let ehci = device("/soc/usb@ee080100", 0xee08_0100);
        let phy = device("/soc/usb-phy@ee080200", 0xee08_0200);
        let other = device("/soc/pwm@e6e30000", 0xe6e3_0000);
        let twin = device("/soc/usb-device@ee080100", 0xee08_0180);
        let phys = |of: &firmware::Device| match of.path.as_ref() {
            "/soc/usb@ee080100" => vec!["/soc/usb-phy@ee080200/port"],
            _ => vec![],
        };
        assert_eq!(relation(&ehci, &phy, phys), Relation::Phy);
        assert_eq!(relation(&phy, &ehci, phys), Relation::Phy);
        assert_eq!(relation(&ehci, &twin, phys), Relation::SameBlock);
        assert_eq!(relation(&ehci, &other, phys), Relation::Coupled);
    }
}

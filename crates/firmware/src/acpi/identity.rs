//! What a device of a namespace is: its hardware id, what it is compatible with, its class, and what `_DSD` says.
//!
//! Linux: `acpi_set_pnp_ids` (drivers/acpi/scan.c), `acpi_init_of_compatible` (drivers/acpi/property.c). Ids become parts of names in
//! sysfs, so that of hostile ones only what can be part of a name is kept.

use super::namespace::{Entry, Value};

/// What a device of ACPI is known by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcpiFacts {
    /// Its hardware id, those it is compatible with, and its class as six digits, in that order. Empty for a device that is in no
    /// namespace, which IORT's SMMUs are.
    pub ids: Vec<String>,
    /// `_UID`.
    pub uid: Option<String>,
    /// The name the kernel's own code gives a device that is in no namespace, `arm-smmu-v3`.
    pub platform: Option<String>,
    /// `_STA`.
    pub status: u32,
    /// There is a `_RST` in its scope.
    pub has_reset: bool,
    /// All that drivers and models may know it by: what `_DSD` says it is compatible with, what a device tree calls such a device, and
    /// its ids.
    pub identities: Vec<String>,
}

/// Longest id or `compatible` that is kept.
const LONGEST: usize = 64;
/// Most of either that are kept.
const MOST: usize = 32;
/// The UUID of `_DSD` packages that hold properties, as its bytes stand in a buffer.
const PROPERTIES: [u8; 16] =
    [0x14, 0xd8, 0xff, 0xda, 0xba, 0x6e, 0x8c, 0x4d, 0x8a, 0x91, 0xbc, 0x9b, 0xbf, 0x4a, 0xa3, 0x01];
/// The id that says: look at `_DSD`.
pub(super) const BY_PROPERTY: &str = "PRP0001";

/// What a device tree calls what these ids name. The ids are those in the match tables of the drivers of either.
const EQUIVALENTS: &[(&str, &str)] = &[
    ("ARMH0330", "arm,pl330"),
    ("ARMH0061", "arm,pl061"),
    ("ARMH0011", "arm,sbsa-uart"),
    ("AMDI8001", "amd,xgbe-seattle-v1a"),
    ("LNRO0005", "virtio,mmio"),
    ("QEMU0002", "qemu,fw-cfg-mmio"),
    ("PNP0D10", "generic-xhci"),
    ("PNP0D20", "generic-ehci"),
];

impl AcpiFacts {
    /// Of a device of a namespace, and what its `_DSD` says it is compatible with.
    #[must_use]
    pub fn of(entry: &Entry) -> (AcpiFacts, Vec<String>) {
        let mut ids: Vec<String> = entry.object("_HID").and_then(id).into_iter().collect();
        let has_hid = !ids.is_empty();
        match entry.object("_CID") {
            Some(Value::Package(several)) => ids.extend(several.iter().take(MOST).filter_map(id)),
            Some(one) => ids.extend(id(one)),
            None => {}
        }
        ids.extend(entry.object("_CLS").and_then(class));
        let compatible = if ids.iter().any(|id| id == BY_PROPERTY) { compatible(entry) } else { Vec::new() };
        let named = |id: &String| EQUIVALENTS.iter().find(|(other, _)| other == id);
        let equivalents = ids.iter().filter_map(named).map(|(_, equivalent)| (*equivalent).to_owned());
        let own = ids.iter().filter(|id| *id != BY_PROPERTY).cloned();
        let mut identities: Vec<String> = Vec::new();
        for identity in compatible.iter().cloned().chain(equivalents).chain(own) {
            if !identities.contains(&identity) {
                identities.push(identity);
            }
        }
        let facts = AcpiFacts {
            // A device without a hardware id is no platform device, whatever it is compatible with.
            ids: if has_hid { ids } else { Vec::new() },
            uid: entry.object("_UID").and_then(uid),
            platform: None,
            status: status(entry),
            has_reset: entry.object("_RST").is_some(),
            identities,
        };
        (facts, compatible)
    }

    /// Its hardware id.
    #[must_use]
    pub fn hid(&self) -> Option<&str> {
        self.ids.first().map(String::as_str)
    }
}

/// `_STA`, or that it is there and works where it has none; nothing where that could not be found out
/// (`acpi_bus_get_status_handle`, drivers/acpi/utils.c).
fn status(entry: &Entry) -> u32 {
    match entry.object("_STA").and_then(Value::integer) {
        Some(status) => (status & 0xffff_ffff) as u32,
        None if entry.has_failed("_STA") => 0,
        None => 0xf,
    }
}

/// An id as text: it stands as such, or is an EISA id packed into a number.
fn id(value: &Value) -> Option<String> {
    match value {
        Value::Integer(packed) => {
            let packed = ((packed & 0xffff_ffff) as u32).swap_bytes();
            let letter = |shift: u32| char::from(0x40 + ((packed >> shift) & 0x1f) as u8);
            let letters: String = [26, 21, 16].map(letter).into_iter().collect();
            word(&format!("{letters}{:04X}", packed & 0xffff))
        }
        Value::Text(text) => word(text),
        _ => None,
    }
}

/// `_CLS`: base class, subclass and programming interface.
fn class(value: &Value) -> Option<String> {
    match value.package() {
        [base, sub, interface, ..] => {
            let byte = |value: &Value| Some(value.integer()? & 0xff);
            Some(format!("{:02X}{:02X}{:02X}", byte(base)?, byte(sub)?, byte(interface)?))
        }
        _ => None,
    }
}

fn uid(value: &Value) -> Option<String> {
    match value {
        Value::Integer(number) => Some(number.to_string()),
        Value::Text(text) => word(text),
        _ => None,
    }
}

/// The property `compatible` of `_DSD`: one text or a package of them.
fn compatible(entry: &Entry) -> Vec<String> {
    let Some(description) = entry.object("_DSD") else { return Vec::new() };
    let mut pairs = description.package().chunks_exact(2);
    let of_properties = |pair: &&[Value]| matches!(&pair[0], Value::Buffer(uuid) if *uuid == PROPERTIES);
    let properties = pairs.find(of_properties).map_or(&[][..], |pair| pair[1].package());
    let is_it = |property: &&Value| property.package().first().and_then(Value::text) == Some("compatible");
    match properties.iter().find(is_it).and_then(|property| property.package().get(1)) {
        Some(Value::Text(one)) => word(one).into_iter().collect(),
        Some(Value::Package(several)) => {
            several.iter().take(MOST).filter_map(Value::text).filter_map(word).collect()
        }
        _ => Vec::new(),
    }
}

/// As a part of a name: a slash would be a path (`kobject_set_name_vargs` replaces it likewise).
fn word(text: &str) -> Option<String> {
    let kept = |c: char| if c == '/' { '!' } else { c };
    let word: String = text.chars().filter(|c| c.is_ascii_graphic()).map(kept).take(LONGEST).collect();
    let is_name = !word.is_empty() && word.chars().any(|c| c != '.');
    is_name.then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn entry(objects: Vec<(&str, Value)>) -> Entry {
        let objects = objects.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Entry { path: "\\_SB_.DEV0".to_owned(), objects, failed: Vec::new() }
    }

    #[test]
    fn packed_ids_are_unpacked_and_classes_come_last() {
        let class = Value::Package([12, 3, 0x30].map(Value::Integer).to_vec());
        let cids = Value::Package(vec![text("PNP0D15"), Value::Integer(0x100d_d041)]);
        let (facts, compatible) = AcpiFacts::of(&entry(vec![
            ("_HID", Value::Integer(0x0a0c_d041)),
            ("_CID", cids),
            ("_CLS", class),
        ]));
        assert_eq!(facts.ids, ["PNP0C0A", "PNP0D15", "PNP0D10", "0C0330"]);
        assert_eq!(facts.identities, ["generic-xhci", "PNP0C0A", "PNP0D15", "PNP0D10", "0C0330"]);
        assert_eq!((facts.status, compatible.len()), (0xf, 0));
    }

    #[test]
    fn properties_count_for_those_who_ask_for_them() {
        let words = Value::Package(vec![text("vendor,dma"), text("arm,pl330")]);
        let property = Value::Package(vec![text("compatible"), words]);
        let dsd = Value::Package(vec![Value::Buffer(PROPERTIES.to_vec()), Value::Package(vec![property])]);
        let (facts, compatible) =
            AcpiFacts::of(&entry(vec![("_HID", text("PRP0001")), ("_DSD", dsd.clone())]));
        assert_eq!(compatible, ["vendor,dma", "arm,pl330"]);
        assert_eq!((facts.ids, facts.identities), (vec!["PRP0001".to_owned()], compatible));
        let (facts, compatible) = AcpiFacts::of(&entry(vec![("_HID", text("ACME0001")), ("_DSD", dsd)]));
        assert_eq!((facts.identities, compatible.len()), (vec!["ACME0001".to_owned()], 0));
    }

    #[test]
    fn ids_are_no_paths() {
        let of = |hid: &str| AcpiFacts::of(&entry(vec![("_HID", text(hid))])).0.ids;
        assert_eq!(of("../../etc"), ["..!..!etc"]);
        assert_eq!(of(".."), Vec::<String>::new());
        assert_eq!(of(&"A".repeat(999))[0].len(), LONGEST);
    }
}

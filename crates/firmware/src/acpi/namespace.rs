//! What a namespace says of its devices, as plain values.
//!
//! A namespace comes about by evaluating the bytecode of DSDT and SSDTs (`aml`): each device with the objects that Linux asks for when it
//! enumerates (drivers/acpi/scan.c). Nothing in the values is trusted.

/// The objects of a device that are asked for. `_RST` is not evaluated; that it is there is all that is wanted.
pub const OBJECTS: [&str; 9] = ["_HID", "_CID", "_UID", "_CLS", "_STA", "_CCA", "_CRS", "_DSD", "_RST"];

/// What an object evaluated to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Integer(u64),
    /// Text.
    Text(String),
    /// Bytes.
    Buffer(Vec<u8>),
    /// Values in their order.
    Package(Vec<Value>),
    /// A method that was not evaluated.
    Method,
    /// Anything else.
    Other,
}

/// A device of the namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its path, each segment of four characters: `\_SB_.DMA0`.
    pub path: String,
    /// Its objects that could be evaluated, by name.
    pub objects: Vec<(String, Value)>,
    /// The names of those that could not.
    pub failed: Vec<String>,
}

/// The devices of a namespace, each behind the one it is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace {
    /// In the order in which they are enumerated.
    pub devices: Vec<Entry>,
}

impl Entry {
    /// What one of its objects evaluated to.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<&Value> {
        self.objects.iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    /// Whether the object is there and could not be evaluated.
    #[must_use]
    pub fn has_failed(&self, name: &str) -> bool {
        self.failed.iter().any(|other| other == name)
    }

    /// The last segment of its path.
    #[must_use]
    pub fn segment(&self) -> &str {
        let last = self.path.rsplit('.').next().unwrap_or_default();
        last.trim_start_matches('\\')
    }

    /// The path of the scope it is in.
    #[must_use]
    pub fn scope(&self) -> &str {
        self.path.rsplit_once('.').map_or("\\", |(scope, _)| scope)
    }
}

impl Value {
    /// The number, where it is one.
    #[must_use]
    pub fn integer(&self) -> Option<u64> {
        match self {
            Value::Integer(value) => Some(*value),
            _ => None,
        }
    }

    /// The text, where it is some.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The elements, where it is a package.
    #[must_use]
    pub fn package(&self) -> &[Value] {
        match self {
            Value::Package(elements) => elements,
            _ => &[],
        }
    }
}

/// A path with each segment filled up to four characters, as ACPICA writes them: `\_SB.ETH0` becomes `\_SB_.ETH0`.
#[must_use]
pub fn full_path(path: &str) -> String {
    let below = path.strip_prefix('\\').unwrap_or(path);
    let segments: Vec<String> = below
        .split('.')
        .filter(|segment| !segment.is_empty())
        .map(|segment| format!("{segment:_<4}"))
        .collect();
    format!("\\{}", segments.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_filled_up() {
        assert_eq!(full_path("\\_SB.A"), "\\_SB_.A___");
        assert_eq!(full_path("_SB_.ETH0"), "\\_SB_.ETH0");
        assert_eq!(full_path("\\"), "\\");
        let entry = Entry { path: "\\_SB_.DMA0".to_owned(), ..Entry::default() };
        assert_eq!((entry.segment(), entry.scope()), ("DMA0", "\\_SB_"));
    }
}

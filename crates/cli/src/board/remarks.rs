//! Sentences of the diagnostics that readers of trees and tables give.

use uvfio_firmware::acpi::{self, Trouble};
use uvfio_firmware::{Diagnostic, Problem};

use super::lint::Remark;
use super::view::clean;
use super::words;

/// A diagnostic of a device tree.
pub fn of_tree(diagnostic: &Diagnostic) -> Remark {
    let (kind, says) = problem(&diagnostic.problem);
    Remark { place: diagnostic.path.clone(), kind, says }
}

/// The same as one line for people.
pub fn line(diagnostic: &Diagnostic) -> String {
    let Remark { place, says, .. } = of_tree(diagnostic);
    let mut line = if place.is_empty() { says } else { format!("{place}: {says}") };
    clean(&mut line);
    line
}

fn problem(problem: &Problem) -> (&'static str, String) {
    match problem {
        Problem::Truncated { claimed, have } => {
            ("truncated", format!("the header claims {claimed} bytes, there are {have}"))
        }
        Problem::StructureEnds { at } => {
            ("structure-ends", format!("the structure ends within a token, at byte {at}"))
        }
        Problem::UnknownToken { at, token } => {
            ("unknown-token", format!("{token:#x} at byte {at} is no token"))
        }
        Problem::Unbalanced { open } => ("unbalanced", format!("the structure ends with {open} nodes open")),
        Problem::NoRoot => ("no-root", "there is no root node".into()),
        Problem::StrayProperty { name } => {
            ("stray-property", format!("`{name}` stands where Linux does not see it"))
        }
        Problem::SecondRoot { at } => ("second-root", format!("a second root node at byte {at}")),
        Problem::TooDeep { deepest, nodes } => {
            ("too-deep", format!("{nodes} nodes are below level {deepest}, where Linux does not look"))
        }
        Problem::LongName { length } => ("long-name", format!("a name of {length} bytes or more")),
        Problem::PropertyName { at, offset } => (
            "property-name",
            format!("the name of the property at byte {at} should be at {offset} of the names, outside"),
        ),
        Problem::DuplicatePhandle { phandle, first } => {
            ("duplicate-phandle", format!("phandle {phandle} is also that of {}", words::last(first)))
        }
        Problem::Length { property, length, entry } => {
            ("length", format!("`{property}` has {length} bytes, no multiple of {entry}"))
        }
        Problem::NoProvider { property, index, phandle } => (
            "no-provider",
            format!("entry {index} of `{property}` refers to phandle {phandle:#x}, which no node has"),
        ),
        Problem::NoCells { property, index, provider, cells } => (
            "no-cells",
            format!(
                "entry {index} of `{property}` refers to {}, which has no `{cells}`",
                words::last(provider)
            ),
        ),
        Problem::FewCells { property, index, provider, want, have } => (
            "few-cells",
            format!("entry {index} of `{property}` has {have} cells, {} takes {want}", words::last(provider)),
        ),
        Problem::ManyCells { property, provider, want } => (
            "many-cells",
            format!("{} takes {want} cells in `{property}`, more than Linux reads", words::last(provider)),
        ),
        Problem::RangesOverlap { one, other } => (
            "ranges-overlap",
            format!(
                "rows of `ranges` that start at {one:#x} and at {other:#x} overlap; the one that stands first is meant"
            ),
        ),
        Problem::Untranslatable { index, address, bus } => (
            "untranslatable",
            format!(
                "entry {index} of `reg` ({address:#x}) is in no `ranges` of {}; it and those behind it are lost",
                words::last(bus)
            ),
        ),
        Problem::Extent { index, base, size } => {
            ("extent", format!("entry {index} of `reg` ({base:#x}, {size:#x} bytes) is no window"))
        }
        Problem::AddressCells { address, size } => (
            "address-cells",
            format!("its bus has {address} address and {size} size cells, which Linux does not take"),
        ),
        Problem::NoController { index } => {
            ("no-controller", format!("interrupt {index} leads to no controller"))
        }
        Problem::NoTrigger { index, .. } => {
            ("no-trigger", format!("interrupt {index} does not say whether it is level or edge"))
        }
        Problem::NameTaken { name, other } => {
            ("name-taken", format!("its device would be called {name}, as that of {} is", words::last(other)))
        }
        Problem::AmbaWithoutRegisters => {
            ("amba-without-registers", "an AMBA device without registers".into())
        }
        Problem::Unreadable { why } => {
            ("unreadable", format!("reading it was given up, because {why}; what stands before is there"))
        }
        Problem::NotEvaluated { name } => ("not-evaluated", format!("its {name} cannot be evaluated")),
        Problem::ResourceEnds { at } => {
            ("resource-ends", format!("its _CRS ends within the descriptor at byte {at}"))
        }
        Problem::ResourceExtent { base, size } => {
            ("resource-extent", format!("a descriptor of its _CRS ({base:#x}, {size:#x} bytes) is no window"))
        }
        Problem::NoCoherency => {
            ("no-coherency", "it has no _CCA: Linux lets it do no DMA, and puts it behind no IOMMU".into())
        }
        Problem::NoSuchComponent => {
            ("no-such-component", "IORT names it, and there is no such device".into())
        }
        Problem::Exhausted => {
            ("exhausted", "reading was given up: it takes more steps than its size warrants".into())
        }
        Problem::More { count } => ("more", format!("{count} more remarks")),
        Problem::ProviderDisabled { kind, provider } => (
            "provider-disabled",
            format!(
                "it is enabled, and its {} {} is disabled",
                words::reference(*kind),
                words::last(provider)
            ),
        ),
    }
}

/// A diagnostic of a table of ACPI.
pub fn of_table(diagnostic: &acpi::Diagnostic) -> Remark {
    let (kind, says) = trouble(diagnostic.trouble);
    let says = format!("byte {}: {says}", diagnostic.offset);
    Remark { place: diagnostic.table.to_string(), kind, says }
}

fn trouble(trouble: Trouble) -> (&'static str, String) {
    match trouble {
        Trouble::NoHeader { have } => ("no-header", format!("{have} bytes are no table")),
        Trouble::Length { claimed, have } => {
            ("length", format!("the header claims {claimed} bytes, there are {have}"))
        }
        Trouble::Checksum { sum } => ("checksum", format!("the bytes add up to {sum:#x}, not 0")),
        Trouble::Structure { kind, length, least, left } => (
            "structure",
            format!(
                "a structure of type {kind} claims {length} bytes; it needs {least}, and {left} are left"
            ),
        ),
        Trouble::Array { claimed, have } => {
            ("array", format!("an array claims {claimed} entries and has {have}"))
        }
        Trouble::Reference { to } => ("reference", format!("a reference to {to:#x}, where nothing is")),
        Trouble::Unknown { kind } => ("unknown", format!("type {kind} is not known")),
        Trouble::Count { claimed, have } => {
            ("count", format!("{claimed} structures are claimed, there are {have}"))
        }
        Trouble::Unterminated => ("unterminated", "a text without an end".into()),
        Trouble::Range => ("range", "a range with only one end".into()),
        Trouble::TooLong { have, most } => (
            "too-long",
            format!("the rest of {have} bytes is not read: tables about IOMMUs may have {most} together"),
        ),
    }
}

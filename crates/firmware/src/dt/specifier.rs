//! Specifiers: a phandle and as many cells as its provider says (`of_parse_phandle_with_args`, drivers/of/base.c).

use super::tree::Node;
use crate::board::Specifier;
use crate::diagnostic::{self, Diagnostic, Problem};

/// How a property refers to providers.
#[derive(Clone, Copy, Debug)]
pub struct References {
    /// The property.
    pub property: diagnostic::Property,
    /// What the provider says its cell count with; `None` where there are no cells.
    pub cells: Option<&'static str>,
    /// The property that names the entries.
    pub names: Option<&'static str>,
}

/// One entry of a property: the provider and its cells.
#[derive(Clone, Debug)]
pub struct Row<'t> {
    /// The provider.
    pub provider: Node<'t>,
    /// Its cells.
    pub cells: Vec<u32>,
}

/// Every entry of a property. A missing provider, or one that does not say how many cells it takes, ends the list as it does in
/// Linux, with a diagnostic; a phandle of 0 is an empty entry.
pub fn rows<'t>(node: Node<'t>, how: References, diagnostics: &mut Vec<Diagnostic>) -> Vec<Row<'t>> {
    let property = how.property;
    let Some(value) = node.value(property.name()) else { return Vec::new() };
    if !value.len().is_multiple_of(4) {
        let problem = Problem::Ragged { property, length: value.len(), entry: 4 };
        diagnostics.push(Diagnostic { path: node.path(), problem });
    }
    let words: Vec<u32> = node.cells(property.name()).collect();
    let mut rest = &words[..];
    let mut rows = Vec::new();
    while let [phandle, after @ ..] = rest {
        rest = after;
        if *phandle == 0 {
            continue;
        }
        let mut stop = |problem| diagnostics.push(Diagnostic { path: node.path(), problem });
        let Some(provider) = node.tree().by_phandle(*phandle) else {
            stop(Problem::MissingPhandle { property, phandle: *phandle });
            break;
        };
        let count = match how.cells.map(|cells| provider.u32(cells)) {
            None => 0,
            Some(Some(count)) => count as usize,
            Some(None) => {
                stop(Problem::NoCells { property, phandle: *phandle });
                break;
            }
        };
        let Some((cells, after)) = rest.split_at_checked(count) else {
            stop(Problem::Ragged {
                property,
                length: value.len(),
                entry: count.saturating_add(1).saturating_mul(4),
            });
            break;
        };
        rows.push(Row { provider, cells: cells.to_vec() });
        rest = after;
    }
    rows
}

/// The entries of a property as a board keeps them.
pub fn specifiers(node: Node<'_>, how: References, diagnostics: &mut Vec<Diagnostic>) -> Vec<Specifier> {
    let rows = rows(node, how, diagnostics);
    if rows.is_empty() {
        return Vec::new();
    }
    let mut names = how.names.map(|names| node.texts(names)).into_iter().flatten();
    rows.into_iter()
        .map(|row| Specifier {
            provider: row.provider.id(),
            path: row.provider.path(),
            cells: row.cells,
            name: names.next().map(str::to_owned),
        })
        .collect()
}

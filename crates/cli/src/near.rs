//! Names that somebody may have meant.

/// The few of `names` nearest to `wanted`, nearest first; none where nothing is near.
pub fn near<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let limit = wanted.chars().count() / 2;
    let mut scored: Vec<(usize, &str)> = names
        .into_iter()
        .map(|name| {
            (if name.contains(wanted) || wanted.contains(name) { 1 } else { distance(wanted, name) }, name)
        })
        .filter(|(score, _)| *score <= limit.max(1))
        .collect();
    scored.sort_unstable();
    scored.into_iter().take(3).map(|(_, name)| name).collect()
}

/// How many letters have to be put in, taken out or changed (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_come_first() {
        let names = ["7ff00000.dma", "7ff10000.dma", "1c090000.serial"];
        assert_eq!(near("7ff0000.dma", names), ["7ff00000.dma", "7ff10000.dma"]);
        assert_eq!(near("serial", names), ["1c090000.serial"]);
        assert!(near("gpu", names).is_empty());
    }

    #[test]
    fn distance_counts_letters() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}

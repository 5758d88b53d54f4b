//! Which of many ranges of ids is the first to speak of an id, found in little more than a step for each range and each question.
//!
//! Tables may hold a million ranges and a million devices; comparing each with each would take days.

/// Ranges of ids, each claiming what no earlier one has.
#[derive(Debug)]
pub(super) struct Claims {
    /// Where ranges begin or end, sorted; the space between two neighbours is a piece.
    cuts: Vec<u64>,
    /// Which range has each piece.
    owner: Vec<Option<usize>>,
    /// For each piece the first from it on that somebody has.
    next: Vec<usize>,
}

impl Claims {
    /// Of ranges of ids: the first of each, and the first behind it.
    pub(super) fn of(ranges: &[(u64, u64)]) -> Self {
        let mut cuts: Vec<u64> = ranges.iter().flat_map(|(start, end)| [*start, *end]).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let mut owner = vec![None; cuts.len()];
        // The first piece from each on that nobody has yet.
        let mut free: Vec<usize> = (0..=cuts.len()).collect();
        for (range, (start, end)) in ranges.iter().enumerate() {
            let (first, last) = (at(&cuts, *start), at(&cuts, *end));
            let mut piece = next_free(&mut free, first);
            while piece < last {
                owner[piece] = Some(range);
                free[piece] = piece + 1;
                piece = next_free(&mut free, piece + 1);
            }
        }
        let mut next = vec![cuts.len(); cuts.len() + 1];
        for piece in (0..cuts.len()).rev() {
            next[piece] = if owner[piece].is_some() { piece } else { next[piece + 1] };
        }
        Claims { cuts, owner, next }
    }

    /// The range that has the lowest of these ids that any has.
    pub(super) fn first(&self, start: u64, end: u64) -> Option<usize> {
        // The piece that `start` is in begins at or before it.
        let from = self.cuts.partition_point(|cut| *cut <= start).saturating_sub(1);
        let piece = *self.next.get(from)?;
        let begins = *self.cuts.get(piece)?;
        let ends = self.cuts.get(piece + 1).copied().unwrap_or(begins);
        if start < end && begins < end && start < ends { self.owner[piece] } else { None }
    }
}

fn at(cuts: &[u64], id: u64) -> usize {
    cuts.partition_point(|cut| *cut < id)
}

/// The first free piece from `at` on, the way to it made shorter for the next who asks.
fn next_free(free: &mut [usize], mut at: usize) -> usize {
    while free[at] != at {
        let next = free[free[at]];
        free[at] = next;
        at = next;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::Claims;

    #[test]
    fn the_first_range_that_has_an_id_is_found() {
        let ranges = [(10, 20), (15, 30), (40, 41), (0, 5), (12, 13), (7, 7)];
        let claims = Claims::of(&ranges);
        let naive = |start: u64, end: u64| {
            let lowest = (start..end).find(|id| ranges.iter().any(|(from, to)| from <= id && id < to))?;
            ranges.iter().position(|(from, to)| *from <= lowest && lowest < *to)
        };
        for start in 0..45 {
            for end in start..46 {
                assert_eq!(claims.first(start, end), naive(start, end), "{start} to {end}");
            }
        }
        assert_eq!(Claims::of(&[]).first(0, 9), None);
    }
}

//! Measuring: medians of single calls, and of many calls at once where one is shorter than reading the clock.

use std::time::Instant;

use dma330_copy::Failure;

/// Rounds of a comparison. Both sides are measured in each, so that both see the same machine.
const ROUNDS: usize = 40;
/// Calls whose time is taken together, where one is too short.
const MANY: u32 = 500;

/// What takes part in a comparison.
pub type Step<'a> = &'a mut dyn FnMut() -> Result<f64, Failure>;

/// The medians of two things measured by turns, `calls` times each a round.
pub fn beside<'a>(calls: usize, one: Step<'a>, other: Step<'a>) -> Result<(f64, f64), Failure> {
    let (mut ones, mut others) = (Vec::new(), Vec::new());
    // The first round fills caches.
    for round in 0..=ROUNDS {
        for (step, times) in [(&mut *one, &mut ones), (&mut *other, &mut others)] {
            for _ in 0..calls {
                let time = step()?;
                if round > 0 {
                    times.push(time);
                }
            }
        }
    }
    Ok((median(ones), median(others)))
}

/// How long `work` takes, in nanoseconds.
pub fn once(work: impl FnOnce() -> Result<(), Failure>) -> Result<f64, Failure> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_nanos() as f64)
}

/// How long one of many calls takes, in nanoseconds.
pub fn many(mut call: impl FnMut() -> Result<(), Failure>) -> Result<f64, Failure> {
    let start = Instant::now();
    for _ in 0..MANY {
        call()?;
    }
    Ok(start.elapsed().as_nanos() as f64 / f64::from(MANY))
}

/// `getppid`, the shortest way into the kernel and back.
pub fn getppid() -> Result<f64, Failure> {
    many(|| {
        // SAFETY: takes nothing and cannot fail.
        std::hint::black_box(unsafe { libc::getppid() });
        Ok(())
    })
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_not_moved_by_what_is_far_off() {
        assert_eq!(median(vec![3.0, 1.0, 1e9, 2.0, 2.5]), 2.5);
        assert!(median(Vec::new()).is_nan());
    }
}

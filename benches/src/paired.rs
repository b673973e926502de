//! Two ways of doing the same thing, measured in turns, so that what else the machine does hits both

use std::fmt;
use std::time::{Duration, Instant};

/// Times of both, one of each per round.
#[derive(Debug, Default)]
pub struct Paired {
    ours: Vec<Duration>,
    theirs: Vec<Duration>,
}

impl Paired {
    /// Runs both once to warm caches, then `rounds` times each, in changing order. Before each run, with the clock stopped, `prepare`
    /// removes what earlier runs left, and what has been written goes to the disk.
    ///
    /// # Errors
    /// The first error of either.
    pub fn measure(
        rounds: usize,
        mut prepare: impl FnMut() -> anyhow::Result<()>,
        mut ours: impl FnMut() -> anyhow::Result<()>,
        mut theirs: impl FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let mut paired = Self::default();
        for round in 0..=rounds {
            let mut our_time = Duration::ZERO;
            if round % 2 == 0 {
                our_time = time(&mut prepare, &mut ours)?;
            }
            let their_time = time(&mut prepare, &mut theirs)?;
            if round % 2 == 1 {
                our_time = time(&mut prepare, &mut ours)?;
            }
            // The first round warms the caches.
            if round > 0 {
                paired.ours.push(our_time);
                paired.theirs.push(their_time);
            }
        }
        Ok(paired)
    }

    /// How many times as fast ours is: the median over the rounds of their time divided by ours.
    pub fn speed_ratio(&self) -> f64 {
        let mut ratios: Vec<f64> = self
            .theirs
            .iter()
            .zip(&self.ours)
            .map(|(theirs, ours)| theirs.as_secs_f64() / ours.as_secs_f64())
            .collect();
        ratios.sort_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

impl fmt::Display for Paired {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ours, theirs) = (median(&self.ours), median(&self.theirs));
        write!(formatter, "ours {ours:.3} s, theirs {theirs:.3} s (medians of {})", self.ours.len())?;
        write!(formatter, ", {:.2} times their speed", self.speed_ratio())
    }
}

fn time(
    prepare: &mut impl FnMut() -> anyhow::Result<()>,
    run: &mut impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<Duration> {
    prepare()?;
    rustix::fs::sync();
    let start = Instant::now();
    run()?;
    Ok(start.elapsed())
}

fn median(times: &[Duration]) -> f64 {
    let mut times = times.to_vec();
    times.sort();
    times.get(times.len() / 2).map_or(f64::NAN, Duration::as_secs_f64)
}

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
        prepare()?;
        ours()?;
        prepare()?;
        theirs()?;
        Self::measure_warm(rounds, prepare, ours, theirs)
    }

    /// The same for what was run before.
    ///
    /// # Errors
    /// The first error of either.
    pub fn measure_warm(
        rounds: usize,
        mut prepare: impl FnMut() -> anyhow::Result<()>,
        mut ours: impl FnMut() -> anyhow::Result<()>,
        mut theirs: impl FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let mut paired = Self::default();
        for round in 0..rounds {
            let mut our_time = Duration::ZERO;
            if round % 2 == 0 {
                our_time = time(&mut prepare, &mut ours)?;
            }
            let their_time = time(&mut prepare, &mut theirs)?;
            if round % 2 == 1 {
                our_time = time(&mut prepare, &mut ours)?;
            }
            paired.ours.push(our_time);
            paired.theirs.push(their_time);
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

impl Paired {
    /// Medians of ours and theirs, in seconds.
    pub fn medians(&self) -> (f64, f64) {
        (median(&self.ours), median(&self.theirs))
    }
}

/// The time of one run in seconds, what was written before being on the disk.
pub fn seconds(run: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    rustix::fs::sync();
    let start = Instant::now();
    run()?;
    Ok(start.elapsed().as_secs_f64())
}

impl fmt::Display for Paired {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ours, theirs) = self.medians();
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
    median_of(times.iter().map(Duration::as_secs_f64).collect())
}

/// The median of some values; the upper one of the two in the middle of an even number.
pub fn median_of(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

//! `bench build`: packages to bootable image, against mkosi

use crate::Options;
use crate::measured::Usage;
use crate::ours::Ours;
use crate::paired::{Paired, median_of, seconds};
use crate::peer::Peer;
use crate::table::{self, Figure, Target};
use crate::workplace::circumstances;
use std::cell::Cell;

/// Ours is to take at most this fraction of mkosi's time.
const TARGET: f64 = 0.6;
/// Building again after one added file changed, in seconds.
const TARGET_AFTER_CHANGE: f64 = 6.0;

/// Measures building with nothing but the downloaded packages, in turns with mkosi, and then building after a change.
///
/// # Errors
/// When either does not build.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let rounds = if options.quick { 1 } else { 3 };
    let mut ours = Ours::prepare()?;
    let lockfile = ours.lockfile()?;
    let peer = Peer::prepare(&lockfile)?;
    let before = circumstances();

    let (our_usage, their_usage) = (Cell::default(), Cell::default());
    let forget = || {
        ours.forget()?;
        peer.forget()
    };
    // Nothing of a run is kept for the next one, but for the packages, which both read here for the first time.
    let paired = Paired::measure_warm(
        rounds,
        forget,
        || keep_most(&our_usage, ours.build()?),
        || keep_most(&their_usage, peer.build()?),
    )?;

    ours.build()?;
    let mut after_change = Vec::new();
    let usage_after_change = Cell::default();
    for _ in 0..rounds {
        ours.change()?;
        after_change.push(seconds(|| keep_most(&usage_after_change, ours.build()?))?);
    }

    let (our_time, their_time) = paired.medians();
    let figures = [
        Figure::new("image from downloaded packages", "s", our_time).against(their_time).target(Target::Ratio(TARGET)),
        Figure::new("again after one added file changed", "s", median_of(after_change))
            .target(Target::AtMost(TARGET_AFTER_CHANGE)),
        Figure::new("processor time", "s", our_usage.get().processor).against(their_usage.get().processor),
        Figure::new("processor time after a change", "s", usage_after_change.get().processor),
        Figure::new("most memory of all its processes", "MB", megabytes(our_usage.get().memory))
            .against(megabytes(their_usage.get().memory)),
        Figure::new("most memory after a change", "MB", megabytes(usage_after_change.get().memory)),
        Figure::new("size of the root file system", "MB", megabytes(ours.described("/root/size")?)),
    ];
    let packages = lockfile.packages.len();
    let note = format!("{packages} packages, median of {rounds}, runs in turns; afterwards: {}", circumstances());
    table::print(&before, &[note], &figures, options.json);
    Ok(())
}

fn keep_most(most: &Cell<Usage>, usage: Usage) -> anyhow::Result<()> {
    let Usage { memory, processor } = most.get();
    most.set(Usage { memory: memory.max(usage.memory), processor: processor.max(usage.processor) });
    Ok(())
}

/// Bytes as millions of bytes.
pub fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

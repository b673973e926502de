//! Makes patches.

mod align;
mod blocks;
mod cache;
mod columns;
mod files;
mod fingerprints;
mod frames;
mod pieces;
mod seeds;
mod units;

use crate::format::{self, FrameEntry};
use crate::operation::Operation;
use crate::source::{Joined, ReadAt};
pub use cache::Cache;
use frames::{Coded, Origin};
use seeds::Seeds;
use std::io;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use units::{Choice, Unit};
use verity_tree::digest::Salt;

/// Bytes that one thread takes fingerprints of at a time.
const SHARE: u64 = 8 << 20;

/// Lengths of rows of tables in bytes: ELF relocations and symbols, members of BTF types.
const TABLE_ROWS: [usize; 2] = [24, 12];

/// What a patch is made from.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// What the device will have, at most [`format::MAXIMUM_SOURCES`]. What the output most resembles, byte for byte at the same
    /// place, comes last. Where the first is an EROFS image, as the output is, files are paired by name.
    pub sources: &'a [&'a dyn ReadAt],
    /// What the device shall get.
    pub output: &'a dyn ReadAt,
    /// The salt of the output's verity tree; empty where it has none.
    pub salt: &'a Salt,
}

/// How far making is, and whether it shall go on.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Called now and then, from any thread, with work done and work there is, in bytes looked at. Both only grow.
    pub progress: &'a (dyn Fn(u64, u64) + Sync),
    /// Makes the maker stop soon.
    pub cancelled: &'a AtomicBool,
    /// Threads to use; the patch is the same for every number.
    pub threads: usize,
}

/// Why there is no patch.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// A source or the output cannot be read.
    #[error("an image that the patch is made from cannot be read")]
    Read(#[from] io::Error),
    /// Too many or too large.
    #[error("a patch has 1 to {} sources, and no image may be above {} GiB", format::MAXIMUM_SOURCES, format::MAXIMUM_IMAGE >> 30)]
    TooLarge,
    /// The caller asked for it.
    #[error("making the patch was cancelled")]
    Cancelled,
}

/// Makes the patch that turns the sources into the output, and returns its bytes. It is the same on every machine.
///
/// Needs memory for the patch, about 100 MiB for each thread, and 160 MiB for each GiB of sources.
///
/// # Errors
/// When images cannot be read or are too large, and when it was cancelled.
pub fn make(input: &Input<'_>, watch: &Watch<'_>) -> Result<Vec<u8>, MakeError> {
    make_with_cache(input, watch, &Cache::new())
}

/// As [`make`], with what patches to the same output found out before. The patch is the same; it takes less time.
///
/// # Errors
/// As [`make`].
pub fn make_with_cache(input: &Input<'_>, watch: &Watch<'_>, cache: &Cache) -> Result<Vec<u8>, MakeError> {
    let lengths: Vec<u64> = input.sources.iter().map(|source| source.length()).collect();
    let fits = |length: &u64| *length <= format::MAXIMUM_IMAGE;
    if lengths.is_empty()
        || lengths.len() > format::MAXIMUM_SOURCES
        || !lengths.iter().chain([&input.output.length()]).all(fits)
    {
        return Err(MakeError::TooLarge);
    }
    let sources = Joined::new(input.sources);
    let work = Work::new(watch, 2 * sources.length() + 2 * input.output.length());

    let operations = operations(input, &sources, &lengths, cache, &work)?;
    let cut = frames::cut(&operations, input.output.length());
    let origin = Origin {
        sources: &sources,
        output: input.output,
        operations: &operations,
        salt: input.salt,
        first_distance: format::first_distance(&lengths),
    };
    let coded = work.share(cut.len(), |index| {
        let coded = origin.code(&cut[index])?;
        work.did(cut[index].end - cut[index].start);
        Ok(coded)
    })?;

    let entries: Vec<FrameEntry> = coded.iter().map(|coded| coded.entry).collect();
    let mut patch = format::encode(&lengths, input.output.length(), input.salt, &entries);
    coded.iter().for_each(|Coded { bytes, .. }| patch.extend_from_slice(bytes));
    Ok(patch)
}

/// How every byte of the output comes about.
fn operations(
    input: &Input<'_>,
    sources: &Joined<'_>,
    lengths: &[u64],
    cache: &Cache,
    work: &Work<'_>,
) -> Result<Vec<(u64, Operation)>, MakeError> {
    let (threads, cancelled) = (work.watch.threads, work.watch.cancelled);
    let old = blocks::hashes(sources, threads, cancelled)?;
    work.did(sources.length());
    let new = blocks::hashes(input.output, threads, cancelled)?;
    work.did(input.output.length());
    let runs = blocks::runs(&old, &new, sources.length());
    drop((old, new));
    let (old_files, new_files) = (files::FileMap::read(input.sources[0]), files::FileMap::read(input.output));
    let choice = Choice {
        runs: &runs,
        new_files: &new_files,
        old_files: &old_files,
        sources: lengths,
        output_length: input.output.length(),
    };
    let units = choice.units();
    let index = fingerprint_index(sources, &units, work)?;
    let aligned =
        work.share(units.len(), |number| align_unit(units[number].clone(), input.output, sources, &index, cache))?;

    let mut all: Vec<(u64, Operation)> = aligned.into_iter().flatten().collect();
    let targets: Vec<Range<u64>> = units.into_iter().flat_map(|unit| unit.targets).collect();
    all.extend(outside(&runs, targets));
    all.sort_unstable_by_key(|(position, _)| *position);
    Ok(all)
}

/// Aligns what changed in one file.
fn align_unit(
    mut unit: Unit,
    output: &dyn ReadAt,
    sources: &Joined<'_>,
    index: &fingerprints::Index,
    cache: &Cache,
) -> io::Result<Vec<(u64, Operation)>> {
    let mut targets = Vec::new();
    for range in &unit.targets {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        output.read_exact_at(range.start, &mut bytes)?;
        targets.push(bytes);
    }
    unit.widen(&targets, index, sources.length());
    let candidates = unit.read_candidates(sources)?;
    let aligned = cache.runs(&targets, &candidates, || {
        let seeds = Seeds::new(&candidates);
        let columns = TABLE_ROWS.map(|row| columns::Columns::new(&candidates, row));
        targets.iter().map(|target| align::align(target, &seeds, &columns, &[])).collect()
    });
    let mut operations = Vec::new();
    for ((range, target), runs) in unit.targets.iter().zip(&targets).zip(aligned.iter()) {
        operations.extend(pieces::operations(range.start, target, runs, &candidates, &unit));
    }
    Ok(operations)
}

/// Runs of whole blocks without what was aligned anew.
fn outside(runs: &[(u64, Operation)], mut targets: Vec<Range<u64>>) -> Vec<(u64, Operation)> {
    targets.sort_by_key(|range| range.start);
    let inside = |start: u64| {
        let index = targets.partition_point(|range| range.start <= start);
        index.checked_sub(1).is_some_and(|index| start < targets[index].end)
    };
    // Targets begin and end with runs, or within none.
    runs.iter().filter(|(start, _)| !inside(*start)).copied().collect()
}

/// Fingerprints of all sources; none where nothing changed.
fn fingerprint_index(sources: &Joined<'_>, units: &[Unit], work: &Work<'_>) -> Result<fingerprints::Index, MakeError> {
    if units.is_empty() {
        return Ok(fingerprints::Index::default());
    }
    let length = sources.length();
    let shares = work.share(length.div_ceil(SHARE) as usize, |index| {
        let start = (index as u64 * SHARE).saturating_sub(fingerprints::WINDOW as u64 - 1);
        let end = ((index as u64 + 1) * SHARE).min(length);
        let mut bytes = vec![0; (end - start) as usize];
        sources.read_exact_at(start, &mut bytes)?;
        let mut found = Vec::new();
        fingerprints::fingerprints(&bytes, |hash, offset| found.push((hash as u32, start + offset as u64)));
        work.did(end - start);
        Ok(found)
    })?;
    Ok(fingerprints::Index::new(shares.into_iter().flatten().collect()))
}

/// Sharing work between threads, in pieces whose results come in order.
struct Work<'a> {
    watch: &'a Watch<'a>,
    done: AtomicU64,
    total: u64,
}

impl<'a> Work<'a> {
    fn new(watch: &'a Watch<'a>, total: u64) -> Self {
        Self { watch, done: AtomicU64::new(0), total }
    }

    fn did(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        (self.watch.progress)(done.min(self.total), self.total);
    }

    /// Runs `make` for each number below `count`.
    fn share<T: Send>(&self, count: usize, make: impl Fn(usize) -> io::Result<T> + Sync) -> Result<Vec<T>, MakeError> {
        let next = AtomicUsize::new(0);
        let made: Mutex<Vec<(usize, T)>> = Mutex::new(Vec::with_capacity(count));
        let worker = || -> Result<(), MakeError> {
            loop {
                if self.watch.cancelled.load(Ordering::Relaxed) {
                    return Err(MakeError::Cancelled);
                }
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    return Ok(());
                }
                let value = make(index)?;
                made.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push((index, value));
            }
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.watch.threads.clamp(1, count.max(1))).map(|_| scope.spawn(worker)).collect();
            workers.into_iter().try_for_each(|worker| match worker.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            })
        })?;
        let mut made = made.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        made.sort_by_key(|(index, _)| *index);
        Ok(made.into_iter().map(|(_, value)| value).collect())
    }
}

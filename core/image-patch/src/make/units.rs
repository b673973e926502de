//! Which parts of the output are to be aligned with which parts of the sources.

use super::blocks::BLOCK;
use super::files::FileMap;
use super::fingerprints::{Index, WINDOW, fingerprints};
use crate::operation::{Kind, Operation};
use crate::source::ReadAt;
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

/// Largest piece of the output that is aligned at once.
const PIECE: u64 = 4 << 20;
/// Most bytes of the sources that a piece is aligned with.
const MOST_SOURCE: u64 = 20 << 20;
/// Copied runs up to this length within changed ones are looked for again: they may not be the cheapest way.
const SHORT_RUN: u64 = 4 * BLOCK;
/// What is taken from a large file: the place in proportion, and this much before and behind it.
const AROUND: u64 = 2 << 20;
/// Fingerprints are counted in pieces of this many bytes.
const BUCKET: u64 = 16 << 10;
/// Candidates this close to each other belong together: what is between them has no fingerprints of its own.
const NEIGHBOURS: u64 = 64 << 10;
/// Most bytes taken because of fingerprints.
const MOST_VOTED: u64 = 12 << 20;

/// Ranges of the output and what they are compared with.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    /// Ascending and apart.
    pub(crate) targets: Vec<Range<u64>>,
    /// Addresses in the joined sources.
    pub(crate) candidates: Vec<Range<u64>>,
}

/// Everything the choice of candidates looks at.
pub(crate) struct Choice<'a> {
    pub(crate) runs: &'a [(u64, Operation)],
    pub(crate) new_files: &'a FileMap,
    pub(crate) old_files: &'a FileMap,
    /// Lengths of the sources.
    pub(crate) sources: &'a [u64],
    pub(crate) output_length: u64,
}

impl Choice<'_> {
    /// What the runs of whole blocks leave, file by file.
    pub(crate) fn units(&self) -> Vec<Unit> {
        let mut units: BTreeMap<u64, Unit> = BTreeMap::new();
        for range in self.changed() {
            let mut start = range.start;
            while start < range.end {
                let (home, end) = self.home(start);
                let end = end.min(range.end);
                let unit = units
                    .entry(home.start)
                    .or_insert_with(|| Unit { targets: Vec::new(), candidates: self.candidates(&home) });
                unit.targets.push(start..end);
                start = end;
            }
        }
        units.into_values().collect()
    }

    /// Ranges between the runs of whole blocks; short runs count as changed.
    fn changed(&self) -> Vec<Range<u64>> {
        let mut changed: Vec<Range<u64>> = Vec::new();
        let mut position = 0;
        let mut add = |range: Range<u64>| match changed.last_mut() {
            _ if range.is_empty() => {}
            Some(last) if range.start - last.end <= SHORT_RUN => last.end = range.end,
            _ => changed.push(range),
        };
        for (start, run) in self.runs {
            add(position..*start);
            position = start + run.length;
        }
        add(position..self.output_length);
        changed
    }

    /// The file, or the part of one, that a byte belongs to, and where the next one begins.
    fn home(&self, offset: u64) -> (Range<u64>, u64) {
        let piece = |range: Range<u64>| {
            let start = range.start + (offset - range.start) / PIECE * PIECE;
            start..range.end.min(start + PIECE)
        };
        if let Some((range, _)) = self.new_files.at(offset) {
            let piece = piece(range.start..range.end.next_multiple_of(BLOCK));
            return (piece.clone(), piece.end);
        }
        let end = self.new_files.next_start(offset).unwrap_or(self.output_length);
        let start = offset / PIECE * PIECE;
        let end = end.min(start + PIECE);
        (start..end, end)
    }

    /// What belongs together by name or by place.
    fn candidates(&self, home: &Range<u64>) -> Vec<Range<u64>> {
        let named =
            self.new_files.at(home.start).and_then(|(new, path)| Some((new.clone(), self.old_files.named(path)?)));
        let metadata = || {
            let (new, old) = (self.new_files.metadata_end()?, self.old_files.metadata_end()?);
            (home.start < new).then_some((0..new, 0..old))
        };
        let Some((new, old)) = named.or_else(metadata) else { return self.around(home) };
        let old = old.start..old.end.next_multiple_of(BLOCK).min(self.sources[0]);
        if old.end - old.start <= 2 * PIECE {
            return vec![old];
        }
        // The same fraction of the file.
        let scaled = |offset: u64| {
            let share = u128::from(offset - new.start) * u128::from(old.end - old.start);
            old.start + (share / u128::from((new.end - new.start).max(1))) as u64
        };
        let window = scaled(home.start).saturating_sub(AROUND).max(old.start)..(scaled(home.end) + AROUND).min(old.end);
        vec![window]
    }

    /// What is between the sources of the copied runs before and behind, and what is at the same place of the last source.
    fn around(&self, home: &Range<u64>) -> Vec<Range<u64>> {
        let total: u64 = self.sources.iter().sum();
        let copies = |(_, run): &&(u64, Operation)| run.kind == Kind::Copy && run.source < total;
        let next = self.runs.partition_point(|(start, _)| *start < home.start);
        let before = self.runs[..next].iter().rev().find(copies).map(|(_, run)| run.source + run.length);
        let behind = self.runs[next..].iter().find(|run| run.0 >= home.end && copies(run)).map(|(_, run)| run.source);
        let clamp =
            |range: Range<u64>| range.start.saturating_sub(BLOCK * 16).min(total)..(range.end + BLOCK * 16).min(total);
        let mut found = Vec::new();
        match (before, behind) {
            (Some(before), Some(behind)) if before <= behind && behind - before <= 2 * PIECE => {
                found.push(clamp(before..behind));
            }
            (before, behind) => {
                found.extend(before.map(|before| clamp(before..before + (home.end - home.start))));
                found.extend(behind.map(|behind| clamp(behind.saturating_sub(home.end - home.start)..behind)));
            }
        }
        let last = total - self.sources.last().copied().unwrap_or(0);
        let same = (last + home.start).saturating_sub(AROUND / 4).max(last)..(last + home.end + AROUND / 4).min(total);
        if same.start < same.end {
            found.push(same);
        }
        found
    }
}

impl Unit {
    /// Adds what has the same fingerprints, where the candidates do not have them, and joins candidates that touch.
    pub(crate) fn widen(&mut self, targets: &[Vec<u8>], index: &Index, total: u64) {
        let mut votes: BTreeMap<u64, u32> = BTreeMap::new();
        for target in targets {
            fingerprints(target, |hash, _| {
                let mut places = index.find(hash as u32).peekable();
                let Some(first) = places.peek().copied() else { return };
                if !places.any(|place| self.candidates.iter().any(|range| range.contains(&place))) {
                    *votes.entry(first / BUCKET).or_default() += 1;
                }
            });
        }
        let mut elected: Vec<(u64, u32)> = votes.into_iter().collect();
        elected.sort_by_key(|(bucket, votes)| (std::cmp::Reverse(*votes), *bucket));
        let length = |ranges: &[Range<u64>]| ranges.iter().map(|range| range.end - range.start).sum::<u64>();
        let mut voted = 0;
        for (bucket, _) in elected {
            if voted + BUCKET > MOST_VOTED || length(&self.candidates) + BUCKET > MOST_SOURCE {
                break;
            }
            voted += BUCKET;
            let start = (bucket * BUCKET).saturating_sub(BUCKET / 2);
            self.candidates.push(start..((bucket + 1) * BUCKET + BUCKET / 2 + WINDOW as u64).min(total));
        }
        self.candidates.sort_by_key(|range| (range.start, range.end));
        let mut joined: Vec<Range<u64>> = Vec::new();
        for range in self.candidates.drain(..) {
            match joined.last_mut() {
                Some(last) if range.start <= last.end + NEIGHBOURS => last.end = last.end.max(range.end),
                _ => joined.push(range),
            }
        }
        self.candidates = joined;
    }

    /// Reads the candidates, one behind the other.
    pub(crate) fn read_candidates(&self, sources: &dyn ReadAt) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        for range in &self.candidates {
            let start = bytes.len();
            bytes.resize(start + (range.end - range.start) as usize, 0);
            sources.read_exact_at(range.start, &mut bytes[start..])?;
        }
        Ok(bytes)
    }

    /// The address of a byte of what [`Unit::read_candidates`] reads, and how many follow it without a gap.
    pub(crate) fn address(&self, mut offset: u64) -> (u64, u64) {
        for range in &self.candidates {
            let length = range.end - range.start;
            if offset < length {
                return (range.start + offset, length - offset);
            }
            offset -= length;
        }
        (0, 0)
    }
}

//! Which old bytes stand where new bytes will: the cheapest way through a small set of distances.
//!
//! A *distance* is source position minus target position. Walking over the target word by word, a few distances are
//! kept alive, each with what it would have cost to get here by it; a new one comes in where a hash finds equal bytes a little
//! further on, and takes the place of the dearest. At the end the cheapest way is followed back.

use super::columns::Columns;
use super::seeds::{SEED, Seeds};

/// A run of the target: bytes at `start..end` resemble those of the source at `source`, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) source: Option<usize>,
}

const WORD: usize = 4;
/// Distances alive at once; the first stands for "no source".
const SLOTS: usize = 12;
/// How far before equal bytes their distance is tried.
const AHEAD: usize = 96;
/// Costs are in 1/16 bit, as the models tend to need.
const SAME: u32 = 1;
const AGAIN: u32 = 40;
/// By how many of the four bytes differ.
const CHANGED: [u32; 5] = [SAME, 170, 310, 440, 560];
const NEW: u32 = 350;
const SWITCH: u32 = 380;
/// Differences remembered for each distance.
const SEEN: usize = 4;
const NEVER: u32 = u32::MAX / 4;

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// Source minus target; `None` for new bytes and for slots not in use.
    distance: Option<isize>,
    cost: u32,
    /// The last differences of words.
    seen: [u32; SEEN],
}

/// What is needed to walk back.
struct Step {
    best: u8,
    entered: u16,
}

/// Finds for `target` what it resembles in the source of `seeds`; `first` are distances to begin with.
pub(crate) fn align(target: &[u8], seeds: &Seeds<'_>, columns: &[Columns<'_>], first: &[isize]) -> Vec<Run> {
    let mut walk = Walk::new(seeds.source());
    for distance in first {
        walk.admit(*distance, 0);
    }
    let words = target.len() / WORD;
    let mut looked = 0;
    for step in 0..words {
        let position = step * WORD;
        while looked < (position + AHEAD).min(target.len().saturating_sub(SEED - 1)) {
            walk.look(target, looked, seeds, columns, step);
            looked += WORD;
        }
        walk.step(target, position);
    }
    let mut runs = walk.back();
    if words * WORD < target.len() {
        extend_last(&mut runs, target.len(), seeds.source().len());
    }
    refine(&mut runs, target, seeds.source());
    runs
}

struct Walk<'a> {
    source: &'a [u8],
    slots: [Slot; SLOTS],
    best: usize,
    steps: Vec<Step>,
    /// Which distance a slot has from which step on.
    admitted: Vec<(usize, usize, isize)>,
}

fn word(bytes: &[u8], position: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(position..)?.first_chunk()?))
}

impl<'a> Walk<'a> {
    fn new(source: &'a [u8]) -> Self {
        let mut slots = [Slot { distance: None, cost: NEVER, seen: [0; SEEN] }; SLOTS];
        slots[0].cost = 0;
        Self { source, slots, best: 0, steps: Vec::new(), admitted: Vec::new() }
    }

    fn look(&mut self, target: &[u8], position: usize, seeds: &Seeds<'_>, columns: &[Columns<'_>], step: usize) {
        let Some(wanted) = target.get(position..position + SEED) else { return };
        if let Some(distance) = self.slots[self.best].distance
            && self.source_at(position, distance).is_some_and(|have| have.starts_with(wanted))
        {
            return;
        }
        seeds.find(wanted, |found| {
            let distance = found as isize - position as isize;
            self.admit(distance, step);
        });
        for columns in columns {
            if let Some(distance) = self.slots[self.best].distance
                && position.checked_add_signed(distance).is_some_and(|source| columns.agree(target, position, source))
            {
                continue;
            }
            columns.find(target, position, |found| {
                let distance = found as isize - position as isize;
                self.admit(distance, step);
            });
        }
    }

    fn source_at(&self, position: usize, distance: isize) -> Option<&'a [u8]> {
        self.source.get(position.checked_add_signed(distance)?..)
    }

    fn admit(&mut self, distance: isize, step: usize) {
        if self.slots.iter().any(|slot| slot.distance == Some(distance)) {
            return;
        }
        let cost = self.slots[self.best].cost + SWITCH;
        let dearest = (1..SLOTS).filter(|slot| *slot != self.best).max_by_key(|slot| self.slots[*slot].cost);
        let Some(slot) = dearest.filter(|slot| self.slots[*slot].cost >= cost || step == 0) else { return };
        self.slots[slot] = Slot { distance: Some(distance), cost: NEVER, seen: [0; SEEN] };
        self.admitted.push((step, slot, distance));
    }

    fn step(&mut self, target: &[u8], position: usize) {
        let Some(new) = word(target, position) else { return };
        let switched = self.slots[self.best].cost + SWITCH;
        let best = self.best as u8;
        let mut entered = 0_u16;
        for index in 0..SLOTS {
            let slot = self.slots[index];
            if index > 0 && slot.distance.is_none() {
                continue;
            }
            let mut cost = slot.cost;
            if switched < cost {
                cost = switched;
                entered |= 1 << index;
            }
            let old = slot.distance.and_then(|distance| word(self.source_at(position, distance)?, 0));
            let slot = &mut self.slots[index];
            slot.cost = match old {
                None if index > 0 => NEVER,
                None => cost + NEW,
                Some(old) => cost + price(&mut slot.seen, old, new),
            };
        }
        self.steps.push(Step { best, entered });
        let cheapest = (0..SLOTS).min_by_key(|slot| self.slots[*slot].cost).unwrap_or(0);
        // Equal costs do not change the way.
        if self.slots[cheapest].cost < self.slots[self.best].cost {
            self.best = cheapest;
        }
        let base = self.slots[self.best].cost;
        if base > NEVER / 4 {
            self.slots.iter_mut().for_each(|slot| slot.cost = (slot.cost - base).min(NEVER));
        }
    }

    fn back(mut self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        let mut slot = self.best;
        for (step, made) in self.steps.iter().enumerate().rev() {
            while self.admitted.last().is_some_and(|(from, ..)| *from > step) {
                self.admitted.pop();
            }
            let distance = match slot {
                0 => None,
                _ => self.admitted.iter().rev().find(|(_, of, _)| *of == slot).map(|(_, _, distance)| *distance),
            };
            let start = step * WORD;
            let source = distance.and_then(|distance| start.checked_add_signed(distance));
            match runs.last_mut() {
                Some(run) if run.source.map(|source| source as isize - run.start as isize) == distance => {
                    run.start = start;
                    run.source = source;
                }
                _ => runs.push(Run { start, end: start + WORD, source }),
            }
            if made.entered & (1 << slot) != 0 {
                slot = usize::from(made.best);
            }
        }
        runs.reverse();
        runs
    }
}

fn price(seen: &mut [u32; SEEN], old: u32, new: u32) -> u32 {
    let difference = new.wrapping_sub(old);
    if difference == 0 {
        return SAME;
    }
    let price = if seen.contains(&difference) {
        AGAIN
    } else {
        CHANGED[(old ^ new).to_le_bytes().iter().filter(|byte| **byte != 0).count()]
    };
    let found = seen.iter().position(|seen| *seen == difference).unwrap_or(SEEN - 1);
    seen.copy_within(0..found, 1);
    seen[0] = difference;
    price
}

/// The last bytes are no whole word: they go with the run before them where its source has them.
fn extend_last(runs: &mut Vec<Run>, end: usize, source_length: usize) {
    let start = runs.last().map_or(0, |run| run.end);
    match runs.last_mut() {
        Some(run) if run.source.is_none_or(|source| source + (end - run.start) <= source_length) => run.end = end,
        _ => runs.push(Run { start, end, source: None }),
    }
}

/// Words are no border for bytes: moves the start of a run back over equal bytes that the run before it does not have.
fn refine(runs: &mut [Run], target: &[u8], source: &[u8]) {
    for index in 1..runs.len() {
        let (before, run) = (runs[index - 1], runs[index]);
        let Some(mut from) = run.source else { continue };
        let mut start = run.start;
        while start > before.start + 1 && run.start - start < WORD && from > 0 {
            let wanted = target[start - 1];
            let theirs = before.source.and_then(|source_start| source.get(source_start + (start - 1 - before.start)));
            if source[from - 1] != wanted || theirs == Some(&wanted) {
                break;
            }
            start -= 1;
            from -= 1;
        }
        runs[index - 1].end = start;
        runs[index] = Run { start, end: run.end, source: Some(from) };
    }
}

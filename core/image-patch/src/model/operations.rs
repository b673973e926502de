//! The model of operations: kinds, lengths, and where they read.

use super::numbers::{Numbers, folded, unfolded};
use super::tree;
use crate::operation::{Kind, Operation};
use crate::range_coder::{BitCoder, Probability};

/// Distances between source and output that were used last.
const RECENT: usize = 4;

/// Learns the operations of a frame.
#[derive(Clone, Debug)]
pub(crate) struct Operations {
    kinds: [[Probability; 8]; 6],
    lengths: [Numbers; 5],
    /// Which of the recent distances it is, by the previous kind.
    recent_flags: [[Probability; RECENT]; 6],
    jumps: Numbers,
    last_kind: usize,
    recent: [i64; RECENT],
}

impl Operations {
    /// For a frame whose first operation is guessed to read its source at `distance` from the output.
    pub(crate) fn new(distance: i64) -> Self {
        Self {
            kinds: [[Probability::default(); 8]; 6],
            lengths: std::array::from_fn(|_| Numbers::default()),
            recent_flags: [[Probability::guess(40_000); RECENT]; 6],
            jumps: Numbers::default(),
            last_kind: 5,
            recent: [distance, 0, 0, 0],
        }
    }

    /// Codes an operation that makes the output at `position`. What a decoder returns may lie anywhere.
    pub(crate) fn code<C: BitCoder>(&mut self, coder: &mut C, position: u64, operation: Operation) -> Operation {
        let number = tree(coder, &mut self.kinds[self.last_kind], 3, operation.kind.number() as u32) as usize;
        let kind = Kind::ALL[number.min(Kind::ALL.len() - 1)];
        let length = self.lengths[kind.number()].code(coder, operation.length.wrapping_sub(1)).wrapping_add(1);
        let source = if kind.has_source() { self.source(coder, position, operation.source) } else { 0 };
        self.last_kind = kind.number();
        Operation { kind, length, source }
    }

    fn source<C: BitCoder>(&mut self, coder: &mut C, position: u64, source: u64) -> u64 {
        let distance = source.wrapping_sub(position) as i64;
        let flags = &mut self.recent_flags[self.last_kind];
        let mut found = RECENT;
        for (index, flag) in flags.iter_mut().enumerate() {
            if coder.bit(flag, self.recent[index] == distance) {
                found = index;
                break;
            }
        }
        let distance = match self.recent.get(found) {
            Some(distance) => *distance,
            None => self.recent[0]
                .wrapping_add(unfolded(self.jumps.code(coder, folded(distance.wrapping_sub(self.recent[0]))))),
        };
        self.recent.copy_within(0..found.min(RECENT - 1), 1);
        self.recent[0] = distance;
        position.wrapping_add(distance as u64)
    }
}

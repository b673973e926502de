//! The code of a frame: operations, differences and new bytes, for both directions.

use crate::model::literals::Literals;
use crate::model::operations::Operations;
use crate::model::words::Words;
use crate::range_coder::BitCoder;

const WORD: usize = 4;
/// How many words before it is coded a word's memory is asked for.
const AHEAD: usize = 8;

/// All models of a frame.
#[derive(Clone, Debug)]
pub(crate) struct Models {
    pub(crate) operations: Operations,
    words: Option<Box<Words>>,
    literals: Option<Box<Literals>>,
}

impl Models {
    /// Models that know nothing yet, except which source the output most likely resembles and where.
    pub(crate) fn new(distance: i64) -> Self {
        Self { operations: Operations::new(distance), words: None, literals: None }
    }

    /// Codes bytes that stand where those of `old` stood. The first of them is at `position` of the output.
    pub(crate) fn difference<C: BitCoder>(&mut self, coder: &mut C, position: u64, old: &[u8], new: &mut [u8]) {
        let words = self.words.get_or_insert_default();
        words.start_run();
        let edge = (position.next_multiple_of(WORD as u64) - position) as usize;
        let (edge_old, old) = old.split_at(edge.min(old.len()));
        let (edge_new, new) = new.split_at_mut(edge.min(new.len()));
        for (old, new) in edge_old.iter().zip(edge_new) {
            *new = words.edge(coder, *old, *new);
        }
        let (whole_old, rest_old) = old.as_chunks::<WORD>();
        let (whole_new, rest_new) = new.as_chunks_mut::<WORD>();
        for (index, (old, new)) in whole_old.iter().zip(whole_new).enumerate() {
            if let Some(ahead) = whole_old.get(index + AHEAD) {
                words.expect(u32::from_le_bytes(*ahead));
            }
            *new = words.code(coder, u32::from_le_bytes(*old), u32::from_le_bytes(*new)).to_le_bytes();
        }
        for (old, new) in rest_old.iter().zip(rest_new) {
            *new = words.edge(coder, *old, *new);
        }
    }

    /// Codes new bytes; `before` is what stands before them in this frame.
    pub(crate) fn literal<C: BitCoder>(&mut self, coder: &mut C, before: &[u8], new: &mut [u8]) {
        let literals = self.literals.get_or_insert_default();
        literals.follow(before);
        for byte in new {
            *byte = literals.code(coder, *byte);
        }
    }
}

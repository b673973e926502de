//! Where in a source a table goes on alike, though no row of it is equal.
//!
//! When a function grows, everything behind it moves: in the tables that mention addresses every row changes, and equal
//! bytes are nowhere to be found. What stays is by how much each row differs from the one before it.

use super::seeds::SEED;

/// Rows that must differ from their predecessors in the same way.
const ROWS: usize = 5;
/// Places tried.
const PLACES: usize = 4;
const NONE: u32 = u32::MAX;
const WORD: usize = 4;

/// An index of one column's steps, for tables with rows of a given length.
#[derive(Debug)]
pub(crate) struct Columns<'a> {
    source: &'a [u8],
    row: usize,
    heads: Vec<u32>,
    next: Vec<u32>,
    bits: u32,
}

fn word(bytes: &[u8], position: usize) -> u32 {
    bytes.get(position..).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

impl<'a> Columns<'a> {
    /// Indexes a source for rows of `row` bytes, a multiple of four.
    pub(crate) fn new(source: &'a [u8], row: usize) -> Self {
        let positions = source.len().saturating_sub(row * ROWS + SEED) / WORD;
        let bits = (usize::BITS - positions.leading_zeros()).clamp(8, 22);
        let mut columns = Self { source, row, heads: vec![NONE; 1 << bits], next: vec![NONE; positions], bits };
        for index in (0..positions).rev() {
            if let Some(key) = columns.key(source, index * WORD) {
                let head = &mut columns.heads[(key >> (64 - bits)) as usize];
                columns.next[index] = *head;
                *head = index as u32;
            }
        }
        columns
    }

    fn steps(&self, bytes: &[u8], position: usize) -> [u32; ROWS] {
        std::array::from_fn(|row| {
            let at = position + row * self.row;
            word(bytes, at + self.row).wrapping_sub(word(bytes, at))
        })
    }

    /// A hash of the steps; none where they say nothing, being all the same.
    fn key(&self, bytes: &[u8], position: usize) -> Option<u64> {
        let steps = self.steps(bytes, position);
        if steps.iter().filter(|step| **step != steps[0]).count() < 2 {
            return None;
        }
        Some(
            steps
                .iter()
                .fold(0_u64, |key, step| (key ^ u64::from(*step)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23))
                .wrapping_mul(0xd6e8_feb8_6659_fd93),
        )
    }

    /// Whether source and target go on alike from these positions.
    pub(crate) fn agree(&self, target: &[u8], position: usize, source: usize) -> bool {
        self.steps(target, position) == self.steps(self.source, source)
    }

    /// Calls `found` with a few places that go on as the target does.
    pub(crate) fn find(&self, target: &[u8], position: usize, mut found: impl FnMut(usize)) {
        if position + (ROWS + 1) * self.row > target.len() {
            return;
        }
        let Some(key) = self.key(target, position) else { return };
        let mut place = self.heads[(key >> (64 - self.bits)) as usize];
        let mut left = PLACES;
        let mut tries = 4 * PLACES;
        while place != NONE && left > 0 && tries > 0 {
            let source = place as usize * WORD;
            if self.agree(target, position, source) {
                found(source);
                left -= 1;
            }
            tries -= 1;
            place = self.next[place as usize];
        }
    }
}

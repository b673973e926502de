//! The model of new bytes: what follows the last byte and what follows the last two, mixed by how well each has done.

use crate::range_coder::{BitCoder, Probability};

const PAIRS: usize = 1 << 16;

/// Learns bytes.
#[derive(Clone, Debug)]
pub(crate) struct Literals {
    after_one: Vec<Probability>,
    after_two: Vec<Probability>,
    last: u32,
}

impl Default for Literals {
    fn default() -> Self {
        Self {
            after_one: vec![Probability::default(); 256 * 256],
            after_two: vec![Probability::default(); PAIRS],
            last: 0,
        }
    }
}

impl Literals {
    /// Says what the byte before the next one is.
    pub(crate) fn follow(&mut self, before: &[u8]) {
        self.last = before.iter().rev().take(2).rev().fold(0, |last, byte| (last << 8) | u32::from(*byte));
    }

    /// Codes a byte.
    pub(crate) fn code<C: BitCoder>(&mut self, coder: &mut C, byte: u8) -> u8 {
        let one = (self.last as usize & 0xff) << 8;
        let two = ((self.last & 0xffff).wrapping_mul(0x9e37_79b1) >> 8) as usize;
        let mut node = 1_usize;
        for shift in (0..8).rev() {
            let bit = (byte >> shift) & 1 == 1;
            let first = &mut self.after_one[one | node];
            let second = &mut self.after_two[two.wrapping_add(node.wrapping_mul(0x2f35)) & (PAIRS - 1)];
            // The surer of both counts more.
            let sure = |chance: u32| (chance as i32 - 32_768).unsigned_abs() + 512;
            let (weight, other) = (sure(first.one()), sure(second.one()));
            let chance = (first.one() * (weight >> 4) + second.one() * (other >> 4)) / ((weight >> 4) + (other >> 4));
            let bit = coder.bit_with(chance.clamp(24, 65_536 - 24), bit);
            first.learn(bit);
            second.learn(bit);
            node = (node << 1) | usize::from(bit);
        }
        let byte = (node & 0xff) as u8;
        self.last = (self.last << 8) | u32::from(byte);
        byte
    }
}

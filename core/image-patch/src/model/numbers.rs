//! Numbers of any size: how many bits they have, then the bits.

use super::tree;
use crate::range_coder::{BitCoder, Probability};

/// Most bits of a number.
const MAXIMUM_BITS: u32 = 40;
/// How many bits below the leading one have probabilities of their own.
const MODELLED: u32 = 4;
/// How many of the lowest bits have, too, where there are so many: much is aligned.
const LOWEST: u32 = 3;
/// Half of 65536: a bit about which nothing is known.
const EVEN: u32 = 1 << 15;

/// Learns which numbers occur.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    lengths: [Probability; 64],
    leading: Vec<Probability>,
    lowest: Vec<Probability>,
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            lengths: [Probability::default(); 64],
            leading: vec![Probability::default(); (MAXIMUM_BITS as usize + 1) << MODELLED],
            lowest: vec![Probability::default(); (MAXIMUM_BITS as usize + 1) << LOWEST],
        }
    }
}

impl Numbers {
    /// Codes a number below 2^40. A decoder can return any number below 2^63.
    pub(crate) fn code<C: BitCoder>(&mut self, coder: &mut C, number: u64) -> u64 {
        let length = tree(coder, &mut self.lengths, 6, u64::BITS - number.leading_zeros()).min(MAXIMUM_BITS);
        if length <= 1 {
            return u64::from(length);
        }
        let below = length - 1;
        let modelled = below.min(MODELLED);
        let nodes = &mut self.leading[(length as usize) << MODELLED..][..1 << MODELLED];
        let bits = (number >> (below - modelled)) as u32 & ((1 << modelled) - 1);
        let mut value = (1 << modelled) | u64::from(tree(coder, nodes, modelled, bits));
        let rest = below - modelled;
        let lowest = if rest < LOWEST { 0 } else { LOWEST };
        for shift in (lowest..rest).rev() {
            value = (value << 1) | u64::from(coder.bit_with(EVEN, (number >> shift) & 1 == 1));
        }
        if lowest > 0 {
            let nodes = &mut self.lowest[(length as usize) << LOWEST..][..1 << LOWEST];
            let bits = number as u32 & ((1 << LOWEST) - 1);
            value = (value << LOWEST) | u64::from(tree(coder, nodes, LOWEST, bits));
        }
        value
    }
}

/// Signed numbers near zero as small numbers: 0, -1, 1, -2, 2 …
pub(crate) fn folded(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

/// The other way round.
pub(crate) fn unfolded(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

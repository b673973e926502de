//! Numbers of any size: how many bits they have, then the bits.

use super::tree;
use crate::range_coder::{BitCoder, Probability};

/// Most bits of a number.
const MAXIMUM_BITS: u32 = 40;
/// How many bits below the leading one have probabilities of their own.
const MODELLED: u32 = 4;
/// Half of 65536: a bit about which nothing is known.
const EVEN: u32 = 1 << 15;

/// Learns which numbers occur.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    lengths: [Probability; 64],
    leading: Vec<Probability>,
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            lengths: [Probability::default(); 64],
            leading: vec![Probability::default(); (MAXIMUM_BITS as usize + 1) << MODELLED],
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
        for shift in (0..below - modelled).rev() {
            let bit = coder.bit_with(EVEN, (number >> shift) & 1 == 1);
            value = (value << 1) | u64::from(bit);
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

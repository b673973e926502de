//! What is known about the next bit: adaptive models for operations, numbers, words that differ, and new bytes.

pub(crate) mod literals;
pub(crate) mod numbers;
pub(crate) mod operations;
pub(crate) mod words;

use crate::range_coder::{BitCoder, Probability};

/// Codes a value of `bits` bits, the highest first, each with a probability that depends on those above it.
#[inline]
pub(crate) fn tree<C: BitCoder>(coder: &mut C, nodes: &mut [Probability], bits: u32, value: u32) -> u32 {
    let mut node = 1_usize;
    for shift in (0..bits).rev() {
        let bit = coder.bit(&mut nodes[node], (value >> shift) & 1 == 1);
        node = (node << 1) | usize::from(bit);
    }
    node as u32 & ((1 << bits) - 1)
}

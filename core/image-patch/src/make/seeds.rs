//! Where in a source given bytes stand.

/// Bytes that must be equal for a distance to be tried.
pub(crate) const SEED: usize = 12;
/// Places tried for the same bytes.
const PLACES: usize = 6;
const NONE: u32 = u32::MAX;

/// An index of every position of a source of less than 4 GiB.
#[derive(Debug)]
pub(crate) struct Seeds<'a> {
    source: &'a [u8],
    heads: Vec<u32>,
    next: Vec<u32>,
    bits: u32,
}

fn key(bytes: &[u8]) -> u64 {
    let half = |bytes: &[u8]| bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let (first, second) = (half(bytes), half(&bytes[SEED - 8..]));
    (first.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ second.rotate_left(31)).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

impl<'a> Seeds<'a> {
    /// Indexes a source.
    pub(crate) fn new(source: &'a [u8]) -> Self {
        let positions = source.len().saturating_sub(SEED - 1);
        let bits = (usize::BITS - positions.leading_zeros()).clamp(8, 24);
        let mut seeds = Self { source, heads: vec![NONE; 1 << bits], next: vec![NONE; positions], bits };
        // From the back, so that the first place comes first.
        for position in (0..positions).rev() {
            let window = &source[position..position + SEED];
            // Runs of one byte match everywhere and tell nothing.
            if window.iter().all(|byte| *byte == window[0]) {
                continue;
            }
            let head = &mut seeds.heads[(key(window) >> (64 - bits)) as usize];
            seeds.next[position] = *head;
            *head = position as u32;
        }
        seeds
    }

    pub(crate) fn source(&self) -> &'a [u8] {
        self.source
    }

    /// Calls `found` with a few places that have these [`SEED`] bytes.
    pub(crate) fn find(&self, wanted: &[u8], mut found: impl FnMut(usize)) {
        if wanted.iter().all(|byte| *byte == wanted[0]) {
            return;
        }
        let mut place = self.heads[(key(wanted) >> (64 - self.bits)) as usize];
        let mut left = PLACES;
        let mut tries = 4 * PLACES;
        while place != NONE && left > 0 && tries > 0 {
            let position = place as usize;
            if self.source[position..].starts_with(wanted) {
                found(position);
                left -= 1;
            }
            tries -= 1;
            place = self.next[position];
        }
    }
}

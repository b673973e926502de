//! A binary arithmetic coder with adaptive probabilities.
//!
//! Encoder and decoder are two implementations of one trait, so that a model is written once and cannot differ between them.

/// An adaptive probability: 16 bits of "the next bit is one", and how often it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Probability {
    one: u16,
    seen: u8,
}

/// After this many times a probability adapts no slower any more.
const SLOWEST: u8 = 11;
/// Probabilities adapt by 1/(n + 1.5) at the n-th time, in 1/65536. What is behind [`SLOWEST`] is not used: it makes the table as long as a mask.
const RATES: [u16; 16] = rates();

const fn rates() -> [u16; 16] {
    let mut rates = [0; 16];
    let mut index = 0;
    while index < rates.len() {
        // 65536 / (index + 1.5)
        rates[index] = (131_072 / (2 * index + 3)) as u16;
        index += 1;
    }
    rates
}

impl Default for Probability {
    fn default() -> Self {
        Self { one: 1 << 15, seen: 0 }
    }
}

impl Probability {
    /// One that starts with a guess, in 1/65536, as if it had been seen a few times.
    pub(crate) const fn guess(one: u16) -> Self {
        Self { one, seen: 2 }
    }

    /// The chance of a one in 1/65536, never certain.
    #[inline]
    pub(crate) fn one(self) -> u32 {
        u32::from(self.one).clamp(24, 65_536 - 24)
    }

    /// Learns a bit; at least by 1/`limit` for limits up to the length of the table.
    #[inline]
    pub(crate) fn learn(&mut self, bit: bool) {
        let rate = i32::from(RATES[usize::from(self.seen) % RATES.len()]);
        let target = if bit { 65_535 } else { 0 };
        let one = i32::from(self.one);
        // Less than the distance to the target, so the sum stays between 0 and 65535.
        let step = ((target - one) * rate) >> 16;
        self.one = (one + step) as u16;
        self.seen += u8::from(self.seen < SLOWEST);
    }
}

/// Codes bits: an encoder writes what it is given, a decoder ignores that and says what was written.
pub(crate) trait BitCoder {
    /// Codes a bit whose chance of being one is `one` in 1/65536 (exclusive of 0 and 65536).
    fn bit_with(&mut self, one: u32, bit: bool) -> bool;

    /// Codes a bit with an adaptive probability.
    #[inline]
    fn bit(&mut self, probability: &mut Probability, bit: bool) -> bool {
        let bit = self.bit_with(probability.one(), bit);
        probability.learn(bit);
        bit
    }
}

/// Writes.
#[derive(Debug)]
pub(crate) struct Encoder {
    low: u32,
    high: u32,
    out: Vec<u8>,
}

/// How far an encoder was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    low: u32,
    high: u32,
    written: usize,
}

impl Encoder {
    pub(crate) fn new() -> Self {
        Self { low: 0, high: u32::MAX, out: Vec::new() }
    }

    /// The state so far, to come back to.
    pub(crate) fn mark(&self) -> Mark {
        Mark { low: self.low, high: self.high, written: self.out.len() }
    }

    /// Forgets what was coded since.
    pub(crate) fn back_to(&mut self, mark: Mark) {
        (self.low, self.high) = (mark.low, mark.high);
        self.out.truncate(mark.written);
    }

    /// Bits that were coded since, to a few.
    pub(crate) fn bits_since(&self, mark: Mark) -> u64 {
        let bits = |low: u32, high: u32, written: usize| written as u64 * 8 + u64::from((high - low).leading_zeros());
        bits(self.low, self.high, self.out.len()).saturating_sub(bits(mark.low, mark.high, mark.written))
    }

    /// The code; zeros at its end are left out, the decoder adds them.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        if self.low > 0 {
            // Top bytes differ, so this is at most `high`.
            self.out.push((self.low >> 24) as u8 + 1);
        }
        while self.out.last() == Some(&0) {
            self.out.pop();
        }
        self.out
    }
}

impl BitCoder for Encoder {
    #[inline]
    fn bit_with(&mut self, one: u32, bit: bool) -> bool {
        let middle = self.low + ((u64::from(self.high - self.low) * u64::from(one)) >> 16) as u32;
        if bit {
            self.high = middle;
        } else {
            self.low = middle + 1;
        }
        while (self.low ^ self.high) >> 24 == 0 {
            self.out.push((self.high >> 24) as u8);
            self.low <<= 8;
            self.high = (self.high << 8) | 0xff;
        }
        bit
    }
}

/// Reads.
#[derive(Debug)]
pub(crate) struct Decoder<'a> {
    low: u32,
    high: u32,
    code: u32,
    input: &'a [u8],
    /// Bytes taken, with those behind the end, which are zeros.
    taken: usize,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        let mut decoder = Self { low: 0, high: u32::MAX, code: 0, input, taken: 0 };
        for _ in 0..4 {
            decoder.code = (decoder.code << 8) | decoder.next();
        }
        decoder
    }

    #[inline]
    fn next(&mut self) -> u32 {
        let byte = self.input.get(self.taken).copied().unwrap_or(0);
        self.taken = self.taken.saturating_add(1);
        u32::from(byte)
    }
}

impl BitCoder for Decoder<'_> {
    #[inline]
    fn bit_with(&mut self, one: u32, _: bool) -> bool {
        let middle = self.low + ((u64::from(self.high - self.low) * u64::from(one)) >> 16) as u32;
        let bit = self.code <= middle;
        if bit {
            self.high = middle;
        } else {
            self.low = middle + 1;
        }
        while (self.low ^ self.high) >> 24 == 0 {
            self.low <<= 8;
            self.high = (self.high << 8) | 0xff;
            self.code = (self.code << 8) | self.next();
        }
        bit
    }
}

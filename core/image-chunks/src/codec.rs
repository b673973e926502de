//! Numbers in the index: LEB128 in its shortest form, and little-endian words.

/// Bytes that are still to be read.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl Fields<'_> {
    /// The next bytes as an array.
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    /// A word of 32 bits.
    pub(crate) fn word(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// A number of at most 32 bits in seven bits per byte; nothing if it is longer than it must be.
    pub(crate) fn number(&mut self) -> Option<u32> {
        let mut number = 0_u64;
        for shift in (0..35).step_by(7) {
            let [byte] = self.array()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let shortest = byte != 0 || shift == 0;
                return u32::try_from(number).ok().filter(|_| shortest);
            }
        }
        None
    }
}

/// Writes a number as [`Fields::number`] reads it.
pub(crate) fn write_number(bytes: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::{Fields, write_number};
    use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

    #[test]
    fn numbers_have_one_form() {
        for bytes in [&[0x80, 0][..], &[0x80; 6], &[0xff, 0xff, 0xff, 0xff, 0x1f], &[0x81], &[]] {
            assert_eq!(Fields(bytes).number(), None, "{bytes:x?}");
        }
        assert_eq!(Fields(&[0xff, 0xff, 0xff, 0xff, 0x0f]).number(), Some(u32::MAX));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn what_is_written_is_read(number in any::<u32>(), shift in 0..32_u32) {
            let mut bytes = Vec::new();
            write_number(&mut bytes, number >> shift);
            prop_assert_eq!(Fields(&bytes).number(), Some(number >> shift));
        }
    }
}

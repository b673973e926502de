//! CRC-32C (Castagnoli), as the superblock's checksum and as a stable hash of paths.

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0_u32; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ 0x82f6_3b78 } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}

/// The state before the first byte. EROFS stores the state itself: there is no final inversion.
pub(crate) const START: u32 = u32::MAX;

/// The state after `bytes`.
pub(crate) fn extend(state: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(state, |state, byte| (state >> 8) ^ TABLE[usize::from(state as u8 ^ byte)])
}

#[cfg(test)]
mod tests {
    use super::{START, extend};

    #[test]
    fn known_answer_of_rfc_3720() {
        assert_eq!(!extend(START, b"123456789"), 0xe306_9283);
        assert_eq!(!extend(START, &[0; 32]), 0x8a91_36aa);
    }
}

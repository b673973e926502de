//! A coarse index of everything there is to copy from: one window of 64 bytes in 128, chosen by content.

/// Mean distance between two fingerprints, as a power of two.
const SPARSE_BITS: u32 = 7;
/// How many bytes a fingerprint stands for.
pub(crate) const WINDOW: usize = 64;

const fn gears() -> [u64; 256] {
    let mut gears = [0; 256];
    let mut state = 0x5069_6363_6f6c_6f00_u64;
    let mut index = 0;
    while index < 256 {
        // splitmix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = state;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        gears[index] = value ^ (value >> 31);
        index += 1;
    }
    gears
}

static GEARS: [u64; 256] = gears();

/// Calls `found` with the hash and the offset of the first byte of each chosen window.
pub(crate) fn fingerprints(bytes: &[u8], mut found: impl FnMut(u64, usize)) {
    let mut hash = 0_u64;
    for (index, byte) in bytes.iter().enumerate() {
        hash = (hash << 1).wrapping_add(GEARS[usize::from(*byte)]);
        if hash >> (64 - SPARSE_BITS) == 0 && index + 1 >= WINDOW {
            found(hash, index + 1 - WINDOW);
        }
    }
}

/// Fingerprints of the sources, by hash.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Hash (its lower half) and address, in order.
    entries: Vec<(u32, u64)>,
}

impl Index {
    /// From all fingerprints of the sources, in any order.
    pub(crate) fn new(mut entries: Vec<(u32, u64)>) -> Self {
        entries.sort_unstable();
        // What occurs everywhere says nothing.
        entries.dedup_by_key(|entry| *entry);
        Self { entries }
    }

    /// The first few addresses with this hash.
    pub(crate) fn find(&self, hash: u32) -> impl Iterator<Item = u64> + '_ {
        let start = self.entries.partition_point(|entry| entry.0 < hash);
        self.entries[start..].iter().take(4).take_while(move |entry| entry.0 == hash).map(|entry| entry.1)
    }
}

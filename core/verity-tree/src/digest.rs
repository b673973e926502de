//! Salted digests of blocks.

use crate::BLOCK_SIZE;
#[cfg(target_arch = "x86_64")]
use crate::interleaved::{self, LANES, MESSAGE_BLOCK};
use multiversion::multiversion;
use multiversion::target::match_target;
use sha2::{Digest, Sha256};

/// The SHA-256 of the salt and a block.
pub type BlockDigest = [u8; 32];

/// Longest salt the superblock can hold, in bytes.
pub const MAXIMUM_SALT: usize = 256;

/// What is hashed in front of every block.
#[derive(Clone, Debug)]
pub struct Salt {
    bytes: Vec<u8>,
    /// The hash of the salt so far.
    hashed: Sha256,
    /// The same as a bare state: after the salt's whole message blocks.
    #[cfg(target_arch = "x86_64")]
    state: [u32; 8],
}

/// A salt is too long.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the dm-verity salt has {length} bytes; at most {MAXIMUM_SALT} fit")]
pub struct SaltTooLong {
    /// Its length in bytes.
    pub length: usize,
}

impl Salt {
    /// A salt of up to [`MAXIMUM_SALT`] bytes; `veritysetup` uses 32.
    ///
    /// # Errors
    /// When it is longer.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, SaltTooLong> {
        let bytes = bytes.into();
        if bytes.len() > MAXIMUM_SALT {
            return Err(SaltTooLong { length: bytes.len() });
        }
        Ok(Self {
            hashed: Sha256::new_with_prefix(&bytes),
            #[cfg(target_arch = "x86_64")]
            state: state_after(&bytes),
            bytes,
        })
    }

    /// The salt.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn hash(&self, block: &[u8]) -> BlockDigest {
        let mut hasher = self.hashed.clone();
        hasher.update(block);
        hasher.finalize().into()
    }
}

impl PartialEq for Salt {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Salt {}

/// Hashes each block of `data` into the digest of the same index.
///
/// # Panics
/// When `data` is not exactly one block per digest.
pub fn hash_blocks(salt: &Salt, data: &[u8], digests: &mut [BlockDigest]) {
    assert_eq!(data.len(), digests.len() * BLOCK_SIZE, "one block of data per digest");
    hash_run(salt, data, digests);
}

/// Hashes like [`hash_blocks`], shared between up to `threads` threads where there is enough to do.
///
/// # Panics
/// When `data` is not exactly one block per digest.
pub fn hash_blocks_on(threads: usize, salt: &Salt, data: &[u8], digests: &mut [BlockDigest]) {
    /// Below this, starting a thread costs more than it saves.
    const WORTH_A_THREAD: usize = 64;
    let share = digests.len().div_ceil(threads.max(1)).max(WORTH_A_THREAD);
    if digests.len() <= share {
        return hash_blocks(salt, data, digests);
    }
    assert_eq!(data.len(), digests.len() * BLOCK_SIZE, "one block of data per digest");
    std::thread::scope(|scope| {
        for (data, digests) in data.chunks(share * BLOCK_SIZE).zip(digests.chunks_mut(share)) {
            scope.spawn(|| hash_blocks(salt, data, digests));
        }
    });
}

/// The fastest way this processor has.
#[multiversion(targets("x86_64+sha+sse4.1+ssse3"))]
fn hash_run(salt: &Salt, data: &[u8], digests: &mut [BlockDigest]) {
    match_target! {
        "x86_64+sha+sse4.1+ssse3" => hash_interleaved(salt, data, digests),
        _ => hash_one_by_one(salt, data, digests),
    }
}

fn hash_one_by_one(salt: &Salt, data: &[u8], digests: &mut [BlockDigest]) {
    for (block, digest) in data.chunks_exact(BLOCK_SIZE).zip(digests) {
        *digest = salt.hash(block);
    }
}

/// Several blocks at once, what is left over one by one.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn hash_interleaved(salt: &Salt, data: &[u8], digests: &mut [BlockDigest]) {
    let (groups, rest) = data.as_chunks::<{ LANES * BLOCK_SIZE }>();
    let (digest_groups, rest_digests) = digests.as_chunks_mut::<LANES>();
    for (group, digests) in groups.iter().zip(digest_groups) {
        let blocks: [&[u8]; LANES] = std::array::from_fn(|lane| &group[lane * BLOCK_SIZE..(lane + 1) * BLOCK_SIZE]);
        let states = hash_group(salt, blocks);
        for (digest, state) in digests.iter_mut().zip(states) {
            digest.as_chunks_mut::<4>().0.iter_mut().zip(state).for_each(|(bytes, word)| *bytes = word.to_be_bytes());
        }
    }
    hash_one_by_one(salt, rest, rest_digests);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn hash_group(salt: &Salt, blocks: [&[u8]; LANES]) -> [[u32; 8]; LANES] {
    // The salt's last bytes fill a message block together with the beginning of the data.
    let left_over = salt.bytes.len() % MESSAGE_BLOCK;
    let lead = MESSAGE_BLOCK - left_over;
    let mut states = [salt.state; LANES];
    let mut first = [[0; MESSAGE_BLOCK]; LANES];
    for (first, block) in first.iter_mut().zip(blocks) {
        first[..left_over].copy_from_slice(&salt.bytes[salt.bytes.len() - left_over..]);
        first[left_over..].copy_from_slice(&block[..lead]);
    }
    interleaved::compress(&mut states, first.each_ref().map(<[u8; MESSAGE_BLOCK]>::as_slice));

    let middle = (BLOCK_SIZE - lead) / MESSAGE_BLOCK * MESSAGE_BLOCK;
    interleaved::compress(&mut states, blocks.map(|block| &block[lead..lead + middle]));

    // The rest, one bit, zeros, and the length of all in bits (FIPS 180-4, 5.1.1), in one or two message blocks.
    let rest = BLOCK_SIZE - lead - middle;
    let padded = (rest + 9).next_multiple_of(MESSAGE_BLOCK);
    let bits = (salt.bytes.len() + BLOCK_SIZE) as u64 * 8;
    let mut last = [[0; 2 * MESSAGE_BLOCK]; LANES];
    for (last, block) in last.iter_mut().zip(blocks) {
        last[..rest].copy_from_slice(&block[BLOCK_SIZE - rest..]);
        last[rest] = 0x80;
        last[padded - 8..padded].copy_from_slice(&bits.to_be_bytes());
    }
    interleaved::compress(&mut states, last.each_ref().map(|last| &last[..padded]));
    states
}

/// SHA-256's state after the whole message blocks of `bytes`, from the initial hash value on (FIPS 180-4, 5.3.3).
#[cfg(target_arch = "x86_64")]
fn state_after(bytes: &[u8]) -> [u32; 8] {
    let mut state =
        [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
    for block in bytes.as_chunks::<MESSAGE_BLOCK>().0 {
        sha2::compress256(&mut state, &[(*block).into()]);
    }
    state
}

#[cfg(test)]
mod tests {
    use super::{Salt, SaltTooLong, hash_blocks, hash_blocks_on, hash_one_by_one};
    use crate::BLOCK_SIZE;
    use proptest::prelude::{ProptestConfig, any, proptest};

    fn data(blocks: usize, seed: u8) -> Vec<u8> {
        (0..blocks * BLOCK_SIZE).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8 ^ seed).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn hashing_at_once_equals_hashing_one_by_one(blocks in 0..12_usize, salt in 0..=256_usize, seed in any::<u8>()) {
            let salt = Salt::new(data(1, seed)[..salt].to_vec()).unwrap();
            let data = data(blocks, !seed);
            let mut expected = vec![[0; 32]; blocks];
            hash_one_by_one(&salt, &data, &mut expected);
            let mut found = vec![[1; 32]; blocks];
            hash_blocks(&salt, &data, &mut found);
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn the_number_of_threads_does_not_matter() {
        let salt = Salt::new(*b"salt").unwrap();
        let data = data(333, 0);
        let mut expected = vec![[0; 32]; 333];
        hash_blocks(&salt, &data, &mut expected);
        for threads in [0, 1, 2, 3, 7, 1000] {
            let mut found = vec![[1; 32]; 333];
            hash_blocks_on(threads, &salt, &data, &mut found);
            assert_eq!(found, expected, "{threads} threads");
        }
    }

    #[test]
    fn a_salt_that_does_not_fit_is_refused() {
        assert_eq!(Salt::new([0; 257]).unwrap_err(), SaltTooLong { length: 257 });
    }
}

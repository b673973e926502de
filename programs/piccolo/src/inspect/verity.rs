//! dm-verity partitions, and whether a root file system is what its root hash stands for.

use super::part::Part;
use super::text::{Text, count, uuid};
use crate::failure::{Failure, FailureKind};
use crate::report::{Phase, Report, human_bytes};
use anyhow::anyhow;
use disk_layout::root_hash::RootHash;
use serde::Serialize;
use std::io::{self, Read};
use std::thread;
use verity_tree::BLOCK_SIZE;
use verity_tree::digest::hash_blocks;
use verity_tree::shape::{hash_length, levels};
use verity_tree::superblock::Superblock;
use verity_tree::verify::{VerifyError, verify};

/// Largest hash tree read into memory, in bytes: that of 64 GiB of data.
const LARGEST_TREE: u64 = 1 << 29;

/// A dm-verity superblock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verity {
    /// Identifies the hash partition; nothing depends on it.
    pub uuid: String,
    /// Hash algorithm, always `sha256`.
    pub algorithm: &'static str,
    /// Bytes in a data block.
    pub data_block_size: u64,
    /// Bytes in a hash block.
    pub hash_block_size: u64,
    /// Data blocks that the tree covers.
    pub data_blocks: u64,
    /// Bytes of superblock and tree.
    pub hash_size: u64,
    /// What is hashed in front of every block, in hexadecimal.
    pub salt: String,
    /// The hash of the tree's topmost block; nothing for a single data block, which has no tree.
    pub root_hash: Option<String>,
}

impl Verity {
    /// Reads the superblock and hashes the topmost block of the tree.
    pub fn read(part: &Part) -> anyhow::Result<Self> {
        let superblock = Superblock::decode(&part.start(BLOCK_SIZE)?)?;
        Ok(Self {
            uuid: uuid(&superblock.uuid),
            algorithm: "sha256",
            data_block_size: BLOCK_SIZE as u64,
            hash_block_size: BLOCK_SIZE as u64,
            data_blocks: superblock.data_blocks,
            hash_size: hash_length(superblock.data_blocks),
            salt: hex::encode(superblock.salt.bytes()),
            root_hash: top_hash(part, &superblock).map(|hash| hash.to_string()),
        })
    }

    /// Everything about it, for a person.
    pub fn describe(&self, text: &mut Text) {
        text.field("Hash tree", self.summary());
        text.field("Salt", if self.salt.is_empty() { "none" } else { &self.salt });
    }

    fn summary(&self) -> String {
        let data = self.data_blocks.saturating_mul(self.data_block_size);
        let blocks = count(self.data_blocks, "block", "blocks");
        let hashes = human_bytes(self.hash_size);
        format!("{} over {} ({blocks} of {} bytes), {hashes}", self.algorithm, human_bytes(data), self.data_block_size)
    }
}

/// The hash of the topmost block, which is the root hash if the tree is whole. It lies behind the superblock.
fn top_hash(part: &Part, superblock: &Superblock) -> Option<RootHash> {
    let top = levels(superblock.data_blocks).last().copied()?;
    let mut block = vec![0; BLOCK_SIZE];
    part.read_all_at(&mut block, top.first_block.checked_mul(BLOCK_SIZE as u64)?).ok()?;
    let mut digest = [[0; 32]];
    hash_blocks(&superblock.salt, &block, &mut digest);
    Some(RootHash(digest[0]))
}

/// Whether every block of a root file system is what the root hash stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Whether it is.
    pub intact: bool,
    /// Data blocks that were checked; nothing where there is damage.
    pub data_blocks: Option<u64>,
    /// What is wrong first: in the tree from the top down, then in the data.
    pub damage: Option<Damage>,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// A sentence about it.
    pub message: String,
    /// `data` or `hash-tree`, where it is one block.
    #[serde(rename = "in")]
    pub place: Option<&'static str>,
    /// The block's number in the data or in the hash partition.
    pub block: Option<u64>,
    /// Where that block starts in its partition, in bytes.
    pub offset: Option<u64>,
}

impl Verification {
    /// Reads and hashes everything.
    ///
    /// # Errors
    /// When it was cancelled.
    pub fn run(data: &Part, hashes: &Part, root_hash: RootHash, slot: &str, report: &Report) -> Result<Self, Failure> {
        let phase = report.phase(&format!("Verifying slot {slot}"));
        let result = hash_tree(hashes).and_then(|(data_blocks, tree)| {
            let total = data_blocks.saturating_mul(BLOCK_SIZE as u64);
            let mut data = Watched { part: data.clone(), done: 0, total, report, phase: &phase };
            let threads = thread::available_parallelism().map_or(1, |threads| threads.get());
            let superblock = verify(&mut data, &tree, root_hash, threads).map_err(|error| Damage::of(&error))?;
            Ok(superblock.data_blocks)
        });
        if report.cancel().is_cancelled() {
            return Err(Failure::new(FailureKind::Cancelled, anyhow!("cancelled while verifying slot {slot}")));
        }
        Ok(match result {
            Ok(data_blocks) => Self { intact: true, data_blocks: Some(data_blocks), damage: None },
            Err(damage) => Self { intact: false, data_blocks: None, damage: Some(damage) },
        })
    }

    /// One line about it.
    pub fn summary(&self) -> String {
        match &self.damage {
            None => format!("intact, {} hashed", count(self.data_blocks.unwrap_or(0), "block", "blocks")),
            Some(damage) => format!("DAMAGED: {}", damage.message),
        }
    }
}

/// The number of data blocks and the whole hash tree.
fn hash_tree(hashes: &Part) -> Result<(u64, Vec<u8>), Damage> {
    let fault = |error: anyhow::Error| Damage { message: format!("{error:#}"), place: None, block: None, offset: None };
    let read = |bytes: io::Result<Vec<u8>>| {
        bytes.map_err(|error| fault(anyhow!(error).context("the hash tree cannot be read")))
    };
    let superblock = Superblock::decode(&read(hashes.start(BLOCK_SIZE))?).map_err(|error| fault(error.into()))?;
    let length = hash_length(superblock.data_blocks).min(hashes.length());
    match usize::try_from(length).ok().filter(|_| length <= LARGEST_TREE) {
        Some(length) => Ok((superblock.data_blocks, read(hashes.start(length))?)),
        None => Err(fault(anyhow!(
            "the hash tree takes {}; at most {} are read",
            human_bytes(length),
            human_bytes(LARGEST_TREE)
        ))),
    }
}

impl Damage {
    fn of(error: &VerifyError) -> Self {
        let (place, block) = match error {
            VerifyError::DataBlock { block } => (Some("data"), Some(*block)),
            VerifyError::HashBlock { block } => (Some("hash-tree"), Some(*block)),
            _ => (None, None),
        };
        let offset = block.and_then(|block| block.checked_mul(BLOCK_SIZE as u64));
        let position = offset.map(|offset| format!(" (byte {offset} of its partition)")).unwrap_or_default();
        Self { message: format!("{error}{position}"), place, block, offset }
    }
}

/// A part that tells how far it was read, and ends when the work is cancelled.
struct Watched<'a> {
    part: Part,
    done: u64,
    total: u64,
    report: &'a Report,
    phase: &'a Phase<'a>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.report.cancel().is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        let read = self.part.read(buffer)?;
        self.done = self.done.saturating_add(read as u64);
        self.phase.bytes(self.done.min(self.total), self.total);
        Ok(read)
    }
}

//! dm-verity trees over files and partitions

use std::fs::File;
use std::io;

use disk_layout::root_hash::RootHash;
use thiserror::Error;
use verity_tree::BLOCK_SIZE;
use verity_tree::digest::Salt;
use verity_tree::superblock::Superblock;
use verity_tree::tree::{HashTree, TreeError};
use verity_tree::verify::{self, VerifyError};

use crate::disk::Window;
use crate::pieces::{self, EmptyTarget, Pass, Source};
use crate::sparse::{CopyError, Watch};

/// What a hash tree needs besides the data.
#[derive(Debug, Clone)]
pub struct VeritySettings {
    /// Hashed in front of every block.
    pub salt: Salt,
    /// Identifies the hash partition, as the 16 bytes in the order they are written.
    pub uuid: [u8; 16],
    /// How many threads read and hash at once.
    pub threads: usize,
}

/// A hash tree could not be computed, written or checked.
#[derive(Debug, Error)]
pub enum VerityError {
    /// The data could not be read, or written in the same pass.
    #[error(transparent)]
    Data(#[from] CopyError),
    /// The data is not a whole number of blocks.
    #[error("the data has {length} bytes; dm-verity covers one or more whole blocks of {BLOCK_SIZE}")]
    Length {
        /// Its length in bytes.
        length: u64,
    },
    /// The tree does not fit together.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The data is not what the root hash stands for.
    #[error(transparent)]
    Verify(#[from] VerifyError),
}

/// Computes the hash tree over `length` bytes of a file.
///
/// # Errors
/// When the file cannot be read, `length` is not one or more whole blocks, or it was cancelled.
pub fn hash_file(
    file: &File,
    length: u64,
    verity: &VeritySettings,
    watch: &mut Watch<'_>,
) -> Result<HashTree, VerityError> {
    hash(file, length, verity, watch)
}

/// Computes the hash tree over the first `length` bytes of a partition.
///
/// # Errors
/// As [`hash_file`].
pub fn hash_partition(
    partition: &Window,
    length: u64,
    verity: &VeritySettings,
    watch: &mut Watch<'_>,
) -> Result<HashTree, VerityError> {
    hash(partition, length, verity, watch)
}

/// Writes a hash tree from offset 0 of a hash partition or file.
///
/// # Errors
/// When writing does not work.
pub fn write_tree(tree: &HashTree, target: &dyn EmptyTarget) -> io::Result<()> {
    target.write_sparse_at(tree.bytes(), 0)
}

/// Checks the data against the tree in the contents of a hash partition. Answers the superblock.
///
/// # Errors
/// What is wrong first, by block.
pub fn verify(
    mut data: impl io::Read,
    hash_partition: &[u8],
    root_hash: RootHash,
    threads: usize,
) -> Result<Superblock, VerityError> {
    Ok(verify::verify(&mut data, hash_partition, root_hash, threads)?)
}

fn hash(
    source: &dyn Source,
    length: u64,
    verity: &VeritySettings,
    watch: &mut Watch<'_>,
) -> Result<HashTree, VerityError> {
    tree_over(&Pass { source, length, target: None, salt: Some(&verity.salt), threads: verity.threads }, verity, watch)
}

/// Runs a pass with hashing and builds the tree.
pub(crate) fn tree_over(
    pass: &Pass<'_>,
    verity: &VeritySettings,
    watch: &mut Watch<'_>,
) -> Result<HashTree, VerityError> {
    if pass.length == 0 || !pass.length.is_multiple_of(BLOCK_SIZE as u64) {
        return Err(VerityError::Length { length: pass.length });
    }
    let digests = pieces::run(pass, watch)?;
    let superblock = Superblock { uuid: verity.uuid, data_blocks: digests.len() as u64, salt: verity.salt.clone() };
    Ok(HashTree::build(&superblock, &digests, verity.threads)?)
}

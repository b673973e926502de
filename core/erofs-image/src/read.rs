//! From an image to a tree. Everything in the image is taken for hostile: offsets, sizes and counts are checked before they are used.

mod inode;

use crate::BLOCK_SIZE;
use crate::directory;
use crate::format::{Superblock, SuperblockFault};
use file_tree::content::{BlobId, ReadBlob};
use file_tree::path::{MAXIMUM_NAME, MAXIMUM_PATH, TreePath};
use file_tree::tree::{FileTree, Inode, Kind, Timestamp, TreeError};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// Most names read from one image.
pub const MAXIMUM_NAMES: u64 = 4_000_000;
/// Most bytes of extended attributes read from one image, shared ones counted for each inode.
pub const MAXIMUM_XATTR_BYTES: u64 = 64 << 20;
/// Most chunks read from one image, over all files.
pub const MAXIMUM_CHUNKS: u64 = 8 << 20;

/// Where an image lies: a file system is often a part of a disk image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImagePlace {
    /// The blob that holds it.
    pub blob: BlobId,
    /// Its first byte.
    pub offset: u64,
    /// Number of bytes that may belong to it, such as the length of the partition.
    pub length: u64,
}

/// What an image says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The file system's UUID, as its 16 bytes in the order they are stored.
    pub uuid: [u8; 16],
    /// The file system's label.
    pub label: String,
    /// The time of the build, or zero.
    pub build_time: Timestamp,
    /// Length of the file system in bytes.
    pub length: u64,
    /// Number of inodes it claims to hold.
    pub inodes: u64,
}

/// Why an image cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The bytes cannot be had.
    #[error("{length} bytes at offset {offset} of the EROFS image cannot be read")]
    Read {
        /// Offset within the image.
        offset: u64,
        /// Number of bytes.
        length: u64,
        /// What the reader said.
        source: io::Error,
    },
    /// The superblock's magic number is missing.
    #[error("there is no EROFS superblock at offset 1024")]
    NotErofs,
    /// The superblock's checksum is wrong.
    #[error("the EROFS superblock was changed: its checksum does not match")]
    Checksum,
    /// The image uses what only a full implementation reads.
    #[error("the EROFS image uses {what}, which is not read here; mount it instead")]
    Unsupported {
        /// What it uses.
        what: String,
    },
    /// The image contradicts itself.
    #[error("the EROFS image is damaged: inode {inode} {what}")]
    Damaged {
        /// Number of the inode.
        inode: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The image holds more than is read into memory.
    #[error("the EROFS image has more than {limit} {what}; that is not read into memory")]
    TooMuch {
        /// The limit.
        limit: u64,
        /// What there is too much of.
        what: &'static str,
    },
    /// The names do not make a tree.
    #[error("the names in the EROFS image do not make a tree")]
    Tree(#[from] TreeError),
}

/// Reads what an image says about itself.
///
/// # Errors
/// When there is no EROFS image, or one with features that are not read here.
pub fn read_description(image: &ImagePlace, blobs: &dyn ReadBlob) -> Result<Description, ReadError> {
    let superblock = Reader::open(*image, blobs)?.superblock;
    let label = superblock.label.split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(Description {
        uuid: superblock.uuid,
        label: String::from_utf8_lossy(label).into_owned(),
        build_time: superblock.build_time,
        length: u64::from(superblock.blocks) * BLOCK_SIZE,
        inodes: superblock.inodes,
    })
}

/// Reads the whole tree of an uncompressed image with blocks of 4096 bytes. File contents are not read: they become ranges of the blob.
///
/// # Errors
/// When it is not such an image, is damaged, or holds more than fits in reasonable memory.
pub fn read_tree(image: &ImagePlace, blobs: &dyn ReadBlob) -> Result<FileTree, ReadError> {
    let mut reader = Reader::open(*image, blobs)?;
    let mut tree = FileTree::new();
    let root = u64::from(reader.superblock.root_inode);
    let (inode, entries) = reader.read_inode(root)?;
    let Some(entries) = entries else { return Err(damaged(root, "is the root, but no directory")) };
    tree.insert(&TreePath::root(), inode)?;

    let mut directories = BTreeSet::from([root]);
    let mut files: BTreeMap<u64, TreePath> = BTreeMap::new();
    let mut pending = vec![(TreePath::root(), root, entries)];
    while let Some((path, number, entries)) = pending.pop() {
        for (name, target) in reader.names(number, &entries)? {
            let path = path.join(&name);
            if path.to_bytes().len() > MAXIMUM_PATH {
                return Err(damaged(target, "has a path longer than Linux allows"));
            }
            if let Some(first) = files.get(&target) {
                tree.link(&path, first)?;
                continue;
            }
            let (inode, entries) = reader.read_inode(target)?;
            tree.insert(&path, inode)?;
            if let Some(entries) = entries {
                if !directories.insert(target) {
                    return Err(damaged(target, "is a directory with two names"));
                }
                pending.push((path, target, entries));
            } else {
                files.insert(target, path);
            }
        }
    }
    Ok(tree)
}

fn damaged(inode: u64, what: &'static str) -> ReadError {
    ReadError::Damaged { inode, what }
}

/// An image being read, with what may still be read of it.
struct Reader<'a> {
    image: ImagePlace,
    blobs: &'a dyn ReadBlob,
    superblock: Superblock,
    names_left: u64,
    xattr_bytes_left: u64,
    chunks_left: u64,
    /// Directories may overlap in a hostile image, but not take more than the whole image together.
    directory_bytes_left: u64,
}

impl<'a> Reader<'a> {
    fn open(image: ImagePlace, blobs: &'a dyn ReadBlob) -> Result<Self, ReadError> {
        let mut block = [0; BLOCK_SIZE as usize];
        blobs.read_exact_at(image.blob, image.offset, &mut block).map_err(|source| ReadError::Read {
            offset: 0,
            length: BLOCK_SIZE,
            source,
        })?;
        let superblock = Superblock::decode_block(&block).map_err(|fault| match fault {
            SuperblockFault::Magic => ReadError::NotErofs,
            SuperblockFault::Checksum => ReadError::Checksum,
            SuperblockFault::BlockSize(bits) => {
                ReadError::Unsupported { what: format!("blocks of 2^{bits} bytes instead of 2^12") }
            }
            SuperblockFault::Features(features) => {
                ReadError::Unsupported { what: format!("compression or other features ({features:#x})") }
            }
        })?;
        let length = image.length.min(u64::from(superblock.blocks) * BLOCK_SIZE);
        Ok(Self {
            image: ImagePlace { length, ..image },
            blobs,
            superblock,
            names_left: MAXIMUM_NAMES,
            xattr_bytes_left: MAXIMUM_XATTR_BYTES,
            chunks_left: MAXIMUM_CHUNKS,
            directory_bytes_left: length,
        })
    }

    /// Whether the image has this range.
    fn has(&self, offset: u64, length: u64) -> bool {
        offset.checked_add(length).is_some_and(|end| end <= self.image.length)
    }

    /// Reads a range that must lie within the image.
    fn bytes(&self, inode: u64, offset: u64, length: u64) -> Result<Vec<u8>, ReadError> {
        let Some(size) = usize::try_from(length).ok().filter(|_| self.has(offset, length)) else {
            return Err(damaged(inode, "lies behind the end of the image"));
        };
        let mut bytes = vec![0; size];
        self.blobs
            .read_exact_at(self.image.blob, self.image.offset.saturating_add(offset), &mut bytes)
            .map_err(|source| ReadError::Read { offset, length, source })?;
        Ok(bytes)
    }

    /// The names in a directory's bytes, without `.` and `..`.
    fn names(&mut self, inode: u64, entries: &[u8]) -> Result<Vec<(Vec<u8>, u64)>, ReadError> {
        let mut names: Vec<(Vec<u8>, u64)> = Vec::new();
        let mut previous: Option<Vec<u8>> = None;
        let names_left = &mut self.names_left;
        for block in entries.chunks(BLOCK_SIZE as usize) {
            let result = directory::decode_block(block, |name, target| {
                // The kernel searches by halves; names out of order are found by nobody, and the order excludes doubles.
                if previous.as_ref().is_some_and(|previous| previous.as_slice() >= name) {
                    return Err(damaged(inode, "is a directory with names out of order"));
                }
                if name.len() > MAXIMUM_NAME || name.contains(&b'/') || name.contains(&0) {
                    return Err(damaged(inode, "is a directory with an impossible name"));
                }
                *names_left =
                    names_left.checked_sub(1).ok_or(ReadError::TooMuch { limit: MAXIMUM_NAMES, what: "names" })?;
                previous = Some(name.to_vec());
                if name != b"." && name != b".." {
                    names.push((name.to_vec(), target));
                }
                Ok(())
            });
            result.ok_or(damaged(inode, "is a directory with a broken block"))??;
        }
        Ok(names)
    }

    /// An inode, and its bytes when it is a directory. The directory in the inode is empty.
    fn read_inode(&mut self, number: u64) -> Result<(Inode, Option<Vec<u8>>), ReadError> {
        let inode = inode::read(self, number)?;
        let entries = match (&inode.0.kind, inode.1) {
            (Kind::Directory(_), Some(content)) => {
                let length = content.length();
                self.directory_bytes_left = self
                    .directory_bytes_left
                    .checked_sub(length)
                    .ok_or(damaged(number, "is a directory that shares its blocks with others"))?;
                let bytes = content.read_all(self.blobs, self.image.length);
                Some(bytes.map_err(|source| ReadError::Read { offset: 0, length, source })?)
            }
            _ => None,
        };
        Ok((inode.0, entries))
    }
}

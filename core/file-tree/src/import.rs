//! From an archive to a tree.

use crate::content::{BlobId, Content};
use crate::path::{PathError, TreePath};
use crate::tree::{DeviceNumber, FileTree, Inode, Kind, Metadata, Timestamp, TreeError};
use std::io::{self, Read};
use tar::{Archive, Entry, EntryType};

/// Prefix of pax records that carry extended attributes.
const XATTR_RECORD: &[u8] = b"SCHILY.xattr.";
/// Largest extended attribute value Linux stores (`XATTR_SIZE_MAX`).
const MAXIMUM_XATTR: usize = 65536;

/// Why an archive could not become a tree.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The archive is damaged or cut short.
    #[error("the archive cannot be read at entry {index}")]
    Archive {
        /// Number of the entry, from zero.
        index: u64,
        /// What the reader said.
        source: io::Error,
    },
    /// An entry has a name that no tree can hold.
    #[error("entry {index} of the archive has an unusable path")]
    Path {
        /// Number of the entry, from zero.
        index: u64,
        /// What is wrong with it.
        source: PathError,
    },
    /// An entry contradicts an earlier one.
    #[error("entry {index} of the archive does not fit the tree so far")]
    Tree {
        /// Number of the entry, from zero.
        index: u64,
        /// The contradiction.
        source: TreeError,
    },
    /// An entry of a kind that a root tree has no use for.
    #[error("entry {index} of the archive, {path}, has the unsupported type {kind:?}")]
    UnsupportedEntry {
        /// Number of the entry, from zero.
        index: u64,
        /// Its path.
        path: String,
        /// Its type byte.
        kind: EntryType,
    },
}

/// Reads a tar archive (ustar, GNU or pax) into a tree. File contents are not copied: they become ranges of `blob`, which must hold
/// the same, uncompressed archive.
///
/// # Errors
/// When the archive is damaged, or holds paths or entry types that a root tree cannot have.
pub fn tree_from_tar(reader: impl Read, blob: BlobId) -> Result<FileTree, ImportError> {
    let mut tree = FileTree::new();
    let mut archive = Archive::new(reader);
    let entries = archive.entries().map_err(|source| ImportError::Archive { index: 0, source })?;
    for (index, entry) in (0_u64..).zip(entries) {
        let mut entry = entry.map_err(|source| ImportError::Archive { index, source })?;
        add_entry(&mut tree, &mut entry, blob, index)?;
    }
    Ok(tree)
}

fn add_entry<R: Read>(
    tree: &mut FileTree,
    entry: &mut Entry<'_, R>,
    blob: BlobId,
    index: u64,
) -> Result<(), ImportError> {
    let broken = |source| ImportError::Archive { index, source };
    let path = TreePath::parse(entry.path_bytes()).map_err(|source| ImportError::Path { index, source })?;
    let (xattrs, metadata) = attributes(entry).map_err(broken)?;
    let device = |entry: &Entry<'_, R>| -> io::Result<DeviceNumber> {
        let header = entry.header();
        Ok(DeviceNumber {
            major: header.device_major()?.unwrap_or_default(),
            minor: header.device_minor()?.unwrap_or_default(),
        })
    };
    let missing_target = || io::Error::new(io::ErrorKind::InvalidData, "a link without a target");
    let kind = match entry.header().entry_type() {
        EntryType::Directory => Kind::Directory(Default::default()),
        EntryType::Regular | EntryType::Continuous => {
            Kind::File(Content::from_blob(blob, entry.raw_file_position(), entry.size()))
        }
        EntryType::Symlink => {
            Kind::Symlink(entry.link_name_bytes().ok_or_else(|| broken(missing_target()))?.into_owned())
        }
        EntryType::Char => Kind::CharacterDevice(device(entry).map_err(broken)?),
        EntryType::Block => Kind::BlockDevice(device(entry).map_err(broken)?),
        EntryType::Fifo => Kind::Fifo,
        EntryType::Link => {
            let target = entry.link_name_bytes().ok_or_else(|| broken(missing_target()))?.into_owned();
            let target = TreePath::parse(target).map_err(|source| ImportError::Path { index, source })?;
            tree.link(&path, &target).map_err(|source| ImportError::Tree { index, source })?;
            return Ok(());
        }
        EntryType::XGlobalHeader => return Ok(()),
        kind => return Err(ImportError::UnsupportedEntry { index, path: path.to_string(), kind }),
    };
    tree.insert(&path, Inode { metadata, xattrs, kind }).map_err(|source| ImportError::Tree { index, source })?;
    Ok(())
}

type Xattrs = std::collections::BTreeMap<Vec<u8>, Vec<u8>>;

fn attributes<R: Read>(entry: &mut Entry<'_, R>) -> io::Result<(Xattrs, Metadata)> {
    let mut xattrs = Xattrs::new();
    let mut exact_mtime = None;
    if let Some(records) = entry.pax_extensions()? {
        for record in records {
            let record = record?;
            if let Some(name) = record.key_bytes().strip_prefix(XATTR_RECORD) {
                let value = record.value_bytes();
                if value.len() > MAXIMUM_XATTR {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "an extended attribute above 64 KiB"));
                }
                xattrs.insert(name.to_vec(), value.to_vec());
            } else if record.key_bytes() == b"mtime" {
                exact_mtime = record.value().ok().and_then(parse_pax_time);
            }
        }
    }
    let header = entry.header();
    let identity = |value: u64| {
        u32::try_from(value).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "an owner above 2³² − 1"))
    };
    let mtime = match exact_mtime {
        Some(mtime) => mtime,
        None => Timestamp { seconds: i64::try_from(header.mtime()?).unwrap_or(i64::MAX), nanoseconds: 0 },
    };
    let metadata = Metadata {
        mode: (header.mode()? & 0o7777) as u16,
        uid: identity(header.uid()?)?,
        gid: identity(header.gid()?)?,
        mtime,
    };
    Ok((xattrs, metadata))
}

/// Parses a pax time: decimal seconds with an optional fraction (POSIX.1-2017, pax, "mtime").
fn parse_pax_time(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let nanoseconds: u32 = digits.parse().ok()?;
    if whole.starts_with('-') && nanoseconds > 0 {
        return Some(Timestamp { seconds: seconds.checked_sub(1)?, nanoseconds: 1_000_000_000 - nanoseconds });
    }
    Some(Timestamp { seconds, nanoseconds })
}

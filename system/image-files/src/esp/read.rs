//! Reading an EFI system partition that nobody vouches for

use std::collections::VecDeque;
use std::io::{self, Read, Seek};

use hadris_fat::{DirectoryEntry, FatVolume, FatVolumeReadExt};
use thiserror::Error;

/// More than any ESP has; ends the walk through directories that contain each other.
const MAX_ENTRIES: usize = 4096;
const MAX_DEPTH: usize = 8;

/// A file or directory in an ESP.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EspEntry {
    /// Its path without a leading slash.
    pub path: String,
    /// Whether it is a directory.
    pub is_directory: bool,
    /// Its size in bytes; 0 for a directory.
    pub size: u64,
}

/// An ESP could not be read.
#[derive(Debug, Error)]
pub enum EspReadError {
    /// It holds no FAT file system, or a damaged one.
    #[error("the EFI system partition has no readable FAT file system")]
    Volume(#[source] hadris_fat::Error),
    /// It cannot be read at all.
    #[error("the EFI system partition cannot be read from its start")]
    Rewind(#[source] io::Error),
    /// A directory or file is damaged, or not there.
    #[error("{path:?} in the EFI system partition could not be read")]
    Entry {
        /// Its path; empty for the root.
        path: String,
        /// What is wrong with it.
        source: hadris_fat::Error,
    },
    /// Its directories hold more than a sane ESP does, or contain each other.
    #[error("the EFI system partition has more than 4096 entries or directories deeper than 8")]
    TooMany,
    /// The file's clusters do not hold what its directory entry says.
    #[error("{path:?} in the EFI system partition is damaged: {found} bytes of {size} could be read")]
    WrongLength {
        /// The file.
        path: String,
        /// Its size in bytes, as its directory entry says.
        size: u64,
        /// The bytes that are there.
        found: u64,
    },
    /// The file is larger than the caller wants.
    #[error("{path:?} in the EFI system partition has {size} bytes, more than the {limit} that are read")]
    TooLarge {
        /// The file.
        path: String,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
}

/// Every file and directory, sorted by path.
///
/// # Errors
/// When the file system is damaged or larger than an ESP can sensibly be.
pub fn list<S: Read + Seek>(source: &mut S) -> Result<Vec<EspEntry>, EspReadError> {
    source.rewind().map_err(EspReadError::Rewind)?;
    let volume = FatVolume::open(source).map_err(EspReadError::Volume)?;
    let mut found = Vec::new();
    let mut waiting = VecDeque::from([(String::new(), 0, volume.root_dir())]);
    while let Some((path, depth, directory)) = waiting.pop_front() {
        let fault = |source| EspReadError::Entry { path: path.clone(), source };
        let mut entries = directory.entries();
        while let Some(entry) = entries.next_entry() {
            let DirectoryEntry::Entry(entry) = entry.map_err(fault)?;
            let name = entry.name();
            // A name with a slash would be a path to somewhere else.
            if matches!(&*name, "." | "..") || name.contains(['/', '\0']) || !(entry.is_directory() || entry.is_file())
            {
                continue;
            }
            if found.len() >= MAX_ENTRIES || depth >= MAX_DEPTH {
                return Err(EspReadError::TooMany);
            }
            let entry_path = if path.is_empty() { name.to_string() } else { format!("{path}/{name}") };
            if entry.is_directory() {
                let below = directory.open_entry(&entry).map_err(fault)?;
                waiting.push_back((entry_path.clone(), depth + 1, below));
            }
            let size = if entry.is_directory() { 0 } else { entry.len() };
            found.push(EspEntry { path: entry_path, is_directory: entry.is_directory(), size });
        }
    }
    found.sort();
    Ok(found)
}

/// The bytes of one file, if it has at most `limit` of them.
///
/// # Errors
/// When there is no such file, it is larger, or the file system is damaged.
pub fn read_file<S: Read + Seek>(source: &mut S, path: &str, limit: u64) -> Result<Vec<u8>, EspReadError> {
    source.rewind().map_err(EspReadError::Rewind)?;
    let volume = FatVolume::open(source).map_err(EspReadError::Volume)?;
    let fault = |source| EspReadError::Entry { path: path.to_owned(), source };
    let entry = volume.open_path(path).map_err(fault)?;
    let size = entry.len();
    if size > limit {
        return Err(EspReadError::TooLarge { path: path.to_owned(), size, limit });
    }
    let mut reader = volume.read_file(&entry).map_err(fault)?;
    // Grown while reading: the size is only a claim.
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 1 << 16];
    while bytes.len() as u64 <= limit {
        match reader.read(&mut chunk).map_err(fault)? {
            0 => break,
            length => bytes.extend_from_slice(&chunk[..length.min(chunk.len())]),
        }
    }
    if bytes.len() as u64 != size {
        return Err(EspReadError::WrongLength { path: path.to_owned(), size, found: bytes.len() as u64 });
    }
    Ok(bytes)
}

//! From an archive to a tree.

use crate::content::{BlobId, Content};
use crate::path::{PathError, TreePath};
use crate::tree::{DeviceNumber, FileTree, Inode, Kind, Metadata, Timestamp, TreeError};
use std::collections::BTreeMap;
use std::io::{self, Read, Seek};
use tar::{Archive, Entries, Entry, EntryType, Header};

/// Prefix of pax records that carry extended attributes.
const XATTR_RECORD: &[u8] = b"SCHILY.xattr.";
/// Largest extended attribute value Linux stores (`XATTR_SIZE_MAX`).
const MAXIMUM_XATTR: usize = 65536;
/// Largest extra header read, in bytes: a path, a link target and extended attributes.
const MAXIMUM_EXTRA: u64 = 4 * 1024 * 1024;

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

/// Reads a tar archive (ustar, GNU long names or pax) into a tree. File contents are not copied: they become ranges of `blob`,
/// which must hold the same, uncompressed archive.
///
/// # Errors
/// When the archive is damaged, or holds paths or entry types that a root tree cannot have.
pub fn tree_from_tar(reader: impl Read, blob: BlobId) -> Result<FileTree, ImportError> {
    let mut archive = Archive::new(reader);
    let entries = archive.entries().map_err(|source| ImportError::Archive { index: 0, source })?;
    import(entries.raw(true), blob)
}

/// As [`tree_from_tar`], skipping file contents by seeking: reads only the headers.
///
/// # Errors
/// As [`tree_from_tar`].
pub fn tree_from_seekable_tar(reader: impl Read + Seek, blob: BlobId) -> Result<FileTree, ImportError> {
    let mut archive = Archive::new(reader);
    let entries = archive.entries_with_seek().map_err(|source| ImportError::Archive { index: 0, source })?;
    import(entries.raw(true), blob)
}

fn import<R: Read>(entries: Entries<'_, R>, blob: BlobId) -> Result<FileTree, ImportError> {
    let mut tree = FileTree::new();
    let mut extras = Extras::default();
    for (index, entry) in (0_u64..).zip(entries) {
        let mut entry = entry.map_err(|source| ImportError::Archive { index, source })?;
        let broken = |source| ImportError::Archive { index, source };
        match entry.header().entry_type() {
            EntryType::XHeader => extras.add_pax(&read_extra(&mut entry).map_err(broken)?).map_err(broken)?,
            EntryType::GNULongName => extras.path = Some(text_of(read_extra(&mut entry).map_err(broken)?)),
            EntryType::GNULongLink => extras.link = Some(text_of(read_extra(&mut entry).map_err(broken)?)),
            EntryType::XGlobalHeader => {}
            _ => add_entry(&mut tree, &entry, std::mem::take(&mut extras), blob, index)?,
        }
    }
    Ok(tree)
}

type Xattrs = BTreeMap<Vec<u8>, Vec<u8>>;

/// What the extra headers before an entry say about it.
#[derive(Default)]
struct Extras {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u64>,
    gid: Option<u64>,
    mtime: Option<Timestamp>,
    xattrs: Xattrs,
}

impl Extras {
    /// Reads pax records, "LENGTH KEY=VALUE\n", where the length counts itself and values may hold any byte.
    fn add_pax(&mut self, mut data: &[u8]) -> io::Result<()> {
        let malformed = || invalid("a malformed pax record");
        while !data.is_empty() {
            let space = data.iter().take(12).position(|byte| *byte == b' ').ok_or_else(malformed)?;
            let length =
                decimal(&data[..space]).and_then(|length| usize::try_from(length).ok()).ok_or_else(malformed)?;
            let record =
                data.get(space + 1..length).and_then(|record| record.strip_suffix(b"\n")).ok_or_else(malformed)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(malformed)?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            let number = || decimal(value).ok_or_else(malformed);
            match key {
                b"path" => self.path = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                b"size" => self.size = Some(number()?),
                b"uid" => self.uid = Some(number()?),
                b"gid" => self.gid = Some(number()?),
                b"mtime" => {
                    self.mtime = Some(str::from_utf8(value).ok().and_then(parse_pax_time).ok_or_else(malformed)?)
                }
                _ => {
                    if let Some(name) = key.strip_prefix(XATTR_RECORD) {
                        if value.len() > MAXIMUM_XATTR {
                            return Err(invalid("an extended attribute above 64 KiB"));
                        }
                        self.xattrs.insert(name.to_vec(), value.to_vec());
                    }
                }
            }
            data = &data[length..];
        }
        Ok(())
    }
}

fn add_entry<R: Read>(
    tree: &mut FileTree,
    entry: &Entry<'_, R>,
    extras: Extras,
    blob: BlobId,
    index: u64,
) -> Result<(), ImportError> {
    let broken = |source| ImportError::Archive { index, source };
    let header = entry.header();
    let path = extras.path.clone().unwrap_or_else(|| header.path_bytes().into_owned());
    let path = TreePath::parse(path).map_err(|source| ImportError::Path { index, source })?;
    let metadata = metadata(header, &extras).map_err(broken)?;
    let link = || {
        let link = extras.link.clone().or_else(|| header.link_name_bytes().map(|link| link.into_owned()));
        link.ok_or_else(|| broken(invalid("a link without a target")))
    };
    let device = || -> io::Result<DeviceNumber> {
        let (major, minor) = (header.device_major()?, header.device_minor()?);
        Ok(DeviceNumber { major: major.unwrap_or_default(), minor: minor.unwrap_or_default() })
    };
    let kind = match header.entry_type() {
        EntryType::Directory => Kind::Directory(BTreeMap::new()),
        EntryType::Regular | EntryType::Continuous => {
            if extras.size.is_some_and(|size| size != entry.size()) {
                return Err(broken(invalid("a file above 8 GiB")));
            }
            Kind::File(Content::from_blob(blob, entry.raw_file_position(), entry.size()))
        }
        EntryType::Symlink => Kind::Symlink(link()?),
        EntryType::Char => Kind::CharacterDevice(device().map_err(broken)?),
        EntryType::Block => Kind::BlockDevice(device().map_err(broken)?),
        EntryType::Fifo => Kind::Fifo,
        EntryType::Link => {
            let target = TreePath::parse(link()?).map_err(|source| ImportError::Path { index, source })?;
            tree.link(&path, &target).map_err(|source| ImportError::Tree { index, source })?;
            return Ok(());
        }
        kind => return Err(ImportError::UnsupportedEntry { index, path: path.to_string(), kind }),
    };
    let inode = Inode { metadata, xattrs: extras.xattrs, kind };
    tree.insert(&path, inode).map_err(|source| ImportError::Tree { index, source })?;
    Ok(())
}

fn metadata(header: &Header, extras: &Extras) -> io::Result<Metadata> {
    let identity = |value: u64| u32::try_from(value).map_err(|_| invalid("an owner above 2³² − 1"));
    let mtime = match extras.mtime {
        Some(mtime) => mtime,
        // GNU tar writes times before 1970 as a negative number in base 256, of which the crate gives the low 64 bits.
        None => Timestamp { seconds: header.mtime()?.cast_signed(), nanoseconds: 0 },
    };
    Ok(Metadata {
        mode: (header.mode()? & 0o7777) as u16,
        uid: identity(extras.uid.map_or_else(|| header.uid(), Ok)?)?,
        gid: identity(extras.gid.map_or_else(|| header.gid(), Ok)?)?,
        mtime,
    })
}

fn read_extra<R: Read>(entry: &mut Entry<'_, R>) -> io::Result<Vec<u8>> {
    if entry.size() > MAXIMUM_EXTRA {
        return Err(invalid("an extra header above 4 MiB"));
    }
    let mut data = Vec::new();
    entry.read_to_end(&mut data)?;
    Ok(data)
}

/// GNU long names end with a NUL byte.
fn text_of(mut data: Vec<u8>) -> Vec<u8> {
    if let Some(end) = data.iter().position(|byte| *byte == 0) {
        data.truncate(end);
    }
    data
}

fn decimal(digits: &[u8]) -> Option<u64> {
    str::from_utf8(digits).ok()?.parse().ok()
}

fn invalid(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// Parses a pax time: decimal seconds with an optional fraction (POSIX.1-2017, pax, "mtime").
fn parse_pax_time(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let nanoseconds: u32 = digits.parse().ok()?;
    if whole.starts_with('-') && nanoseconds > 0 {
        // The tree counts nanoseconds upwards from the second before.
        return Some(Timestamp { seconds: seconds.checked_sub(1)?, nanoseconds: 1_000_000_000 - nanoseconds });
    }
    Some(Timestamp { seconds, nanoseconds })
}

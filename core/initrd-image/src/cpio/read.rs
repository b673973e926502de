//! Reading an initrd's archive back into a tree.

use super::{HEADER, MAGIC, TRAILER, file_type};
use file_tree::content::{BlobId, Content};
use file_tree::path::{MAXIMUM_PATH, PathError, TreePath};
use file_tree::tree::{DeviceNumber, FileTree, Inode, Kind, Metadata, Timestamp, TreeError};
use std::collections::HashMap;
use std::io::{self, Read};

/// Most entries read of one archive.
const MAXIMUM_ENTRIES: u64 = 1 << 20;

/// Why an archive could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The archive ends early or cannot be read.
    #[error("the archive cannot be read at byte {offset}")]
    Read {
        /// Where, from the archive's start.
        offset: u64,
        /// What the reader said.
        source: io::Error,
    },
    /// Something other than an entry.
    #[error(
        "byte {offset} of the archive begins no cpio entry (\"newc\" format); a compressed archive must be decompressed first"
    )]
    NotAnEntry {
        /// Where, from the archive's start.
        offset: u64,
    },
    /// A header's field is not hexadecimal.
    #[error("the header at byte {offset} of the archive is damaged")]
    Header {
        /// Where, from the archive's start.
        offset: u64,
    },
    /// A name that no tree can hold.
    #[error("the entry at byte {offset} of the archive has an unusable path")]
    Path {
        /// Where, from the archive's start.
        offset: u64,
        /// What is wrong with it.
        source: PathError,
    },
    /// An entry contradicts an earlier one.
    #[error("the entry at byte {offset} of the archive does not fit those before it")]
    Tree {
        /// Where, from the archive's start.
        offset: u64,
        /// The contradiction.
        source: TreeError,
    },
    /// A file type that does not exist, or a symbolic link longer than a path can be.
    #[error("the entry at byte {offset} of the archive is of no usable kind")]
    Kind {
        /// Where, from the archive's start.
        offset: u64,
    },
    /// More entries than any initrd has.
    #[error("the archive has more than {MAXIMUM_ENTRIES} entries")]
    TooManyEntries,
}

/// Reads one or more uncompressed archives, one behind the other as the kernel allows, into one tree. File contents are not
/// copied: they become ranges of `blob`, whose byte `start` is the archive's first.
///
/// # Errors
/// When the archive is damaged, compressed, or holds what no tree can.
pub fn tree_from_cpio(reader: impl Read, blob: BlobId, start: u64) -> Result<FileTree, ReadError> {
    let mut input = Input { reader, offset: 0 };
    let mut tree = FileTree::new();
    let mut names = HashMap::new();
    let mut count = 0;
    while let Some(entry) = input.entry()? {
        count += 1;
        if count > MAXIMUM_ENTRIES {
            return Err(ReadError::TooManyEntries);
        }
        if entry.name == TRAILER {
            // Inode numbers start anew in the next archive.
            names.clear();
            continue;
        }
        add(&mut tree, &mut names, &mut input, &entry, (blob, start))?;
    }
    Ok(tree)
}

/// First path of each inode with several names, by number and device.
type Names = HashMap<(u32, u32, u32), TreePath>;

struct Entry {
    offset: u64,
    name: Vec<u8>,
    /// The header's thirteen numbers: inode, mode, uid, gid, links, mtime, size, device, device node, name size, check.
    fields: [u32; 13],
}

fn add<R: Read>(
    tree: &mut FileTree,
    names: &mut Names,
    input: &mut Input<R>,
    entry: &Entry,
    (blob, start): (BlobId, u64),
) -> Result<(), ReadError> {
    let offset = entry.offset;
    let [number, mode, uid, gid, links, mtime, size, major, minor, device_major, device_minor, ..] = entry.fields;
    let path = TreePath::parse(&entry.name).map_err(|source| ReadError::Path { offset, source })?;
    let mtime = Timestamp { seconds: mtime.into(), nanoseconds: 0 };
    let metadata = Metadata { mode: (mode & 0o7777) as u16, uid, gid, mtime };
    let device = DeviceNumber { major: device_major, minor: device_minor };
    let body_start = input.offset;
    let kind = match mode & file_type::MASK {
        file_type::DIRECTORY => Kind::Directory(Default::default()),
        file_type::FILE => Kind::File(Content::from_blob(blob, start.saturating_add(body_start), size.into())),
        file_type::SYMLINK if size as usize <= MAXIMUM_PATH => {
            let mut target = vec![0; size as usize];
            input.fill(&mut target)?;
            Kind::Symlink(target)
        }
        file_type::CHARACTER_DEVICE => Kind::CharacterDevice(device),
        file_type::BLOCK_DEVICE => Kind::BlockDevice(device),
        file_type::FIFO => Kind::Fifo,
        file_type::SOCKET => Kind::Socket,
        _ => return Err(ReadError::Kind { offset }),
    };
    let broken = |source| ReadError::Tree { offset, source };
    let known = (links > 1).then(|| names.get(&(number, major, minor))).flatten();
    if let (Some(first), false) = (known, matches!(kind, Kind::Directory(_))) {
        let id = tree.link(&path, first).map_err(broken)?;
        if size > 0 {
            // The bytes come with the last name.
            tree.inode_mut(id).kind = kind;
        }
    } else {
        if links > 1 {
            names.insert((number, major, minor), path.clone());
        }
        tree.insert(&path, Inode::new(metadata, kind)).map_err(broken)?;
    }
    input.skip_to((body_start + u64::from(size)).next_multiple_of(4))
}

struct Input<R> {
    reader: R,
    offset: u64,
}

impl<R: Read> Input<R> {
    /// The next entry's header and name; nothing at the end. Zeros between archives are passed over.
    fn entry(&mut self) -> Result<Option<Entry>, ReadError> {
        let mut word = [0; 4];
        let offset = loop {
            let offset = self.offset;
            let first = self.reader.read(&mut word[..1]).map_err(|source| ReadError::Read { offset, source })?;
            if first == 0 {
                return Ok(None);
            }
            self.offset += 1;
            self.fill(&mut word[1..])?;
            if word != [0; 4] {
                break offset;
            }
        };
        let mut header = [0; HEADER];
        header[..4].copy_from_slice(&word);
        if word != MAGIC[..4] {
            return Err(ReadError::NotAnEntry { offset });
        }
        self.fill(&mut header[4..])?;
        if header[..6] != MAGIC[..] {
            return Err(ReadError::NotAnEntry { offset });
        }
        let mut fields = [0; 13];
        for (field, digits) in fields.iter_mut().zip(header[6..].chunks_exact(8)) {
            let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'));
            let value = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
            *field = value.ok_or(ReadError::Header { offset })?;
        }
        let length = fields[11] as usize;
        if length == 0 || length > MAXIMUM_PATH + 1 {
            return Err(ReadError::Header { offset });
        }
        let mut name = vec![0; length];
        self.fill(&mut name)?;
        if name.pop() != Some(0) {
            return Err(ReadError::Header { offset });
        }
        self.skip_to(self.offset.next_multiple_of(4))?;
        Ok(Some(Entry { offset, name, fields }))
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), ReadError> {
        let offset = self.offset;
        self.reader.read_exact(buffer).map_err(|source| ReadError::Read { offset, source })?;
        self.offset += buffer.len() as u64;
        Ok(())
    }

    fn skip_to(&mut self, end: u64) -> Result<(), ReadError> {
        let offset = self.offset;
        let count = end.saturating_sub(offset);
        let skipped = io::copy(&mut self.reader.by_ref().take(count), &mut io::sink())
            .map_err(|source| ReadError::Read { offset, source })?;
        self.offset += skipped;
        if skipped < count {
            return Err(ReadError::Read { offset, source: io::ErrorKind::UnexpectedEof.into() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::tree_from_cpio;
    use crate::cpio::write;
    use file_tree::content::{BlobId, Content, NoBlobs};
    use file_tree::path::TreePath;
    use file_tree::tree::{FileTree, Inode, Kind, Metadata, Timestamp};
    use proptest::prelude::{any, proptest};

    fn archive(name: &str, bytes: &[u8]) -> Vec<u8> {
        let mut tree = FileTree::new();
        let inode = Inode::new(Metadata::root_owned(0o644), Kind::File(Content::from_bytes(bytes)));
        tree.insert(&TreePath::parse(name).unwrap(), inode).unwrap();
        let mut out = Vec::new();
        let written = write(&tree, &NoBlobs, Timestamp::default(), &mut out).unwrap();
        assert_eq!(written, out.len() as u64);
        out
    }

    #[test]
    fn archives_behind_one_another_are_one_tree() {
        let mut bytes = archive("/a", b"one");
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes.extend(archive("/b/c", b"two"));
        let tree = tree_from_cpio(bytes.as_slice(), BlobId(0), 0).unwrap();
        let paths: Vec<_> = tree.walk().map(|(path, _)| path.to_string()).collect();
        assert_eq!(paths, ["/", "/a", "/b", "/b/c"]);
    }

    #[test]
    fn a_cut_archive_is_an_error() {
        let bytes = archive("/a", b"something");
        for length in [1, 5, 109, 111, 117, 120] {
            assert!(tree_from_cpio(&bytes[..length], BlobId(0), 0).is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_a_panic(position in 0_usize..300, bytes in proptest::collection::vec(any::<u8>(), 1..40)) {
            let mut archive = archive("/some/file", b"with content");
            let end = (position + bytes.len()).min(archive.len());
            if position < end {
                archive[position..end].copy_from_slice(&bytes[..end - position]);
            }
            let _ = tree_from_cpio(archive.as_slice(), BlobId(0), 0);
            let _ = tree_from_cpio(bytes.as_slice(), BlobId(0), 0);
        }
    }
}

//! The archive format of an initrd: cpio "newc" (kernel documentation, "initramfs buffer format").

pub mod read;

use file_tree::content::{Content, ReadBlob};
use file_tree::tree::{DeviceNumber, FileTree, InodeId, Kind, Timestamp};
use std::collections::HashMap;
use std::io::{self, Write};

/// First bytes of every entry.
pub(crate) const MAGIC: &[u8; 6] = b"070701";
/// Length of an entry's header, magic included.
pub(crate) const HEADER: usize = 110;
/// Name of the entry that ends an archive.
pub(crate) const TRAILER: &[u8] = b"TRAILER!!!";
/// How much of a file is copied at a time.
const CHUNK: usize = 1 << 20;

/// File type bits of `mode` (POSIX `S_IFMT`).
pub(crate) mod file_type {
    pub(crate) const MASK: u32 = 0o170_000;
    pub(crate) const SOCKET: u32 = 0o140_000;
    pub(crate) const SYMLINK: u32 = 0o120_000;
    pub(crate) const FILE: u32 = 0o100_000;
    pub(crate) const BLOCK_DEVICE: u32 = 0o060_000;
    pub(crate) const DIRECTORY: u32 = 0o040_000;
    pub(crate) const CHARACTER_DEVICE: u32 = 0o020_000;
    pub(crate) const FIFO: u32 = 0o010_000;
}

/// Why an archive could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A file's bytes cannot be had.
    #[error("{path} cannot be read")]
    Read {
        /// Its path in the tree.
        path: String,
        /// What the store answered.
        source: io::Error,
    },
    /// The output does not take the bytes.
    #[error("the archive cannot be written at {path}")]
    Write {
        /// The entry being written.
        path: String,
        /// What the output answered.
        source: io::Error,
    },
    /// A number that the format cannot hold.
    #[error("{path} has a {what} that does not fit the 32 bits of a cpio archive")]
    TooLarge {
        /// Its path in the tree.
        path: String,
        /// The number in question.
        what: &'static str,
    },
}

/// Writes a tree as a cpio archive. The order is that of [`FileTree::walk`] without the root, inodes are numbered from 1 in that
/// order, times later than `latest` are set to it, and before 1970 to 1970: the same tree gives the same bytes. Extended
/// attributes have no place in the format and are left out. Answers the number of bytes written.
///
/// # Errors
/// When a file cannot be read, the output fails, or a file has 4 GiB or more.
pub fn write(tree: &FileTree, blobs: &dyn ReadBlob, latest: Timestamp, out: &mut dyn Write) -> Result<u64, WriteError> {
    let links = tree.link_counts();
    let mut numbers: HashMap<InodeId, (u32, u32)> = HashMap::new();
    let mut written = 0;
    for (path, id) in tree.walk().skip(1) {
        let inode = tree.inode(id);
        let name = path.to_bytes().split_off(1);
        let shown = path.to_string();
        let next = u32::try_from(numbers.len() + 1)
            .map_err(|_| WriteError::TooLarge { path: shown.clone(), what: "number of files" })?;
        let (number, seen) = numbers.entry(id).or_insert((next, 0));
        *seen += 1;
        // The bytes of a file with several names come with the last of them: all readers expect that.
        let last = *seen >= links[id.index()] || matches!(inode.kind, Kind::Directory(_));
        let symlink;
        let empty = Content::default();
        let (kind, body, device) = match &inode.kind {
            Kind::Directory(_) => (file_type::DIRECTORY, &empty, None),
            Kind::File(content) => (file_type::FILE, if last { content } else { &empty }, None),
            Kind::Symlink(target) => {
                symlink = Content::from_bytes(target.clone());
                (file_type::SYMLINK, if last { &symlink } else { &empty }, None)
            }
            Kind::CharacterDevice(device) => (file_type::CHARACTER_DEVICE, &empty, Some(*device)),
            Kind::BlockDevice(device) => (file_type::BLOCK_DEVICE, &empty, Some(*device)),
            Kind::Fifo => (file_type::FIFO, &empty, None),
            Kind::Socket => (file_type::SOCKET, &empty, None),
        };
        let seconds = inode.metadata.mtime.min(latest).seconds.max(0);
        let word =
            |value: u64, what| u32::try_from(value).map_err(|_| WriteError::TooLarge { path: shown.clone(), what });
        let header = Header {
            inode: *number,
            mode: kind | u32::from(inode.metadata.mode),
            uid: inode.metadata.uid,
            gid: inode.metadata.gid,
            links: links[id.index()],
            mtime: word(seconds.unsigned_abs(), "modification time")?,
            size: word(body.length(), "size")?,
            device: device.unwrap_or(DeviceNumber { major: 0, minor: 0 }),
        };
        let failed = |source| WriteError::Write { path: shown.clone(), source };
        written += header.write(&name, out).map_err(failed)?;
        written += copy(body, blobs, out, &shown)?;
    }
    let end = Header { links: 1, ..Header::default() };
    let failed = |source| WriteError::Write { path: "its end".to_owned(), source };
    written += end.write(TRAILER, out).map_err(failed)?;
    Ok(written)
}

struct Header {
    inode: u32,
    mode: u32,
    uid: u32,
    gid: u32,
    links: u32,
    mtime: u32,
    size: u32,
    device: DeviceNumber,
}

impl Default for Header {
    fn default() -> Self {
        let device = DeviceNumber { major: 0, minor: 0 };
        Self { inode: 0, mode: 0, uid: 0, gid: 0, links: 0, mtime: 0, size: 0, device }
    }
}

impl Header {
    /// Writes the header and the name, padded to four bytes.
    fn write(&self, name: &[u8], out: &mut dyn Write) -> io::Result<u64> {
        // Names are paths of a tree: at most 4096 bytes.
        let name_size = u32::try_from(name.len() + 1).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        let mut bytes = MAGIC.to_vec();
        let fields = [
            self.inode,
            self.mode,
            self.uid,
            self.gid,
            self.links,
            self.mtime,
            self.size,
            0,
            0,
            self.device.major,
            self.device.minor,
            name_size,
            0,
        ];
        for field in fields {
            write!(bytes, "{field:08X}")?;
        }
        bytes.extend(name);
        bytes.push(0);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        out.write_all(&bytes)?;
        Ok(bytes.len() as u64)
    }
}

/// Copies a file's bytes, padded to four bytes.
fn copy(body: &Content, blobs: &dyn ReadBlob, out: &mut dyn Write, path: &str) -> Result<u64, WriteError> {
    let failed = |source| WriteError::Write { path: path.to_owned(), source };
    let length = body.length();
    let mut offset = 0;
    let mut buffer = Vec::new();
    while offset < length {
        let take = usize::try_from(length - offset).map_or(CHUNK, |rest| rest.min(CHUNK));
        buffer.resize(take, 0);
        body.read_exact_at(blobs, offset, &mut buffer)
            .map_err(|source| WriteError::Read { path: path.to_owned(), source })?;
        out.write_all(&buffer).map_err(failed)?;
        offset += take as u64;
    }
    let padded = length.next_multiple_of(4);
    out.write_all(&[0; 4][..(padded - length) as usize]).map_err(failed)?;
    Ok(padded)
}

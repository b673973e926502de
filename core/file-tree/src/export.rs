//! From a tree to an archive.

use crate::content::{Content, ReadBlob};
use crate::path::TreePath;
use crate::tree::{FileTree, Inode, Kind};
use std::io::{self, Read, Write};
use tar::{Builder, EntryType, Header};

/// Largest number that fits the octal fields of a ustar header for owners (7 digits).
const LARGEST_OCTAL_OWNER: u64 = 0o7_777_777;

/// Writes the tree as a pax archive, directories before what they hold, names in byte order. Equal trees give equal bytes.
///
/// # Errors
/// What `blobs` and `out` answer.
pub fn tree_to_tar(tree: &FileTree, blobs: &dyn ReadBlob, out: impl Write) -> io::Result<()> {
    let mut builder = Builder::new(out);
    let mut first_names: Vec<Option<TreePath>> = vec![None; tree.arena_length()];
    for (path, id) in tree.walk() {
        let inode = tree.inode(id);
        let mut name = path.to_bytes();
        name[0] = b'.';
        name.insert(1, b'/');
        if name == b"./" || matches!(inode.kind, Kind::Directory(_)) {
            name.push(b'/');
            name.dedup_by(|second, first| *second == b'/' && *first == b'/');
        }
        let first_name = &mut first_names[id.index()];
        if let (Some(first), false) = (&first_name, matches!(inode.kind, Kind::Directory(_))) {
            let mut target = first.to_bytes();
            target.insert(0, b'.');
            append(&mut builder, &name, inode, EntryType::Link, Some(&target), &Content::default(), blobs)?;
            continue;
        }
        *first_name = Some(path);
        let empty = Content::default();
        let (kind, target, content) = match &inode.kind {
            Kind::Directory(_) => (EntryType::Directory, None, &empty),
            Kind::File(content) => (EntryType::Regular, None, content),
            Kind::Symlink(target) => (EntryType::Symlink, Some(target.as_slice()), &empty),
            Kind::CharacterDevice(_) => (EntryType::Char, None, &empty),
            Kind::BlockDevice(_) => (EntryType::Block, None, &empty),
            Kind::Fifo => (EntryType::Fifo, None, &empty),
            // tar has no type for sockets; they exist only while a daemon listens.
            Kind::Socket => continue,
        };
        append(&mut builder, &name, inode, kind, target, content, blobs)?;
    }
    builder.finish()
}

fn append<W: Write>(
    builder: &mut Builder<W>,
    name: &[u8],
    inode: &Inode,
    kind: EntryType,
    target: Option<&[u8]>,
    content: &Content,
    blobs: &dyn ReadBlob,
) -> io::Result<()> {
    let mut header = Header::new_ustar();
    let mut records: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    header.set_entry_type(kind);
    header.set_mode(u32::from(inode.metadata.mode));
    header.set_size(content.length());
    for (key, value) in [("uid", inode.metadata.uid), ("gid", inode.metadata.gid)] {
        let value = u64::from(value);
        if value > LARGEST_OCTAL_OWNER {
            records.push((key.into(), value.to_string().into()));
        }
        let field = if value > LARGEST_OCTAL_OWNER { 0 } else { value };
        if key == "uid" {
            header.set_uid(field);
        } else {
            header.set_gid(field);
        }
    }
    let mtime = inode.metadata.mtime;
    match u64::try_from(mtime.seconds) {
        Ok(seconds) if seconds < 1 << 33 && mtime.nanoseconds == 0 => header.set_mtime(seconds),
        _ => records.push((b"mtime".to_vec(), pax_time(mtime.seconds, mtime.nanoseconds).into())),
    }
    if let Kind::CharacterDevice(number) | Kind::BlockDevice(number) = &inode.kind {
        header.set_device_major(number.major)?;
        header.set_device_minor(number.minor)?;
    }
    // Paths that fit go into the header; a pax record overrides what does not.
    if !fill(&mut header.as_old_mut().name, name) {
        records.push((b"path".to_vec(), name.to_vec()));
    }
    if let Some(target) = target
        && !fill(&mut header.as_old_mut().linkname, target)
    {
        records.push((b"linkpath".to_vec(), target.to_vec()));
    }
    if kind != EntryType::Link {
        records.extend(
            inode.xattrs.iter().map(|(name, value)| ([b"SCHILY.xattr.".as_slice(), name].concat(), value.clone())),
        );
    }
    if !records.is_empty() {
        append_pax(builder, &records)?;
    }
    header.set_cksum();
    builder.append(&header, ContentReader { content, blobs, position: 0 })
}

fn append_pax<W: Write>(builder: &mut Builder<W>, records: &[(Vec<u8>, Vec<u8>)]) -> io::Result<()> {
    let mut data = Vec::new();
    for (key, value) in records {
        // A record is "LENGTH KEY=VALUE\n", and LENGTH counts itself.
        let rest = 3 + key.len() + value.len();
        let mut length = rest + 1;
        while rest + length.to_string().len() != length {
            length = rest + length.to_string().len();
        }
        data.extend_from_slice(length.to_string().as_bytes());
        data.push(b' ');
        data.extend_from_slice(key);
        data.push(b'=');
        data.extend_from_slice(value);
        data.push(b'\n');
    }
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::XHeader);
    header.set_path("pax_header")?;
    header.set_size(data.len() as u64);
    header.set_cksum();
    builder.append(&header, data.as_slice())
}

/// POSIX writes the sign before the whole number: −1.25 is "-1.25", while the tree holds −2 s + 750 ms.
fn pax_time(seconds: i64, nanoseconds: u32) -> String {
    if seconds < 0 && nanoseconds > 0 {
        let (seconds, nanoseconds) = (seconds + 1, 1_000_000_000 - nanoseconds);
        let sign = if seconds == 0 { "-" } else { "" };
        return format!("{sign}{seconds}.{nanoseconds:09}");
    }
    format!("{seconds}.{nanoseconds:09}")
}

fn fill(field: &mut [u8; 100], value: &[u8]) -> bool {
    let taken = value.len().min(field.len());
    field[..taken].copy_from_slice(&value[..taken]);
    taken == value.len()
}

struct ContentReader<'a> {
    content: &'a Content,
    blobs: &'a dyn ReadBlob,
    position: u64,
}

impl Read for ContentReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.content.length() - self.position;
        let count = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        self.content.read_exact_at(self.blobs, self.position, &mut buffer[..count])?;
        self.position += count as u64;
        Ok(count)
    }
}

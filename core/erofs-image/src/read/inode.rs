//! One inode: metadata, extended attributes, and where its contents are.

use super::{MAXIMUM_CHUNKS, MAXIMUM_XATTR_BYTES, ReadError, Reader, damaged};
use crate::BLOCK_SIZE;
use crate::format::{
    CHUNK_BITS_MASK, CHUNK_INDEXES, DataLayout, INODE_SLOT, NULL_BLOCK, RawInode, decode_device, u16_at, u32_at,
};
use crate::xattr::{ENTRY_LENGTH, HEADER_LENGTH, Xattrs, body_length, join_name};
use file_tree::content::{Content, Extent};
use file_tree::tree::{Inode, Kind, Metadata};
use std::collections::BTreeMap;

/// Longest target of a symbolic link Linux follows.
const MAXIMUM_TARGET: u64 = 4095;

/// Reads an inode; of a directory also where its bytes are.
pub(super) fn read(reader: &mut Reader<'_>, number: u64) -> Result<(Inode, Option<Content>), ReadError> {
    let position = number
        .checked_mul(INODE_SLOT)
        .and_then(|offset| offset.checked_add(u64::from(reader.superblock.metadata_block) * BLOCK_SIZE))
        .ok_or(damaged(number, "has an impossible number"))?;
    let format = u16_at(&reader.bytes(number, position, 2)?, 0);
    let length = RawInode::length_of(format) as u64;
    let raw = RawInode::decode(&reader.bytes(number, position, length)?)
        .ok_or_else(|| ReadError::Unsupported { what: format!("inodes of format {format:#x}") })?;
    if raw.size > i64::MAX as u64 {
        return Err(damaged(number, "has an impossible size"));
    }
    let behind = position + length;
    let xattr_length = body_length(raw.xattr_units) as u64;
    let xattrs = xattrs(reader, number, behind, xattr_length)?;
    let behind = behind + xattr_length;

    let mut entries = None;
    let kind = match raw.mode & 0o170_000 {
        0o040_000 => {
            entries = Some(content(reader, number, &raw, behind)?);
            Kind::Directory(BTreeMap::new())
        }
        0o100_000 => Kind::File(content(reader, number, &raw, behind)?),
        0o120_000 => {
            if raw.size == 0 || raw.size > MAXIMUM_TARGET {
                return Err(damaged(number, "is a symbolic link with an impossible target"));
            }
            let target = content(reader, number, &raw, behind)?.read_all(reader.blobs, MAXIMUM_TARGET);
            let target = target.map_err(|source| ReadError::Read { offset: behind, length: raw.size, source })?;
            if target.contains(&0) {
                return Err(damaged(number, "is a symbolic link with an impossible target"));
            }
            Kind::Symlink(target)
        }
        0o020_000 => Kind::CharacterDevice(decode_device(raw.union)),
        0o060_000 => Kind::BlockDevice(decode_device(raw.union)),
        0o010_000 => Kind::Fifo,
        0o140_000 => Kind::Socket,
        _ => return Err(damaged(number, "has an unknown file type")),
    };
    let metadata = Metadata {
        mode: raw.mode & 0o7777,
        uid: raw.uid,
        gid: raw.gid,
        mtime: raw.mtime.unwrap_or(reader.superblock.build_time),
    };
    Ok((Inode { metadata, xattrs, kind }, entries))
}

fn xattrs(reader: &mut Reader<'_>, number: u64, offset: u64, length: u64) -> Result<Xattrs, ReadError> {
    let mut xattrs = Xattrs::new();
    if length == 0 {
        return Ok(xattrs);
    }
    let broken = || damaged(number, "has broken extended attributes");
    take_xattr_bytes(reader, length)?;
    let body = reader.bytes(number, offset, length)?;
    let shared = usize::from(body[4]);
    let (shared, mut entries) = body[HEADER_LENGTH..].split_at_checked(shared * 4).ok_or_else(broken)?;
    while !entries.is_empty() {
        let header = entries.first_chunk().ok_or_else(broken)?;
        let entry = Entry::of(header);
        let bytes = entries.get(ENTRY_LENGTH..ENTRY_LENGTH + entry.length()).ok_or_else(broken)?;
        let (name, value) = entry.decode(number, bytes)?;
        xattrs.insert(name, value);
        let next = (ENTRY_LENGTH + entry.length()).next_multiple_of(4);
        entries = entries.get(next..).unwrap_or_default();
    }
    for reference in shared.chunks_exact(4) {
        // Both factors are below 2³², so this does not overflow.
        let at = u64::from(reader.superblock.xattr_block) * BLOCK_SIZE + u64::from(u32_at(reference, 0)) * 4;
        let header = reader.bytes(number, at, ENTRY_LENGTH as u64)?;
        let entry = Entry::of(header.first_chunk().ok_or_else(broken)?);
        take_xattr_bytes(reader, entry.length() as u64)?;
        let bytes = reader.bytes(number, at + ENTRY_LENGTH as u64, entry.length() as u64)?;
        let (name, value) = entry.decode(number, &bytes)?;
        xattrs.insert(name, value);
    }
    Ok(xattrs)
}

fn take_xattr_bytes(reader: &mut Reader<'_>, length: u64) -> Result<(), ReadError> {
    let left = reader.xattr_bytes_left.checked_sub(length);
    reader.xattr_bytes_left =
        left.ok_or(ReadError::TooMuch { limit: MAXIMUM_XATTR_BYTES, what: "bytes of extended attributes" })?;
    Ok(())
}

/// The header of an attribute.
struct Entry {
    name_length: usize,
    prefix: u8,
    value_length: usize,
}

impl Entry {
    fn of(header: &[u8; ENTRY_LENGTH]) -> Self {
        Self { name_length: usize::from(header[0]), prefix: header[1], value_length: usize::from(u16_at(header, 2)) }
    }

    /// Length of name and value.
    fn length(&self) -> usize {
        self.name_length + self.value_length
    }

    /// Name and value from exactly that many bytes.
    fn decode(&self, number: u64, bytes: &[u8]) -> Result<(Vec<u8>, Vec<u8>), ReadError> {
        let (name, value) = bytes.split_at(self.name_length);
        let name = join_name(self.prefix, name).ok_or(damaged(number, "has an impossible extended attribute"))?;
        Ok((name, value.to_vec()))
    }
}

/// Where an inode's bytes are; every range lies within the image. `behind` is the first byte behind the extended attributes.
fn content(reader: &mut Reader<'_>, number: u64, raw: &RawInode, behind: u64) -> Result<Content, ReadError> {
    let mut content = Content::default();
    match raw.layout {
        DataLayout::Plain => push(reader, number, &mut content, u64::from(raw.union) * BLOCK_SIZE, raw.size)?,
        DataLayout::Inline => {
            let rest = raw.size % BLOCK_SIZE;
            push(reader, number, &mut content, u64::from(raw.union) * BLOCK_SIZE, raw.size - rest)?;
            if behind % BLOCK_SIZE + rest > BLOCK_SIZE {
                return Err(damaged(number, "has inline data that crosses a block"));
            }
            push(reader, number, &mut content, behind, rest)?;
        }
        DataLayout::Chunked => chunks(reader, number, raw, behind, &mut content)?,
    }
    Ok(content)
}

fn push(reader: &Reader<'_>, number: u64, content: &mut Content, offset: u64, length: u64) -> Result<(), ReadError> {
    if length == 0 {
        return Ok(());
    }
    if !reader.has(offset, length) {
        return Err(damaged(number, "has contents behind the end of the image"));
    }
    let offset = reader.image.offset.saturating_add(offset);
    content.push(Extent::Blob { blob: reader.image.blob, offset, length });
    Ok(())
}

fn chunks(
    reader: &mut Reader<'_>,
    number: u64,
    raw: &RawInode,
    behind: u64,
    content: &mut Content,
) -> Result<(), ReadError> {
    let entry_length: u64 = if raw.union & CHUNK_INDEXES == 0 { 4 } else { 8 };
    let chunk = BLOCK_SIZE << (raw.union & CHUNK_BITS_MASK);
    let count = raw.size.div_ceil(chunk);
    reader.chunks_left = reader
        .chunks_left
        .checked_sub(count)
        .ok_or(ReadError::TooMuch { limit: MAXIMUM_CHUNKS, what: "chunks of files" })?;
    let table = reader.bytes(number, behind.next_multiple_of(entry_length), count * entry_length)?;
    // Neighbours are joined: a run of holes, or of chunks that follow each other in the image.
    let mut run: Option<(u32, u64, u64)> = None;
    for (index, entry) in (0..).zip(table.chunks_exact(entry_length as usize)) {
        let block = if entry_length == 4 { u32_at(entry, 0) } else { u32_at(entry, 4) };
        if entry_length == 8 && block != NULL_BLOCK && u16_at(entry, 2) != 0 {
            return Err(ReadError::Unsupported { what: "further devices".to_owned() });
        }
        let length = chunk.min(raw.size - index * chunk);
        let follows = |(first, bytes, _): (u32, u64, u64)| {
            if first == NULL_BLOCK { block == first } else { u64::from(first) + bytes / BLOCK_SIZE == u64::from(block) }
        };
        run = match run {
            Some(known) if follows(known) => Some((known.0, known.1 + chunk, known.2 + length)),
            known => {
                push_run(reader, number, content, known)?;
                Some((block, chunk, length))
            }
        };
    }
    push_run(reader, number, content, run)
}

/// Appends a run of chunks: first block, bytes from it to the block behind the run, bytes of the file.
fn push_run(
    reader: &Reader<'_>,
    number: u64,
    content: &mut Content,
    run: Option<(u32, u64, u64)>,
) -> Result<(), ReadError> {
    match run {
        None => Ok(()),
        Some((NULL_BLOCK, _, length)) => {
            content.push(Extent::Hole { length });
            Ok(())
        }
        Some((block, _, length)) => push(reader, number, content, u64::from(block) * BLOCK_SIZE, length),
    }
}

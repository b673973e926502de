//! One inode of the image: its form, what stands behind it, and its blocks.

use crate::BLOCK_SIZE;
use crate::chunks::Chunks;
use crate::directory;
use crate::format::{DataLayout, NULL_BLOCK, RawInode, encode_device};
use crate::order::Visit;
use crate::plan::PlanError;
use crate::xattr::{SharedXattrs, XattrFault, body_units};
use file_tree::tree::{FileTree, Inode, Kind, Timestamp};

/// Longest target of a symbolic link Linux follows.
const MAXIMUM_TARGET: usize = 4095;
/// Files with blocks of their own keep a rest of at most this many bytes behind the inode. A longer rest takes a block: it would spread the inodes
/// over so many blocks that looking files up reads more than the saved blocks are worth.
const MAXIMUM_REST: u64 = 512;

/// What an inode stores.
#[derive(Debug)]
pub(crate) enum Body {
    /// Nothing, or a device number.
    Nothing,
    /// The names of a directory.
    Names,
    /// The bytes of a file or symbolic link.
    Bytes,
    /// The bytes of a file with holes.
    Chunks(Chunks),
}

/// An inode on its way into the image.
#[derive(Debug)]
pub(crate) struct Node<'t> {
    pub(crate) visit: Visit,
    pub(crate) inode: &'t Inode,
    pub(crate) raw: RawInode,
    /// The encoded extended attributes.
    pub(crate) xattrs: Vec<u8>,
    pub(crate) body: Body,
    /// Bytes stored in blocks.
    pub(crate) in_blocks: u64,
    /// Bytes stored behind the inode.
    pub(crate) behind: u64,
    /// Offset of the inode in the image.
    pub(crate) position: u64,
    /// First of its blocks.
    pub(crate) first_block: u64,
}

impl<'t> Node<'t> {
    /// Decides the form of an inode; its place follows later.
    pub(crate) fn shape(
        tree: &'t FileTree,
        visit: Visit,
        links: u32,
        shared: &SharedXattrs<'t>,
        build_time: Timestamp,
    ) -> Result<Self, PlanError> {
        let inode = tree.inode(visit.inode);
        let metadata = inode.metadata;
        let path = || path_of(tree, visit.inode);
        let xattrs = shared.encode_body(&inode.xattrs).map_err(|(fault, name)| xattr_error(fault, path(), &name))?;
        let mut node = Self {
            visit,
            inode,
            raw: RawInode {
                layout: DataLayout::Plain,
                xattr_units: body_units(xattrs.len()),
                mode: type_bits(&inode.kind) | metadata.mode & 0o7777,
                links,
                size: 0,
                union: NULL_BLOCK,
                number: 0,
                uid: metadata.uid,
                gid: metadata.gid,
                mtime: (metadata.mtime != build_time).then_some(metadata.mtime),
            },
            xattrs,
            body: Body::Nothing,
            in_blocks: 0,
            behind: 0,
            position: 0,
            first_block: 0,
        };
        match &inode.kind {
            Kind::Directory(names) => {
                let names = directory::sorted_names(names, visit.inode, visit.parent);
                node.flat(Body::Names, directory::size(&names), BLOCK_SIZE);
            }
            Kind::File(content) => match Chunks::of(content) {
                Some(chunks) => node.chunked(chunks, content.length()),
                None => node.flat(Body::Bytes, content.length(), MAXIMUM_REST),
            },
            Kind::Symlink(target) => {
                if target.is_empty() || target.len() > MAXIMUM_TARGET || target.contains(&0) {
                    return Err(PlanError::SymlinkTarget { path: path(), length: target.len() });
                }
                node.flat(Body::Bytes, target.len() as u64, BLOCK_SIZE);
            }
            Kind::CharacterDevice(device) | Kind::BlockDevice(device) => {
                node.raw.union = encode_device(*device).ok_or_else(|| PlanError::DeviceNumber {
                    path: path(),
                    major: device.major,
                    minor: device.minor,
                })?;
            }
            Kind::Fifo | Kind::Socket => node.raw.union = 0,
        }
        Ok(node)
    }

    /// Length of the inode and its extended attributes.
    pub(crate) fn head_length(&self) -> u64 {
        let inode = if self.raw.is_compact() { RawInode::COMPACT_LENGTH } else { RawInode::EXTENDED_LENGTH };
        (inode + self.xattrs.len()) as u64
    }

    /// Number of blocks it needs outside the inode area.
    pub(crate) fn blocks(&self) -> u64 {
        match &self.body {
            Body::Chunks(chunks) => chunks.blocks(),
            _ => self.in_blocks.div_ceil(BLOCK_SIZE),
        }
    }

    /// The inode's number: its offset in slots.
    pub(crate) fn number(&self) -> u64 {
        self.position / crate::format::INODE_SLOT
    }

    /// Whole blocks, the rest behind the inode where it fits; beside blocks only a rest of up to `maximum_rest` bytes.
    fn flat(&mut self, body: Body, size: u64, maximum_rest: u64) {
        self.raw.size = size;
        self.body = body;
        let rest = size % BLOCK_SIZE;
        // A rest behind the inode must not cross a block, and Linux wants a link's target in the inode's own block.
        let inline = rest > 0 && self.head_length() + rest <= BLOCK_SIZE && (size < BLOCK_SIZE || rest <= maximum_rest);
        if inline {
            self.raw.layout = DataLayout::Inline;
            self.behind = rest;
        }
        self.in_blocks = size - self.behind;
    }

    fn chunked(&mut self, chunks: Chunks, size: u64) {
        self.raw.size = size;
        self.raw.layout = DataLayout::Chunked;
        self.raw.union = u32::from(chunks.bits);
        self.behind = chunks.count * 4;
        self.in_blocks = chunks.stored_bytes().map(|range| range.end - range.start).sum();
        self.body = Body::Chunks(chunks);
    }
}

/// The file type bits of `st_mode`.
fn type_bits(kind: &Kind) -> u16 {
    match kind {
        Kind::Fifo => 0o010_000,
        Kind::CharacterDevice(_) => 0o020_000,
        Kind::Directory(_) => 0o040_000,
        Kind::BlockDevice(_) => 0o060_000,
        Kind::File(_) => 0o100_000,
        Kind::Symlink(_) => 0o120_000,
        Kind::Socket => 0o140_000,
    }
}

/// A path of an inode, for messages.
fn path_of(tree: &FileTree, inode: file_tree::tree::InodeId) -> String {
    tree.walk().find(|(_, id)| *id == inode).map_or_else(|| "a file".to_owned(), |(path, _)| path.to_string())
}

fn xattr_error(fault: XattrFault, path: String, name: &[u8]) -> PlanError {
    let name = String::from_utf8_lossy(name).into_owned();
    match fault {
        XattrFault::Name => PlanError::XattrName { path, name },
        XattrFault::Value => PlanError::XattrValue { path, name },
        XattrFault::Total => PlanError::XattrTotal { path },
    }
}

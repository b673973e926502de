//! From a tree to the plan of an image.

use crate::BLOCK_SIZE;
use crate::directory;
use crate::format::{INCOMPAT_CHUNKED_FILE, INODE_SLOT, MAXIMUM_LABEL, NULL_BLOCK, Superblock};
use crate::node::{Body, Node};
use crate::order::{self, DirectoryTwice};
use crate::placement::{DATA_REGION, DATA_START, InodeArea, ends_data_region, starts_inode_region};
use crate::xattr::SharedXattrs;
use file_tree::content::ReadBlob;
use file_tree::path::TreePath;
use file_tree::tree::{FileTree, InodeId, Kind, Timestamp};
use std::io::{self, Write};

/// Length of the pieces [`Plan::write`] works in, in bytes.
const WRITE_PIECE: usize = 1 << 20;

/// What an image needs besides its files.
#[derive(Clone, Debug)]
pub struct Options {
    /// The file system's UUID, as its 16 bytes in the order they are written.
    pub uuid: [u8; 16],
    /// The file system's label, at most 15 bytes.
    pub label: String,
    /// The time of the build. Files with exactly this modification time need half as much room for their inode.
    pub build_time: Timestamp,
    /// Directories placed behind everything else, because most of what is in them changes with every release (kernel modules):
    /// what follows a change moves, and behind these nothing follows. Paths that do not exist are ignored.
    pub last: Vec<TreePath>,
}

/// Why a tree cannot be an EROFS image.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PlanError {
    /// The label is too long.
    #[error("the file system label {label:?} is longer than {MAXIMUM_LABEL} bytes; shorten it")]
    Label {
        /// The label.
        label: String,
    },
    /// An extended attribute with a name that EROFS has no prefix for.
    #[error(
        "{path} has the extended attribute {name:?}, which EROFS cannot store; it stores user., trusted., security. and POSIX ACLs"
    )]
    XattrName {
        /// The file.
        path: String,
        /// The attribute.
        name: String,
    },
    /// The value of an extended attribute is too long.
    #[error("the extended attribute {name:?} of {path} is longer than 65535 bytes, which is all that EROFS can store")]
    XattrValue {
        /// The file.
        path: String,
        /// The attribute.
        name: String,
    },
    /// All extended attributes of a file together are too long.
    #[error("the extended attributes of {path} need more than 256 KiB, which is all that EROFS can store")]
    XattrTotal {
        /// The file.
        path: String,
    },
    /// A symbolic link that Linux cannot follow.
    #[error("the symbolic link {path} has a target of {length} bytes; it must have 1 to 4095, none of them NUL")]
    SymlinkTarget {
        /// The link.
        path: String,
        /// Length of its target in bytes.
        length: usize,
    },
    /// A device number above Linux's limits.
    #[error("{path} is the device {major}:{minor}; Linux has majors below 4096 and minors below 1048576")]
    DeviceNumber {
        /// The device file.
        path: String,
        /// Its driver.
        major: u32,
        /// Its number of that driver.
        minor: u32,
    },
    /// A directory with two names or inside itself.
    #[error("a directory of the tree has two names or lies below itself (inode {inode})")]
    DirectoryTwice {
        /// Index of the inode in its tree.
        inode: usize,
    },
    /// More blocks than a block number can name.
    #[error("the image would have {blocks} blocks of 4 KiB; EROFS ends at 2³² − 1 (16 TiB)")]
    TooLarge {
        /// The number of blocks.
        blocks: u64,
    },
}

/// Where every byte of an image comes from.
#[derive(Debug)]
pub struct Plan<'t> {
    tree: &'t FileTree,
    /// Superblock, inodes, directories and extended attributes, without the zeros between them.
    generated: Vec<u8>,
    segments: Vec<Segment>,
    length: u64,
    inodes: u64,
}

/// A run of the image's bytes, ending where the next begins.
#[derive(Clone, Copy, Debug)]
struct Segment {
    start: u64,
    source: Source,
}

#[derive(Clone, Copy, Debug)]
enum Source {
    /// From `generated`, at this index.
    Generated(usize),
    /// From a file, at this offset.
    File(InodeId, u64),
    Zeros,
}

/// Lays a tree out. The same tree and options give the same image.
///
/// # Errors
/// When the tree holds something that EROFS cannot store.
pub fn plan<'t>(tree: &'t FileTree, options: &Options) -> Result<Plan<'t>, PlanError> {
    let mut label = [0; 16];
    if options.label.len() > MAXIMUM_LABEL {
        return Err(PlanError::Label { label: options.label.clone() });
    }
    label[..options.label.len()].copy_from_slice(options.label.as_bytes());

    let order = order::image_order(tree, &options.last)
        .map_err(|DirectoryTwice(inode)| PlanError::DirectoryTwice { inode: inode.index() })?;
    let shared = SharedXattrs::collect(order.iter().map(|visit| &tree.inode(visit.inode).xattrs));
    let links = tree.link_counts();
    let mut nodes = order
        .into_iter()
        .map(|visit| Node::shape(tree, visit, links[visit.inode.index()], &shared, options.build_time))
        .collect::<Result<Vec<_>, _>>()?;
    let areas = place(&mut nodes, shared.bytes().len() as u64)?;
    let chunked = nodes.iter().any(|node| matches!(node.body, Body::Chunks(_)));
    let superblock = Superblock {
        incompatible_features: if chunked { INCOMPAT_CHUNKED_FILE } else { 0 },
        // The root is the first inode, directly behind the first block.
        root_inode: (BLOCK_SIZE / INODE_SLOT) as u16,
        inodes: nodes.len() as u64,
        build_time: options.build_time,
        blocks: areas.blocks,
        metadata_block: 0,
        xattr_block: areas.xattr_block,
        uuid: options.uuid,
        label,
    };

    let mut plan = Plan { tree, generated: Vec::new(), segments: Vec::new(), length: 0, inodes: nodes.len() as u64 };
    plan.generate(0, superblock.encode_block());
    plan.add_metadata(&mut nodes, options.build_time);
    plan.generate(u64::from(areas.xattr_block) * BLOCK_SIZE, shared.bytes().to_vec());
    plan.add_contents(&nodes);
    plan.zeros_until(u64::from(areas.blocks) * BLOCK_SIZE);
    Ok(plan)
}

/// What follows the inodes.
struct Areas {
    xattr_block: u32,
    blocks: u32,
}

/// Gives every inode and its blocks a place: inodes, then directories, then shared attributes, then contents.
fn place(nodes: &mut [Node<'_>], shared_xattrs: u64) -> Result<Areas, PlanError> {
    let mut area = InodeArea::new(BLOCK_SIZE);
    for node in nodes.iter_mut() {
        let directory = matches!(node.body, Body::Names);
        if directory && starts_inode_region(node.visit.path_hash) {
            area.end_region();
        }
        node.position = area.place(node.head_length() + node.behind);
    }
    area.end_region();
    let mut block = area.end() / BLOCK_SIZE;
    for node in nodes.iter_mut().filter(|node| matches!(node.body, Body::Names)) {
        node.first_block = block;
        block += node.blocks();
    }
    let xattr_block = block;
    block = (block + shared_xattrs.div_ceil(BLOCK_SIZE)).next_multiple_of(DATA_START);
    let mut end = xattr_block;
    for node in nodes.iter_mut().filter(|node| !matches!(node.body, Body::Names) && node.blocks() > 0) {
        node.first_block = block;
        block = block.saturating_add(node.blocks());
        end = block;
        if ends_data_region(node.visit.path_hash) {
            block = block.next_multiple_of(DATA_REGION);
        }
    }
    let blocks = end.max(xattr_block + shared_xattrs.div_ceil(BLOCK_SIZE));
    let blocks_field = u32::try_from(blocks).ok().filter(|blocks| *blocks < NULL_BLOCK);
    Ok(Areas {
        // Not above `blocks`, which is checked here.
        xattr_block: xattr_block as u32,
        blocks: blocks_field.ok_or(PlanError::TooLarge { blocks })?,
    })
}

impl Plan<'_> {
    /// Length of the image in bytes, a multiple of [`BLOCK_SIZE`].
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Number of inodes in the image.
    #[must_use]
    pub fn inodes(&self) -> u64 {
        self.inodes
    }

    /// Writes the whole image in order, in pieces of 1 MiB.
    ///
    /// # Errors
    /// What reading the contents or writing the image answers.
    pub fn write(&self, blobs: &dyn ReadBlob, out: &mut dyn Write) -> io::Result<()> {
        let mut piece = vec![0; WRITE_PIECE];
        let mut at = 0;
        while at < self.length {
            let take = usize::try_from(self.length - at).map_or(WRITE_PIECE, |left| left.min(WRITE_PIECE));
            self.read_exact_at(blobs, at, &mut piece[..take])?;
            out.write_all(&piece[..take])?;
            at += take as u64;
        }
        Ok(())
    }

    /// Fills `buffer` with the image's bytes from `offset` on. Threads may read different parts at the same time.
    ///
    /// # Errors
    /// What reading the contents answers; `UnexpectedEof` when the range ends behind the image.
    pub fn read_exact_at(&self, blobs: &dyn ReadBlob, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        if offset.checked_add(buffer.len() as u64).is_none_or(|end| end > self.length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut index = self.segments.partition_point(|segment| segment.start <= offset).saturating_sub(1);
        let mut filled = 0;
        while filled < buffer.len() {
            let segment = self.segments[index];
            let end = self.segments.get(index + 1).map_or(self.length, |next| next.start);
            let skip = offset + filled as u64 - segment.start;
            let left = buffer.len() - filled;
            let take = usize::try_from(end - segment.start - skip).map_or(left, |length| length.min(left));
            let target = &mut buffer[filled..filled + take];
            match segment.source {
                Source::Generated(at) => {
                    // `skip` is below the length of a segment in memory.
                    let at = at + skip as usize;
                    target.copy_from_slice(&self.generated[at..at + take]);
                }
                Source::File(inode, from) => self.read_file(blobs, inode, from + skip, target)?,
                Source::Zeros => target.fill(0),
            }
            filled += take;
            index += 1;
        }
        Ok(())
    }

    fn read_file(&self, blobs: &dyn ReadBlob, inode: InodeId, from: u64, target: &mut [u8]) -> io::Result<()> {
        match &self.tree.inode(inode).kind {
            Kind::File(content) => content.read_exact_at(blobs, from, target),
            _ => unreachable!("only files have segments of kind File"),
        }
    }

    /// Inodes in the order of their places, then the blocks of directories.
    fn add_metadata(&mut self, nodes: &mut [Node<'_>], build_time: Timestamp) {
        let mut targets = vec![(0, 0); self.tree.arena_length()];
        for node in nodes.iter() {
            targets[node.visit.inode.index()] = (node.number(), directory::type_code(&node.inode.kind));
        }
        let mut by_position: Vec<&mut Node<'_>> = nodes.iter_mut().collect();
        by_position.sort_by_key(|node| node.position);
        let mut directory_blocks = Vec::new();
        for node in by_position {
            // Only used for 32-bit `stat`, where it may wrap.
            node.raw.number = node.number() as u32;
            if matches!(node.body, Body::Names | Body::Bytes) && node.in_blocks > 0 {
                // `place` has checked that every block number fits.
                node.raw.union = node.first_block as u32;
            }
            let mut bytes = Vec::new();
            node.raw.encode(build_time, &mut bytes);
            bytes.extend(&node.xattrs);
            match &node.body {
                Body::Nothing => self.generate(node.position, bytes),
                Body::Names => {
                    let Kind::Directory(names) = &node.inode.kind else { unreachable!("only directories hold names") };
                    let names = directory::sorted_names(names, node.visit.inode, node.visit.parent);
                    let contents = directory::encode(&names, |inode| targets[inode.index()]);
                    // A directory's bytes are in memory, so they fit a usize.
                    let (blocks, rest) = contents.split_at(node.in_blocks as usize);
                    bytes.extend(rest);
                    self.generate(node.position, bytes);
                    if !blocks.is_empty() {
                        directory_blocks.push((node.first_block * BLOCK_SIZE, blocks.to_vec()));
                    }
                }
                Body::Bytes => {
                    let behind = node.position + bytes.len() as u64;
                    match &node.inode.kind {
                        Kind::Symlink(target) if node.behind > 0 => {
                            bytes.extend(target);
                            self.generate(node.position, bytes);
                        }
                        _ => {
                            self.generate(node.position, bytes);
                            self.file(behind, node.visit.inode, node.in_blocks, node.behind);
                        }
                    }
                }
                Body::Chunks(chunks) => {
                    let mut table = vec![NULL_BLOCK; chunks.count as usize];
                    let mut block = node.first_block;
                    for (range, bytes) in chunks.stored.iter().zip(chunks.stored_bytes()) {
                        let addresses = (block..).step_by(1 << chunks.bits);
                        for (entry, address) in
                            table[range.start as usize..range.end as usize].iter_mut().zip(addresses)
                        {
                            *entry = address as u32;
                        }
                        block += (bytes.end - bytes.start).div_ceil(BLOCK_SIZE);
                    }
                    bytes.extend(table.iter().flat_map(|address| address.to_le_bytes()));
                    self.generate(node.position, bytes);
                }
            }
        }
        // Directories got their blocks in image order, inodes may lie in another.
        directory_blocks.sort_by_key(|(position, _)| *position);
        for (position, blocks) in directory_blocks {
            self.generate(position, blocks);
        }
    }

    /// The blocks of files and long symbolic links.
    fn add_contents(&mut self, nodes: &[Node<'_>]) {
        for node in nodes.iter().filter(|node| node.blocks() > 0) {
            let start = node.first_block * BLOCK_SIZE;
            match (&node.body, &node.inode.kind) {
                (Body::Bytes, Kind::Symlink(target)) => self.generate(start, target.clone()),
                (Body::Bytes, _) => self.file(start, node.visit.inode, 0, node.in_blocks),
                (Body::Chunks(chunks), _) => {
                    let mut at = start;
                    for range in chunks.stored_bytes() {
                        self.file(at, node.visit.inode, range.start, range.end - range.start);
                        at += (range.end - range.start).next_multiple_of(BLOCK_SIZE);
                    }
                }
                _ => {}
            }
        }
    }

    fn generate(&mut self, position: u64, bytes: Vec<u8>) {
        self.zeros_until(position);
        let joins = matches!(self.segments.last(), Some(Segment { source: Source::Generated(_), .. }));
        if !bytes.is_empty() && !joins {
            self.segments.push(Segment { start: position, source: Source::Generated(self.generated.len()) });
        }
        self.length += bytes.len() as u64;
        self.generated.extend(bytes);
    }

    fn file(&mut self, position: u64, inode: InodeId, from: u64, length: u64) {
        self.zeros_until(position);
        if length > 0 {
            self.segments.push(Segment { start: position, source: Source::File(inode, from) });
            self.length += length;
        }
    }

    fn zeros_until(&mut self, position: u64) {
        debug_assert!(position >= self.length, "segments are added in the order of the image");
        if position > self.length {
            self.segments.push(Segment { start: self.length, source: Source::Zeros });
            self.length = position;
        }
    }
}

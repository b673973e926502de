//! Where inodes and blocks go.
//!
//! Both areas are cut into regions at places that depend on path names only. A region's length is rounded up, so that a
//! file that grows a little uses up its region's slack and what follows stays where it was in the last release.

use crate::BLOCK_SIZE;
use crate::format::INODE_SLOT;

/// Regions of inodes are multiples of this many bytes.
pub(crate) const INODE_REGION: u64 = 4 * BLOCK_SIZE;
/// Regions of contents are multiples of this many blocks.
pub(crate) const DATA_REGION: u64 = 16;
/// The contents start at a multiple of this many blocks, so that a few more inodes do not move them.
pub(crate) const DATA_START: u64 = 256;
/// Blocks with room left that a region keeps in mind; more would cost time and gain nothing.
const MAXIMUM_OPEN: usize = 16;

/// Whether a region of inodes ends before a directory with this path hash: before every eighth.
pub(crate) fn starts_inode_region(path_hash: u32) -> bool {
    path_hash.is_multiple_of(8)
}

/// Whether a region of contents ends behind a file with this path hash: behind every 64th.
pub(crate) fn ends_data_region(path_hash: u32) -> bool {
    path_hash.is_multiple_of(64)
}

/// Hands out places for inodes with what stands directly behind them.
#[derive(Debug)]
pub(crate) struct InodeArea {
    end: u64,
    /// Free ends of blocks: position and room.
    open: Vec<(u64, u64)>,
}

impl InodeArea {
    /// An empty area from `start` on, a multiple of the block size.
    pub(crate) fn new(start: u64) -> Self {
        Self { end: start, open: Vec::new() }
    }

    /// First byte behind the area, a multiple of the block size.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Forgets free room and rounds the area up.
    pub(crate) fn end_region(&mut self) {
        self.open.clear();
        self.end = self.end.next_multiple_of(INODE_REGION);
    }

    /// A place for `length` bytes, at least a slot. What fits into a block never crosses one (the kernel asks this of inline data);
    /// what does not starts at one.
    pub(crate) fn place(&mut self, length: u64) -> u64 {
        let length = length.next_multiple_of(INODE_SLOT);
        let fitting = self.open.iter().enumerate().filter(|(_, (_, room))| *room >= length);
        let (position, room) = match fitting.min_by_key(|(_, (position, room))| (*room, *position)) {
            Some((index, _)) => self.open.remove(index),
            None => {
                let blocks = length.next_multiple_of(BLOCK_SIZE);
                self.end += blocks;
                (self.end - blocks, blocks)
            }
        };
        if room - length >= INODE_SLOT {
            self.open.push((position + length, room - length));
        }
        if self.open.len() > MAXIMUM_OPEN {
            let smallest = self.open.iter().enumerate().min_by_key(|(_, (position, room))| (*room, *position));
            if let Some((index, _)) = smallest {
                self.open.remove(index);
            }
        }
        position
    }
}

#[cfg(test)]
mod tests {
    use super::InodeArea;

    #[test]
    fn the_fullest_block_with_room_is_taken() {
        let mut area = InodeArea::new(4096);
        assert_eq!(area.place(4000), 4096);
        assert_eq!(area.place(3000), 8192);
        assert_eq!(area.place(64), 4096 + 4000);
        assert_eq!(area.place(64), 8192 + 3008);
        assert_eq!(area.place(5000), 12288);
        assert_eq!(area.place(3072), 12288 + 5024);
        assert_eq!(area.end(), 12288 + 8192);
    }

    #[test]
    fn a_region_ends_at_a_boundary_and_is_not_filled_later() {
        let mut area = InodeArea::new(4096);
        area.place(32);
        area.end_region();
        assert_eq!(area.place(32), 16384);
    }
}

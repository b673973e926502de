//! Reads and writes disk images, partitions and their parts as files

pub mod content;
pub mod disk;
pub mod erofs;
pub mod esp;
pub mod pieces;
pub mod sparse;
pub mod verity;

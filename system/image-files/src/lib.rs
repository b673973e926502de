//! Reads and writes disk images, partitions and their parts as files

pub mod disk;
pub mod esp;
pub mod sparse;

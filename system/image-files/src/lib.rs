//! Reads and writes disk images, partitions and their parts as files

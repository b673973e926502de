//! dm-verity superblock, hash tree and root hash

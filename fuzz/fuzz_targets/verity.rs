//! A verity partition that nobody vouches for: its superblock is read and written again unchanged, or refused; data checks or does not.
#![no_main]

use disk_layout::root_hash::RootHash;
use libfuzzer_sys::fuzz_target;
use verity_tree::superblock::Superblock;
use verity_tree::verify::verify;

fuzz_target!(|partition: &[u8]| {
    if let Ok(superblock) = Superblock::decode(partition) {
        assert_eq!(Superblock::decode(&superblock.encode()).ok(), Some(superblock));
    }
    let data = partition.get(4096..).unwrap_or_default();
    let _ = verify(&mut &*data, partition, RootHash([0; 32]), 1);
});

//! An initrd that nobody vouches for becomes a tree, or an error.
#![no_main]

use file_tree::content::BlobId;
use initrd_image::cpio::read::tree_from_cpio;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|archive: &[u8]| {
    if let Ok(tree) = tree_from_cpio(archive, BlobId(0), 0) {
        assert!(tree.walk().count() <= 1 + archive.len());
    }
});

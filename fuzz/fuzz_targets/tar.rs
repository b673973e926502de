//! A tar archive that nobody vouches for becomes a tree, or an error; a tree that was read can be written, and read again.
#![no_main]

use file_tree::content::{BlobId, ReadBlob};
use file_tree::export::tree_to_tar;
use file_tree::import::{tree_from_seekable_tar, tree_from_tar};
use libfuzzer_sys::fuzz_target;
use std::io::{self, Cursor};

struct Bytes<'a>(&'a [u8]);

impl ReadBlob for Bytes<'_> {
    fn read_exact_at(&self, _blob: BlobId, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let range = self.0.get(start..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(range.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

fuzz_target!(|archive: &[u8]| {
    let _ = tree_from_seekable_tar(Cursor::new(archive), BlobId(0));
    if let Ok(tree) = tree_from_tar(archive, BlobId(0)) {
        let mut again = Vec::new();
        if tree_to_tar(&tree, &Bytes(archive), &mut again).is_ok() {
            let second = tree_from_tar(&*again, BlobId(0)).expect("what was written can be read");
            assert_eq!(second.walk().count(), tree.walk().count());
        }
    }
});

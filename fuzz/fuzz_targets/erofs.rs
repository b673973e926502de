//! An EROFS image that nobody vouches for: reading it ends with a tree or an error, and what its files say can be read or refused.
#![no_main]

use erofs_image::read::{ImagePlace, read_description, read_tree};
use file_tree::content::{BlobId, ReadBlob};
use file_tree::tree::Kind;
use libfuzzer_sys::fuzz_target;
use std::io;

const SUPERBLOCK: usize = 1024;
const MAGIC: [u8; 4] = 0xe0f5_e1e2_u32.to_le_bytes();

struct Bytes(Vec<u8>);

impl ReadBlob for Bytes {
    fn read_exact_at(&self, _blob: BlobId, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let range = self.0.get(start..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(range.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

fuzz_target!(|bytes: &[u8]| {
    // Let the fuzzer work behind the magic number, the block size and the checksum, which it would not guess, in whole blocks.
    let mut image = vec![0; SUPERBLOCK];
    image.extend_from_slice(bytes);
    image.resize(image.len().next_multiple_of(4096).max(8192), 0);
    image[SUPERBLOCK..SUPERBLOCK + 4].copy_from_slice(&MAGIC);
    image[SUPERBLOCK + 8] &= !1;
    image[SUPERBLOCK + 12] = 12;
    let place = ImagePlace { blob: BlobId(0), offset: 0, length: image.len() as u64 };
    let blobs = Bytes(image);
    let _ = read_description(&place, &blobs);
    if let Ok(tree) = read_tree(&place, &blobs) {
        for (_, id) in tree.walk().take(256) {
            if let Kind::File(content) = &tree.inode(id).kind {
                let _ = content.read_all(&blobs, 1 << 16);
            }
        }
    }
});

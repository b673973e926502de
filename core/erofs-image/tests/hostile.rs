//! Damaged and hostile images: refused or read, never a panic, never unbounded memory. The fuzz target `erofs` does the same for longer.

#![expect(clippy::unwrap_used, reason = "tests")]

use erofs_image::plan::{Options, plan};
use erofs_image::read::{ImagePlace, ReadError, read_description, read_tree};
use file_tree::content::{BlobId, Content, Extent, NoBlobs, ReadBlob};
use file_tree::path::TreePath;
use file_tree::tree::{FileTree, Inode, Kind, Metadata, Timestamp};
use proptest::prelude::{ProptestConfig, any, proptest};
use std::io;

struct Bytes(Vec<u8>);

impl ReadBlob for Bytes {
    fn read_exact_at(&self, _blob: BlobId, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap();
        let range = self.0.get(start..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(range.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

fn image() -> Vec<u8> {
    let mut tree = FileTree::new();
    let metadata = Metadata { mode: 0o644, uid: 0, gid: 0, mtime: Timestamp { seconds: 9, nanoseconds: 0 } };
    let mut holes = Content::from_bytes(vec![1; 5000]);
    holes.push(Extent::Hole { length: 20_000 });
    let bytes = |length| Kind::File(Content::from_bytes(vec![2; length]));
    let kinds = [bytes(0), bytes(100), bytes(9000), Kind::File(holes), Kind::Symlink(b"../x".to_vec()), Kind::Fifo];
    for (index, kind) in kinds.into_iter().enumerate() {
        let mut inode = Inode::new(metadata, kind);
        inode.xattrs.insert(b"security.selinux".to_vec(), b"label".to_vec());
        inode.xattrs.insert(b"user.own".to_vec(), vec![3; index]);
        tree.insert(&TreePath::parse(format!("d{}/f{index}", index % 2)).unwrap(), inode).unwrap();
    }
    let options =
        Options { uuid: [4; 16], label: "test".to_owned(), build_time: Timestamp::default(), last: Vec::new() };
    let mut image = Vec::new();
    plan(&tree, &options).unwrap().write(&NoBlobs, &mut image).unwrap();
    image
}

fn place(length: usize) -> ImagePlace {
    ImagePlace { blob: BlobId(0), offset: 0, length: length as u64 }
}

/// Reads everything that an inspection would.
fn read_all(image: Vec<u8>) -> Result<(), ReadError> {
    let place = place(image.len());
    let blobs = Bytes(image);
    let tree = read_tree(&place, &blobs)?;
    for (_, id) in tree.walk() {
        if let Kind::File(content) = &tree.inode(id).kind {
            let _ = content.read_all(&blobs, 1 << 20);
        }
    }
    Ok(())
}

/// Makes the superblock's checksum right again, so that changes are seen behind it.
fn without_checksum(image: &mut [u8]) {
    image[1024 + 8] &= !1;
}

#[test]
fn the_description_is_read() {
    let image = image();
    let length = image.len();
    let description = read_description(&place(length), &Bytes(image)).unwrap();
    assert_eq!((description.label.as_str(), description.uuid), ("test", [4; 16]));
    assert_eq!((description.length, description.inodes), (length as u64, 9));
}

#[test]
fn an_image_within_a_disk_is_read() {
    let image = image();
    let length = image.len() as u64;
    let disk = Bytes([vec![9; 5000], image, vec![8; 100]].concat());
    let tree = read_tree(&ImagePlace { blob: BlobId(0), offset: 5000, length: length + 100 }, &disk).unwrap();
    let id = tree.lookup(&TreePath::parse("d0/f2").unwrap()).unwrap();
    let Kind::File(content) = &tree.inode(id).kind else { panic!("a file") };
    assert_eq!(content.read_all(&disk, 10_000).unwrap(), vec![2; 9000]);
}

#[test]
fn what_is_wrong_with_the_superblock_is_named() {
    let changed = |at: usize, to: u8| {
        let mut image = image();
        image[1024 + at] = to;
        read_all(image).unwrap_err()
    };
    assert!(matches!(changed(0, 0), ReadError::NotErofs));
    assert!(matches!(changed(64, b'x'), ReadError::Checksum));
    assert!(matches!(changed(12, 9), ReadError::Unsupported { .. }));
    assert!(matches!(changed(80, 1), ReadError::Unsupported { .. }));
    assert!(matches!(read_all(vec![0; 100]), Err(ReadError::Read { .. })));
}

#[test]
fn a_directory_that_holds_itself_is_refused() {
    let mut image = image();
    without_checksum(&mut image);
    // The root's entries are `.`, `..`, `d0`, `d1` behind its inode at 4096 (64 bytes: its time is not the build's); d0 becomes the root.
    let inode_length = if image[4096] & 1 == 0 { 32 } else { 64 };
    let entries = 4096 + inode_length;
    let root = image[entries..entries + 8].to_vec();
    image[entries + 24..entries + 32].copy_from_slice(&root);
    assert!(matches!(read_all(image), Err(ReadError::Damaged { what: "is a directory with two names", .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_images_never_panic(
        changes in proptest::collection::vec((0..16_384_usize, any::<u8>()), 1..12),
        length in 0..40_000_usize,
    ) {
        let mut image = image();
        for (at, byte) in changes {
            image[at] = byte;
        }
        without_checksum(&mut image);
        image[1024..1028].copy_from_slice(&0xe0f5_e1e2_u32.to_le_bytes());
        image[1024 + 12] = 12;
        let _ = read_all(image.clone());
        image.truncate(length);
        let _ = read_all(image);
    }
}

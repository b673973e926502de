//! A tree written as an archive and read back is the same tree.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use file_tree::content::{BlobId, Content, Extent, NoBlobs, ReadBlob};
use file_tree::export::tree_to_tar;
use file_tree::import::tree_from_tar;
use file_tree::path::TreePath;
use file_tree::tree::{DeviceNumber, FileTree, Inode, Kind, Metadata, Timestamp};
use std::io;

struct Archive(Vec<u8>);

impl ReadBlob for Archive {
    fn read_exact_at(&self, _blob: BlobId, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        buffer.copy_from_slice(&self.0[offset..offset + buffer.len()]);
        Ok(())
    }
}

fn odd_tree() -> FileTree {
    let mut tree = FileTree::new();
    let mut insert = |path: &str, metadata: Metadata, kind: Kind| {
        let mut inode = Inode::new(metadata, kind);
        inode.xattrs.insert(b"user.note".to_vec(), b"a\0b=\n".to_vec());
        tree.insert(&TreePath::parse(path).unwrap(), inode).unwrap();
    };
    let odd = Metadata {
        mode: 0o4751,
        uid: 4_000_000_000,
        gid: 2_097_152,
        mtime: Timestamp { seconds: -2, nanoseconds: 750_000_000 },
    };
    let mut holes = Content::from_bytes(*b"head");
    holes.push(Extent::Hole { length: 10_000 });
    insert("/a", odd, Kind::File(holes));
    let long = format!("/{}/{}", "d".repeat(200), "f".repeat(255));
    insert(&long, Metadata::root_owned(0o600), Kind::File(Content::from_bytes(vec![7; 513])));
    insert("/link", odd, Kind::Symlink("t".repeat(300).into_bytes()));
    insert("/null", odd, Kind::CharacterDevice(DeviceNumber { major: 1, minor: 3 }));
    insert("/disk", odd, Kind::BlockDevice(DeviceNumber { major: 259, minor: 70_000 }));
    insert("/pipe", odd, Kind::Fifo);
    tree.link(&TreePath::parse("/z/second").unwrap(), &TreePath::parse("/a").unwrap()).unwrap();
    tree
}

fn described(tree: &FileTree, blobs: &dyn ReadBlob) -> Vec<String> {
    let links = tree.link_counts();
    tree.walk()
        .map(|(path, id)| {
            let inode = tree.inode(id);
            let kind = match &inode.kind {
                Kind::Directory(names) => format!("directory of {}", names.len()),
                Kind::File(content) => format!("file {:?}", content.read_all(blobs, 1 << 20).unwrap()),
                other => format!("{other:?}"),
            };
            format!("{path} {:?} {:?} {} {kind}", inode.metadata, inode.xattrs, links[id.index()])
        })
        .collect()
}

#[test]
fn nothing_is_lost() {
    let tree = odd_tree();
    let mut bytes = Vec::new();
    tree_to_tar(&tree, &NoBlobs, &mut bytes).unwrap();
    let again = tree_from_tar(bytes.as_slice(), BlobId(0)).unwrap();
    assert_same(&described(&tree, &NoBlobs), &described(&again, &Archive(bytes)));
}

fn assert_same(expected: &[String], found: &[String]) {
    for (expected, found) in expected.iter().zip(found) {
        assert_eq!(expected, found);
    }
    assert_eq!(expected.len(), found.len());
}

#[test]
fn equal_trees_give_equal_bytes() {
    let archive = || {
        let mut bytes = Vec::new();
        tree_to_tar(&odd_tree(), &NoBlobs, &mut bytes).unwrap();
        bytes
    };
    assert_eq!(archive(), archive());
}

#[test]
fn a_cut_archive_is_an_error() {
    let mut bytes = Vec::new();
    tree_to_tar(&odd_tree(), &NoBlobs, &mut bytes).unwrap();
    assert!(tree_from_tar(&bytes[..700], BlobId(0)).is_err());
}

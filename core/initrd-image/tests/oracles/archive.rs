//! The archive unpacks to the tree it was made of.

use crate::support::{put, read_directory, unpack};
use file_tree::content::{BlobId, NoBlobs, ReadBlob};
use file_tree::path::TreePath;
use file_tree::tree::{DeviceNumber, FileTree, Inode, Kind, Metadata, Timestamp};
use initrd_image::cpio::{read::tree_from_cpio, write};
use std::io;
use tempfile::TempDir;

const LATEST: Timestamp = Timestamp { seconds: 1_700_000_000, nanoseconds: 0 };

/// Files of every length modulo four, links of both kinds, an empty directory.
fn tree() -> FileTree {
    let mut tree = FileTree::new();
    for length in 0..9 {
        put(&mut tree, &format!("/usr/lib/{}", "n".repeat(length + 1)), vec![b'x'; length]);
    }
    put(&mut tree, "/usr/bin/large", vec![7; 3_000_001]);
    let path = |path: &str| TreePath::parse(path).unwrap();
    tree.link(&path("/usr/bin/another"), &path("/usr/bin/large")).unwrap();
    tree.link(&path("/usr/sbin/third"), &path("/usr/bin/large")).unwrap();
    let link = |target: &str| Inode::new(Metadata::root_owned(0o777), Kind::Symlink(target.into()));
    tree.insert(&path("/bin"), link("usr/bin")).unwrap();
    tree.insert(&path("/init"), link("usr/lib/no/such/thing")).unwrap();
    tree.insert(&path("/sysroot"), Inode::directory(Metadata::root_owned(0o555))).unwrap();
    tree
}

/// What must survive: path, kind, mode, target or bytes, and which names are one file.
fn facts(tree: &FileTree, blobs: &dyn ReadBlob) -> Vec<(String, String)> {
    let mut names = std::collections::HashMap::new();
    let described = tree.walk().skip(1).map(|(path, id)| {
        let first = names.entry(id).or_insert_with(|| path.to_string()).clone();
        let inode = tree.inode(id);
        let content = match &inode.kind {
            Kind::File(content) => {
                format!("{} bytes {:?}", content.length(), content.read_all(blobs, 1 << 30).unwrap().iter().max())
            }
            Kind::Symlink(target) => String::from_utf8_lossy(target).into_owned(),
            other => other.name().to_owned(),
        };
        let mode = if matches!(inode.kind, Kind::Symlink(_)) { 0 } else { inode.metadata.mode };
        (path.to_string(), format!("{content} {mode:o} {first}"))
    });
    described.collect()
}

#[test]
fn bsdcpio_unpacks_what_was_packed() {
    let tree = tree();
    let mut archive = Vec::new();
    write(&tree, &NoBlobs, LATEST, &mut archive).unwrap();
    let work = TempDir::new().unwrap();
    let unpacked = TempDir::new().unwrap();
    unpack(&archive, unpacked.path());
    let (back, blobs) = read_directory(unpacked.path(), &work);
    assert_eq!(facts(&back, &blobs), facts(&tree, &NoBlobs));
}

#[test]
fn our_reader_reads_what_was_packed_devices_included() {
    struct Bytes(Vec<u8>);
    impl ReadBlob for Bytes {
        fn read_exact_at(&self, _blob: BlobId, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
            let start = usize::try_from(offset).unwrap();
            buffer.copy_from_slice(&self.0[start..start + buffer.len()]);
            Ok(())
        }
    }
    let mut tree = tree();
    let device = Kind::CharacterDevice(DeviceNumber { major: 5, minor: 1 });
    let metadata = Metadata { uid: 7, gid: 70_000, ..Metadata::root_owned(0o4620) };
    tree.insert(&TreePath::parse("/dev/console").unwrap(), Inode::new(metadata, device)).unwrap();
    let mut bytes = b"before".to_vec();
    write(&tree, &NoBlobs, LATEST, &mut bytes).unwrap();
    let back = tree_from_cpio(&bytes[6..], BlobId(0), 6).unwrap();
    assert_eq!(facts(&back, &Bytes(bytes)), facts(&tree, &NoBlobs));
    let console = back.lookup(&TreePath::parse("/dev/console").unwrap()).unwrap();
    assert_eq!(back.inode(console).kind, device_again());
    assert_eq!(back.inode(console).metadata, metadata);
}

fn device_again() -> Kind {
    Kind::CharacterDevice(DeviceNumber { major: 5, minor: 1 })
}

#[test]
fn times_are_clamped_and_the_order_of_insertion_does_not_show() {
    let archive = |names: [&str; 2], seconds| {
        let mut tree = FileTree::new();
        for name in names {
            put(&mut tree, name, "same");
            let id = tree.lookup(&TreePath::parse(name).unwrap()).unwrap();
            tree.inode_mut(id).metadata.mtime = Timestamp { seconds, nanoseconds: 5 };
        }
        let mut bytes = Vec::new();
        write(&tree, &NoBlobs, LATEST, &mut bytes).unwrap();
        bytes
    };
    assert_eq!(archive(["/a", "/b"], LATEST.seconds + 1), archive(["/b", "/a"], LATEST.seconds + 99));
    assert_ne!(archive(["/a", "/b"], LATEST.seconds - 1), archive(["/a", "/b"], LATEST.seconds));
}

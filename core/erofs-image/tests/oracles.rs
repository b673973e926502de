//! Images of ours as `fsck.erofs` and the kernel see them.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests hand images to real programs"
)]

mod support;

use erofs_image::plan::{Options, plan};
use erofs_image::read::{ImagePlace, read_tree};
use file_tree::content::{Content, Extent, NoBlobs, ReadBlob};
use file_tree::import::tree_from_tar;
use file_tree::path::TreePath;
use file_tree::tree::{DeviceNumber, FileTree, Inode, Kind, Metadata, Timestamp};
use proptest::collection::{btree_map, vec};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use std::fs;
use std::path::Path;
use std::process::Command;
use support::{Detail, HostFiles, assert_same, command, describe, fsck_programs, run, tools_tree, tree_of_directory};

const BUILD_TIME: Timestamp = Timestamp { seconds: 1_700_000_000, nanoseconds: 0 };

fn options() -> Options {
    Options {
        uuid: *b"\x8c\x1d\x4c\x16\x2f\x9c\x4e\x6d\x9e\x0b\x17\x5a\x5b\x0e\x33\x77",
        label: "root".to_owned(),
        build_time: BUILD_TIME,
        last: vec![TreePath::parse("last").unwrap()],
    }
}

/// Writes an image of the tree and holds it against every oracle.
#[track_caller]
fn check(tree: &FileTree, blobs: &dyn ReadBlob) {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("image");
    let plan = plan(tree, &options()).unwrap();
    plan.write(blobs, &mut fs::File::create(&image).unwrap()).unwrap();
    assert_eq!(fs::metadata(&image).unwrap().len(), plan.length());
    let mut files = HostFiles::default();
    let read = read_image(&mut files, &image);
    assert_same(&describe(&read, &files, Detail::All), &describe(tree, blobs, Detail::All), "what is read back");

    let has_holes = tree.walk().any(|(_, id)| match &tree.inode(id).kind {
        Kind::File(content) => content.extents().iter().any(|extent| matches!(extent, Extent::Hole { .. })),
        _ => false,
    });
    for (index, (fsck, detail)) in fsck_programs().iter().zip([Detail::NoLinks, Detail::NoXattrs]).enumerate() {
        let said = run(command(fsck).arg(&image));
        assert!(!said.contains("<E>"), "{fsck:?}: {said}");
        if has_holes {
            // Version 1.5 leaves holes out of what it extracts, 1.8 those at the end of a file. The kernel shows them all.
            continue;
        }
        let out = scratch.path().join(format!("extracted-{index}"));
        run(command(fsck).arg("--preserve").arg(format!("--extract={}", out.display())).arg(&image));
        let mut files = HostFiles::default();
        let found = tree_of_directory(&out, &mut files);
        assert_same(&describe(&found, &files, detail), &describe(tree, blobs, detail), "what fsck.erofs extracts");
    }
    compare_mounted(&image, scratch.path(), tree, blobs);
}

/// Reads a whole image file with our own reader.
fn read_image(files: &mut HostFiles, image: &Path) -> FileTree {
    let place = ImagePlace { blob: files.add(image), offset: 0, length: fs::metadata(image).unwrap().len() };
    read_tree(&place, files).unwrap()
}

/// Mounts the image and compares what the kernel shows.
#[track_caller]
fn compare_mounted(image: &Path, scratch: &Path, tree: &FileTree, blobs: &dyn ReadBlob) {
    struct Mounted<'a>(&'a Path);
    impl Drop for Mounted<'_> {
        fn drop(&mut self) {
            run(Command::new("umount").arg(self.0));
        }
    }
    let directory = scratch.join("mounted");
    fs::create_dir(&directory).unwrap();
    run(Command::new("mount").args(["-t", "erofs", "-o", "loop,ro"]).arg(image).arg(&directory));
    let mounted = Mounted(&directory);
    let mut files = HostFiles::default();
    let found = tree_of_directory(mounted.0, &mut files);
    assert_same(&describe(&found, &files, Detail::All), &describe(tree, blobs, Detail::All), "what the kernel shows");
}

fn metadata(mode: u16) -> Metadata {
    Metadata { mode, uid: 0, gid: 0, mtime: BUILD_TIME }
}

fn file(length: usize) -> Kind {
    Kind::File(Content::from_bytes((0..length).map(|index| (index * 7 + index / 251) as u8).collect::<Vec<_>>()))
}

fn path(text: &str) -> TreePath {
    TreePath::parse(text).unwrap()
}

#[test]
fn every_kind_of_file_comes_back() {
    let mut tree = FileTree::new();
    let device = DeviceNumber { major: 8, minor: 300 };
    let kinds = [
        ("empty", file(0)),
        ("directory", Kind::Directory(Default::default())),
        ("link", Kind::Symlink(b"../target".to_vec())),
        ("long link", Kind::Symlink(vec![b'x'; 4095])),
        ("character", Kind::CharacterDevice(device)),
        ("block", Kind::BlockDevice(device)),
        ("fifo", Kind::Fifo),
        ("socket", Kind::Socket),
        ("last/one", file(5000)),
    ];
    for (name, kind) in kinds {
        tree.insert(&path(name), Inode::new(metadata(0o640), kind)).unwrap();
    }
    tree.inode_mut(tree.root()).metadata = metadata(0o1777);
    let program = Metadata { mode: 0o6755, uid: 70_000, gid: 65_536, mtime: Timestamp { seconds: -5, nanoseconds: 7 } };
    tree.insert(&path("usr/bin/program"), Inode::new(program, file(10_000))).unwrap();
    tree.link(&path("sbin/other name"), &path("usr/bin/program")).unwrap();
    check(&tree, &NoBlobs);
}

#[test]
fn tails_around_block_borders_come_back() {
    let mut tree = FileTree::new();
    let around = [4096 - 64, 4096 - 32, 4096, 4096 + 512, 8192, 3 * 4096];
    for length in around.iter().flat_map(|border| border - 2..border + 3).chain([0, 1, 31, 32, 33]) {
        tree.insert(&path(&format!("f{length}")), Inode::new(metadata(0o644), file(length))).unwrap();
        let late = Metadata { mtime: Timestamp::default(), ..metadata(0o644) };
        tree.insert(&path(&format!("late/f{length}")), Inode::new(late, file(length))).unwrap();
    }
    check(&tree, &NoBlobs);
}

#[test]
fn extended_attributes_of_any_size_come_back() {
    let mut tree = FileTree::new();
    let capability = b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    for length in [0, 1, 3, 4, 5, 4000, 4026, 4027, 4028, 4029, 4050, 4079, 4080, 4081, 4096, 9000, 65_535] {
        for (name, body) in [("file", file(length % 3000)), ("link", Kind::Symlink(vec![b'x'; 1 + length % 700]))] {
            let mut inode = Inode::new(metadata(0o644), body);
            inode.xattrs.insert(b"trusted.own".to_vec(), vec![b'v'; length]);
            inode.xattrs.insert(format!("security.{length}").into_bytes(), length.to_string().into_bytes());
            inode.xattrs.insert(b"security.selinux".to_vec(), b"system_u:object_r:usr_t:s0\0".to_vec());
            if name == "file" {
                inode.xattrs.insert(b"security.capability".to_vec(), capability.clone());
                inode.xattrs.insert(b"user.comment".to_vec(), b"same for all".to_vec());
            }
            tree.insert(&path(&format!("{name}{length}")), inode).unwrap();
        }
    }
    // Version 2; owner rw, user 1000 r, group r, mask r, other none.
    let acl = b"\x02\0\0\0\x01\0\x06\0\xff\xff\xff\xff\x02\0\x04\0\xe8\x03\0\0\x04\0\x04\0\xff\xff\xff\xff\x10\0\x04\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff";
    let mut directory = Inode::directory(metadata(0o640));
    directory.xattrs.insert(b"system.posix_acl_default".to_vec(), acl.to_vec());
    directory.xattrs.insert(b"system.posix_acl_access".to_vec(), acl.to_vec());
    tree.insert(&path("directory"), directory).unwrap();
    tree.inode_mut(tree.root()).xattrs.insert(b"user.root".to_vec(), b"yes".to_vec());
    check(&tree, &NoBlobs);
}

#[test]
fn many_shared_attributes_of_one_file_come_back() {
    let mut tree = FileTree::new();
    for name in ["a", "b"] {
        let mut inode = Inode::new(metadata(0o644), file(100));
        inode.xattrs = (0..300).map(|index| (format!("user.{index}").into_bytes(), b"v".to_vec())).collect();
        tree.insert(&path(name), inode).unwrap();
    }
    check(&tree, &NoBlobs);
}

#[test]
fn holes_come_back() {
    let mut tree = FileTree::new();
    let data = |length: u64| Extent::Bytes(vec![b'd'; length as usize].into());
    let hole = |length: u64| Extent::Hole { length };
    let shapes = [
        vec![hole(1)],
        vec![hole(4096)],
        vec![hole(1 << 20)],
        vec![data(4096), hole(4096), data(4096)],
        vec![data(1), hole(10_000), data(1)],
        vec![data(4095), hole(4098), data(4095), hole(1)],
        vec![hole(5000), data(100), hole(9000)],
        vec![hole(4096), data(4097)],
        vec![hole(100), data(3), hole(100)],
    ];
    for (index, extents) in shapes.into_iter().enumerate() {
        let mut content = Content::default();
        extents.into_iter().for_each(|extent| content.push(extent));
        let mut inode = Inode::new(metadata(0o644), Kind::File(content));
        if index % 2 == 0 {
            inode.xattrs.insert(b"user.x".to_vec(), vec![1; index]);
        }
        tree.insert(&path(&format!("holes{index}")), inode).unwrap();
    }
    check(&tree, &NoBlobs);
}

#[test]
fn a_file_above_four_gibibytes_comes_back() {
    let mut content = Content::from_bytes(*b"begin");
    content.push(Extent::Hole { length: (5 << 30) - 100 });
    content.push(Extent::Bytes(vec![b'e'; 5000].into()));
    let mut tree = FileTree::new();
    tree.insert(&path("huge"), Inode::new(metadata(0o600), Kind::File(content))).unwrap();
    let plan = plan(&tree, &options()).unwrap();
    assert!(plan.length() < 64 << 20, "the hole is not stored");
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("image");
    plan.write(&NoBlobs, &mut fs::File::create(&image).unwrap()).unwrap();
    for fsck in fsck_programs() {
        run(command(&fsck).arg(&image));
    }
    compare_mounted(&image, scratch.path(), &tree, &NoBlobs);
}

#[test]
fn a_directory_of_a_hundred_thousand_names_comes_back() {
    let mut tree = FileTree::new();
    for index in 0..100_000 {
        let kind = if index % 1000 == 0 { Kind::Directory(Default::default()) } else { file(index % 3) };
        tree.insert(&path(&format!("many/{index:x}")), Inode::new(metadata(0o755), kind)).unwrap();
    }
    let longest = [b"many/".as_slice(), &[0xff; 255]].concat();
    tree.insert(&TreePath::parse(longest).unwrap(), Inode::new(metadata(0o644), file(1))).unwrap();
    check_image_mounted(&tree);
}

#[test]
fn a_file_with_more_names_than_the_short_inode_counts_comes_back() {
    let mut tree = FileTree::new();
    tree.insert(&path("first"), Inode::new(metadata(0o644), file(10))).unwrap();
    for index in 0..70_000 {
        tree.link(&path(&format!("links/{index}")), &path("first")).unwrap();
    }
    check_image_mounted(&tree);
}

/// For trees that take `fsck.erofs` minutes to extract, or have more links than the host's file system stores.
fn check_image_mounted(tree: &FileTree) {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("image");
    plan(tree, &options()).unwrap().write(&NoBlobs, &mut fs::File::create(&image).unwrap()).unwrap();
    for fsck in fsck_programs() {
        run(command(&fsck).arg(&image));
    }
    compare_mounted(&image, scratch.path(), tree, &NoBlobs);
}

#[test]
fn images_of_mkfs_are_read() {
    let scratch = tempfile::tempdir().unwrap();
    let tree = tools_tree();
    let source = tree.join("etc");
    for (index, mkfs) in [Path::new("mkfs.erofs"), &tree.join("usr/bin/mkfs.erofs")].into_iter().enumerate() {
        for (variant, extra) in [["-Eforce-inode-compact"], ["-Eforce-inode-extended"]].iter().enumerate() {
            let image = scratch.path().join(format!("image-{index}-{variant}"));
            run(command(mkfs).args(extra).args(["-T1700000000"]).arg(&image).arg(&source));
            let mut files = HostFiles::default();
            let read = read_image(&mut files, &image);
            let mut expected = tree_of_directory(&source, &mut files);
            let ids: Vec<_> = expected.walk().map(|(_, id)| id).collect();
            ids.iter().for_each(|id| expected.inode_mut(*id).metadata.mtime = BUILD_TIME);
            assert_same(&describe(&read, &files, Detail::All), &describe(&expected, &files, Detail::All), "mkfs.erofs");
        }
    }
    let image = scratch.path().join("chunks");
    let mkfs = tree.join("usr/bin/mkfs.erofs");
    run(command(&mkfs).args(["--chunksize=8192"]).arg(&image).arg(tree.join("usr/share/keyrings")));
    let mut files = HostFiles::default();
    let read = read_image(&mut files, &image);
    let expected = tree_of_directory(&tree.join("usr/share/keyrings"), &mut files);
    assert_same(&describe(&read, &files, Detail::All), &describe(&expected, &files, Detail::All), "chunked mkfs.erofs");
}

#[test]
fn a_real_system_comes_back() {
    let scratch = tempfile::tempdir().unwrap();
    let archive = scratch.path().join("usr.tar");
    let directories = ["etc", "usr/bin", "usr/lib/systemd", "usr/share/zoneinfo", "var"];
    let tools = tools_tree();
    let present = directories.iter().filter(|name| tools.join(name).exists());
    run(Command::new("tar")
        .args(["--format=posix", "--xattrs", "--numeric-owner", "-C"])
        .arg(&tools)
        .arg("-cf")
        .arg(&archive)
        .args(present));
    let mut files = HostFiles::default();
    let blob = files.add(&archive);
    let tree = tree_from_tar(std::io::BufReader::new(fs::File::open(&archive).unwrap()), blob).unwrap();
    check(&tree, &files);
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("no separator", |byte| ![0, b'/'].contains(byte));
    prop_oneof![
        4 => vec(byte.clone(), 1..12),
        1 => vec(byte, 1..=255),
        3 => prop_oneof![Just("a"), Just("b"), Just("c"), Just("-"), Just("...")].prop_map(|name| name.as_bytes().to_vec()),
    ]
    .prop_filter("a real name", |name| name != b"." && name != b"..")
}

fn length() -> impl Strategy<Value = usize> {
    prop_oneof![
        4 => proptest::sample::select(vec![0_usize, 1, 4031, 4032, 4033, 4063, 4064, 4065, 4095, 4096, 4097, 8191, 8192, 8193]),
        2 => 0..20_000_usize,
        2 => 0..300_usize,
    ]
}

fn kind() -> impl Strategy<Value = Kind> {
    let extent = (length(), any::<bool>()).prop_map(|(length, hole)| match hole {
        true => Extent::Hole { length: length as u64 },
        false => Extent::Bytes(vec![b'd'; length].into()),
    });
    let holes = vec(extent, 0..5).prop_map(|extents| {
        let mut content = Content::default();
        extents.into_iter().for_each(|extent| content.push(extent));
        Kind::File(content)
    });
    let device = || (0..4096_u32, 0..1_u32 << 20).prop_map(|(major, minor)| DeviceNumber { major, minor });
    prop_oneof![
        6 => length().prop_map(file),
        2 => holes,
        2 => vec(1..=255_u8, 1..200).prop_map(Kind::Symlink),
        1 => device().prop_map(Kind::CharacterDevice),
        1 => device().prop_map(Kind::BlockDevice),
        1 => Just(Kind::Fifo),
        1 => Just(Kind::Socket),
        2 => Just(Kind::Directory(Default::default())),
    ]
}

fn inode() -> impl Strategy<Value = Inode> {
    let owner = || prop_oneof![Just(0_u32), Just(65_535), Just(65_536), 0..4_000_000_000_u32];
    let mtime = prop_oneof![
        2 => Just(BUILD_TIME),
        1 => (0..4_000_000_000_i64, 0..1_000_000_000_u32)
            .prop_map(|(seconds, nanoseconds)| Timestamp { seconds, nanoseconds }),
    ];
    let metadata = (0..0o10_000_u16, owner(), owner(), mtime).prop_map(|(mode, uid, gid, mtime)| Metadata {
        mode: mode | 0o400,
        uid,
        gid,
        mtime,
    });
    let value = prop_oneof![
        3 => vec(any::<u8>(), 0..40),
        1 => (0..5000_usize).prop_map(|length| vec![b'v'; length]),
        2 => Just(b"shared value".to_vec()),
    ];
    let names = proptest::sample::select(vec!["trusted.a", "trusted.b", "security.c", "security.d"]);
    let xattrs = btree_map(names.prop_map(|name| name.as_bytes().to_vec()), value, 0..4);
    (metadata, xattrs, kind()).prop_map(|(metadata, xattrs, kind)| Inode { metadata, xattrs, kind })
}

/// Paths with inodes, and pairs of indices to be hard-linked.
fn tree() -> impl Strategy<Value = FileTree> {
    let paths = vec((vec(name(), 1..6), inode()), 0..60);
    let links = vec((any::<proptest::sample::Index>(), vec(name(), 1..4)), 0..8);
    (paths, links).prop_map(|(inodes, links)| {
        let mut tree = FileTree::new();
        let mut placed = Vec::new();
        for (names, inode) in inodes {
            let path = TreePath::parse(names.join(&b'/')).unwrap();
            // A generated path may pass through a generated file: such pairs are left out.
            if path.to_bytes().len() < 2000 && tree.insert(&path, inode).is_ok() {
                placed.push(path);
            }
        }
        for (index, names) in links.iter().filter(|_| !placed.is_empty()) {
            let path = TreePath::parse(names.join(&b'/')).unwrap();
            let _ = tree.link(&path, index.get(&placed));
        }
        tree
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_trees_come_back(tree in tree()) {
        check(&tree, &NoBlobs);
    }
}

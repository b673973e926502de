//! Archives of GNU tar, in every format it writes, become the tree they were made from.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests read what a real program writes"
)]

use file_tree::content::{BlobId, Content, NoBlobs, ReadBlob};
use file_tree::export::tree_to_tar;
use file_tree::import::{ImportError, tree_from_seekable_tar, tree_from_tar};
use file_tree::path::TreePath;
use file_tree::tree::{DeviceNumber, FileTree, Inode, Kind, Timestamp};
use proptest::prelude::{ProptestConfig, any, proptest};
use std::fs;
use std::io::{self, Cursor};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

struct Archive(Vec<u8>);

impl ReadBlob for Archive {
    fn read_exact_at(&self, _blob: BlobId, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap();
        let range = self.0.get(start..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(range.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

#[track_caller]
fn run(program: &str, arguments: &[&str], directory: &Path) -> Vec<u8> {
    let output = Command::new(program).args(arguments).current_dir(directory).output();
    let output =
        output.unwrap_or_else(|error| panic!("{program}: {error}; install the Debian packages tar and coreutils"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A directory with what an unprivileged user can make, and with devices and capabilities for root.
fn odd_directory(root: &Path) {
    let write = |name: &str, bytes: &[u8]| fs::write(root.join(name), bytes).unwrap();
    write("empty", b"");
    write("block", &[7; 512]);
    write("more", &[8; 70_000]);
    write("with spaces = and\nnewline", b"odd");
    let deep = format!("{}/{}", "directory-with-a-long-name/".repeat(8), "n".repeat(255));
    fs::create_dir_all(root.join(&deep).parent().unwrap()).unwrap();
    write(&deep, b"deep");
    fs::hard_link(root.join("more"), root.join("a second name")).unwrap();
    fs::hard_link(root.join(&deep), root.join("zz-link-to-deep")).unwrap();
    symlink("more", root.join("link")).unwrap();
    symlink("t/".repeat(150), root.join("long link")).unwrap();
    run("mkfifo", &["-m", "0620", "pipe"], root);
    run("touch", &["-d", "1969-12-31 23:59:58.25 UTC", "block"], root);
    run("touch", &["-d", "2024-02-03 04:05:06.789012345 UTC", "more"], root);
    run("chmod", &["4711", "more"], root);
    run("chmod", &["1777", "directory-with-a-long-name"], root);
    let attribute = |name: &str, value: &[u8]| {
        rustix::fs::setxattr(root.join("more"), name, value, rustix::fs::XattrFlags::empty()).unwrap();
    };
    attribute("user.text", b"a=b");
    attribute("user.binary", b"\0\n=\0\xff");
    if rustix::process::geteuid().is_root() {
        run("mknod", &["null", "c", "1", "3"], root);
        run("mknod", &["disk", "b", "259", "70000"], root);
        run("chown", &["70000:3000000", "more"], root);
        // cap_net_raw+ep, version 2; setting the owner above would have dropped it.
        attribute("security.capability", b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    }
}

fn inode<'t>(tree: &'t FileTree, path: &str) -> &'t Inode {
    tree.inode(tree.lookup(&TreePath::parse(path).unwrap()).unwrap_or_else(|| panic!("{path} is missing")))
}

fn bytes(tree: &FileTree, archive: &Archive, path: &str) -> Vec<u8> {
    let Kind::File(content) = &inode(tree, path).kind else { panic!("{path} is no file") };
    content.read_all(archive, 1 << 20).unwrap()
}

#[test]
fn every_format_of_gnu_tar_is_read() {
    let directory = tempfile::tempdir().unwrap();
    odd_directory(directory.path());
    for (format, keeps) in [("gnu", false), ("posix", true)] {
        let format = format!("--format={format}");
        let mut arguments = vec![format.as_str(), "--numeric-owner", "--sort=name", "-cf", "-"];
        if keeps {
            arguments.extend(["--xattrs", "--xattrs-include=*"]);
        }
        arguments.push(".");
        let archive = Archive(run("tar", &arguments, directory.path()));
        let tree = tree_from_tar(archive.0.as_slice(), BlobId(0)).unwrap();

        assert_eq!(bytes(&tree, &archive, "empty"), b"");
        assert_eq!(bytes(&tree, &archive, "block"), [7; 512]);
        assert_eq!(bytes(&tree, &archive, "more"), [8; 70_000]);
        assert_eq!(bytes(&tree, &archive, "with spaces = and\nnewline"), b"odd");
        let deep = format!("{}/{}", "directory-with-a-long-name/".repeat(8), "n".repeat(255));
        assert_eq!(bytes(&tree, &archive, &deep), b"deep");
        for (one, other) in [("more", "a second name"), (deep.as_str(), "zz-link-to-deep")] {
            let [one, other] = [one, other].map(|path| tree.lookup(&TreePath::parse(path).unwrap()));
            assert_eq!(one, other);
            assert_eq!(tree.link_counts()[one.unwrap().index()], 2);
        }
        assert_eq!(inode(&tree, "link").kind, Kind::Symlink(b"more".to_vec()));
        assert_eq!(inode(&tree, "long link").kind, Kind::Symlink("t/".repeat(150).into_bytes()));
        assert_eq!((&inode(&tree, "pipe").kind, inode(&tree, "pipe").metadata.mode), (&Kind::Fifo, 0o620));
        assert_eq!(inode(&tree, "directory-with-a-long-name").metadata.mode, 0o1777);
        let more = inode(&tree, "more");
        assert_eq!(more.metadata.mode & 0o777, 0o711);
        let nanoseconds = if keeps { 789_012_345 } else { 0 };
        assert_eq!(more.metadata.mtime, Timestamp { seconds: 1_706_933_106, nanoseconds });
        let before_1970 = if keeps { (-2, 250_000_000) } else { (-2, 0) };
        let Timestamp { seconds, nanoseconds } = inode(&tree, "block").metadata.mtime;
        assert_eq!((seconds, nanoseconds), before_1970, "{format}");
        if keeps {
            assert_eq!(more.xattrs[b"user.text".as_slice()], b"a=b");
            assert_eq!(more.xattrs[b"user.binary".as_slice()], b"\0\n=\0\xff");
        }
        if rustix::process::geteuid().is_root() {
            let device = |path: &str| inode(&tree, path).kind.clone();
            assert_eq!(device("null"), Kind::CharacterDevice(DeviceNumber { major: 1, minor: 3 }));
            assert_eq!(device("disk"), Kind::BlockDevice(DeviceNumber { major: 259, minor: 70_000 }));
            assert_eq!((more.metadata.uid, more.metadata.gid), (70_000, 3_000_000));
            assert_eq!(more.xattrs.contains_key(b"security.capability".as_slice()), keeps);
        }
        let seeking = tree_from_seekable_tar(Cursor::new(&archive.0), BlobId(0)).unwrap();
        let names = |tree: &FileTree| {
            tree.walk().map(|(path, id)| (path.to_bytes(), tree.inode(id).clone())).collect::<Vec<_>>()
        };
        assert!(names(&seeking) == names(&tree), "seeking over the contents reads another tree");
    }
}

#[test]
fn gnu_tar_reads_what_we_write() {
    let directory = tempfile::tempdir().unwrap();
    odd_directory(directory.path());
    let arguments =
        ["--format=posix", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--sort=name", "-cf", "-", "."];
    let archive = Archive(run("tar", &arguments, directory.path()));
    let tree = tree_from_tar(archive.0.as_slice(), BlobId(0)).unwrap();
    let ours = directory.path().join("ours.tar");
    tree_to_tar(&tree, &archive, fs::File::create(&ours).unwrap()).unwrap();
    let unpacked = tempfile::tempdir().unwrap();
    let arguments =
        ["--numeric-owner", "--same-permissions", "--xattrs", "--xattrs-include=*", "-xf", &ours.to_string_lossy()];
    run("tar", &arguments, unpacked.path());
    fs::remove_file(&ours).unwrap();
    let again = Archive(run(
        "tar",
        &["--format=posix", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--sort=name", "-cf", "-", "."],
        unpacked.path(),
    ));
    let again_tree = tree_from_tar(again.0.as_slice(), BlobId(0)).unwrap();
    for ((path, id), (again_path, again_id)) in tree.walk().zip(again_tree.walk()).skip(1) {
        assert_eq!(path, again_path);
        let (one, other) = (tree.inode(id), again_tree.inode(again_id));
        assert_eq!(one.xattrs, other.xattrs, "{path}");
        assert_eq!((one.metadata.mode, one.metadata.uid), (other.metadata.mode, other.metadata.uid), "{path}");
        if matches!(one.kind, Kind::File(_)) {
            assert_eq!(one.metadata.mtime, other.metadata.mtime, "{path}");
            let path = path.to_string();
            assert_eq!(bytes(&tree, &archive, &path), bytes(&again_tree, &again, &path));
        }
    }
    assert_eq!(tree.walk().count(), again_tree.walk().count());
}

#[test]
fn an_archive_that_climbs_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "x").unwrap();
    let arguments = ["--transform=s,^,../,", "-P", "-cf", "-", "file"];
    let archive = run("tar", &arguments, directory.path());
    assert!(matches!(tree_from_tar(archive.as_slice(), BlobId(0)), Err(ImportError::Path { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_archives_never_panic(changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8)) {
        let mut tree = FileTree::new();
        let mut inode = Inode::new(file_tree::tree::Metadata::root_owned(0o644), Kind::File(Content::from_bytes(*b"abc")));
        inode.xattrs.insert(b"user.x".to_vec(), b"value".to_vec());
        tree.insert(&TreePath::parse("n".repeat(200)).unwrap(), inode).unwrap();
        let mut archive = Vec::new();
        tree_to_tar(&tree, &NoBlobs, &mut archive).unwrap();
        for (index, byte) in changes {
            let at = index.index(archive.len());
            archive[at] = byte;
        }
        let _ = tree_from_tar(archive.as_slice(), BlobId(0));
        let _ = tree_from_seekable_tar(Cursor::new(&archive), BlobId(0));
    }
}

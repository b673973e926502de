//! Programs of the tools tree and of the machine, and trees from and to directories.

use file_tree::content::{BlobId, Content, ReadBlob};
use file_tree::import::tree_from_tar;
use file_tree::path::TreePath;
use file_tree::tree::{FileTree, Inode, Kind, Metadata};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// An archive as the only blob.
pub struct Archive(File);

impl ReadBlob for Archive {
    fn read_exact_at(&self, _blob: BlobId, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }
}

/// The Debian trixie tree that `cargo xtask test` makes.
pub fn tools_tree() -> PathBuf {
    let root = std::env::var_os("PICCOLO_TOOLS_TREE").map(PathBuf::from);
    root.expect("PICCOLO_TOOLS_TREE is not set: run through `cargo xtask test`, which makes the tools tree")
}

/// The parts of the tools tree that programs run from, as a tree of files.
pub fn tools_as_tree(work: &TempDir) -> (FileTree, Archive) {
    let archive = work.path().join("tools.tar");
    let mut tar = Command::new("tar");
    tar.arg("-C").arg(tools_tree()).arg("-cf").arg(&archive);
    // A few files are closed to an ordinary user, and nothing here needs them.
    tar.args([
        "--ignore-failed-read",
        "--exclude=usr/share",
        "--exclude=*.pyc",
        "--exclude=etc/ssl",
        "bin",
        "lib",
        "lib64",
        "sbin",
        "usr",
    ]);
    tar.args(["etc/ld.so.conf", "etc/ld.so.conf.d", "etc/passwd", "etc/group"]);
    run(&mut tar, "tar");
    let file = File::open(&archive).unwrap();
    (tree_from_tar(io::BufReader::new(&file), BlobId(0)).unwrap(), Archive(file))
}

/// Runs a program of a tree, `directory` being that tree's `/work`. Answers status and both outputs.
pub fn run_in(tree: &Path, directory: &Path, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new("bwrap");
    command.args(["--unshare-all", "--ro-bind"]).arg(tree).args(["/", "--dev", "/dev", "--proc", "/proc"]);
    command.args(["--tmpfs", "/tmp", "--bind"]).arg(directory).args(["/tmp", "--setenv", "PATH", "/usr/sbin:/usr/bin"]);
    let output = command.arg("--").args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("bwrap: {error}; install the package bubblewrap"));
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// Unpacks a cpio archive with libarchive.
pub fn unpack(archive: &[u8], directory: &Path) {
    let mut command = Command::new("bsdcpio");
    command.args(["-i", "-d", "-m", "--quiet"]).current_dir(directory).stdin(Stdio::piped());
    let child = command.spawn();
    let mut child = child.unwrap_or_else(|error| panic!("bsdcpio: {error}; install the package libarchive-tools"));
    child.stdin.take().unwrap().write_all(archive).unwrap();
    assert!(child.wait().unwrap().success(), "bsdcpio refuses the archive");
}

/// Reads a directory back into a tree, contents and all.
pub fn read_directory(directory: &Path, work: &TempDir) -> (FileTree, Archive) {
    let archive = work.path().join("back.tar");
    let mut tar = Command::new("tar");
    run(tar.arg("-C").arg(directory).arg("--format=posix").arg("-cf").arg(&archive).arg("."), "tar");
    let file = File::open(&archive).unwrap();
    (tree_from_tar(io::BufReader::new(&file), BlobId(0)).unwrap(), Archive(file))
}

/// Compiles C into an object file and answers its bytes.
pub fn compile(source: &str) -> Vec<u8> {
    let work = TempDir::new().unwrap();
    let (c, o) = (work.path().join("module.c"), work.path().join("module.o"));
    std::fs::write(&c, source).unwrap();
    run(Command::new("cc").args(["-c", "-O1", "-o"]).arg(&o).arg(&c), "gcc");
    std::fs::read(o).unwrap()
}

/// Links a program or library that needs these libraries, without a C library.
pub fn link(source: &str, libraries: &[(&str, &[u8])], options: &[&str]) -> Vec<u8> {
    let work = TempDir::new().unwrap();
    let (c, out) = (work.path().join("source.c"), work.path().join("out"));
    std::fs::write(&c, source).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-nostdlib", "-fPIC", "-Wl,--no-as-needed"]).args(options).arg("-o").arg(&out).arg(&c);
    for (name, bytes) in libraries {
        let path = work.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        cc.arg(path);
    }
    run(&mut cc, "gcc");
    std::fs::read(out).unwrap()
}

fn run(command: &mut Command, package: &str) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; install the package {package}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Writes the regular files of a tree into a directory.
pub fn write_files(tree: &FileTree, blobs: &dyn ReadBlob, directory: &Path) {
    for (path, id) in tree.walk() {
        let target = directory.join(path.to_string().trim_start_matches('/'));
        match &tree.inode(id).kind {
            Kind::Directory(_) => std::fs::create_dir_all(target).unwrap(),
            Kind::File(content) => std::fs::write(target, content.read_all(blobs, 1 << 30).unwrap()).unwrap(),
            _ => {}
        }
    }
}

/// Reads a file of a directory.
pub fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Puts a file into a tree.
pub fn put(tree: &mut FileTree, path: &str, bytes: impl Into<Vec<u8>>) {
    let bytes: Vec<u8> = bytes.into();
    let inode = Inode::new(Metadata::root_owned(0o644), Kind::File(Content::from_bytes(bytes)));
    tree.insert(&TreePath::parse(path).unwrap(), inode).unwrap();
}

/// The bytes of a file of a tree.
pub fn get(tree: &FileTree, blobs: &dyn ReadBlob, path: &str) -> Vec<u8> {
    let id = tree.lookup(&TreePath::parse(path).unwrap()).unwrap_or_else(|| panic!("{path} is not in the tree"));
    let Kind::File(content) = &tree.inode(id).kind else { panic!("{path} is no file") };
    content.read_all(blobs, 1 << 30).unwrap()
}

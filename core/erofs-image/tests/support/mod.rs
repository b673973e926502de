//! Trees made from real directories, and a description of trees that can be compared.

use file_tree::content::{BlobId, Content, ReadBlob};
use file_tree::path::TreePath;
use file_tree::tree::{DeviceNumber, FileTree, Inode, InodeId, Kind, Metadata, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Files of the host as blobs.
#[derive(Debug, Default)]
pub struct HostFiles(pub Vec<PathBuf>);

impl HostFiles {
    pub fn add(&mut self, path: impl Into<PathBuf>) -> BlobId {
        self.0.push(path.into());
        BlobId(self.0.len() as u32 - 1)
    }
}

impl ReadBlob for HostFiles {
    fn read_exact_at(&self, blob: BlobId, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        fs::File::open(&self.0[blob.0 as usize])?.read_exact_at(buffer, offset)
    }
}

/// Reads a directory of the host into a tree, with everything an oracle may have got wrong.
pub fn tree_of_directory(root: &Path, files: &mut HostFiles) -> FileTree {
    let mut tree = FileTree::new();
    let mut seen: HashMap<(u64, u64), TreePath> = HashMap::new();
    let mut pending = vec![(root.to_owned(), TreePath::root())];
    while let Some((host, path)) = pending.pop() {
        let stat = fs::symlink_metadata(&host).unwrap();
        let file_type = stat.file_type();
        if !file_type.is_dir()
            && let Some(first) = seen.insert((stat.dev(), stat.ino()), path.clone())
        {
            tree.link(&path, &first).unwrap();
            seen.insert((stat.dev(), stat.ino()), first);
            continue;
        }
        let device = DeviceNumber { major: rustix::fs::major(stat.rdev()), minor: rustix::fs::minor(stat.rdev()) };
        let kind = if file_type.is_dir() {
            for entry in fs::read_dir(&host).unwrap() {
                let name = entry.unwrap().file_name();
                pending.push((host.join(&name), path.join(name.as_bytes())));
            }
            Kind::Directory(BTreeMap::new())
        } else if file_type.is_file() {
            Kind::File(Content::from_blob(files.add(&host), 0, stat.len()))
        } else if file_type.is_symlink() {
            Kind::Symlink(fs::read_link(&host).unwrap().into_os_string().into_vec())
        } else if file_type.is_char_device() {
            Kind::CharacterDevice(device)
        } else if file_type.is_block_device() {
            Kind::BlockDevice(device)
        } else if file_type.is_fifo() {
            Kind::Fifo
        } else {
            Kind::Socket
        };
        let metadata = Metadata {
            mode: (stat.mode() & 0o7777) as u16,
            uid: stat.uid(),
            gid: stat.gid(),
            mtime: Timestamp { seconds: stat.mtime(), nanoseconds: stat.mtime_nsec() as u32 },
        };
        tree.insert(&path, Inode { metadata, xattrs: xattrs_of(&host), kind }).unwrap();
    }
    tree
}

fn xattrs_of(path: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut names = vec![0; 1 << 20];
    let length = rustix::fs::llistxattr(path, &mut names).unwrap();
    let names = names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    names
        .map(|name| {
            let mut value = vec![0; 1 << 17];
            let length = rustix::fs::lgetxattr(path, OsStr::from_bytes(name), &mut value).unwrap();
            (name.to_vec(), value[..length].to_vec())
        })
        .collect()
}

/// What an oracle gives back of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Everything: the kernel.
    All,
    /// All but extended attributes and the modes of symbolic links: `fsck.erofs` 1.8.
    NoXattrs,
    /// Neither hard links nor set-ID bits either: `fsck.erofs` 1.5.
    NoLinks,
}

/// One line per name, in byte order.
pub fn describe(tree: &FileTree, blobs: &dyn ReadBlob, detail: Detail) -> Vec<String> {
    let mut first: HashMap<InodeId, TreePath> = HashMap::new();
    let links = tree.link_counts();
    tree.walk()
        .map(|(path, id)| {
            let inode = tree.inode(id);
            let same_as = first.entry(id).or_insert_with(|| path.clone());
            let Metadata { mut mode, uid, gid, mtime } = inode.metadata;
            if detail != Detail::All && matches!(inode.kind, Kind::Symlink(_)) {
                mode = 0o777;
            }
            if detail == Detail::NoLinks {
                mode &= 0o1777;
            }
            let kind = match &inode.kind {
                Kind::Directory(_) => "directory".to_owned(),
                Kind::File(content) => format!("file {} {:x}", content.length(), hash(content, blobs)),
                Kind::Symlink(target) => format!("link {:?}", String::from_utf8_lossy(target)),
                kind => format!("{kind:?}"),
            };
            let mut line = format!("{path:?} {mode:o} {uid}:{gid} {}.{:09} {kind}", mtime.seconds, mtime.nanoseconds);
            if detail != Detail::NoLinks {
                line += &format!(" {} links, first {same_as:?}", links[id.index()]);
            }
            if detail == Detail::All {
                for (name, value) in &inode.xattrs {
                    let mut hasher = DefaultHasher::new();
                    hasher.write(value);
                    line += &format!(" {}={}:{:x}", String::from_utf8_lossy(name), value.len(), hasher.finish());
                }
            }
            line
        })
        .collect()
}

fn hash(content: &Content, blobs: &dyn ReadBlob) -> u64 {
    let mut hasher = DefaultHasher::new();
    let zeros = vec![0; 1 << 20];
    let mut piece = zeros.clone();
    let mut at = 0;
    while at < content.length() {
        let take = (content.length() - at).min(1 << 20) as usize;
        content.read_exact_at(blobs, at, &mut piece[..take]).unwrap();
        // Zeros are skipped: files with huge holes are hashed too.
        if piece[..take] != zeros[..take] {
            hasher.write_u64(at);
            hasher.write(&piece[..take]);
        }
        at += take as u64;
    }
    hasher.finish()
}

/// Compares descriptions, showing only the lines that differ.
#[track_caller]
pub fn assert_same(found: &[String], expected: &[String], what: &str) {
    if found == expected {
        return;
    }
    let missing: Vec<_> = expected.iter().filter(|line| !found.contains(line)).take(10).collect();
    let extra: Vec<_> = found.iter().filter(|line| !expected.contains(line)).take(10).collect();
    panic!("{what} differs\nmissing {missing:#?}\nextra {extra:#?}");
}

/// A tree of Debian trixie with erofs-utils in it.
pub fn tools_tree() -> PathBuf {
    std::env::var_os("PICCOLO_TOOLS_TREE")
        .expect("PICCOLO_TOOLS_TREE names a Debian trixie tree with erofs-utils; run through `cargo xtask test`")
        .into()
}

/// The `fsck.erofs` versions that must agree: the host's (1.5 on Debian 12) and trixie's 1.8.
pub fn fsck_programs() -> Vec<PathBuf> {
    vec![PathBuf::from("fsck.erofs"), tools_tree().join("usr/bin/fsck.erofs")]
}

/// A command for a program of the host or of the trixie tools tree, the latter with its own loader and libraries.
pub fn command(program: &Path) -> Command {
    match program.ancestors().nth(3).filter(|tree| tree.join("lib64/ld-linux-x86-64.so.2").exists()) {
        Some(tree) if program.is_absolute() && program.starts_with(tree) && tree != Path::new("/") => {
            let mut command = Command::new(tree.join("lib64/ld-linux-x86-64.so.2"));
            command.arg("--library-path").arg(tree.join("usr/lib/x86_64-linux-gnu")).arg(program);
            command
        }
        _ => Command::new(program),
    }
}

/// Runs a command that must succeed and say nothing alarming.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{command:?}: {error}; install the Debian packages erofs-utils, tar, mount and cryptsetup-bin")
    });
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{text}", output.status);
    text
}

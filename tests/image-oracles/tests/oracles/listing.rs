//! Trees as sorted lists that can be compared, and the first place where two differ.

use file_tree::content::ReadBlob;
use file_tree::tree::{FileTree, Kind};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::hash::Hash;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// Larger than any file of an image.
const MAXIMUM_FILE: u64 = 1 << 30;

/// What one name of a tree leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Kind, and what only this kind has: size and hash, target, device number.
    pub what: String,
    /// Permission bits, in octal; the same for every symbolic link, because file systems differ there.
    pub mode: String,
    /// Owning user and group.
    pub owner: Option<(u32, u32)>,
    /// Seconds and nanoseconds since 1970.
    pub modified: (i64, u32),
    /// The first name of the same file.
    pub first_name: String,
    /// Extended attributes, values in hexadecimal.
    pub attributes: BTreeMap<String, String>,
}

/// A whole tree by path.
pub type Listing = BTreeMap<String, Entry>;

/// Everything in a tree.
pub fn of_tree(tree: &FileTree, blobs: &dyn ReadBlob) -> Listing {
    let entries = tree.walk().map(|(path, id)| {
        let inode = tree.inode(id);
        let what = match &inode.kind {
            Kind::Directory(_) => "directory".to_owned(),
            Kind::File(content) => file(&content.read_all(blobs, MAXIMUM_FILE).unwrap()),
            Kind::Symlink(target) => link(target),
            Kind::CharacterDevice(number) => format!("character device {}:{}", number.major, number.minor),
            Kind::BlockDevice(number) => format!("block device {}:{}", number.major, number.minor),
            Kind::Fifo | Kind::Socket => inode.kind.name().to_owned(),
        };
        let attributes = inode.xattrs.iter().map(|(name, value)| (printable(name), hex::encode(value))).collect();
        let metadata = &inode.metadata;
        let entry = Entry {
            mode: mode(u32::from(metadata.mode), matches!(inode.kind, Kind::Symlink(_))),
            owner: Some((metadata.uid, metadata.gid)),
            modified: (metadata.mtime.seconds, metadata.mtime.nanoseconds),
            first_name: String::new(),
            attributes,
            what,
        };
        (path.to_string(), id, entry)
    });
    with_first_names(entries.collect())
}

/// Everything below a directory of this machine.
pub fn of_directory(root: &Path) -> Listing {
    let mut entries = Vec::new();
    let mut pending = vec![root.to_owned()];
    while let Some(host) = pending.pop() {
        let stat = fs::symlink_metadata(&host).unwrap();
        let kind = stat.file_type();
        let (major, minor) = (rustix::fs::major(stat.rdev()), rustix::fs::minor(stat.rdev()));
        let what = if kind.is_dir() {
            pending.extend(fs::read_dir(&host).unwrap().map(|entry| entry.unwrap().path()));
            "directory".to_owned()
        } else if kind.is_file() {
            file(&fs::read(&host).unwrap())
        } else if kind.is_symlink() {
            link(fs::read_link(&host).unwrap().as_os_str().as_bytes())
        } else if kind.is_char_device() {
            format!("character device {major}:{minor}")
        } else if kind.is_block_device() {
            format!("block device {major}:{minor}")
        } else if kind.is_fifo() {
            "named pipe".to_owned()
        } else {
            "socket".to_owned()
        };
        let entry = Entry {
            what,
            mode: mode(stat.mode() & 0o7777, kind.is_symlink()),
            owner: Some((stat.uid(), stat.gid())),
            modified: (stat.mtime(), u32::try_from(stat.mtime_nsec()).unwrap()),
            first_name: String::new(),
            attributes: attributes(&host),
        };
        let path = printable(host.strip_prefix(root).unwrap().as_os_str().as_bytes());
        entries.push((format!("/{path}"), (stat.dev(), stat.ino()), entry));
    }
    with_first_names(entries)
}

/// The first path at which two trees differ, with both sides, and how many differ in all.
pub fn difference(one: &Listing, other: &Listing) -> Option<String> {
    let names: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let mut differing = names.iter().filter(|name| one.get(**name) != other.get(**name));
    let first = differing.next()?;
    let side = |listing: &Listing| listing.get(*first).map_or("not there".to_owned(), |entry| format!("{entry:?}"));
    let more = differing.count();
    Some(format!("{first}\n  one:   {}\n  other: {}\nand {more} more of {}", side(one), side(other), names.len()))
}

fn with_first_names<I: Eq + Hash>(mut entries: Vec<(String, I, Entry)>) -> Listing {
    entries.sort_by(|one, other| one.0.cmp(&other.0));
    let mut first: HashMap<I, String> = HashMap::new();
    let named = entries.into_iter().map(|(path, identity, mut entry)| {
        entry.first_name.clone_from(first.entry(identity).or_insert_with(|| path.clone()));
        (path, entry)
    });
    named.collect()
}

fn file(bytes: &[u8]) -> String {
    format!("file of {} bytes, SHA-256 {}", bytes.len(), hex::encode(Sha256::digest(bytes)))
}

fn link(target: &[u8]) -> String {
    format!("symbolic link to {}", printable(target))
}

fn mode(bits: u32, is_link: bool) -> String {
    format!("{:04o}", if is_link { 0o777 } else { bits })
}

fn attributes(path: &Path) -> BTreeMap<String, String> {
    let mut names = vec![0; 1 << 16];
    let length = rustix::fs::llistxattr(path, &mut names).unwrap();
    let names = names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let read = names.map(|name| {
        let mut value = vec![0; 1 << 16];
        let length = rustix::fs::lgetxattr(path, OsStr::from_bytes(name), &mut value).unwrap();
        (printable(name), hex::encode(&value[..length]))
    });
    read.collect()
}

fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_first_difference_names_the_path_and_both_sides() {
    let scratch = tempfile::tempdir().unwrap();
    let [one, other] = ["one", "other"].map(|name| {
        let root = scratch.path().join(name);
        fs::create_dir_all(root.join("etc")).unwrap();
        fs::write(root.join("etc/name"), "same").unwrap();
        // Times are compared too, and these directories were just made.
        let mut listing = of_directory(&root);
        listing.values_mut().for_each(|entry| entry.modified = (0, 0));
        listing
    });
    assert_eq!(difference(&one, &other), None);
    let mut changed = other.clone();
    changed.get_mut("/etc/name").expect("it was made").what = file(b"changed");
    changed.remove("/");
    let text = difference(&one, &changed).expect("two differ");
    assert!(text.starts_with("/\n  one:   Entry") && text.contains("other: not there\nand 1 more of 3"), "{text}");
}

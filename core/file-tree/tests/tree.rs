//! Operations on the tree, and what they refuse.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use file_tree::content::Content;
use file_tree::path::TreePath;
use file_tree::tree::{FileTree, Inode, Kind, Metadata, Timestamp, TreeError};

fn path(text: &str) -> TreePath {
    TreePath::parse(text).unwrap()
}

fn file(text: &str) -> Inode {
    Inode::new(Metadata::root_owned(0o644), Kind::File(Content::from_bytes(text.as_bytes())))
}

fn symlink(target: &str) -> Inode {
    Inode::new(Metadata::root_owned(0o777), Kind::Symlink(target.as_bytes().to_vec()))
}

/// A merged-usr tree: `/lib` leads to `/usr/lib`.
fn merged() -> FileTree {
    let mut tree = FileTree::new();
    tree.insert(&path("usr/lib/a"), file("a")).unwrap();
    tree.insert(&path("lib"), symlink("usr/lib")).unwrap();
    tree
}

fn names(tree: &FileTree) -> Vec<String> {
    tree.walk().map(|(path, _)| path.to_string()).collect()
}

#[test]
fn missing_parents_are_made_and_the_walk_is_in_byte_order() {
    let mut tree = FileTree::new();
    for name in ["b/c", "a.d", "a/z", "a/b/c", "B"] {
        tree.insert(&path(name), file(name)).unwrap();
    }
    assert_eq!(names(&tree), ["/", "/B", "/a", "/a/b", "/a/b/c", "/a/z", "/a.d", "/b", "/b/c"]);
    let parent = tree.inode(tree.lookup(&path("a/b")).unwrap());
    assert_eq!((parent.metadata, parent.xattrs.len()), (Metadata::root_owned(0o755), 0));
}

#[test]
fn links_among_the_parents_are_followed() {
    let mut tree = merged();
    tree.insert(&path("lib/b"), file("b")).unwrap();
    tree.link(&path("lib/c"), &path("usr/lib/a")).unwrap();
    assert_eq!(names(&tree), ["/", "/lib", "/usr", "/usr/lib", "/usr/lib/a", "/usr/lib/b", "/usr/lib/c"]);
    assert_eq!(tree.lookup(&path("lib/b")), None, "lookup follows nothing");
    assert_eq!(tree.resolve(&path("lib/b")).unwrap().0, path("usr/lib/b"));
}

#[test]
fn a_directory_keeps_its_names_and_takes_new_metadata() {
    let mut tree = merged();
    let mut directory = Inode::directory(Metadata { uid: 7, ..Metadata::root_owned(0o2750) });
    directory.xattrs.insert(b"user.x".to_vec(), b"y".to_vec());
    let before = tree.lookup(&path("usr/lib")).unwrap();
    assert_eq!(tree.insert(&path("usr/lib"), directory).unwrap(), before);
    let now = tree.inode(before);
    assert_eq!((now.metadata.mode, now.metadata.uid, now.xattrs.len()), (0o2750, 7, 1));
    assert!(tree.lookup(&path("usr/lib/a")).is_some());
    tree.insert(&TreePath::root(), Inode::directory(Metadata::root_owned(0o700))).unwrap();
    assert_eq!(tree.inode(tree.root()).metadata.mode, 0o700);
}

#[test]
fn files_and_directories_do_not_replace_each_other() {
    let mut tree = merged();
    let conflict = |existing, wanted, path: &str| TreeError::KindConflict { path: path.to_owned(), existing, wanted };
    let directory = || Inode::directory(Metadata::root_owned(0o755));
    assert_eq!(tree.insert(&path("usr"), file("x")), Err(conflict("directory", "file", "/usr")));
    assert_eq!(tree.insert(&path("usr/lib/a"), directory()), Err(conflict("file", "directory", "/usr/lib/a")));
    assert_eq!(tree.insert(&TreePath::root(), file("x")), Err(conflict("directory", "file", "/")));
    assert_eq!(tree.link(&path("usr"), &path("usr/lib/a")), Err(conflict("directory", "file", "/usr")));
    let through_file = tree.insert(&path("usr/lib/a/b"), file("x"));
    assert_eq!(through_file, Err(TreeError::NotADirectory { path: "/usr/lib/a".to_owned(), kind: "file" }));
    tree.insert(&path("usr/lib/a"), symlink("b")).unwrap();
    assert!(matches!(tree.inode(tree.lookup(&path("usr/lib/a")).unwrap()).kind, Kind::Symlink(_)));
}

#[test]
fn hard_links_share_an_inode_until_one_name_is_replaced() {
    let mut tree = merged();
    let first = tree.lookup(&path("usr/lib/a")).unwrap();
    assert_eq!(tree.link(&path("x/y"), &path("usr/lib/a")).unwrap(), first);
    assert_eq!(tree.link_counts()[first.index()], 2);
    tree.insert(&path("x/y"), file("new")).unwrap();
    assert_eq!(tree.link_counts()[first.index()], 1);
    assert_eq!(tree.lookup(&path("usr/lib/a")), Some(first));
    let missing = TreeError::NotFound { path: "/nothing".to_owned() };
    assert_eq!(tree.link(&path("z"), &path("nothing")), Err(missing));
    assert_eq!(tree.link(&path("z"), &path("usr")), Err(TreeError::DirectoryHardLink { path: "/usr".to_owned() }));
}

#[test]
fn directories_count_their_subdirectories_as_linux_does() {
    let mut tree = merged();
    tree.insert(&path("usr/bin/x"), file("x")).unwrap();
    let counts = tree.link_counts();
    let count = |name: &str| counts[tree.lookup(&path(name)).unwrap().index()];
    assert_eq!((count("/"), count("usr"), count("usr/lib"), count("usr/bin/x")), (3, 4, 2, 1));
}

#[test]
fn removing_takes_everything_below() {
    let mut tree = merged();
    assert!(tree.remove(&path("usr")));
    assert!(!tree.remove(&path("usr")));
    assert!(!tree.remove(&path("lib/a")), "removing follows nothing");
    assert!(!tree.remove(&TreePath::root()));
    assert_eq!(names(&tree), ["/", "/lib"]);
}

#[test]
fn resolving_stays_inside_the_tree() {
    let mut tree = merged();
    for (name, target) in [
        ("etc/absolute", "/usr/lib/a"),
        ("etc/climbs", "../../../../usr/./lib//a"),
        ("etc/chain", "absolute"),
        ("etc/loop", "loop"),
        ("etc/dangling", "nowhere"),
        ("etc/through", "/usr/lib/a/b"),
    ] {
        tree.insert(&path(name), symlink(target)).unwrap();
    }
    for name in ["etc/absolute", "etc/climbs", "etc/chain", "lib/a"] {
        assert_eq!(tree.resolve(&path(name)).unwrap().0, path("usr/lib/a"), "{name}");
    }
    assert!(matches!(tree.resolve(&path("etc/loop")), Err(TreeError::SymlinkLoop { .. })));
    assert!(matches!(tree.resolve(&path("etc/dangling")), Err(TreeError::NotFound { .. })));
    assert!(matches!(tree.resolve(&path("etc/through")), Err(TreeError::NotADirectory { .. })));
    assert_eq!(tree.resolve(&TreePath::root()).unwrap().1, tree.root());
    let into_loop = tree.insert(&path("etc/loop/x"), file("x"));
    assert!(matches!(into_loop, Err(TreeError::SymlinkLoop { .. })), "{into_loop:?}");
}

#[test]
fn later_times_are_clamped_and_earlier_ones_kept() {
    let mut tree = FileTree::new();
    let limit = Timestamp { seconds: 100, nanoseconds: 5 };
    for (name, seconds, nanoseconds) in [("early", 99, 999), ("equal", 100, 5), ("late", 100, 6)] {
        let mut inode = file(name);
        inode.metadata.mtime = Timestamp { seconds, nanoseconds };
        tree.insert(&path(name), inode).unwrap();
    }
    tree.clamp_mtimes(limit);
    let time = |name: &str| tree.inode(tree.lookup(&path(name)).unwrap()).metadata.mtime;
    assert_eq!((time("early").seconds, time("equal"), time("late")), (99, limit, limit));
}

#[test]
fn renaming_moves_what_is_below() {
    let mut tree = merged();
    tree.rename(&path("usr/lib"), &path("opt/new/lib")).unwrap();
    assert_eq!(names(&tree), ["/", "/lib", "/opt", "/opt/new", "/opt/new/lib", "/opt/new/lib/a", "/usr"]);
    assert!(tree.rename(&path("nothing"), &path("x")).is_err());
}

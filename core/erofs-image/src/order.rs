//! In which order inodes and contents lie in the image.

use crate::checksum;
use file_tree::path::TreePath;
use file_tree::tree::{FileTree, InodeId, Kind};
use std::collections::BTreeSet;

/// One inode in image order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Visit {
    pub(crate) inode: InodeId,
    /// The directory it was first found in; the root is its own.
    pub(crate) parent: InodeId,
    /// A hash of the path it was first found at, and of nothing else: decisions that follow from it are the same in every release.
    pub(crate) path_hash: u32,
}

/// A directory is reachable by two names or from below itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DirectoryTwice(pub(crate) InodeId);

/// Every inode once: a directory, its other files by name, then its subdirectories by name, each with all that is below it.
/// Directories named in `last` come, with what is below them, after everything else.
pub(crate) fn image_order(tree: &FileTree, last: &[TreePath]) -> Result<Vec<Visit>, DirectoryTwice> {
    let last: BTreeSet<InodeId> = last.iter().filter_map(|path| tree.lookup(path)).collect();
    let mut seen = vec![false; tree.arena_length()];
    let mut order = Vec::new();
    let mut postponed = Vec::new();
    let mut pending = vec![Visit { inode: tree.root(), parent: tree.root(), path_hash: checksum::START }];
    loop {
        let Some(directory) = pending.pop() else {
            if postponed.is_empty() {
                return Ok(order);
            }
            pending.append(&mut postponed);
            pending.reverse();
            continue;
        };
        if std::mem::replace(&mut seen[directory.inode.index()], true) {
            return Err(DirectoryTwice(directory.inode));
        }
        order.push(directory);
        let Kind::Directory(names) = &tree.inode(directory.inode).kind else { continue };
        let mut below = Vec::new();
        for (name, inode) in names {
            let path_hash = checksum::extend(checksum::extend(directory.path_hash, b"/"), name);
            let visit = Visit { inode: *inode, parent: directory.inode, path_hash };
            if !matches!(tree.inode(*inode).kind, Kind::Directory(_)) {
                if !std::mem::replace(&mut seen[inode.index()], true) {
                    order.push(visit);
                }
            } else if last.contains(inode) {
                postponed.push(visit);
            } else {
                below.push(visit);
            }
        }
        pending.extend(below.into_iter().rev());
    }
}

#[cfg(test)]
mod tests {
    use super::image_order;
    use file_tree::content::Content;
    use file_tree::path::TreePath;
    use file_tree::tree::{FileTree, Inode, InodeId, Kind, Metadata};

    fn tree(paths: &[&str]) -> FileTree {
        let mut tree = FileTree::new();
        for path in paths {
            let kind = Kind::File(Content::default());
            tree.insert(&TreePath::parse(path).unwrap(), Inode::new(Metadata::root_owned(0o644), kind)).unwrap();
        }
        tree
    }

    fn shown(tree: &FileTree, last: &[&str]) -> Vec<String> {
        let last: Vec<_> = last.iter().map(|path| TreePath::parse(path).unwrap()).collect();
        let name = |id: InodeId| tree.walk().find(|(_, other)| *other == id).unwrap().0.to_string();
        image_order(tree, &last).unwrap().iter().map(|visit| name(visit.inode)).collect()
    }

    #[test]
    fn files_of_a_directory_stay_together_and_the_postponed_come_last() {
        let tree = tree(&["b/c/1", "b/2", "a/k/3", "a/k/m/4", "a/z", "5"]);
        assert_eq!(
            shown(&tree, &[]),
            ["/", "/5", "/a", "/a/z", "/a/k", "/a/k/3", "/a/k/m", "/a/k/m/4", "/b", "/b/2", "/b/c", "/b/c/1"]
        );
        assert_eq!(
            shown(&tree, &["a/k", "missing"]),
            ["/", "/5", "/a", "/a/z", "/b", "/b/2", "/b/c", "/b/c/1", "/a/k", "/a/k/3", "/a/k/m", "/a/k/m/4"]
        );
    }

    #[test]
    fn a_hard_link_is_placed_where_it_is_first_found() {
        let mut tree = tree(&["b/1"]);
        tree.link(&TreePath::parse("a/2").unwrap(), &TreePath::parse("b/1").unwrap()).unwrap();
        assert_eq!(image_order(&tree, &[]).unwrap().len(), 4);
    }

    #[test]
    fn a_directory_inside_itself_is_refused() {
        let mut tree = tree(&["a/1"]);
        let a = tree.lookup(&TreePath::parse("a").unwrap()).unwrap();
        let Kind::Directory(names) = &mut tree.inode_mut(a).kind else { panic!("a directory") };
        names.insert(b"loop".to_vec(), a);
        assert!(image_order(&tree, &[]).is_err());
    }
}

//! The files chosen so far, and the tree made of them.

use crate::report::{Reason, ReportedFile};
use file_tree::path::TreePath;
use file_tree::tree::Inode;
use file_tree::tree::{FileTree, InodeId, Kind, MAXIMUM_SYMLINKS, Metadata, TreeError};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Paths chosen out of a tree, each with the reason it was first chosen for.
pub(crate) struct Selection<'a> {
    tree: &'a FileTree,
    chosen: BTreeMap<TreePath, (InodeId, Reason)>,
    /// Symbolic links that the source does not have, with their targets.
    links: BTreeMap<TreePath, (TreePath, Reason)>,
    /// Regular files whose needs have not been looked at.
    unread: VecDeque<(TreePath, InodeId)>,
}

/// A path followed through symbolic links.
struct Followed {
    /// The links on the way, each by its own path.
    links: Vec<(TreePath, InodeId)>,
    /// Where it ends, or why it does not.
    end: Result<(TreePath, InodeId), TreeError>,
}

impl<'a> Selection<'a> {
    pub(crate) fn new(tree: &'a FileTree) -> Self {
        Self { tree, chosen: BTreeMap::new(), links: BTreeMap::new(), unread: VecDeque::new() }
    }

    /// Chooses a path, every symbolic link on the way to what it finally names, and that. Answers the latter.
    pub(crate) fn take(&mut self, path: &TreePath, reason: &Reason) -> Result<(TreePath, InodeId), TreeError> {
        let followed = self.follow(path);
        let (end, inode) = followed.end?;
        for (link, inode) in followed.links {
            self.choose(link, inode, reason);
        }
        self.choose(end.clone(), inode, reason);
        Ok((end, inode))
    }

    /// Chooses a symbolic link, and what it names where the tree has that. Links such as a unit's mask (`/dev/null`) lead out of
    /// the tree.
    pub(crate) fn take_link(&mut self, path: &TreePath, reason: &Reason) {
        let followed = self.follow(path);
        for (link, inode) in followed.links {
            self.choose(link, inode, reason);
        }
        if let Ok((end, inode)) = followed.end {
            self.choose(end, inode, reason);
        }
    }

    /// Adds a symbolic link that the source does not have.
    pub(crate) fn add_link(&mut self, path: TreePath, target: TreePath, reason: &Reason) {
        self.links.entry(path).or_insert_with(|| (target, reason.clone()));
    }

    /// Chooses a path and, where it is a directory, everything below it.
    pub(crate) fn take_all(&mut self, path: &TreePath, reason: &Reason) -> Result<(), TreeError> {
        let (end, inode) = self.take(path, reason)?;
        let mut pending = vec![(end, inode)];
        while let Some((path, id)) = pending.pop() {
            match &self.tree.inode(id).kind {
                Kind::Directory(names) => {
                    self.choose(path.clone(), id, reason);
                    pending.extend(names.iter().map(|(name, child)| (path.join(name), *child)));
                }
                Kind::Symlink(_) => self.take_link(&path, reason),
                _ => self.choose(path, id, reason),
            }
        }
        Ok(())
    }

    /// The next chosen regular file whose needs have not been looked at, with its path.
    pub(crate) fn next_unread(&mut self) -> Option<(TreePath, InodeId)> {
        self.unread.pop_front()
    }

    /// The initrd's tree: the chosen files with their metadata, and the directories above them as they are in the source.
    pub(crate) fn into_tree(self) -> Result<(FileTree, Vec<ReportedFile>), TreeError> {
        let mut out = FileTree::new();
        let mut first_names: HashMap<InodeId, TreePath> = HashMap::new();
        let mut report = Vec::with_capacity(self.chosen.len());
        for (path, (id, reason)) in &self.chosen {
            self.make_parents(&mut out, path)?;
            let inode = self.tree.inode(*id);
            if matches!(inode.kind, Kind::Directory(_)) {
                out.insert(path, Inode { xattrs: inode.xattrs.clone(), ..Inode::directory(inode.metadata) })?;
            } else if let Some(first) = first_names.get(id) {
                out.link(path, first)?;
            } else {
                out.insert(path, inode.clone())?;
                first_names.insert(*id, path.clone());
            }
            report.push(ReportedFile { path: path.to_string(), bytes: 0, reason: reason.clone() });
        }
        for (path, (target, reason)) in &self.links {
            self.make_parents(&mut out, path)?;
            let link = Inode::new(Metadata::root_owned(0o777), Kind::Symlink(target.to_bytes()));
            out.insert(path, link)?;
            report.push(ReportedFile { path: path.to_string(), bytes: 0, reason: reason.clone() });
        }
        Ok((out, report))
    }

    fn make_parents(&self, out: &mut FileTree, path: &TreePath) -> Result<(), TreeError> {
        let mut parent = TreePath::root();
        for name in path.components().split_last().map_or(&[][..], |(_, above)| above) {
            parent = parent.join(name);
            if out.lookup(&parent).is_none() {
                let metadata = match self.tree.lookup(&parent).map(|id| self.tree.inode(id)) {
                    Some(Inode { metadata, kind: Kind::Directory(_), .. }) => *metadata,
                    _ => Metadata::root_owned(0o755),
                };
                out.insert(&parent, Inode::directory(metadata))?;
            }
        }
        Ok(())
    }

    fn choose(&mut self, path: TreePath, inode: InodeId, reason: &Reason) {
        if path.components().is_empty() || self.chosen.contains_key(&path) {
            return;
        }
        if matches!(self.tree.inode(inode).kind, Kind::File(_)) {
            self.unread.push_back((path.clone(), inode));
        }
        self.chosen.insert(path, (inode, reason.clone()));
    }

    fn follow(&self, path: &TreePath) -> Followed {
        let mut pending: Vec<Vec<u8>> = path.components().iter().rev().cloned().collect();
        let mut done: Vec<(Vec<u8>, InodeId)> = Vec::new();
        let mut links = Vec::new();
        let whole = |done: &[(Vec<u8>, InodeId)]| done.iter().fold(TreePath::root(), |path, (name, _)| path.join(name));
        while let Some(name) = pending.pop() {
            let here = done.last().map_or(self.tree.root(), |(_, id)| *id);
            match name.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    done.pop();
                    continue;
                }
                _ => {}
            }
            let inode = self.tree.inode(here);
            let Kind::Directory(names) = &inode.kind else {
                let end = Err(TreeError::NotADirectory { path: path.to_string(), kind: inode.kind.name() });
                return Followed { links, end };
            };
            let Some(next) = names.get(&name).copied() else {
                return Followed { links, end: Err(TreeError::NotFound { path: path.to_string() }) };
            };
            if let Kind::Symlink(target) = &self.tree.inode(next).kind {
                if links.len() >= MAXIMUM_SYMLINKS {
                    return Followed { links, end: Err(TreeError::SymlinkLoop { path: path.to_string() }) };
                }
                links.push((whole(&done).join(&name), next));
                if target.starts_with(b"/") {
                    done.clear();
                }
                pending.extend(target.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec));
            } else {
                done.push((name, next));
            }
        }
        let id = done.last().map_or(self.tree.root(), |(_, id)| *id);
        Followed { links, end: Ok((whole(&done), id)) }
    }
}

/// Lays the files of one tree over another: what the upper one has replaces what the lower one had.
pub(crate) fn overlay(lower: &mut FileTree, upper: &FileTree) -> Result<(), TreeError> {
    let mut first_names: HashMap<InodeId, TreePath> = HashMap::new();
    for (path, id) in upper.walk().skip(1) {
        let inode = upper.inode(id);
        match &inode.kind {
            Kind::Directory(_) => {
                lower.insert(&path, Inode { xattrs: inode.xattrs.clone(), ..Inode::directory(inode.metadata) })?;
            }
            _ => {
                if let Some(first) = first_names.get(&id) {
                    lower.link(&path, first)?;
                } else {
                    lower.insert(&path, inode.clone())?;
                    first_names.insert(id, path);
                }
            }
        }
    }
    Ok(())
}

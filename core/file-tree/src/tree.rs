//! The tree itself: inodes, names and the operations on them.

use crate::content::Content;
use crate::path::TreePath;
use std::collections::BTreeMap;

/// Most symbolic links followed while resolving one path (Linux `MAXSYMLINKS`).
pub const MAXIMUM_SYMLINKS: usize = 40;

/// Index of an inode within its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InodeId(u32);

impl InodeId {
    /// The inode's number within the tree, dense from zero (the root).
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Seconds and nanoseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Whole seconds; negative before 1970.
    pub seconds: i64,
    /// Nanoseconds within the second, below 10⁹.
    pub nanoseconds: u32,
}

/// Owner, permissions and time of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Permission bits with set-user-ID, set-group-ID and sticky (`0o7777`).
    pub mode: u16,
    /// Owning user.
    pub uid: u32,
    /// Owning group.
    pub gid: u32,
    /// Last modification.
    pub mtime: Timestamp,
}

impl Metadata {
    /// Metadata of a file of root with the given permission bits, at time zero.
    #[must_use]
    pub fn root_owned(mode: u16) -> Self {
        Self { mode, uid: 0, gid: 0, mtime: Timestamp::default() }
    }
}

/// What an inode is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory and its names, in byte order.
    Directory(BTreeMap<Vec<u8>, InodeId>),
    /// A regular file.
    File(Content),
    /// A symbolic link and its target.
    Symlink(Vec<u8>),
    /// A character device.
    CharacterDevice(DeviceNumber),
    /// A block device.
    BlockDevice(DeviceNumber),
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

impl Kind {
    /// What a person calls it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Directory(_) => "directory",
            Self::File(_) => "file",
            Self::Symlink(_) => "symbolic link",
            Self::CharacterDevice(_) => "character device",
            Self::BlockDevice(_) => "block device",
            Self::Fifo => "named pipe",
            Self::Socket => "socket",
        }
    }
}

/// Major and minor number of a device file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceNumber {
    /// Driver.
    pub major: u32,
    /// Device of that driver.
    pub minor: u32,
}

/// One file of any kind. Several names may lead to it (hard links).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inode {
    /// Owner, permissions, time.
    pub metadata: Metadata,
    /// Extended attributes by full name, such as `security.capability`.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What it is.
    pub kind: Kind,
}

impl Inode {
    /// An inode without extended attributes.
    #[must_use]
    pub fn new(metadata: Metadata, kind: Kind) -> Self {
        Self { metadata, xattrs: BTreeMap::new(), kind }
    }

    /// An empty directory.
    #[must_use]
    pub fn directory(metadata: Metadata) -> Self {
        Self::new(metadata, Kind::Directory(BTreeMap::new()))
    }
}

/// A tree of files. Index 0 is the root directory. Removed inodes stay in the arena, unnamed, until [`FileTree::walk`]
/// or a copy no longer sees them.
#[derive(Clone, Debug)]
pub struct FileTree {
    inodes: Vec<Inode>,
}

impl Default for FileTree {
    fn default() -> Self {
        Self::new()
    }
}

/// Why an operation on the tree failed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TreeError {
    /// Nothing has this name.
    #[error("{path} does not exist in the tree")]
    NotFound {
        /// The path looked for.
        path: String,
    },
    /// Something on the way, or the thing itself, is not a directory.
    #[error("{path} is a {kind} in the tree, where a directory is needed")]
    NotADirectory {
        /// The path that is not a directory.
        path: String,
        /// What it is instead.
        kind: &'static str,
    },
    /// A directory would be replaced by something else, or something else by a directory.
    #[error("{path} is a {existing} in the tree and cannot become a {wanted}; remove it first")]
    KindConflict {
        /// The path in question.
        path: String,
        /// What it is.
        existing: &'static str,
        /// What it was to become.
        wanted: &'static str,
    },
    /// A hard link to a directory.
    #[error("{path} is a directory and cannot have a second name")]
    DirectoryHardLink {
        /// The directory.
        path: String,
    },
    /// Symbolic links that never end.
    #[error("resolving {path} follows more than {MAXIMUM_SYMLINKS} symbolic links")]
    SymlinkLoop {
        /// The path being resolved.
        path: String,
    },
    /// More files than an arena index can name.
    #[error("the tree holds more than {} files", u32::MAX)]
    TooManyInodes,
}

impl FileTree {
    /// A tree of an empty root directory, mode 0755.
    #[must_use]
    pub fn new() -> Self {
        Self { inodes: vec![Inode::directory(Metadata::root_owned(0o755))] }
    }

    /// The root directory.
    #[must_use]
    pub fn root(&self) -> InodeId {
        InodeId(0)
    }

    /// The inode behind an id of this tree.
    #[must_use]
    pub fn inode(&self, id: InodeId) -> &Inode {
        &self.inodes[id.index()]
    }

    /// The inode behind an id of this tree, to be changed. Changing `kind` of a directory drops its names.
    pub fn inode_mut(&mut self, id: InodeId) -> &mut Inode {
        &mut self.inodes[id.index()]
    }

    /// Upper bound of [`InodeId::index`]: for side tables.
    #[must_use]
    pub fn arena_length(&self) -> usize {
        self.inodes.len()
    }

    /// Looks a path up without following symbolic links.
    #[must_use]
    pub fn lookup(&self, path: &TreePath) -> Option<InodeId> {
        let mut current = self.root();
        for name in path.components() {
            let Kind::Directory(names) = &self.inode(current).kind else { return None };
            current = *names.get(name)?;
        }
        Some(current)
    }

    /// Resolves a path following every symbolic link inside the tree, the last one included, as a chroot would.
    ///
    /// # Errors
    /// When a component does not exist, is not a directory, or links never end.
    pub fn resolve(&self, path: &TreePath) -> Result<(TreePath, InodeId), TreeError> {
        let shown = || path.to_string();
        let mut pending: Vec<Vec<u8>> = path.components().iter().rev().cloned().collect();
        let mut done: Vec<(Vec<u8>, InodeId)> = Vec::new();
        let mut followed = 0;
        while let Some(name) = pending.pop() {
            let here = done.last().map_or(self.root(), |(_, id)| *id);
            match name.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    done.pop();
                    continue;
                }
                _ => {}
            }
            let Kind::Directory(names) = &self.inode(here).kind else {
                return Err(TreeError::NotADirectory { path: shown(), kind: self.inode(here).kind.name() });
            };
            let Some(next) = names.get(&name).copied() else { return Err(TreeError::NotFound { path: shown() }) };
            if let Kind::Symlink(target) = &self.inode(next).kind {
                followed += 1;
                if followed > MAXIMUM_SYMLINKS {
                    return Err(TreeError::SymlinkLoop { path: shown() });
                }
                if target.starts_with(b"/") {
                    done.clear();
                }
                pending.extend(target.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec));
            } else {
                done.push((name, next));
            }
        }
        let id = done.last().map_or(self.root(), |(_, id)| *id);
        let resolved = done.into_iter().fold(TreePath::root(), |path, (name, _)| path.join(&name));
        Ok((resolved, id))
    }

    /// Puts an inode at a path, making missing parents (root-owned, 0755). An existing non-directory is replaced; a directory
    /// put where a directory is keeps the names and takes the new metadata. Symbolic links among the parents are followed, so
    /// that `/lib/x` lands in `/usr/lib/x` on a merged-usr tree.
    ///
    /// # Errors
    /// When a parent is not a directory, or a directory and a non-directory would replace one another.
    pub fn insert(&mut self, path: &TreePath, inode: Inode) -> Result<InodeId, TreeError> {
        let Some((parent, name)) = path.split_last() else {
            return self.merge_directory(self.root(), path, inode);
        };
        let name = name.to_vec();
        let parent = self.make_directories(&parent)?;
        if let Some(existing) = self.names(parent).get(&name).copied() {
            let was = &self.inode(existing).kind;
            match (was, &inode.kind) {
                (Kind::Directory(_), Kind::Directory(_)) => return self.merge_directory(existing, path, inode),
                (Kind::Directory(_), _) | (_, Kind::Directory(_)) => {
                    return Err(TreeError::KindConflict {
                        path: path.to_string(),
                        existing: was.name(),
                        wanted: inode.kind.name(),
                    });
                }
                _ => {}
            }
        }
        let id = self.allocate(inode)?;
        self.names_mut(parent).insert(name, id);
        Ok(id)
    }

    /// Gives an existing non-directory a second name; a non-directory already there is replaced.
    ///
    /// # Errors
    /// When `existing` is missing or a directory, or the new name is a directory.
    pub fn link(&mut self, path: &TreePath, existing: &TreePath) -> Result<InodeId, TreeError> {
        let target = self.lookup(existing).ok_or_else(|| TreeError::NotFound { path: existing.to_string() })?;
        if matches!(self.inode(target).kind, Kind::Directory(_)) {
            return Err(TreeError::DirectoryHardLink { path: existing.to_string() });
        }
        let Some((parent, name)) = path.split_last() else {
            return Err(TreeError::DirectoryHardLink { path: path.to_string() });
        };
        let name = name.to_vec();
        let parent = self.make_directories(&parent)?;
        if let Some(previous) = self.names(parent).get(&name)
            && matches!(self.inode(*previous).kind, Kind::Directory(_))
        {
            return Err(TreeError::KindConflict {
                path: path.to_string(),
                existing: "directory",
                wanted: self.inode(target).kind.name(),
            });
        }
        self.names_mut(parent).insert(name, target);
        Ok(target)
    }

    /// Takes a name, and everything below it, out of the tree. Answers whether it was there.
    pub fn remove(&mut self, path: &TreePath) -> bool {
        let Some((parent, name)) = path.split_last() else { return false };
        let Some(parent) = self.lookup(&parent) else { return false };
        match &mut self.inode_mut(parent).kind {
            Kind::Directory(names) => names.remove(name).is_some(),
            _ => false,
        }
    }

    /// Moves a name, and everything below it, to another place, making missing parents. What is there is replaced unless it is a
    /// directory.
    ///
    /// # Errors
    /// When `from` is missing, `to` lies below it or is a directory, or a parent of `to` is not a directory.
    pub fn rename(&mut self, from: &TreePath, to: &TreePath) -> Result<(), TreeError> {
        let id = self.lookup(from).ok_or_else(|| TreeError::NotFound { path: from.to_string() })?;
        let conflict = |existing| TreeError::KindConflict { path: to.to_string(), existing, wanted: "renamed file" };
        let (Some((parent, name)), false) = (to.split_last(), to.starts_with(from)) else {
            return Err(conflict("directory"));
        };
        let name = name.to_vec();
        let parent = self.make_directories(&parent)?;
        if let Some(existing) = self.names(parent).get(&name)
            && matches!(self.inode(*existing).kind, Kind::Directory(_))
        {
            return Err(conflict("directory"));
        }
        self.remove(from);
        self.names_mut(parent).insert(name, id);
        Ok(())
    }

    /// Every name in the tree, the root first, each directory before what it holds, names in byte order. A file with several
    /// names comes once per name, with the same id.
    #[must_use]
    pub fn walk(&self) -> Walk<'_> {
        Walk { tree: self, pending: vec![(TreePath::root(), self.root())] }
    }

    /// How many names lead to each inode, by [`InodeId::index`]; directories count as Linux does (2 + subdirectories).
    #[must_use]
    pub fn link_counts(&self) -> Vec<u32> {
        let mut counts = vec![0_u32; self.inodes.len()];
        for (_, id) in self.walk() {
            let inode = self.inode(id);
            if let Kind::Directory(names) = &inode.kind {
                let below = names.values().filter(|id| matches!(self.inode(**id).kind, Kind::Directory(_))).count();
                counts[id.index()] = 2 + u32::try_from(below).unwrap_or(u32::MAX - 2);
            } else {
                counts[id.index()] += 1;
            }
        }
        counts
    }

    /// Sets every modification time later than `latest` to `latest`.
    pub fn clamp_mtimes(&mut self, latest: Timestamp) {
        for inode in &mut self.inodes {
            inode.metadata.mtime = inode.metadata.mtime.min(latest);
        }
    }

    fn make_directories(&mut self, path: &TreePath) -> Result<InodeId, TreeError> {
        let mut here = self.root();
        let mut walked = TreePath::root();
        for name in path.components() {
            walked = walked.join(name);
            let next = match self.names(here).get(name).copied() {
                Some(next) if matches!(self.inode(next).kind, Kind::Symlink(_)) => self.resolve(&walked)?.1,
                Some(next) => next,
                None => {
                    let id = self.allocate(Inode::directory(Metadata::root_owned(0o755)))?;
                    self.names_mut(here).insert(name.clone(), id);
                    id
                }
            };
            let kind = &self.inode(next).kind;
            if !matches!(kind, Kind::Directory(_)) {
                return Err(TreeError::NotADirectory { path: walked.to_string(), kind: kind.name() });
            }
            here = next;
        }
        Ok(here)
    }

    fn merge_directory(&mut self, existing: InodeId, path: &TreePath, inode: Inode) -> Result<InodeId, TreeError> {
        let Kind::Directory(names) = inode.kind else {
            return Err(TreeError::KindConflict {
                path: path.to_string(),
                existing: "directory",
                wanted: inode.kind.name(),
            });
        };
        let target = self.inode_mut(existing);
        target.metadata = inode.metadata;
        target.xattrs = inode.xattrs;
        self.names_mut(existing).extend(names);
        Ok(existing)
    }

    fn allocate(&mut self, inode: Inode) -> Result<InodeId, TreeError> {
        let id = u32::try_from(self.inodes.len()).map_err(|_| TreeError::TooManyInodes)?;
        self.inodes.push(inode);
        Ok(InodeId(id))
    }

    fn names(&self, id: InodeId) -> &BTreeMap<Vec<u8>, InodeId> {
        match &self.inode(id).kind {
            Kind::Directory(names) => names,
            _ => unreachable!("make_directories answers directories only"),
        }
    }

    fn names_mut(&mut self, id: InodeId) -> &mut BTreeMap<Vec<u8>, InodeId> {
        match &mut self.inode_mut(id).kind {
            Kind::Directory(names) => names,
            _ => unreachable!("make_directories answers directories only"),
        }
    }
}

/// Iterator of [`FileTree::walk`].
#[derive(Debug)]
pub struct Walk<'a> {
    tree: &'a FileTree,
    pending: Vec<(TreePath, InodeId)>,
}

impl Iterator for Walk<'_> {
    type Item = (TreePath, InodeId);

    fn next(&mut self) -> Option<Self::Item> {
        let (path, id) = self.pending.pop()?;
        if let Kind::Directory(names) = &self.tree.inode(id).kind {
            self.pending.extend(names.iter().rev().map(|(name, child)| (path.join(name), *child)));
        }
        Some((path, id))
    }
}

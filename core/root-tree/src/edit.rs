//! Small edits that the other modules share.

use file_tree::content::Content;
use file_tree::path::{PathError, TreePath};
use file_tree::tree::{FileTree, Inode, Kind, Metadata, TreeError};

/// Why the root tree could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RootTreeError {
    /// The tree refused an edit.
    #[error("changing {path} in the root tree failed")]
    Edit {
        /// The path.
        path: String,
        /// Why.
        source: TreeError,
    },
    /// A path cannot be one.
    #[error("unusable path")]
    Path(#[from] PathError),
    /// There is no kernel.
    #[error("the tree has no kernel: no /boot/vmlinuz-* and no /usr/lib/modules/*/vmlinuz; name one in kernel.package")]
    NoKernel,
    /// There are several kernels.
    #[error("the tree has several kernels ({}); a release boots exactly one: name it in kernel.package", .versions.join(", "))]
    SeveralKernels {
        /// Their versions.
        versions: Vec<String>,
    },
    /// A path that tmpfiles.d cannot say.
    #[error("{path} below /var has a name that tmpfiles.d cannot express; remove it or choose another name")]
    Unspeakable {
        /// The path.
        path: String,
    },
}

pub(crate) fn file(tree: &mut FileTree, path: &str, mode: u16, text: String) -> Result<(), RootTreeError> {
    insert(tree, path, Inode::new(Metadata::root_owned(mode), Kind::File(Content::from_bytes(text.into_bytes()))))
}

pub(crate) fn symlink(tree: &mut FileTree, path: &str, target: &str) -> Result<(), RootTreeError> {
    insert(tree, path, Inode::new(Metadata::root_owned(0o777), Kind::Symlink(target.as_bytes().to_vec())))
}

pub(crate) fn directory(tree: &mut FileTree, path: &str, mode: u16) -> Result<(), RootTreeError> {
    insert(tree, path, Inode::directory(Metadata::root_owned(mode)))
}

pub(crate) fn insert(tree: &mut FileTree, path: &str, inode: Inode) -> Result<(), RootTreeError> {
    let parsed = TreePath::parse(path)?;
    tree.insert(&parsed, inode).map_err(|source| RootTreeError::Edit { path: path.to_owned(), source })?;
    Ok(())
}

pub(crate) fn remove(tree: &mut FileTree, path: &str) -> Result<bool, RootTreeError> {
    Ok(tree.remove(&TreePath::parse(path)?))
}

/// The names in a directory; none when it is not there.
pub(crate) fn names(tree: &FileTree, path: &str) -> Result<Vec<Vec<u8>>, RootTreeError> {
    let Some(id) = tree.lookup(&TreePath::parse(path)?) else { return Ok(Vec::new()) };
    Ok(match &tree.inode(id).kind {
        Kind::Directory(names) => names.keys().cloned().collect(),
        _ => Vec::new(),
    })
}

/// Empties a directory and keeps it.
pub(crate) fn empty(tree: &mut FileTree, path: &str) -> Result<(), RootTreeError> {
    let directory = TreePath::parse(path)?;
    for name in names(tree, path)? {
        tree.remove(&directory.join(&name));
    }
    Ok(())
}

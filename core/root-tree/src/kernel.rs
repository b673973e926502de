//! The kernel lives next to its modules; `/boot` is empty.

use crate::edit::{RootTreeError, empty, names};
use file_tree::path::TreePath;
use file_tree::tree::FileTree;

/// Moves `/boot/vmlinuz-VERSION` to `/usr/lib/modules/VERSION/vmlinuz`, empties `/boot`, and answers the version.
///
/// # Errors
/// When there is not exactly one kernel.
pub fn settle(tree: &mut FileTree) -> Result<String, RootTreeError> {
    let boot = TreePath::parse("/boot")?;
    let modules = TreePath::parse("/usr/lib/modules")?;
    for name in names(tree, "/boot")? {
        if let Some(version) = name.strip_prefix(b"vmlinuz-") {
            let to = modules.join(version).join(b"vmlinuz");
            tree.rename(&boot.join(&name), &to)
                .map_err(|source| RootTreeError::Edit { path: to.to_string(), source })?;
        }
    }
    empty(tree, "/boot")?;
    // Links to the newest kernel: the loader reads the UKI instead.
    for link in ["/vmlinuz", "/vmlinuz.old", "/initrd.img", "/initrd.img.old"] {
        tree.remove(&TreePath::parse(link)?);
    }
    let mut versions: Vec<String> = names(tree, "/usr/lib/modules")?
        .into_iter()
        .filter(|version| tree.lookup(&modules.join(version).join(b"vmlinuz")).is_some())
        .map(|version| String::from_utf8_lossy(&version).into_owned())
        .collect();
    match versions.len() {
        0 => Err(RootTreeError::NoKernel),
        1 => Ok(versions.remove(0)),
        _ => Err(RootTreeError::SeveralKernels { versions }),
    }
}

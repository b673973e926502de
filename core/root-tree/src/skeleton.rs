//! Empty directories for what is mounted.

use crate::edit::{RootTreeError, directory};
use file_tree::tree::FileTree;

/// Makes the mount points of a running system.
///
/// # Errors
/// When something else is in the way.
pub fn lay(tree: &mut FileTree) -> Result<(), RootTreeError> {
    let points = [
        ("/dev", 0o755),
        ("/efi", 0o755),
        ("/etc", 0o755),
        ("/boot", 0o755),
        ("/media", 0o755),
        ("/proc", 0o555),
        ("/run", 0o755),
        ("/sys", 0o555),
        ("/tmp", 0o1777),
        ("/var", 0o755),
    ];
    for (path, mode) in points {
        directory(tree, path, mode)?;
    }
    Ok(())
}

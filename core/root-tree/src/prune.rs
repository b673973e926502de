//! What the image does not carry: documentation, caches, and everything that would differ between two builds.

use crate::edit::{RootTreeError, empty, names, remove};
use file_tree::path::TreePath;
use file_tree::tree::{FileTree, Kind};

/// Removed whole.
const REMOVED: [&str; 28] = [
    // Serves a person at a package manager's prompt, not a device.
    "/usr/share/doc-base",
    "/usr/share/info",
    "/usr/share/lintian",
    "/usr/share/linda",
    "/usr/share/man",
    "/usr/share/bug",
    "/usr/share/menu",
    "/usr/share/reportbug",
    // The package database: the lockfile in /usr/lib/piccolo says what is installed, and nothing can be installed into the image.
    "/var/lib/dpkg",
    "/var/lib/apt",
    "/var/lib/ucf",
    "/var/lib/pam",
    "/var/lib/shells.state",
    // Made on the device, or different in every build.
    "/var/lib/systemd/random-seed",
    "/var/lib/systemd/catalog",
    "/var/lib/systemd/deb-systemd-helper-enabled",
    "/var/lib/systemd/deb-systemd-user-helper-enabled",
    "/var/lib/dbus/machine-id",
    "/var/backups",
    "/etc/machine-id",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/fstab",
    "/etc/mtab",
    "/etc/.pwd.lock",
    "/etc/motd",
    "/.dockerenv",
];

/// Emptied, kept as directories.
const EMPTIED: [&str; 8] = ["/var/cache", "/var/log", "/var/tmp", "/tmp", "/run", "/dev", "/proc", "/sys"];

/// Takes out of a freshly installed tree what the image must not have.
///
/// # Errors
/// None for a sane tree; the paths are fixed.
pub fn prune(tree: &mut FileTree) -> Result<(), RootTreeError> {
    for path in REMOVED {
        remove(tree, path)?;
    }
    for path in EMPTIED {
        empty(tree, path)?;
    }
    remove_documentation(tree)?;
    remove_translations(tree)?;
    remove_backups(tree)?;
    remove_matching(tree, |name, is_directory| {
        (is_directory && name == b"__pycache__") || name.ends_with(b".pyc") || name.ends_with(b".dpkg-new")
    });
    Ok(())
}

/// Documentation goes, licences stay: they have to go where the software goes.
fn remove_documentation(tree: &mut FileTree) -> Result<(), RootTreeError> {
    let documentation = TreePath::parse("/usr/share/doc")?;
    let found: Vec<TreePath> = tree
        .walk()
        .filter(|(path, id)| {
            let is_licence = path.components().last().is_some_and(|name| name == b"copyright");
            path.starts_with(&documentation) && !is_licence && !matches!(tree.inode(*id).kind, Kind::Directory(_))
        })
        .map(|(path, _)| path)
        .collect();
    for path in found {
        tree.remove(&path);
    }
    Ok(())
}

/// Messages in other languages: the device's own pages bring theirs. The locale definitions stay.
fn remove_translations(tree: &mut FileTree) -> Result<(), RootTreeError> {
    let locales = TreePath::parse("/usr/share/locale")?;
    for name in names(tree, "/usr/share/locale")? {
        if name != b"locale.alias" {
            tree.remove(&locales.join(&name));
        }
    }
    Ok(())
}

/// `passwd-` and the like: copies that tools keep before they change a file.
fn remove_backups(tree: &mut FileTree) -> Result<(), RootTreeError> {
    let etc = TreePath::parse("/etc")?;
    for name in ["passwd-", "group-", "shadow-", "gshadow-", "subuid-", "subgid-"] {
        tree.remove(&etc.join(name.as_bytes()));
    }
    for name in names(tree, "/etc/ssh")? {
        if name.starts_with(b"ssh_host_") {
            tree.remove(&etc.join(b"ssh").join(&name));
        }
    }
    Ok(())
}

fn remove_matching(tree: &mut FileTree, matches: impl Fn(&[u8], bool) -> bool) {
    let found: Vec<TreePath> = tree
        .walk()
        .filter(|(path, id)| {
            let is_directory = matches!(tree.inode(*id).kind, Kind::Directory(_));
            path.components().last().is_some_and(|name| matches(name, is_directory))
        })
        .map(|(path, _)| path)
        .collect();
    for path in found {
        tree.remove(&path);
    }
}

//! What the tree says about itself.

use crate::edit::{RootTreeError, file, insert, symlink};
use file_tree::content::Content;
use file_tree::tree::{FileTree, Inode, Kind, Metadata};

/// The release that the tree is.
#[derive(Clone, Copy, Debug)]
pub struct Release<'a> {
    /// Name of the recipe, a lower-case identifier.
    pub name: &'a str,
    /// Version of the release.
    pub version: &'a str,
    /// Stream of the release.
    pub stream: &'a str,
    /// Architecture, as the recipe writes it.
    pub architecture: &'a str,
}

/// Text of os-release(5), also the `.osrel` section of the UKI.
#[must_use]
pub fn os_release(release: &Release<'_>) -> String {
    let Release { name, version, stream, architecture } = release;
    format!(
        "ID=piccolo\nID_LIKE=debian\nNAME=\"Piccolo OS\"\nPRETTY_NAME=\"Piccolo OS {version} ({stream})\"\n\
         VERSION_ID={version}\nVERSION=\"{version}\"\nIMAGE_ID={name}\nIMAGE_VERSION={version}\n\
         PICCOLO_STREAM={stream}\nPICCOLO_ARCHITECTURE={architecture}\nANSI_COLOR=\"0;36\"\n"
    )
}

/// Writes the files that say what the system is and that every device starts without an identity of its own.
///
/// # Errors
/// When something else is in the way.
pub fn write(tree: &mut FileTree, release: &Release<'_>) -> Result<(), RootTreeError> {
    file(tree, "/usr/lib/os-release", 0o644, os_release(release))?;
    symlink(tree, "/etc/os-release", "../usr/lib/os-release")?;
    // Empty, not missing: systemd makes an identity on the first boot and does not redo the image's presets.
    let empty = Inode::new(Metadata::root_owned(0o444), Kind::File(Content::default()));
    insert(tree, "/etc/machine-id", empty)?;
    default_file(tree, "/etc/hostname", "piccolo\n")?;
    default_file(tree, "/etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n")?;
    default_file(
        tree,
        "/etc/issue",
        "\\S{PRETTY_NAME} on \\n (\\l)\nIts page: http://\\4:8080/ or http://[\\6]:8080/\n\n",
    )?;
    if tree.lookup(&file_tree::path::TreePath::parse("/etc/resolv.conf")?).is_none() {
        symlink(tree, "/etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf")?;
    }
    Ok(())
}

/// Writes a file unless the recipe brought its own. Debian's `/etc/issue` names Debian and is replaced.
fn default_file(tree: &mut FileTree, path: &str, text: &str) -> Result<(), RootTreeError> {
    let exists = tree.lookup(&file_tree::path::TreePath::parse(path)?).is_some();
    if exists && path != "/etc/issue" {
        return Ok(());
    }
    file(tree, path, 0o644, text.to_owned())
}

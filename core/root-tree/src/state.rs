//! State leaves the image: `/var` becomes tmpfiles.d lines and factory files, and the homes move there.

use crate::edit::{RootTreeError, directory, empty, file, insert, names, symlink};
use file_tree::path::TreePath;
use file_tree::tree::{FileTree, Inode, Kind, Metadata};
use std::fmt::Write;

/// Directories of the root that hold state, and where below `/var` they live.
const HOMES: [(&str, &str, u16); 5] = [
    ("/home", "home", 0o755),
    ("/mnt", "mnt", 0o755),
    ("/opt", "opt", 0o755),
    ("/root", "roothome", 0o700),
    ("/srv", "srv", 0o755),
];
const FACTORY: &str = "/usr/share/factory/var";
const LINES: &str = "/usr/lib/tmpfiles.d/piccolo-var.conf";

/// Moves everything below `/var` into tmpfiles.d(5) lines (directories, links) and factory files (copied on first boot), and
/// replaces `/home`, `/mnt`, `/opt`, `/root` and `/srv` by links into `/var`.
///
/// # Errors
/// When a name cannot be written in tmpfiles.d, or something else is in the way.
pub fn separate(tree: &mut FileTree) -> Result<(), RootTreeError> {
    for (path, name, mode) in HOMES {
        let old = TreePath::parse(path)?;
        let new = format!("/var/{name}");
        let metadata = match tree.lookup(&old).map(|id| tree.inode(id)) {
            Some(inode) if matches!(inode.kind, Kind::Directory(_)) => inode.metadata,
            // A link of the recipe's own making stays.
            Some(_) => continue,
            None => Metadata::root_owned(mode),
        };
        insert(tree, &new, Inode::directory(metadata))?;
        let target = TreePath::parse(&new)?;
        for child in names(tree, path)? {
            tree.rename(&old.join(&child), &target.join(&child))
                .map_err(|source| RootTreeError::Edit { path: new.clone(), source })?;
        }
        tree.remove(&old);
        symlink(tree, path, &new[1..])?;
    }
    directory(tree, "/var/lib/piccolo", 0o755)?;
    let lines = move_to_factory(tree)?;
    empty(tree, "/var")?;
    file(tree, LINES, 0o644, lines)
}

fn move_to_factory(tree: &mut FileTree) -> Result<String, RootTreeError> {
    let var = TreePath::parse("/var")?;
    let mut lines = String::from("# Made from the image's /var when the image was built.\n");
    let mut files = Vec::new();
    for (path, id) in tree.walk().filter(|(path, _)| path.starts_with(&var) && *path != var) {
        let inode = tree.inode(id);
        let text = speakable(&path)?;
        let owner = format!("{:04o} {} {} -", inode.metadata.mode, inode.metadata.uid, inode.metadata.gid);
        let written = match &inode.kind {
            Kind::Directory(_) => writeln!(lines, "d {text} {owner}"),
            Kind::Symlink(target) => {
                let target = String::from_utf8(target.clone())
                    .map_err(|_| RootTreeError::Unspeakable { path: path.to_string() })?;
                writeln!(lines, "L {text} - - - - {}", escape(&target))
            }
            Kind::Fifo => writeln!(lines, "p {text} {owner}"),
            Kind::File(_) => {
                files.push(path.clone());
                writeln!(lines, "C {text} {owner}")
            }
            // Devices and sockets below /var belong to running programs.
            Kind::CharacterDevice(_) | Kind::BlockDevice(_) | Kind::Socket => Ok(()),
        };
        written.unwrap_or_else(|_| unreachable!("writing to a String succeeds"));
    }
    for path in files {
        let below = &path.components()[1..];
        let target =
            below.iter().try_fold(TreePath::parse(FACTORY)?, |at, name| Ok::<_, RootTreeError>(at.join(name)))?;
        tree.rename(&path, &target).map_err(|source| RootTreeError::Edit { path: target.to_string(), source })?;
    }
    Ok(lines)
}

fn speakable(path: &TreePath) -> Result<String, RootTreeError> {
    let text = String::from_utf8(path.to_bytes());
    match text {
        Ok(text) if !text.contains('\n') => Ok(escape(&text)),
        _ => Err(RootTreeError::Unspeakable { path: path.to_string() }),
    }
}

/// tmpfiles.d expands `%` and splits at white space; quotes and backslashes protect.
fn escape(text: &str) -> String {
    let text = text.replace('%', "%%");
    let plain = |character: char| !character.is_whitespace() && !"\"'\\".contains(character);
    if text.chars().all(plain) {
        return text;
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Whether the tree still has something below `/var`, which no device would ever see.
///
/// # Errors
/// None for a sane tree.
pub fn is_separate(tree: &FileTree) -> Result<bool, RootTreeError> {
    Ok(names(tree, "/var")?.is_empty())
}

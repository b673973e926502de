//! The initrd: how much it holds, and what.

use super::text::{Text, count, plain};
use crate::report::human_bytes;
use file_tree::content::BlobId;
use file_tree::tree::{FileTree, Inode, Kind};
use initrd_image::cpio::read::{ReadError, tree_from_cpio};
use serde::Serialize;
use std::io::Read;

/// An initrd's archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Initrd {
    /// Size of the archive in bytes.
    pub size: u64,
    /// Regular files in it.
    pub files: u64,
    /// Directories, links and devices in it.
    pub others: u64,
    /// Bytes of the files.
    pub content_size: u64,
    /// Everything in it by path, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<Vec<Entry>>,
}

/// Something in the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Absolute path; bytes that are not UTF-8 are replaced.
    pub path: String,
    /// `file`, `directory`, `symbolic link` and so on.
    pub kind: &'static str,
    /// Permission bits in octal, such as `0755`.
    pub mode: String,
    /// Size of a file in bytes.
    pub size: u64,
    /// Target of a symbolic link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

impl Initrd {
    /// Reads one or more uncompressed archives.
    pub fn read(archive: impl Read, size: u64, listed: bool) -> Result<Self, ReadError> {
        let tree = tree_from_cpio(archive, BlobId(0), 0)?;
        let mut found = Self { size, files: 0, others: 0, content_size: 0, entries: None };
        for (path, id) in tree.walk() {
            match &tree.inode(id).kind {
                Kind::File(content) => {
                    found.files += 1;
                    found.content_size = found.content_size.saturating_add(content.length());
                }
                _ if path.components().is_empty() => {}
                _ => found.others += 1,
            }
        }
        found.entries = listed.then(|| entries(&tree));
        Ok(found)
    }

    /// One line about it.
    pub fn summary(&self) -> String {
        let files = count(self.files, "file", "files");
        format!("{}, {files} of {}, uncompressed", human_bytes(self.size), human_bytes(self.content_size))
    }

    /// The list, where it was asked for.
    pub fn describe_entries(&self, text: &mut Text) {
        let Some(entries) = &self.entries else { return };
        let row = |entry: &Entry| {
            let size = if entry.kind == "file" { entry.size.to_string() } else { String::new() };
            let target = entry.target.as_deref().map(|target| format!(" -> {}", plain(target))).unwrap_or_default();
            vec![entry.mode.clone(), entry.kind.to_owned(), size, format!("{}{target}", plain(&entry.path))]
        };
        text.table(&entries.iter().map(row).collect::<Vec<_>>(), &[2]);
    }
}

fn entries(tree: &FileTree) -> Vec<Entry> {
    let entry = |path: String, inode: &Inode| Entry {
        path,
        kind: inode.kind.name(),
        mode: format!("{:04o}", inode.metadata.mode),
        size: if let Kind::File(content) = &inode.kind { content.length() } else { 0 },
        target: match &inode.kind {
            Kind::Symlink(target) => Some(String::from_utf8_lossy(target).into_owned()),
            _ => None,
        },
    };
    let below_root = tree.walk().filter(|(path, _)| !path.components().is_empty());
    below_root.map(|(path, id)| entry(path.to_string(), tree.inode(id))).collect()
}

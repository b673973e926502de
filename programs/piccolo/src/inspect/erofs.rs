//! EROFS file systems: the root of a slot, and what it says about itself.

use super::Options;
use super::part::Part;
use super::release::{OsRelease, Packages};
use super::text::{Text, count, plain, utc, uuid};
use crate::report::human_bytes;
use erofs_image::read::{ImagePlace, read_description, read_tree};
use file_tree::content::BlobId;
use file_tree::path::TreePath;
use file_tree::tree::{FileTree, Kind};
use serde::Serialize;

const OS_RELEASE: &str = "/usr/lib/os-release";
const PACKAGES: &str = "/usr/lib/piccolo/packages.json";
/// Largest file read into memory, in bytes.
const LARGEST_FILE: u64 = 32 << 20;

/// An EROFS file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RootFileSystem {
    /// The file system's UUID.
    pub uuid: String,
    /// The file system's label.
    pub label: String,
    /// Bytes that the file system takes; the partition may be larger.
    pub file_system_size: u64,
    /// Inodes that the superblock counts.
    pub inodes: u64,
    /// The time of the build, in seconds since 1970.
    pub build_time: i64,
    /// Names in the tree, the root directory not counted; nothing where it could not be read.
    pub names: Option<u64>,
    /// Version of the release.
    pub version: Option<String>,
    /// Fields of its os-release.
    pub os_release: Option<OsRelease>,
    /// The packages it was made of.
    pub packages: Option<Packages>,
}

impl RootFileSystem {
    /// Reads the superblock, all names, and the files that say what the system is. What is missing goes to `notes`.
    pub fn read(part: &Part, options: &Options, notes: &mut Vec<String>) -> anyhow::Result<Self> {
        let place = ImagePlace { blob: BlobId(0), offset: 0, length: part.length() };
        let description = read_description(&place, part)?;
        let tree = read_tree(&place, part);
        let tree = tree.map_err(|error| notes.push(format!("{:#}", anyhow::Error::from(error)))).ok();
        let os_release = tree.as_ref().and_then(|tree| file(tree, OS_RELEASE, part, notes));
        let os_release = os_release.map(|bytes| OsRelease::parse(&bytes));
        let packages = tree.as_ref().and_then(|tree| file(tree, PACKAGES, part, notes)).and_then(|bytes| {
            let packages = Packages::parse(&bytes, options.packages);
            if packages.is_none() {
                notes.push(format!("{PACKAGES} is no list of packages"));
            }
            packages
        });
        if description.length > part.length() {
            let (wanted, length) = (description.length, part.length());
            notes.push(format!("the EROFS file system is cut short: it takes {wanted} bytes, and {length} are there"));
        }
        Ok(Self {
            uuid: uuid(&description.uuid),
            label: description.label,
            file_system_size: description.length,
            inodes: description.inodes,
            build_time: description.build_time.seconds,
            names: tree.as_ref().map(|tree| tree.walk().skip(1).count() as u64),
            version: os_release.as_ref().and_then(OsRelease::version).map(str::to_owned),
            os_release,
            packages,
        })
    }

    /// Everything about it, for a person.
    pub fn describe(&self, text: &mut Text) {
        if let Some(release) = &self.os_release {
            release.describe(text);
        }
        let inodes = count(self.inodes, "inode", "inodes");
        let size = human_bytes(self.file_system_size);
        text.field("File system", format!("EROFS \u{201c}{}\u{201d}, {size}, {inodes}", plain(&self.label)));
        text.field("UUID", &self.uuid);
        text.field("Built", utc(self.build_time));
        if let Some(packages) = &self.packages {
            packages.describe(text);
        }
    }
}

/// A file of the tree, links followed.
fn file(tree: &FileTree, path: &str, part: &Part, notes: &mut Vec<String>) -> Option<Vec<u8>> {
    let found = TreePath::parse(path).map_err(anyhow::Error::from).and_then(|parsed| Ok(tree.resolve(&parsed)?));
    let read = found.and_then(|(_, id)| match &tree.inode(id).kind {
        Kind::File(content) => Ok(content.read_all(part, LARGEST_FILE)?),
        other => Err(anyhow::anyhow!("it is a {}", other.name())),
    });
    read.map_err(|error| notes.push(format!("{path} in the root file system: {error:#}"))).ok()
}

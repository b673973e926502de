//! Reads the files and directories that a recipe brings along.
//!
//! Contents stay on disk: a file becomes a blob that is read when the image is written. It is hashed when it is added, and a
//! file that changes its size while the build runs is an error, not a torn image.

use file_tree::content::{BlobId, Content, ReadBlob};
use file_tree::path::{PathError, TreePath};
use file_tree::tree::{Inode, Kind, Metadata};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Most files in one directory tree that a recipe adds.
pub const MAXIMUM_FILES: usize = 100_000;
/// Files up to this size are held in memory, so that a large directory does not use up the file descriptors.
const LARGEST_INLINE: u64 = 64 * 1024;
/// Blobs from this number on are the ones handed out here; lower ones belong to the caller.
const FIRST_BLOB: u32 = 1;

/// One file on the building computer.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Its bytes, by reference.
    pub content: Content,
    /// Whether its owner may execute it.
    pub executable: bool,
}

/// Why a source could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Missing or unreadable.
    #[error("{} cannot be read", .path.display())]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A directory where a file is wanted, or the other way round, or a device.
    #[error("{} is not a {wanted}", .path.display())]
    WrongKind {
        /// The path.
        path: PathBuf,
        /// What the recipe wants there.
        wanted: &'static str,
    },
    /// Too many files.
    #[error("{} holds more than {MAXIMUM_FILES} files", .path.display())]
    TooMany {
        /// The directory.
        path: PathBuf,
    },
    /// A name that no tree can hold.
    #[error("{} has an unusable name", .path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// Why.
        source: PathError,
    },
}

/// All sources of a recipe, and the caller's own blob (the base tree's archive) as blob 0.
#[derive(Debug, Default)]
pub struct SourceFiles {
    base: Option<File>,
    blobs: Vec<File>,
    files: BTreeMap<String, SourceFile>,
    trees: BTreeMap<String, Vec<(TreePath, Inode)>>,
    digest: Sha256,
}

impl SourceFiles {
    /// No sources yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the archive that blob 0 reads from.
    pub fn set_base(&mut self, base: File) {
        self.base = Some(base);
    }

    /// Reads a file's metadata and hash. `name` is the path by which [`SourceFiles::file`] finds it again.
    ///
    /// # Errors
    /// When it is missing, unreadable or not a file.
    pub fn add_file(&mut self, name: &str) -> Result<(), SourceError> {
        let file = self.open(Path::new(name))?;
        self.files.insert(name.to_owned(), file);
        Ok(())
    }

    /// Reads a directory with everything below, in byte order of the paths. Files are owned by root; modes are 0755 for
    /// directories and what is executable, 0644 for the rest, whatever the checkout's umask was.
    ///
    /// # Errors
    /// When something in it is unreadable or neither file, directory nor symbolic link.
    pub fn add_tree(&mut self, name: &str) -> Result<(), SourceError> {
        let mut found = Vec::new();
        self.walk(Path::new(name), &TreePath::root(), &mut found)?;
        self.trees.insert(name.to_owned(), found);
        Ok(())
    }

    /// A file added before.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&SourceFile> {
        self.files.get(name)
    }

    /// A directory added before: paths relative to it, and what is there.
    #[must_use]
    pub fn tree(&self, name: &str) -> Option<&[(TreePath, Inode)]> {
        self.trees.get(name).map(Vec::as_slice)
    }

    /// SHA-256 over the names, kinds and contents of everything added so far.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest.clone().finalize().into()
    }

    fn walk(
        &mut self,
        directory: &Path,
        relative: &TreePath,
        found: &mut Vec<(TreePath, Inode)>,
    ) -> Result<(), SourceError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |source| SourceError::Unreadable { path, source }
        };
        let mut names = Vec::new();
        for entry in fs::read_dir(directory).map_err(unreadable(directory))? {
            names.push(entry.map_err(unreadable(directory))?.file_name());
        }
        names.sort();
        for name in names {
            let path = directory.join(&name);
            let target = TreePath::parse(name.as_bytes())
                .map_err(|source| SourceError::Path { path: path.clone(), source })?
                .components()
                .iter()
                .fold(relative.clone(), |at, component| at.join(component));
            if found.len() >= MAXIMUM_FILES {
                return Err(SourceError::TooMany { path });
            }
            let kind = fs::symlink_metadata(&path).map_err(unreadable(&path))?.file_type();
            self.note(&target.to_bytes());
            if kind.is_dir() {
                found.push((target.clone(), Inode::directory(Metadata::root_owned(0o755))));
                self.walk(&path, &target, found)?;
            } else if kind.is_symlink() {
                let link = fs::read_link(&path).map_err(unreadable(&path))?.as_os_str().as_bytes().to_vec();
                self.note(&link);
                found.push((target, Inode::new(Metadata::root_owned(0o777), Kind::Symlink(link))));
            } else if kind.is_file() {
                let file = self.open(&path)?;
                let mode = if file.executable { 0o755 } else { 0o644 };
                found.push((target, Inode::new(Metadata::root_owned(mode), Kind::File(file.content))));
            } else {
                return Err(SourceError::WrongKind { path, wanted: "file, directory or symbolic link" });
            }
        }
        Ok(())
    }

    fn open(&mut self, path: &Path) -> Result<SourceFile, SourceError> {
        let unreadable = |source| SourceError::Unreadable { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(SourceError::WrongKind { path: path.to_owned(), wanted: "file" });
        }
        let mut hasher = Sha256::new();
        let length = io::copy(&mut file, &mut hasher).map_err(unreadable)?;
        let executable = metadata.mode() & 0o100 != 0;
        self.note(&hasher.finalize());
        self.note(&[u8::from(executable)]);
        if length <= LARGEST_INLINE {
            // The length was read a moment ago; a file that grew meanwhile is cut off where its hash ended.
            let mut bytes = vec![0; length as usize];
            file.read_exact_at(&mut bytes, 0).map_err(unreadable)?;
            return Ok(SourceFile { content: Content::from_bytes(bytes), executable });
        }
        // More files than a u32 counts cannot be open at once.
        let blob = BlobId(FIRST_BLOB + u32::try_from(self.blobs.len()).unwrap_or(u32::MAX - FIRST_BLOB));
        self.blobs.push(file);
        Ok(SourceFile { content: Content::from_blob(blob, 0, length), executable })
    }

    fn note(&mut self, value: &[u8]) {
        self.digest.update((value.len() as u64).to_le_bytes());
        self.digest.update(value);
    }
}

impl ReadBlob for SourceFiles {
    fn read_exact_at(&self, blob: BlobId, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let file = match blob.0.checked_sub(FIRST_BLOB) {
            None => self.base.as_ref(),
            Some(index) => self.blobs.get(index as usize),
        };
        let file =
            file.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("blob {} is unknown", blob.0)))?;
        file.read_exact_at(buffer, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::{SourceError, SourceFiles};
    use file_tree::tree::Kind;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use tempfile::TempDir;

    #[test]
    fn a_directory_is_read_in_order_with_normal_modes() {
        let directory = TempDir::new().unwrap();
        let root = directory.path();
        fs::create_dir(root.join("b")).unwrap();
        fs::write(root.join("b/run"), "#!").unwrap();
        fs::set_permissions(root.join("b/run"), Permissions::from_mode(0o700)).unwrap();
        fs::write(root.join("a"), "text").unwrap();
        fs::set_permissions(root.join("a"), Permissions::from_mode(0o600)).unwrap();
        symlink("a", root.join("c")).unwrap();
        let mut sources = SourceFiles::new();
        let name = root.to_str().unwrap();
        sources.add_tree(name).unwrap();
        let seen: Vec<String> = sources
            .tree(name)
            .unwrap()
            .iter()
            .map(|(path, inode)| format!("{path} {:o} {}", inode.metadata.mode, inode.kind.name()))
            .collect();
        assert_eq!(seen, ["/a 644 file", "/b 755 directory", "/b/run 755 file", "/c 777 symbolic link"]);
        let (_, file) = &sources.tree(name).unwrap()[0];
        let Kind::File(content) = &file.kind else { unreachable!("listed as a file above") };
        assert_eq!(content.read_all(&sources, 100).unwrap(), b"text");
    }

    #[test]
    fn the_digest_follows_the_contents() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("file");
        let digest = || {
            let mut sources = SourceFiles::new();
            sources.add_file(path.to_str().unwrap()).unwrap();
            sources.digest()
        };
        fs::write(&path, "one").unwrap();
        let first = digest();
        assert_eq!(first, digest());
        fs::write(&path, "two").unwrap();
        assert_ne!(first, digest());
    }

    #[test]
    fn what_is_missing_or_no_file_is_named() {
        let directory = TempDir::new().unwrap();
        let mut sources = SourceFiles::new();
        assert!(matches!(sources.add_file(directory.path().to_str().unwrap()), Err(SourceError::WrongKind { .. })));
        let error = sources.add_file("/no/such/file").unwrap_err();
        assert!(error.to_string().contains("/no/such/file"), "{error}");
    }
}

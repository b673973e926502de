//! A repository in a directory.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};

use crate::storage::{Readable, Storage, StorageError, Tag, Watch, When};

/// Copied at a time.
const PIECE: usize = 1 << 20;
/// What files are called until they are whole.
const UNFINISHED: &str = ".unfinished-";
/// Directories of a repository.
const PARTS: [&str; 2] = ["metadata", "targets"];
/// How deep directories of a repository lie in each other: `releases/VERSION/ARCHITECTURE/chunks`, and some.
const DEPTH: usize = 8;

/// A directory. Locked as long as this lives: two publishers at once would not know of each other.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// Holds the lock; readers do not look at it.
    _lock: Option<File>,
}

impl Directory {
    /// A directory to write to, made when it is not there.
    ///
    /// # Errors
    /// When it cannot be made, or somebody else is writing to it.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        fs::create_dir_all(path).map_err(|source| fault("making", path, source))?;
        let lock_path = path.join(".lock");
        let lock = File::create(&lock_path).map_err(|source| fault("making", &lock_path, source))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|error| {
            let error = io::Error::from(error);
            let taken = error.kind() == io::ErrorKind::WouldBlock;
            if taken {
                StorageError::Changed { name: path.display().to_string() }
            } else {
                fault("locking", path, error)
            }
        })?;
        // Nothing else of the directory is ours: a medium has a lost+found that only root may read.
        for part in PARTS.map(|part| path.join(part)) {
            match remove_unfinished(&part, DEPTH) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fault("clearing", &part, error)),
                _ => {}
            }
        }
        Ok(Self { path: path.to_owned(), _lock: Some(lock) })
    }

    /// A directory that is only read.
    #[must_use]
    pub fn read_only(path: &Path) -> Self {
        Self { path: path.to_owned(), _lock: None }
    }

    /// Writes a file by a function: under another name, flushed, and renamed when the function says that all is well.
    ///
    /// # Errors
    /// Those of the function, and when the file cannot be written.
    pub fn put_with<E: From<StorageError>>(
        &self,
        name: &str,
        write: impl FnOnce(&mut File) -> Result<(), E>,
    ) -> Result<(), E> {
        let path = self.path.join(name);
        let fault = |source| E::from(fault("writing", &path, source));
        let directory = path.parent().unwrap_or(&self.path);
        make_directories(&self.path, directory).map_err(fault)?;
        let mut unfinished = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(directory)
            .map_err(fault)?;
        write(unfinished.as_file_mut())?;
        unfinished.as_file().sync_all().map_err(fault)?;
        unfinished.persist(&path).map_err(|error| fault(error.error))?;
        sync_directory(directory).map_err(fault)
    }

    fn tag(&self, name: &str) -> Result<Option<Tag>, StorageError> {
        let path = self.path.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(tag_of(&bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(fault("reading", &path, source)),
        }
    }
}

/// Takes away what a publisher left that was killed. Whoever holds the lock is the only one who writes.
fn remove_unfinished(directory: &Path, depth: usize) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        // Links are not followed: what is behind them is somebody else's.
        let kind = entry.file_type()?;
        if kind.is_file() && entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            fs::remove_file(entry.path())?;
        } else if kind.is_dir() && depth > 0 {
            remove_unfinished(&entry.path(), depth - 1)?;
        }
    }
    Ok(())
}

impl Storage for Directory {
    fn read(&self, name: &str, limit: u64) -> Result<Option<(Vec<u8>, Tag)>, StorageError> {
        let Some((file, size)) = self.open(name)? else { return Ok(None) };
        let too_large = || StorageError::TooLarge { name: name.to_owned(), limit };
        if size > limit {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|source| fault("reading", &self.path.join(name), source))?;
        if bytes.len() as u64 > limit {
            return Err(too_large());
        }
        let tag = tag_of(&bytes);
        Ok(Some((bytes, tag)))
    }

    fn open(&self, name: &str) -> Result<Option<Readable>, StorageError> {
        let path = self.path.join(name);
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
        match opened {
            Ok((size, file)) => Ok(Some((Box::new(file), size))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(fault("reading", &path, source)),
        }
    }

    fn size(&self, name: &str) -> Result<Option<u64>, StorageError> {
        Ok(self.open(name)?.map(|(_, size)| size))
    }

    fn put(&self, name: &str, bytes: &[u8], when: When<'_>) -> Result<(), StorageError> {
        let holds = match when {
            When::Always => true,
            When::New => self.tag(name)?.is_none(),
            When::Unchanged(tag) => self.tag(name)?.as_ref() == Some(tag),
        };
        if !holds {
            return Err(StorageError::Changed { name: name.to_owned() });
        }
        self.put_with(name, |file| {
            file.write_all(bytes).map_err(|source| fault("writing", &self.path.join(name), source))
        })
    }

    fn put_file(&self, name: &str, from: &Path, watch: &mut Watch<'_>) -> Result<(), StorageError> {
        let reading = |source| fault("reading", from, source);
        let mut input = File::open(from).map_err(reading)?;
        let total = input.metadata().map_err(reading)?.len();
        self.put_with(name, |file| {
            let mut buffer = vec![0; PIECE];
            let mut done = 0;
            loop {
                if watch.cancel.is_cancelled() {
                    return Err(StorageError::Cancelled { name: name.to_owned() });
                }
                let count = input.read(&mut buffer).map_err(reading)?;
                if count == 0 {
                    return Ok(());
                }
                file.write_all(&buffer[..count]).map_err(|source| fault("writing", &self.path.join(name), source))?;
                done += count as u64;
                (watch.progress)(done, total);
            }
        })
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }
}

/// Makes missing directories and flushes those that got an entry: a file whose directory is lost is lost too.
fn make_directories(top: &Path, wanted: &Path) -> io::Result<()> {
    let missing: Vec<&Path> =
        wanted.ancestors().take_while(|directory| directory.starts_with(top) && !directory.is_dir()).collect();
    for directory in missing.into_iter().rev() {
        match fs::create_dir(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => sync_directory(directory.parent().unwrap_or(top))?,
        }
    }
    Ok(())
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn tag_of(bytes: &[u8]) -> Tag {
    Tag(hex::encode(Sha256::digest(bytes)))
}

fn fault(action: &'static str, path: &Path, source: io::Error) -> StorageError {
    StorageError::File { action, path: path.display().to_string(), source }
}

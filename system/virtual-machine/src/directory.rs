//! The directory in which a machine keeps what it writes: overlays, firmware variables, the TPM's memory, sockets, the console log.

use crate::settings::StateDirectory;
use std::env;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

const TEMPORARY_PREFIX: &str = "piccolo-machine-";
const LOCK_FILE: &str = "lock";
/// A temporary directory younger than this may still be without its lock.
const LEFTOVER_AGE: Duration = Duration::from_secs(60);

/// A machine's directory, locked against a second machine.
#[derive(Debug)]
pub struct MachineDirectory {
    path: PathBuf,
    temporary: Option<TempDir>,
    _lock: File,
}

/// Why there is no directory for the machine.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Another machine is in it.
    #[error("a machine is already running in {0}; stop it first, or name another directory")]
    InUse(PathBuf),
    /// It could not be made or read.
    #[error("the machine's directory {path} could not be used")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl MachineDirectory {
    /// Opens the directory, making it when it is not there.
    ///
    /// # Errors
    /// When it cannot be made or another machine is in it.
    pub fn open(state: &StateDirectory) -> Result<Self, DirectoryError> {
        match state {
            StateDirectory::Temporary => Self::temporary(),
            StateDirectory::Kept(path) => {
                let io_error = |source| DirectoryError::Io { path: path.clone(), source };
                fs::create_dir_all(path).map_err(io_error)?;
                let path = fs::canonicalize(path).map_err(io_error)?;
                let lock = lock(&path)?;
                Ok(Self { path, temporary: None, _lock: lock })
            }
        }
    }

    fn temporary() -> Result<Self, DirectoryError> {
        let base = base_of_temporary();
        remove_leftovers(&base);
        let directory = tempfile::Builder::new()
            .prefix(TEMPORARY_PREFIX)
            .tempdir_in(&base)
            .and_then(|directory| Ok((fs::canonicalize(directory.path())?, directory)));
        let (path, directory) = directory.map_err(|source| DirectoryError::Io { path: base, source })?;
        let lock = lock(&path)?;
        Ok(Self { path, temporary: Some(directory), _lock: lock })
    }

    /// Where it is: absolute, without symbolic links.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it disappears with the machine.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }
}

fn lock(path: &Path) -> Result<File, DirectoryError> {
    let file_path = path.join(LOCK_FILE);
    let io_error = |source| DirectoryError::Io { path: file_path.clone(), source };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&file_path).map_err(io_error)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DirectoryError::InUse(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(io_error(source)),
    }
}

/// Overlays grow to gigabytes, and `/tmp` is often memory: like QEMU, prefer `/var/tmp` unless told otherwise.
fn base_of_temporary() -> PathBuf {
    match env::var_os("TMPDIR").map(PathBuf::from) {
        Some(directory) => directory,
        None if Path::new("/var/tmp").is_dir() => "/var/tmp".into(),
        None => env::temp_dir(),
    }
}

/// Removes what machines left whose process was killed: their locks are free.
fn remove_leftovers(base: &Path) {
    let user = rustix::process::geteuid().as_raw();
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(TEMPORARY_PREFIX) {
            continue;
        }
        let ours = entry.metadata().is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == user);
        let age = entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|time| time.elapsed().ok());
        if !ours || age.is_none_or(|age| age < LEFTOVER_AGE) {
            continue;
        }
        if let Ok(_lock) = lock(&entry.path()) {
            // What cannot be removed now is tried again by the next machine.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DirectoryError, MachineDirectory};
    use crate::settings::StateDirectory;

    #[test]
    fn a_temporary_directory_disappears_with_its_machine() {
        let directory = MachineDirectory::open(&StateDirectory::Temporary).unwrap();
        let path = directory.path().to_owned();
        assert!(path.is_dir());
        drop(directory);
        assert!(!path.exists());
    }

    #[test]
    fn two_machines_cannot_share_a_directory() {
        let parent = tempfile::tempdir().unwrap();
        let state = StateDirectory::Kept(parent.path().join("state"));
        let first = MachineDirectory::open(&state).unwrap();
        assert!(matches!(MachineDirectory::open(&state), Err(DirectoryError::InUse(_))));
        drop(first);
        MachineDirectory::open(&state).unwrap();
    }
}

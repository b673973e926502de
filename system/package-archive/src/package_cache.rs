//! Package files by the SHA-256 of their contents.

use package_lock::digest::Sha256Digest;
use package_lock::lockfile::LockedPackage;
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Bytes read at a time while hashing.
const HASH_BUFFER: usize = 1024 * 1024;

/// A directory of package files: `sha256/ab/abcd….deb`. Shared by any number of builds.
#[derive(Clone, Debug)]
pub struct PackageCache {
    directory: PathBuf,
}

/// Why the cache could not be used.
#[derive(Debug, thiserror::Error)]
#[error("the package cache could not {action} {}; is the disk full or the directory somebody else's?", .path.display())]
pub struct CacheError {
    /// What was attempted.
    pub action: &'static str,
    /// On what.
    pub path: PathBuf,
    /// Why it failed.
    pub source: io::Error,
}

/// What the cache knows of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cached {
    /// It is there and its contents are what the lockfile says.
    Good(PathBuf),
    /// It is not there. Damaged contents are removed when they are found, and then are not there.
    Missing,
}

impl PackageCache {
    /// Opens a cache, making its directory where it is missing.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, CacheError> {
        let directory = directory.into();
        let cache = Self { directory };
        create(&cache.directory.join("sha256"))?;
        create(&cache.directory.join("partial"))?;
        Ok(cache)
    }

    /// Where a package is, or would be.
    #[must_use]
    pub fn path_of(&self, digest: &Sha256Digest) -> PathBuf {
        let name = digest.to_string();
        self.directory.join("sha256").join(&name[..2]).join(format!("{name}.deb"))
    }

    /// Looks a package up and verifies all of it: a cache is as trustworthy as the disk it is on.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn verified(&self, package: &LockedPackage) -> Result<Cached, CacheError> {
        let path = self.path_of(&package.sha256);
        match is_what_it_should_be(&path, package) {
            Ok(true) => Ok(Cached::Good(path)),
            Ok(false) => {
                fs::remove_file(&path).map_err(|source| CacheError { action: "remove the damaged", path, source })?;
                Ok(Cached::Missing)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Cached::Missing),
            Err(source) => Err(CacheError { action: "read", path, source }),
        }
    }

    /// Takes a downloaded file over when its contents are right; answers where it went, or `None` when they are wrong.
    pub(crate) fn adopt(&self, download: &Path, package: &LockedPackage) -> Result<Option<PathBuf>, CacheError> {
        // From a directory on this machine apt makes links; a cache of links would change when that directory does.
        if let Ok(target) = fs::read_link(download) {
            let copied = fs::remove_file(download).and_then(|()| fs::copy(target, download));
            copied.map_err(|source| CacheError { action: "copy a package to", path: download.to_owned(), source })?;
        }
        match is_what_it_should_be(download, package) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(CacheError { action: "read", path: download.to_owned(), source }),
        }
        let path = self.path_of(&package.sha256);
        if let Some(parent) = path.parent() {
            create(parent)?;
        }
        match fs::rename(download, &path) {
            Ok(()) => Ok(Some(path)),
            Err(source) => Err(CacheError { action: "put a package into", path, source }),
        }
    }

    /// A fresh directory for downloads, on the cache's file system so that files are renamed out of it. What an interrupted
    /// run left is removed first, unless that run is still at it.
    pub(crate) fn downloads(&self) -> Result<Downloads, CacheError> {
        let parent = self.directory.join("partial");
        let failed = |action, path: &Path| {
            let path = path.to_owned();
            move |source| CacheError { action, path, source }
        };
        for entry in fs::read_dir(&parent).map_err(failed("read", &parent))?.flatten() {
            let abandoned = File::open(entry.path())
                .is_ok_and(|directory| flock(&directory, FlockOperation::NonBlockingLockExclusive).is_ok());
            if abandoned {
                // Another run may remove it at the same time.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let directory = tempfile::Builder::new()
            .prefix("run-")
            .tempdir_in(&parent)
            .map_err(failed("make a directory in", &parent))?;
        let lock = File::open(directory.path()).map_err(failed("open", directory.path()))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(io::Error::from)
            .map_err(failed("lock", directory.path()))?;
        Ok(Downloads { directory, _lock: lock })
    }
}

/// A directory for downloads in progress; removed when dropped.
#[derive(Debug)]
pub(crate) struct Downloads {
    directory: tempfile::TempDir,
    _lock: File,
}

impl Downloads {
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }
}

fn create(directory: &Path) -> Result<(), CacheError> {
    fs::create_dir_all(directory).map_err(|source| CacheError { action: "make", path: directory.to_owned(), source })
}

fn is_what_it_should_be(path: &Path, package: &LockedPackage) -> io::Result<bool> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() != package.size {
        return Ok(false);
    }
    let mut hash = Sha256::new();
    let mut buffer = vec![0; HASH_BUFFER];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Sha256Digest::from_bytes(hash.finalize().into()) == package.sha256)
}

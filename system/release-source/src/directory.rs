//! A repository in a directory, which may be on a stick that somebody prepared to do harm.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};

use crate::error::SourceError;

/// A regular file of the directory, or nothing when there is none. No link is followed, and nothing is waited for: a named pipe in
/// the place of a file would hold the reader for ever.
pub fn open(directory: &Path, name: &str) -> Result<Option<(File, u64)>, SourceError> {
    let path: PathBuf = directory.join(name);
    let fault = |source: io::Error| SourceError::File { path: path.clone(), source };
    let root = rustix::fs::openat(CWD, directory, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|error| fault(error.into()))?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let file = match openat2(&root, name, flags, Mode::empty(), resolve) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok(None),
        Err(error) => return Err(fault(error.into())),
    };
    let metadata = file.metadata().map_err(fault)?;
    if !metadata.is_file() {
        return Err(fault(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")));
    }
    Ok(Some((file, metadata.len())))
}

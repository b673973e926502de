//! Files that are there whole or not at all.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::{StoreError, fault};

/// Replaces a file by one with these bytes and this mode; after this returns, a power cut does not undo it.
pub(crate) fn keep(path: &Path, bytes: &[u8], mode: u32) -> Result<(), StoreError> {
    let written = || -> io::Result<()> {
        let directory = path.parent().unwrap_or(Path::new("/"));
        let unfinished = unfinished(directory, bytes, mode)?;
        unfinished.as_file().sync_all()?;
        unfinished.persist(path).map_err(|error| error.error)?;
        File::open(directory)?.sync_all()
    };
    written().map_err(fault("writing", path))
}

/// Replaces a file that everybody may read. Readers see the old bytes or the new ones.
///
/// # Errors
/// When it cannot be written.
pub fn publish(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let written = || -> io::Result<()> {
        unfinished(directory, bytes, 0o644)?.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    written().map_err(fault("writing", path))
}

fn unfinished(directory: &Path, bytes: &[u8], mode: u32) -> io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix(".unfinished-").tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    Ok(file)
}

/// Reads a file of at most `limit` bytes, and one more if it has more; nothing if it is not there.
pub(crate) fn read(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, StoreError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(fault("opening", path))?,
    };
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(fault("reading", path))?;
    Ok(Some(bytes))
}

/// Removes a file; none is no error.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(fault("removing", path)(error)),
        _ => Ok(()),
    }
}

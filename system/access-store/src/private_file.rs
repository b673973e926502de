//! Files that belong to one program alone.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use crate::{StoreError, fault};

/// Makes the directory, or looks whether the one that is there is ours alone. systemd's `StateDirectory=` makes it before the daemon starts.
///
/// # Errors
/// When it cannot be made, is no directory, or others can write to it.
pub fn directory(path: &Path) -> Result<(), StoreError> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made.and_then(|()| sync_parent(path)).map_err(fault("making", path)),
    }
    let metadata = fs::symlink_metadata(path).map_err(fault("looking at", path))?;
    if !metadata.is_dir() {
        return Err(StoreError::Kind { path: path.to_owned() });
    }
    // That others may list names is of no use to them; that they may write is.
    check(path, &metadata, 0o022)
}

/// Opens a file; nothing if it is not there. Links are not followed.
///
/// # Errors
/// When it cannot be opened, is no plain file, or others can reach it.
pub fn open(path: &Path, options: &mut OpenOptions) -> Result<Option<File>, StoreError> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits().cast_signed();
    let file = match options.custom_flags(flags).mode(0o600).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(fault("opening", path))?,
    };
    let metadata = file.metadata().map_err(fault("looking at", path))?;
    if !metadata.is_file() {
        return Err(StoreError::Kind { path: path.to_owned() });
    }
    check(path, &metadata, 0o077)?;
    Ok(Some(file))
}

/// Reads at most `limit` bytes, and one more if there are more; nothing if the file is not there.
///
/// # Errors
/// As [`open`], and when it cannot be read.
pub fn read(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(file) = open(path, OpenOptions::new().read(true))? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(fault("reading", path))?;
    Ok(Some(bytes))
}

/// Replaces a file: whoever looks, also after a power cut, finds the old bytes or the new ones. After it returns, the new ones.
///
/// # Errors
/// When it cannot be written.
pub fn keep(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let written = || -> io::Result<()> {
        let directory = path.parent().unwrap_or(Path::new("/"));
        // Made with mode 0600, whatever the umask is.
        let mut file = tempfile::Builder::new()
            .prefix(".unfinished-")
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(directory)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        File::open(directory)?.sync_all()
    };
    written().map_err(fault("writing", path))
}

/// Removes a file for good; none is no error.
///
/// # Errors
/// When it cannot be removed.
pub fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.and_then(|()| sync_parent(path)).map_err(fault("removing", path)),
    }
}

/// Makes the names in the directory of a file last.
fn sync_parent(path: &Path) -> io::Result<()> {
    File::open(path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?.sync_all()
}

/// Removes what a power cut left of files that were being written.
///
/// # Errors
/// When the directory cannot be read, or a file not be removed.
pub fn remove_unfinished(directory: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(directory).map_err(fault("reading", directory))? {
        let entry = entry.map_err(fault("reading", directory))?;
        if entry.file_name().to_string_lossy().starts_with(".unfinished-") {
            fs::remove_file(entry.path()).map_err(fault("removing", entry.path()))?;
        }
    }
    Ok(())
}

fn check(path: &Path, metadata: &fs::Metadata, forbidden: u32) -> Result<(), StoreError> {
    let mode = metadata.mode() & 0o7777;
    let ours = metadata.uid() == rustix::process::geteuid().as_raw();
    if ours && mode & forbidden == 0 { Ok(()) } else { Err(StoreError::Open { path: path.to_owned(), mode }) }
}

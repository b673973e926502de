//! The files of settings.

use std::fs;
use std::io;
use std::path::Path;

use update_schedule::settings::{Directory, DropIn, MAXIMUM_FILE, MAXIMUM_FILES};

use crate::{StoreError, fault, whole_file};

/// Every file in the three directories of settings, below `root`: `/` on a device. Directories that are not there are empty.
///
/// # Errors
/// When a directory or a file cannot be read.
pub fn drop_ins(root: &Path) -> Result<Vec<DropIn>, StoreError> {
    let mut found = Vec::new();
    for directory in Directory::ALL {
        let path = root.join(directory.path().trim_start_matches('/'));
        let listing = match fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            listing => listing.map_err(fault("listing", &path))?,
        };
        // One more than are accepted, so that too many are noticed.
        for entry in listing.take(MAXIMUM_FILES + 1) {
            let entry = entry.map_err(fault("listing", &path))?;
            let content = whole_file::read(&entry.path(), MAXIMUM_FILE)?.unwrap_or_default();
            found.push(DropIn { directory, name: entry.file_name().to_string_lossy().into_owned(), content });
        }
    }
    Ok(found)
}

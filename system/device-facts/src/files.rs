//! Bounded reading of small files below one root directory.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The mount table of a machine with thousands of containers fits; a file that is larger is not what it claims to be.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// A file that exists and could not be used.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// The kernel refused.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is more than any such file holds.
    #[error("{} is larger than {MAX_FILE_BYTES} bytes and was not read", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The content does not have the form that the kernel documents.
    #[error("{} does not have the form it should have and was ignored", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct Files {
    root: PathBuf,
}

impl Files {
    pub(crate) fn below(root: PathBuf) -> Self {
        Self { root }
    }

    /// The bytes of a file; `None` where it does not exist or could not be read (then there is a problem more).
    pub(crate) fn bytes(&self, path: impl AsRef<Path>, problems: &mut Vec<FactsError>) -> Option<Vec<u8>> {
        let path = self.root.join(path);
        match read_bounded(&path) {
            Ok(bytes) => Some(bytes),
            Err(FactsError::Unreadable { source, .. }) if is_absent(&source) => None,
            Err(problem) => {
                problems.push(problem);
                None
            }
        }
    }

    /// The text of a file. What is not UTF-8 is replaced: names of file systems and devices may hold any byte.
    pub(crate) fn text(&self, path: impl AsRef<Path>, problems: &mut Vec<FactsError>) -> Option<String> {
        self.bytes(path, problems).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The first line of a file, without its end.
    pub(crate) fn line(&self, path: impl AsRef<Path>, problems: &mut Vec<FactsError>) -> Option<String> {
        self.text(path, problems).map(|text| text.lines().next().unwrap_or_default().trim().to_owned())
    }

    /// What `parse` makes of a file; where it makes nothing of it, that is a problem.
    pub(crate) fn parsed<T>(
        &self,
        path: impl AsRef<Path>,
        parse: impl FnOnce(&str) -> Option<T>,
        problems: &mut Vec<FactsError>,
    ) -> Option<T> {
        let path = path.as_ref();
        let parsed = parse(&self.text(path, problems)?);
        if parsed.is_none() {
            problems.push(FactsError::Malformed { path: self.root.join(path) });
        }
        parsed
    }

    /// Names in a directory, sorted; at most `limit`. Empty where it does not exist.
    pub(crate) fn names(&self, path: impl AsRef<Path>, limit: usize, problems: &mut Vec<FactsError>) -> Vec<String> {
        let path = self.root.join(path);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(source) if is_absent(&source) => return Vec::new(),
            Err(source) => {
                problems.push(FactsError::Unreadable { path, source });
                return Vec::new();
            }
        };
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).take(limit).collect();
        names.sort_unstable();
        names
    }

    pub(crate) fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.root.join(path).exists()
    }
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, FactsError> {
    let unreadable = |source| FactsError::Unreadable { path: path.into(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that is too large from one that just fits.
    let read = file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if read as u64 > MAX_FILE_BYTES {
        return Err(FactsError::TooLarge { path: path.into() });
    }
    Ok(bytes)
}

/// A device that is unplugged while it is read disappears between two files.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        || error.raw_os_error() == Some(NO_SUCH_DEVICE)
}

/// `ENODEV` of errno(3).
const NO_SUCH_DEVICE: i32 = 19;

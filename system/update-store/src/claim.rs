//! The place that this device may have at a lock manager: whoever took it gives it back, whatever happened in between.

use std::path::{Path, PathBuf};

use update_schedule::reboot_lock::{Claim, MAXIMUM_BYTES};

use crate::{StoreError, whole_file};

/// The file with the claim.
#[derive(Debug, Clone)]
pub struct ClaimFile {
    path: PathBuf,
}

impl ClaimFile {
    /// In this directory.
    #[must_use]
    pub fn below(directory: &Path) -> Self {
        Self { path: directory.join("reboot-lock.json") }
    }

    /// The claim, if there is one. A damaged file is as good as none: then the lock manager's operator has to free the place.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn load(&self) -> Result<Option<Claim>, StoreError> {
        let bytes = whole_file::read(&self.path, MAXIMUM_BYTES)?;
        Ok(bytes.and_then(|bytes| Claim::parse(&bytes)))
    }

    /// Writes the claim, or removes it; after this returns, a power cut does not undo it.
    ///
    /// # Errors
    /// When it cannot be written or removed.
    pub fn keep(&self, claim: Option<&Claim>) -> Result<(), StoreError> {
        match claim {
            Some(claim) => whole_file::keep(&self.path, &claim.to_json(), 0o600),
            None => whole_file::remove(&self.path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ClaimFile;
    use update_schedule::fleet_lock::{LockAddress, LockGroup};
    use update_schedule::reboot_lock::Claim;

    #[test]
    fn a_claim_stays_until_it_is_given_back() {
        let directory = tempfile::tempdir().unwrap();
        let file = ClaimFile::below(directory.path());
        assert_eq!(file.load().unwrap(), None);
        let claim = Claim {
            url: LockAddress::new("https://hub.example.org/fleet-lock").unwrap(),
            group: LockGroup::new("workers").unwrap(),
            since: "2026-11-21T12:00:00Z".parse().unwrap(),
        };
        file.keep(Some(&claim)).unwrap();
        assert_eq!(file.load().unwrap(), Some(claim));
        // An address that could not have been set is none that is asked.
        std::fs::write(
            directory.path().join("reboot-lock.json"),
            r#"{"url":"file:///","group":"a","since":"2026-11-21T12:00:00Z"}"#,
        )
        .unwrap();
        assert_eq!(file.load().unwrap(), None);
        file.keep(None).unwrap();
        file.keep(None).unwrap();
    }
}

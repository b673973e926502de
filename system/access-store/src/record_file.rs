//! The record of users and their credentials: `access.json`.

use std::path::{Path, PathBuf};

use access::record::{MAXIMUM_BYTES, Record};

use crate::{StoreError, private_file};

/// The file with the record.
#[derive(Debug, Clone)]
pub struct RecordFile {
    path: PathBuf,
}

impl RecordFile {
    /// In this directory, which is made when it is not there. What a power cut left of unfinished files is removed.
    ///
    /// # Errors
    /// When it cannot be made, or others can write to it.
    pub fn below(directory: &Path) -> Result<Self, StoreError> {
        private_file::directory(directory)?;
        private_file::remove_unfinished(directory)?;
        Ok(Self { path: directory.join("access.json") })
    }

    /// Reads the record; an empty one if there is no file.
    ///
    /// # Errors
    /// When the file cannot be read or used. Then nobody can log in: the record is not taken for an empty one, or whoever damages the file could pair the device.
    pub fn load(&self) -> Result<Record, StoreError> {
        let Some(bytes) = private_file::read(&self.path, MAXIMUM_BYTES)? else { return Ok(Record::default()) };
        Record::parse(&bytes).map_err(|source| StoreError::Record { path: self.path.clone(), source })
    }

    /// Writes the record; after this returns, a power cut does not undo it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, record: &Record) -> Result<(), StoreError> {
        private_file::keep(&self.path, &record.to_json())
    }
}

#[cfg(test)]
mod tests {
    use super::RecordFile;
    use crate::StoreError;
    use access::record::Record;
    use access::state::Access;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    #[test]
    fn a_record_comes_back_and_nobody_else_can_read_it() {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("access");
        let file = RecordFile::below(&state).unwrap();
        assert_eq!(file.load().unwrap(), Record::default());
        file.keep(&Record::default()).unwrap();
        assert_eq!(file.load().unwrap(), Record::default());
        assert_eq!(fs::metadata(&state).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(state.join("access.json")).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&state).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn a_damaged_record_locks_the_device_and_does_not_open_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = RecordFile::below(directory.path()).unwrap();
        file.keep(&Record::default()).unwrap();
        let path = directory.path().join("access.json");
        for damage in [&b""[..], b"{", b"{\"format\":2}", &vec![b' '; 5 << 20]] {
            fs::write(&path, damage).unwrap();
            assert!(matches!(file.load(), Err(StoreError::Record { .. })));
            assert_eq!(fs::read(&path).unwrap(), damage, "nothing is lost");
        }
    }

    #[test]
    fn a_file_that_others_can_reach_is_not_trusted() {
        let directory = tempfile::tempdir().unwrap();
        let file = RecordFile::below(directory.path()).unwrap();
        file.keep(&Record::default()).unwrap();
        let path = directory.path().join("access.json");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(file.load(), Err(StoreError::Open { mode: 0o644, .. })));
        fs::remove_file(&path).unwrap();
        symlink("/dev/zero", &path).unwrap();
        assert!(matches!(file.load(), Err(StoreError::File { .. })));
        fs::set_permissions(directory.path(), Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(RecordFile::below(directory.path()), Err(StoreError::Open { .. })));
    }

    #[test]
    fn what_a_power_cut_left_unfinished_goes() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(".unfinished-x"), "half").unwrap();
        let file = RecordFile::below(directory.path()).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        // A device on which nothing was kept shows a code.
        let mut access = Access::start(file.load().unwrap(), [0; 5], jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(access.take_actions().len(), 1);
    }
}

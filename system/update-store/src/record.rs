//! The record of updates.

use std::fs;
use std::path::{Path, PathBuf};

use release_metadata::version::Version;
use update_engine::record::{MAXIMUM_BYTES, Record, RecordError};

use crate::{StoreError, fault, whole_file};

/// The file that holds the record.
#[derive(Debug, Clone)]
pub struct RecordFile {
    path: PathBuf,
}

/// A record as found.
#[derive(Debug)]
pub struct FoundRecord {
    /// The record, or a new one.
    pub record: Record,
    /// Why the one on disk was not used, if there was one. It has been put aside under another name.
    pub put_aside: Option<RecordError>,
}

impl RecordFile {
    /// In this directory, which is made when it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn below(directory: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(directory).map_err(fault("making", directory))?;
        Ok(Self { path: directory.join("record.json") })
    }

    /// Reads the record. One that cannot be used is put aside, so that a device goes on updating whatever happened to the file.
    ///
    /// # Errors
    /// When the file cannot be read or put aside.
    pub fn load(&self, running: Version) -> Result<FoundRecord, StoreError> {
        let Some(bytes) = whole_file::read(&self.path, MAXIMUM_BYTES)? else {
            return Ok(FoundRecord { record: Record::new(running), put_aside: None });
        };
        match Record::parse(&bytes) {
            Ok(record) => Ok(FoundRecord { record, put_aside: None }),
            Err(error) => {
                let aside = self.path.with_extension("json.unusable");
                fs::rename(&self.path, &aside).map_err(fault("renaming", &self.path))?;
                Ok(FoundRecord { record: Record::new(running), put_aside: Some(error) })
            }
        }
    }

    /// Writes the record; after this returns, a power cut does not undo it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, record: &Record) -> Result<(), StoreError> {
        whole_file::keep(&self.path, &record.to_json(), 0o600)
    }
}

#[cfg(test)]
mod tests {
    use super::RecordFile;
    use update_engine::record::Record;

    #[test]
    fn a_record_comes_back_and_a_damaged_one_is_put_aside() {
        let directory = tempfile::tempdir().unwrap();
        let file = RecordFile::below(&directory.path().join("updates")).unwrap();
        let running = "1.0.0".parse().unwrap();
        assert_eq!(file.load(running).unwrap().record, Record::new(running));
        let mut record = Record::new(running);
        record.pinned = Some(running);
        file.keep(&record).unwrap();
        assert_eq!(file.load(running).unwrap().record, record);

        let path = directory.path().join("updates/record.json");
        std::fs::write(&path, &record.to_json()[..20]).unwrap();
        let found = file.load(running).unwrap();
        assert!(found.put_aside.is_some());
        assert_eq!(found.record, Record::new(running));
        assert!(path.with_extension("json.unusable").is_file(), "nothing is lost");
    }
}

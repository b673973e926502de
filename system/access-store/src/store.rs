//! Record and audit log together: performs what `access::state::Access` wants done.

use std::path::Path;

use access::pairing::Code;
use access::record::Record;
use access::state::{Access, Action};
use jiff::Timestamp;

use crate::StoreError;
use crate::audit_log::AuditLog;
use crate::record_file::RecordFile;

/// What is kept about access, in one directory: `access.json` and `audit/`.
#[derive(Debug)]
pub struct AccessStore {
    record: RecordFile,
    log: AuditLog,
    /// The record in memory is newer than the one on the disk.
    is_behind: bool,
}

/// What the console has to show from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Console {
    /// What it shows already.
    AsBefore,
    /// This pairing code.
    Code(Code),
    /// No pairing code.
    NoCode,
}

impl AccessStore {
    /// Opens what is kept in this directory, and reads the record.
    ///
    /// # Errors
    /// When something cannot be read, or the record is damaged.
    pub fn open(directory: &Path, now: Timestamp) -> Result<(Self, Record), StoreError> {
        let record = RecordFile::below(directory)?;
        let kept = record.load()?;
        let log = AuditLog::open(&directory.join("audit"), now)?;
        Ok((Self { record, log, is_behind: false }, kept))
    }

    /// Performs what the last calls want done. Only after this has returned without an error is the one who asked told that it was done.
    ///
    /// # Errors
    /// When something could not be written. Everything else was tried nevertheless, and the record is written at the next opportunity.
    pub fn perform(&mut self, access: &mut Access, now: Timestamp) -> Result<Console, StoreError> {
        let actions = access.take_actions();
        let mut console = Console::AsBefore;
        let mut logged = Ok(());
        let must_keep = actions.contains(&Action::Keep);
        self.is_behind |= actions.iter().any(|action| matches!(action, Action::Keep | Action::KeepSoon));
        let kept = if must_keep { self.catch_up(access) } else { Ok(()) };
        for action in actions {
            match action {
                Action::Log(draft) => logged = logged.and(self.log.append(&draft, now)),
                Action::ShowCode(code) => console = Console::Code(code),
                Action::HideCode => console = Console::NoCode,
                Action::Keep | Action::KeepSoon => {}
            }
        }
        kept.and(logged).map(|()| console)
    }

    /// Writes times of use that were not urgent. Call it every few minutes, and before stopping.
    ///
    /// # Errors
    /// When the record could not be written.
    pub fn catch_up(&mut self, access: &Access) -> Result<(), StoreError> {
        if self.is_behind {
            self.record.keep(access.record())?;
            self.is_behind = false;
        }
        Ok(())
    }

    /// The audit log.
    #[must_use]
    pub fn log(&self) -> &AuditLog {
        &self.log
    }
}

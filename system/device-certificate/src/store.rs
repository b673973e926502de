//! Where certificates are kept, and which one a device presents.

use std::path::{Path, PathBuf};

use access_store::StoreError;
use access_store::private_file;
use jiff::Timestamp;
use rcgen::KeyPair;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::self_signed::{MakeError, Names, RENEWED_BEFORE, make, new_key};
use crate::server_certificate::{CertificateError, ServerCertificate, TEXT_LIMIT};

/// A directory with at most two certificates, each with its key in one file of mode 0600.
#[derive(Debug, Clone)]
pub struct CertificateStore {
    /// The device's own work.
    self_signed: PathBuf,
    /// The operator's.
    installed: PathBuf,
}

/// What a device presents from now on.
#[derive(Debug)]
pub struct Presented {
    /// The certificate.
    pub certificate: ServerCertificate,
    /// Where it is from.
    pub source: Source,
    /// What somebody should know about it.
    pub notes: Vec<Note>,
}

/// Where a certificate is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The device made it.
    SelfSigned,
    /// The operator installed it.
    Installed,
}

/// What somebody should know about a certificate.
#[derive(Debug, PartialEq, Eq)]
pub enum Note {
    /// There was none: this is the first boot, or the file was removed.
    Made,
    /// It was renewed with the same key, because its time is nearly over or the device has another name.
    Renewed,
    /// The device's own was damaged, and another was made with another key. Programs that remember the old key have to be told.
    Replaced(CertificateError),
    /// The operator's is not presented, because it is damaged.
    InstalledDamaged(CertificateError),
    /// The operator's is presented, although its time is over or has not begun.
    InstalledOutOfTime(CertificateError),
}

/// No certificate can be presented, or the operator's not be installed.
#[derive(Debug, Error)]
pub enum CertificateStoreError {
    /// It cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot be made.
    #[error(transparent)]
    Make(#[from] MakeError),
    /// It cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

impl CertificateStore {
    /// In this directory, which is made when it is not there.
    ///
    /// # Errors
    /// When it cannot be made, or others can write to it.
    pub fn below(directory: &Path) -> Result<Self, CertificateStoreError> {
        private_file::directory(directory)?;
        private_file::remove_unfinished(directory)?;
        Ok(Self { self_signed: directory.join("self-signed.pem"), installed: directory.join("installed.pem") })
    }

    /// The certificate to present: the operator's, or else the device's own, which is made or renewed where that is due. Call it at every start and once a day.
    ///
    /// # Errors
    /// When there is none and none can be made.
    pub fn current(&self, names: &Names, now: Timestamp) -> Result<Presented, CertificateStoreError> {
        let mut notes = Vec::new();
        if let Some(text) = read(&self.installed)? {
            match ServerCertificate::parse(&[&text]) {
                Ok(certificate) => {
                    // Its key is the one that clients know; another certificate would only be one more surprise.
                    notes.extend(certificate.check_time(now).err().map(Note::InstalledOutOfTime));
                    return Ok(Presented { certificate, source: Source::Installed, notes });
                }
                Err(error) => notes.push(Note::InstalledDamaged(error)),
            }
        }
        let (certificate, note) = self.own(names, now)?;
        notes.extend(note);
        Ok(Presented { certificate, source: Source::SelfSigned, notes })
    }

    /// Presents the operator's certificate from now on: a chain, the server's own first, and its key, both in PEM.
    ///
    /// # Errors
    /// What is wrong with it; then nothing has changed.
    pub fn install(&self, chain: &str, key: &str, now: Timestamp) -> Result<ServerCertificate, CertificateStoreError> {
        let certificate = ServerCertificate::read(&[chain, key], now)?;
        let text = Zeroizing::new(format!("{}\n{}", key.trim_end(), chain));
        // What is written must be what is read at the next start.
        ServerCertificate::read(&[&text], now)?;
        private_file::keep(&self.installed, text.as_bytes())?;
        Ok(certificate)
    }

    /// Goes back to the device's own certificate.
    ///
    /// # Errors
    /// When the operator's cannot be removed.
    pub fn remove_installed(&self) -> Result<(), CertificateStoreError> {
        Ok(private_file::remove(&self.installed)?)
    }

    fn own(&self, names: &Names, now: Timestamp) -> Result<(ServerCertificate, Option<Note>), CertificateStoreError> {
        let Some(text) = read(&self.self_signed)? else {
            return Ok((self.make(names, &new_key()?, now)?, Some(Note::Made)));
        };
        let certificate = match ServerCertificate::parse(&[&text]) {
            Ok(certificate) => certificate,
            Err(error) => return Ok((self.make(names, &new_key()?, now)?, Some(Note::Replaced(error)))),
        };
        if !is_due(&certificate, names, now) {
            return Ok((certificate, None));
        }
        let key = KeyPair::try_from(certificate.key()).map_err(|_| CertificateError::Key)?;
        Ok((self.make(names, &key, now)?, Some(Note::Renewed)))
    }

    fn make(&self, names: &Names, key: &KeyPair, now: Timestamp) -> Result<ServerCertificate, CertificateStoreError> {
        let text = make(names, key, now)?;
        let certificate = ServerCertificate::read(&[&text], now)?;
        private_file::keep(&self.self_signed, text.as_bytes())?;
        Ok(certificate)
    }
}

/// Addresses come and go, so a new one is no reason: it is in the certificate from the next renewal on.
fn is_due(certificate: &ServerCertificate, names: &Names, now: Timestamp) -> bool {
    let ends_soon = certificate.not_after().duration_since(now) < RENEWED_BEFORE;
    let has_not_begun = now < certificate.not_before();
    ends_soon || has_not_begun || names.dns().iter().any(|name| !certificate.names().contains(name))
}

fn read(path: &Path) -> Result<Option<Zeroizing<String>>, CertificateStoreError> {
    let bytes = private_file::read(path, TEXT_LIMIT)?.map(Zeroizing::new);
    // What is no text is no certificate either, and parsing says so.
    Ok(bytes.map(|bytes| Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned())))
}

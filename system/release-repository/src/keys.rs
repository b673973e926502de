//! Keys in files. A key on a token will be another [`Signer`].

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use pem::Pem;
use signed_metadata::key::{Key, KeyId};
use signed_metadata::publish::Keyring;
use signed_metadata::signed::{SignError, Signer};
use thiserror::Error;

/// Ending of the names of key files, behind the name of the role.
const ENDING: &str = "key";
/// Largest key file read, in bytes.
const MAXIMUM_BYTES: u64 = 64 << 10;

/// Keys could not be made or read.
#[derive(Debug, Error)]
pub enum KeyError {
    /// A file or directory.
    #[error("{action} {} did not work", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others than the owner can read it.
    #[error("the key {} can be read by others than its owner (mode {mode:o}); make it yours with: chmod 600 {}", path.display(), path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Not an Ed25519 key.
    #[error("{} is no Ed25519 private key in PKCS #8 and PEM", path.display())]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// The random number generator does not work.
    #[error("this system gives no random numbers to make a key from")]
    Random,
    /// There is a key already.
    #[error("{} is there already; move the old key away first", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
}

/// An Ed25519 key from a file.
pub struct FileKey {
    key: Key,
    pair: Ed25519KeyPair,
    path: PathBuf,
}

impl std::fmt::Debug for FileKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("FileKey").field("id", &self.key.id()).field("path", &self.path).finish_non_exhaustive()
    }
}

impl Signer for FileKey {
    fn key(&self) -> &Key {
        &self.key
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(self.pair.try_sign(message)?.as_ref().to_vec())
    }
}

impl FileKey {
    /// Reads a key.
    ///
    /// # Errors
    /// When it cannot be read, is no key, or others can read it too.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let fault = |source| KeyError::File { action: "reading", path: path.to_owned(), source };
        let metadata = fs::metadata(path).map_err(fault)?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Exposed { path: path.to_owned(), mode });
        }
        let format = || KeyError::Format { path: path.to_owned() };
        if metadata.len() > MAXIMUM_BYTES {
            return Err(format());
        }
        let text = fs::read(path).map_err(fault)?;
        let pem = pem::parse(text).ok().filter(|pem| pem.tag() == "PRIVATE KEY").ok_or_else(format)?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pem.contents()).map_err(|_| format())?;
        Ok(Self { key: Key::ed25519(pair.public_key().as_ref()), pair, path: path.to_owned() })
    }

    /// Makes a key that only its owner can read. The file is whole or not there.
    ///
    /// # Errors
    /// When there is one of that name, or it cannot be written.
    pub fn make(path: &Path) -> Result<Self, KeyError> {
        let fault = |source| KeyError::File { action: "writing", path: path.to_owned(), source };
        if path.exists() {
            return Err(KeyError::Exists { path: path.to_owned() });
        }
        let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::Random)?;
        let der = pair.to_pkcs8v1().map_err(|_| KeyError::Random)?;
        let text = pem::encode(&Pem::new("PRIVATE KEY", der.as_ref()));
        let unfinished = path.with_extension("key.unfinished");
        let written = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished);
        let written = written.and_then(|mut file| {
            file.set_permissions(Permissions::from_mode(0o600))?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.and_then(|()| fs::rename(&unfinished, path)).map_err(fault)?;
        Self::read(path)
    }
}

/// Keys that can be used now.
#[derive(Debug, Default)]
pub struct Keys {
    keys: BTreeMap<KeyId, FileKey>,
}

impl Keys {
    /// All keys in these directories.
    ///
    /// # Errors
    /// When a directory or a key cannot be read.
    pub fn read(directories: &[PathBuf]) -> Result<Self, KeyError> {
        let mut keys = Self::default();
        for directory in directories {
            let fault = |source| KeyError::File { action: "reading", path: directory.clone(), source };
            for entry in fs::read_dir(directory).map_err(fault)? {
                let path = entry.map_err(fault)?.path();
                if path.extension().is_some_and(|ending| ending == ENDING) {
                    keys.add(FileKey::read(&path)?);
                }
            }
        }
        Ok(keys)
    }

    /// One more.
    pub fn add(&mut self, key: FileKey) {
        self.keys.insert(key.key().id(), key);
    }

    /// For signing.
    #[must_use]
    pub fn keyring(&self) -> Keyring<'_> {
        self.keys.iter().map(|(id, key)| (id.clone(), key as &dyn Signer)).collect()
    }
}

/// Where the key of a role lies.
#[must_use]
pub fn path(directory: &Path, role: &str) -> PathBuf {
    directory.join(format!("{role}.{ENDING}"))
}

/// The key of a role: the one that is there, or else a new one.
///
/// # Errors
/// When it cannot be read or made.
pub fn read_or_make(directory: &Path, role: &str) -> Result<FileKey, KeyError> {
    let path = path(directory, role);
    if path.exists() { FileKey::read(&path) } else { FileKey::make(&path) }
}

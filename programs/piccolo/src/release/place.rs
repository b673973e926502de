//! Which repository, which keys, and what is trusted of it.

use crate::failure::{Failure, FailureKind, OrFail};
use anyhow::anyhow;
use host::cancel::Cancel;
use jiff::Timestamp;
use release_repository::bucket::{Bucket, BucketSettings};
use release_repository::directory::Directory;
use release_repository::keys::Keys;
use release_repository::repository::{Edit, Repository, RepositoryError};
use release_repository::storage::{Storage, StorageError};
use serde::Serialize;
use signed_metadata::publish::{MetadataFile, PublishError};
use std::env;
use std::path::{Path, PathBuf};

/// The first root of the repository, in the directory of keys: what everything else is verified with.
pub const ROOT_FILE: &str = "root.json";
/// What was seen last, in the directory of keys.
const SEEN: &str = "seen";
/// Largest root file read, in bytes.
const MAXIMUM_ROOT: u64 = 512 << 10;

/// The repository and its keys.
#[derive(Debug, clap::Args)]
pub struct PlaceArgs {
    /// The repository: a directory, or s3://BUCKET/PREFIX.
    #[arg(long, short, global = true, env = "PICCOLO_REPOSITORY", value_name = "PLACE", default_value = "repository")]
    repository: String,
    /// Directory of keys; may be given several times. The first one also holds root.json, which devices are built with, and what was
    /// last seen of the repository.
    #[arg(
        long,
        short,
        global = true,
        env = "PICCOLO_RELEASE_KEYS",
        value_delimiter = ':',
        value_name = "DIRECTORY",
        default_value = "keys"
    )]
    keys: Vec<PathBuf>,
}

/// What a change wrote.
#[derive(Debug, Serialize)]
pub struct Written {
    /// The repository.
    repository: String,
    /// The metadata that is new.
    metadata: Vec<WrittenMetadata>,
}

/// A file of metadata that is new.
#[derive(Debug, Serialize)]
struct WrittenMetadata {
    role: String,
    version: u64,
    expires: Timestamp,
}

impl PlaceArgs {
    /// The directory of keys that new ones go to.
    pub fn first_keys(&self) -> Result<&Path, Failure> {
        let first = self.keys.first().map(PathBuf::as_path);
        first.ok_or_else(|| anyhow!("name a directory of keys with --keys")).or_fail(FailureKind::Usage)
    }

    /// The repository's directory, where it is one.
    pub fn directory(&self) -> Option<&Path> {
        (!self.repository.starts_with("s3://")).then(|| Path::new(&self.repository))
    }

    /// What holds the repository, to be written to.
    pub fn storage(&self) -> Result<Box<dyn Storage>, Failure> {
        match self.repository.strip_prefix("s3://") {
            Some(rest) => {
                let bucket = Bucket::open(&bucket_settings(rest)?).map_err(storage_failure)?;
                Ok(Box::new(bucket))
            }
            None => {
                let directory = Directory::open(Path::new(&self.repository)).map_err(storage_failure)?;
                Ok(Box::new(directory))
            }
        }
    }

    /// The repository, verified, to be changed: nobody else can write to it meanwhile.
    pub fn open(&self) -> Result<Repository, Failure> {
        self.verified(|| self.storage())
    }

    /// The repository, verified, to be looked at.
    pub fn open_to_read(&self) -> Result<Repository, Failure> {
        self.verified(|| match self.directory() {
            Some(directory) => Ok(Box::new(Directory::read_only(directory)) as Box<dyn Storage>),
            None => self.storage(),
        })
    }

    fn verified(&self, storage: impl FnOnce() -> Result<Box<dyn Storage>, Failure>) -> Result<Repository, Failure> {
        let keys = self.first_keys()?;
        let path = keys.join(ROOT_FILE);
        let root = read_limited(&path, MAXIMUM_ROOT).map_err(|error| {
            let error = anyhow!(error).context(format!(
                "{} is missing: name the directory that `piccolo release init` made with --keys",
                path.display()
            ));
            Failure::new(FailureKind::Requirement, error)
        })?;
        if let Some(directory) = self.directory().filter(|directory| !directory.is_dir()) {
            let error = anyhow!("{} holds no repository; piccolo release init makes one", directory.display());
            return Err(Failure::new(FailureKind::Input, error));
        }
        Repository::open(storage()?, &root, &keys.join(SEEN)).map_err(failure)
    }

    /// All keys at hand.
    pub fn read_keys(&self) -> Result<Keys, Failure> {
        Keys::read(&self.keys).or_fail(FailureKind::Requirement)
    }

    /// Makes a change public, signed with the keys at hand, and renews what these keys can renew and is due.
    pub fn commit(&self, repository: &Repository, edit: Edit, keys: &Keys) -> Result<Written, Failure> {
        let files = repository.commit(edit, &keys.keyring(), Timestamp::now()).map_err(failure)?;
        Ok(self.written(&files))
    }

    /// What was written, to be reported.
    pub fn written(&self, files: &[MetadataFile]) -> Written {
        let one = |file: &MetadataFile| WrittenMetadata {
            role: file.role.clone(),
            version: file.version,
            expires: file.expires,
        };
        Written { repository: self.repository.clone(), metadata: files.iter().map(one).collect() }
    }
}

impl Written {
    /// A line about it.
    pub fn summary(&self) -> String {
        let roles: Vec<String> = self.metadata.iter().map(|file| format!("{} {}", file.role, file.version)).collect();
        let until = self.metadata.iter().map(|file| file.expires).min();
        let until = until.map(|until| format!("; refresh before {until}")).unwrap_or_default();
        format!("{}: signed {}{until}", self.repository, roles.join(", "))
    }
}

/// The environment that S3 clients share says who may write.
fn bucket_settings(place: &str) -> Result<BucketSettings, Failure> {
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    let wanted = |name: &str| {
        let value = env::var(name).ok().filter(|value| !value.is_empty());
        value.ok_or_else(|| anyhow!("{name} is not set; it says who may write to s3://{bucket}"))
    };
    let optional = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    Ok(BucketSettings {
        bucket: bucket.to_owned(),
        prefix: prefix.trim_matches('/').to_owned(),
        endpoint: optional("AWS_ENDPOINT_URL"),
        region: optional("AWS_REGION").or_else(|| optional("AWS_DEFAULT_REGION")),
        access_key: wanted("AWS_ACCESS_KEY_ID").or_fail(FailureKind::Requirement)?,
        secret_key: wanted("AWS_SECRET_ACCESS_KEY").or_fail(FailureKind::Requirement)?,
        token: optional("AWS_SESSION_TOKEN"),
    })
}

/// A small file, whole.
pub fn read_limited(path: &Path, limit: u64) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Who has to act on a repository's error.
pub fn failure(error: RepositoryError) -> Failure {
    let kind = match &error {
        RepositoryError::Storage(error) => storage_kind(error),
        RepositoryError::Sign(PublishError::NoKey { .. } | PublishError::Sign { .. }) => FailureKind::Requirement,
        RepositoryError::Trusted(_) => FailureKind::Requirement,
        _ => FailureKind::Input,
    };
    Failure::new(kind, error)
}

fn storage_failure(error: StorageError) -> Failure {
    Failure::new(storage_kind(&error), error)
}

fn storage_kind(error: &StorageError) -> FailureKind {
    match error {
        StorageError::Cancelled { .. } => FailureKind::Cancelled,
        StorageError::Bucket { .. } | StorageError::Changed { .. } => FailureKind::Unavailable,
        StorageError::TooLarge { .. } => FailureKind::Input,
        StorageError::File { .. } | StorageError::Settings(_) => FailureKind::Requirement,
    }
}

/// Ends long work where the person asked for it.
pub fn check_cancelled(cancel: &Cancel) -> Result<(), Failure> {
    let cancelled = || Failure::new(FailureKind::Cancelled, anyhow!("cancelled; what is public is as it was before"));
    if cancel.is_cancelled() { Err(cancelled()) } else { Ok(()) }
}

//! A small repository with keys, and a reader of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use host::cancel::Cancel;
use jiff::Timestamp;
use release_metadata::artifact::Artifact;
use release_metadata::digest::Sha256Digest;
use release_metadata::release::Release;
use release_metadata::stream::StreamName;
use release_metadata::updates::{ReleaseEntry, Updates};
use release_metadata::version::Version;
use release_metadata::{Architecture, path};
use release_repository::directory::Directory;
use release_repository::keys::{Keys, read_or_make};
use release_repository::repository::{Repository, RepositoryError, create};
use release_repository::storage::{Storage, Watch};
use release_source::error::SourceError;
use release_source::location::Location;
use release_source::repository::{ReleaseSource, SourceSettings, TrustAnchor, TrustedRepository};
use sha2::{Digest, Sha256};
use signed_metadata::publish::TOP_LEVEL;
use signed_metadata::signed::Signer;
use tempfile::TempDir;

pub const STREAMS: [&str; 2] = ["stable", "testing"];

/// Directories of a repository, its keys, a publisher's and a device's memory.
pub struct Sample {
    pub directory: TempDir,
    pub root: Vec<u8>,
}

pub fn stream(name: &str) -> StreamName {
    name.parse().unwrap()
}

pub fn version(text: &str) -> Version {
    text.parse().unwrap()
}

pub fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

impl Sample {
    /// Keys, and nothing else yet.
    pub fn keys_only() -> Self {
        let sample = Self { directory: tempfile::tempdir().unwrap(), root: Vec::new() };
        std::fs::create_dir(sample.path("keys")).unwrap();
        sample
    }

    /// A repository with two streams and no releases.
    pub fn new() -> Self {
        let mut sample = Self::keys_only();
        sample.root = sample.init(&sample.storage()).unwrap();
        sample
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn storage(&self) -> Directory {
        Directory::open(&self.path("repository")).unwrap()
    }

    pub fn init(&self, storage: &dyn Storage) -> Result<Vec<u8>, RepositoryError> {
        let key = |role: &str| read_or_make(&self.path("keys"), role).unwrap().key().clone();
        let top_level: BTreeMap<&'static str, _> = TOP_LEVEL.into_iter().map(|role| (role, key(role))).collect();
        let streams = STREAMS.into_iter().map(|name| (stream(name), key(name))).collect();
        create(storage, &top_level, &streams, &self.keys().keyring(), now())
    }

    pub fn keys(&self) -> Keys {
        Keys::read(&[self.path("keys")]).unwrap()
    }

    pub fn open(&self) -> Repository {
        self.open_on(Box::new(self.storage())).unwrap()
    }

    pub fn open_on(&self, storage: Box<dyn Storage>) -> Result<Repository, RepositoryError> {
        Repository::open(storage, &self.root, &self.path("seen"))
    }

    /// Publishes a release whose images are text.
    pub fn publish(&self, name: &str, number: &str) -> Result<(), RepositoryError> {
        self.publish_on(&self.open(), name, number)
    }

    pub fn publish_on(&self, repository: &Repository, name: &str, number: &str) -> Result<(), RepositoryError> {
        let (release, files) = release(&stream(name), version(number));
        let directory = tempfile::tempdir().unwrap();
        for (artifact, bytes) in release.artifacts().zip(&files) {
            let from = directory.path().join(artifact.path.as_str());
            std::fs::write(&from, bytes).unwrap();
            let cancel = Cancel::new();
            let mut watch = Watch { progress: &mut |_, _| {}, cancel: &cancel };
            repository.put_artifact(&release, artifact, &from, &mut watch)?;
        }
        let mut updates = repository.updates(&stream(name))?;
        add(&mut updates, &release);
        let mut edit = repository.edit();
        edit.set_release(&release)?;
        edit.set_updates(&updates)?;
        repository.commit(edit, &self.keys().keyring(), now()).map(|_| ())
    }

    pub fn anchor(&self) -> TrustAnchor {
        TrustAnchor { root: self.root.clone(), built: Timestamp::UNIX_EPOCH }
    }

    /// Refreshes as a device that remembers what it saw.
    pub fn read(&self, location: &Location, at: Timestamp) -> Result<TrustedRepository, SourceError> {
        let source = ReleaseSource::open(location, &SourceSettings::default()).unwrap();
        source.refresh(&self.anchor(), &self.path("device"), at)
    }

    pub fn read_directory(&self, name: &str, at: Timestamp) -> Result<TrustedRepository, SourceError> {
        self.read(&Location::Directory(self.path(name)), at)
    }
}

/// The versions that a reader sees in a stream, each with all of its files read and verified.
pub fn whole_releases(repository: &mut TrustedRepository, name: &str) -> Result<Vec<String>, SourceError> {
    let updates = repository.updates(&stream(name))?;
    for entry in &updates.releases {
        let release = repository.release(&stream(name), entry.version, Architecture::X86_64)?;
        for artifact in release.artifacts() {
            let mut reader = repository.artifact(&release, artifact).whole()?;
            while reader.read_some(&mut [0; 4096])? > 0 {}
        }
    }
    Ok(updates.releases.iter().map(|entry| entry.version.to_string()).collect())
}

fn add(updates: &mut Updates, release: &Release) {
    let index = updates.releases.partition_point(|entry| entry.version < release.version);
    let entry = ReleaseEntry {
        version: release.version,
        date: release.date,
        architectures: vec![release.architecture],
        rollout: None,
        barrier: None,
        dead_end: None,
        withdrawn: None,
    };
    updates.releases.insert(index, entry);
}

/// A release and the bytes of its files, in the order of `Release::artifacts`.
pub fn release(stream: &StreamName, version: Version) -> (Release, Vec<Vec<u8>>) {
    let root = vec![version.to_string().into_bytes()[0]; 8192];
    let uki = format!("the UKI of {version}").into_bytes();
    let files = vec![zstd::encode_all(root.as_slice(), 3).unwrap(), zstd::encode_all(uki.as_slice(), 3).unwrap()];
    let artifact = |name: &str, bytes: &[u8]| Artifact {
        path: name.parse().unwrap(),
        size: bytes.len() as u64,
        sha256: Sha256Digest(Sha256::digest(bytes).into()),
    };
    let json = serde_json::json!({
        "format": 1, "stream": stream, "version": version, "architecture": "x86-64", "date": "2026-11-21T12:00:00Z",
        "root": {
            "root_hash": hex::encode(Sha256::digest(&root)), "size": root.len(), "sha256": hex::encode(Sha256::digest(&root)),
            "verity": { "size": 8192, "salt": "00", "uuid": "2c1d7f5a-5f0b-5c4e-9d2a-6b7c8d9e0f10" },
        },
        "uki": {
            "file_name": format!("piccolo_{version}.efi"), "size": uki.len(), "sha256": hex::encode(Sha256::digest(&uki)),
        },
        "measurements": { "pcr": 11, "profiles": [] },
        "needs": {},
        "full": { "root": artifact(path::FULL_ROOT, &files[0]), "uki": artifact(path::FULL_UKI, &files[1]) },
    });
    (Release::parse(&json.to_string()).unwrap(), files)
}

/// A copy of a directory tree.
pub fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

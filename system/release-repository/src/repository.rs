//! A repository as its publisher sees it: verified before anything is built upon it, and changed in steps that no crash breaks.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use release_metadata::artifact::Artifact;
use release_metadata::release::{self, Release};
use release_metadata::stream::StreamName;
use release_metadata::updates::{self, Updates};
use release_metadata::version::Version;
use release_metadata::{Architecture, DocumentError, path};
use release_source::error::SourceError;
use release_source::store::StoreDirectory;
use signed_metadata::client::{Client, MetadataSource, RefreshError, refresh, target_location};
use signed_metadata::error::MetadataError;
use signed_metadata::key::Key;
use signed_metadata::publish::{
    Draft, Keyring, Lifetimes, MetadataFile, PublishError, Published, TOP_LEVEL, file_name, target_file,
};
use signed_metadata::role::{ROOT, TIMESTAMP, TargetFile};
use signed_metadata::trusted::{TrustedMetadata, has_hashes};
use thiserror::Error;

use crate::storage::{Storage, StorageError, Tag, Watch, When};

/// How long new metadata may be used. The root and the list of streams are signed with keys from a safe, once a year; the rest by
/// whoever publishes.
pub const LIFETIMES: Lifetimes = Lifetimes {
    root: SignedDuration::from_hours(24 * 366),
    targets: SignedDuration::from_hours(24 * 366),
    stream: SignedDuration::from_hours(24 * 92),
    snapshot: SignedDuration::from_hours(24 * 31),
    timestamp: SignedDuration::from_hours(24 * 14),
};

/// A repository could not be read or changed.
#[derive(Debug, Error)]
pub enum RepositoryError {
    /// A file could not be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What was trusted before could not be read or kept.
    #[error(transparent)]
    Trusted(#[from] SourceError),
    /// What is in the repository is not what its keys signed.
    #[error("the repository is not the one that was published")]
    Refused(#[from] MetadataError),
    /// The next version could not be signed.
    #[error("the new metadata could not be signed")]
    Sign(#[from] PublishError),
    /// A document is not usable.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// There is a repository already.
    #[error("{place} holds a repository already")]
    Exists {
        /// Where.
        place: String,
    },
    /// There is no repository.
    #[error("{place} holds no repository; piccolo release init makes one")]
    None {
        /// Where.
        place: String,
    },
    /// A file that metadata names is missing or another one.
    #[error("{name} in the repository is missing or damaged; publish its release again")]
    Damaged {
        /// The file.
        name: String,
    },
    /// A file of a release that is public would change.
    #[error("{name} is public and would change; files of a release never do, so publish the build under a new version")]
    Immutable {
        /// The file.
        name: String,
    },
}

/// A repository that was read and verified.
#[derive(Debug)]
pub struct Repository {
    storage: Box<dyn Storage>,
    trusted: TrustedMetadata,
    published: Published,
    timestamp: Tag,
}

/// A change that is being put together; nothing of it is written yet.
#[derive(Debug)]
pub struct Edit {
    draft: Draft,
    targets: BTreeMap<String, BTreeMap<String, TargetFile>>,
    documents: BTreeMap<String, Vec<u8>>,
}

/// Reads metadata for the client workflow.
struct Metadata<'a>(&'a dyn Storage);

impl MetadataSource for Metadata<'_> {
    type Error = StorageError;

    fn fetch(&mut self, file: &str, limit: u64) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.0.read(&format!("metadata/{file}"), limit)?.map(|(bytes, _)| bytes))
    }
}

/// Writes a new repository and answers its first root: what devices are made with.
///
/// # Errors
/// When there is a repository already, a key is missing, or something cannot be written.
pub fn create(
    storage: &dyn Storage,
    top_level: &BTreeMap<&'static str, Key>,
    streams: &BTreeMap<StreamName, Key>,
    keyring: &Keyring<'_>,
    now: Timestamp,
) -> Result<Vec<u8>, RepositoryError> {
    if storage.size("metadata/1.root.json")?.is_some() {
        return Err(RepositoryError::Exists { place: storage.place() });
    }
    let mut edit = Edit { draft: Draft::new(top_level), targets: BTreeMap::new(), documents: BTreeMap::new() };
    for (stream, key) in streams {
        edit.add_stream(stream, key, now)?;
    }
    let files = edit.write(storage, None, keyring, now)?;
    Ok(files.into_iter().find(|file| file.role == ROOT).map(|file| file.bytes).unwrap_or_default())
}

impl Repository {
    /// Reads a repository and verifies all its metadata, expired or not. `root` is a root of it that is trusted, and `store` remembers what was seen
    /// last: somebody who can write to a bucket must not get an old state of it signed anew.
    ///
    /// # Errors
    /// When there is none, or it is refused.
    pub fn open(storage: Box<dyn Storage>, root: &[u8], store: &Path) -> Result<Self, RepositoryError> {
        let place = storage.place();
        let Some((_, timestamp)) = storage.read("metadata/timestamp.json", 1 << 20)? else {
            return Err(RepositoryError::None { place });
        };
        let mut store = StoreDirectory::open(store)?;
        let mut source = Metadata(storage.as_ref());
        // Renewing what has expired is a publisher's job.
        let mut client = Client { source: &mut source, store: &mut store, now: Timestamp::MIN };
        let mut trusted = refresh(root, &mut client).map_err(flat)?;
        client.load_all(&mut trusted).map_err(flat)?;
        let published = Published::of(&trusted).ok_or(RepositoryError::None { place })?;
        Ok(Self { storage, trusted, published, timestamp })
    }

    /// Its metadata.
    #[must_use]
    pub fn published(&self) -> &Published {
        &self.published
    }

    /// Where its files are.
    #[must_use]
    pub fn storage(&self) -> &dyn Storage {
        self.storage.as_ref()
    }

    /// The names of its streams.
    pub fn streams(&self) -> impl Iterator<Item = StreamName> + '_ {
        self.published.delegated.keys().filter_map(|role| role.parse().ok())
    }

    /// All releases of a stream.
    ///
    /// # Errors
    /// When there is no such stream, or its file is damaged.
    pub fn updates(&self, stream: &StreamName) -> Result<Updates, RepositoryError> {
        let name = format!("{stream}/{}", path::UPDATES);
        Ok(Updates::parse(&self.document(stream, &name, updates::MAXIMUM_BYTES as u64)?)?)
    }

    /// What a release is made of; nothing when it does not exist.
    ///
    /// # Errors
    /// When its file is damaged.
    pub fn release(
        &self,
        stream: &StreamName,
        version: Version,
        architecture: Architecture,
    ) -> Result<Option<Release>, RepositoryError> {
        let name = format!("{stream}/{}", path::release(version, architecture));
        if !self.has_document(stream, &name) {
            return Ok(None);
        }
        Ok(Some(Release::parse(&self.document(stream, &name, release::MAXIMUM_BYTES as u64)?)?))
    }

    /// A file of a release, to be read, with its size. Whoever reads it verifies its hash.
    ///
    /// # Errors
    /// When it is missing or has another size.
    pub fn artifact(&self, release: &Release, artifact: &Artifact) -> Result<Box<dyn Read + Send>, RepositoryError> {
        let name = artifact_name(release, artifact);
        match self.storage.open(&name)? {
            Some((file, size)) if size == artifact.size => Ok(file),
            _ => Err(RepositoryError::Damaged { name }),
        }
    }

    /// Writes a file of a release that is about to be published. Nothing leads to it yet.
    ///
    /// # Errors
    /// When the release is public with another file of that name, or it cannot be written.
    pub fn put_artifact(
        &self,
        release: &Release,
        artifact: &Artifact,
        from: &Path,
        watch: &mut Watch<'_>,
    ) -> Result<(), RepositoryError> {
        let name = artifact_name(release, artifact);
        let public = self.release(&release.stream, release.version, release.architecture)?;
        let same_path = public.iter().flat_map(Release::artifacts).find(|public| public.path == artifact.path).cloned();
        match same_path {
            Some(public) if public != *artifact => Err(RepositoryError::Immutable { name }),
            Some(public) if self.storage.size(&name)? == Some(public.size) => Ok(()),
            _ => Ok(self.storage.put_file(&name, from, watch)?),
        }
    }

    /// Begins a change.
    #[must_use]
    pub fn edit(&self) -> Edit {
        let targets = self.published.delegated.iter().map(|(role, content)| (role.clone(), content.targets.clone()));
        Edit { draft: Draft::of(self.published.clone()), targets: targets.collect(), documents: BTreeMap::new() }
    }

    /// Makes a change public. Answers the metadata that was written.
    ///
    /// # Errors
    /// When a key is missing, something cannot be written, or somebody else has published in between.
    pub fn commit(
        &self,
        edit: Edit,
        keyring: &Keyring<'_>,
        now: Timestamp,
    ) -> Result<Vec<MetadataFile>, RepositoryError> {
        edit.write(self.storage.as_ref(), Some(&self.timestamp), keyring, now)
    }

    /// The files that a reader of one stream needs besides the files of releases: metadata, then signed documents, by the names they
    /// have below the repository. The last one makes the rest usable.
    ///
    /// # Errors
    /// When the repository has no such stream.
    pub fn reading_list(&self, stream: &StreamName, documents: &[String]) -> Result<Vec<String>, RepositoryError> {
        let published = &self.published;
        let mut names = Vec::new();
        for name in documents {
            let target = self.target(stream, name)?;
            names.push(format!("targets/{}", target_location(&self.trusted, name, target)));
        }
        names.extend(
            (1..=published.root.common.version).map(|version| format!("metadata/{}", file_name(ROOT, version))),
        );
        for (file, meta) in &published.snapshot.meta {
            let role = file.strip_suffix(".json").unwrap_or(file);
            if role == stream.as_str() || role == "targets" {
                names.push(format!("metadata/{}", file_name(role, meta.version)));
            }
        }
        names.push(format!("metadata/{}", file_name("snapshot", published.snapshot.common.version)));
        names.push("metadata/timestamp.json".to_owned());
        Ok(names)
    }

    fn has_document(&self, stream: &StreamName, name: &str) -> bool {
        self.published.delegated.get(stream.as_str()).is_some_and(|role| role.targets.contains_key(name))
    }

    fn target(&self, stream: &StreamName, name: &str) -> Result<&TargetFile, RepositoryError> {
        let role = self.published.delegated.get(stream.as_str());
        let role = role.ok_or_else(|| PublishError::NoRole { role: stream.to_string() })?;
        Ok(role.targets.get(name).ok_or_else(|| MetadataError::NoTarget { path: name.to_owned() })?)
    }

    fn document(&self, stream: &StreamName, name: &str, limit: u64) -> Result<String, RepositoryError> {
        let target = self.target(stream, name)?;
        let location = format!("targets/{}", target_location(&self.trusted, name, target));
        let damaged = || RepositoryError::Damaged { name: location.clone() };
        let (bytes, _) = self.storage.read(&location, limit)?.ok_or_else(damaged)?;
        if !has_hashes(&bytes, &target.hashes) {
            return Err(damaged());
        }
        String::from_utf8(bytes).map_err(|_| damaged())
    }
}

impl Edit {
    /// Says what the releases of a stream are from now on.
    ///
    /// # Errors
    /// When the document breaks a rule.
    pub fn set_updates(&mut self, updates: &Updates) -> Result<(), RepositoryError> {
        let name = format!("{}/{}", updates.stream, path::UPDATES);
        self.put(&updates.stream, name, updates.to_json()?.into_bytes())
    }

    /// Says what a release is made of. Its files have to be there.
    ///
    /// # Errors
    /// When the document breaks a rule, or there is no such stream.
    pub fn set_release(&mut self, release: &Release) -> Result<(), RepositoryError> {
        let name = format!("{}/{}", release.stream, path::release(release.version, release.architecture));
        self.put(&release.stream, name, release.to_json()?.into_bytes())
    }

    /// Adds a stream without releases.
    ///
    /// # Errors
    /// When there is one of that name, or the name means something else in a repository.
    pub fn add_stream(&mut self, stream: &StreamName, key: &Key, now: Timestamp) -> Result<(), RepositoryError> {
        let paths = vec![format!("{stream}/{}", path::UPDATES), format!("{stream}/releases/*/*/{}", path::RELEASE)];
        self.draft.add_role(stream.as_str(), key, paths)?;
        let updated = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let stream = stream.clone();
        self.set_updates(&Updates { format: updates::FORMAT, stream, updated, releases: Vec::new() })
    }

    /// Gives a role a new key.
    ///
    /// # Errors
    /// When there is no such role.
    pub fn rotate(&mut self, role: &str, key: &Key) -> Result<(), RepositoryError> {
        Ok(self.draft.rotate(role, key)?)
    }

    /// Signs a role anew.
    pub fn renew(&mut self, role: &str) {
        self.draft.renew(role);
    }

    fn put(&mut self, stream: &StreamName, name: String, bytes: Vec<u8>) -> Result<(), RepositoryError> {
        let targets = self.targets.entry(stream.to_string()).or_default();
        targets.insert(name.clone(), target_file(&bytes));
        self.draft.set_targets(stream.as_str(), targets.clone())?;
        self.documents.insert(name, bytes);
        Ok(())
    }

    /// Writes documents, then metadata; each whole before the next. The timestamp is written only where it is the one that was read.
    fn write(
        mut self,
        storage: &dyn Storage,
        timestamp: Option<&Tag>,
        keyring: &Keyring<'_>,
        now: Timestamp,
    ) -> Result<Vec<MetadataFile>, RepositoryError> {
        for role in self.draft.changed().iter().filter(|role| ![ROOT, TIMESTAMP].contains(&role.as_str())) {
            // A publisher who was stopped has left files that nothing leads to. Another one may be about to lead there: never written over.
            while storage.size(&metadata_name(role, self.draft.next_version(role)))?.is_some() {
                self.draft.skip_version(role);
            }
        }
        // Signing comes before writing: a key that is missing leaves nothing behind.
        let files = self.draft.finish(&LIFETIMES, now, keyring)?;
        for (name, bytes) in &self.documents {
            let hash = target_file(bytes).hashes.remove("sha256").unwrap_or_default();
            let (directory, file) = name.rsplit_once('/').unwrap_or(("", name));
            storage.put(&format!("targets/{directory}/{hash}.{file}"), bytes, When::Always)?;
        }
        for file in &files {
            let when = match timestamp {
                Some(tag) if file.role == TIMESTAMP => When::Unchanged(tag),
                // Left by an `init` that did not come to its end, without the root that makes it a repository.
                None if file.role == TIMESTAMP => When::Always,
                _ => When::New,
            };
            storage.put(&format!("metadata/{}", file.name), &file.bytes, when)?;
        }
        Ok(files)
    }
}

/// Where a file of a release lies below the repository.
#[must_use]
pub fn artifact_name(release: &Release, artifact: &Artifact) -> String {
    format!("targets/{}/{}", release.stream, artifact.path.in_release(release.version, release.architecture))
}

/// Whether a role can be the name of a stream.
#[must_use]
pub fn is_reserved(stream: &StreamName) -> bool {
    TOP_LEVEL.contains(&stream.as_str())
}

fn metadata_name(role: &str, version: u64) -> String {
    format!("metadata/{}", file_name(role, version))
}

fn flat(error: RefreshError<StorageError, SourceError>) -> RepositoryError {
    match error {
        RefreshError::Metadata(error) => RepositoryError::Refused(error),
        RefreshError::Source(error) => RepositoryError::Storage(error),
        RefreshError::Store(error) => RepositoryError::Trusted(error),
    }
}

/// Copies a reader to a file while hashing, for those who read artifacts.
///
/// # Errors
/// When reading or writing does not work, or what comes is not the artifact.
pub fn copy_verified(
    mut from: impl Read,
    to: &mut impl io::Write,
    artifact: &Artifact,
    name: &str,
    watch: &mut Watch<'_>,
) -> Result<(), RepositoryError> {
    use sha2::{Digest, Sha256};
    let fault = |source| StorageError::File { action: "copying", path: name.to_owned(), source };
    let (mut hash, mut done, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        if watch.cancel.is_cancelled() {
            return Err(StorageError::Cancelled { name: name.to_owned() }.into());
        }
        let count = from.read(&mut buffer).map_err(fault)?;
        done += count as u64;
        if done > artifact.size || count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
        to.write_all(&buffer[..count]).map_err(fault)?;
        (watch.progress)(done, artifact.size);
    }
    let same = done == artifact.size && hash.finalize().as_slice() == artifact.sha256.0;
    same.then_some(()).ok_or_else(|| RepositoryError::Damaged { name: name.to_owned() })
}

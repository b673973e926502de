//! A repository as a device sees it: refreshed, verified, and then read.

use std::path::Path;
use std::time::Duration;

use host::cancel::Cancel;
use jiff::Timestamp;
use release_metadata::release::{self, Release};
use release_metadata::stream::StreamName;
use release_metadata::updates::{self, Updates};
use release_metadata::version::Version;
use release_metadata::{Architecture, path};
use signed_metadata::client::{Client, MetadataSource, RefreshError, refresh, target_location};
use signed_metadata::error::MetadataError;
use signed_metadata::role::{ROOT, SNAPSHOT, TARGETS, TIMESTAMP, TargetFile};
use signed_metadata::trusted::{TrustedMetadata, has_hashes};

use crate::artifact::ArtifactFile;
use crate::error::SourceError;
use crate::http::HttpClient;
use crate::location::Location;
use crate::store::StoreDirectory;
use crate::transfer::Origin;

/// What a device trusts because it is in its verified image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustAnchor {
    /// A root of the repository: any version from which later ones follow.
    pub root: Vec<u8>,
    /// When the image was built. It is later than that now, whatever the clock says.
    pub built: Timestamp,
}

impl TrustAnchor {
    /// The time that counts for expiry: a clock that lost its battery stands in the past, where nothing would ever expire, but not
    /// before the image that reads it.
    #[must_use]
    pub fn time(&self, clock: Timestamp) -> Timestamp {
        clock.max(self.built)
    }
}

/// How files are fetched.
#[derive(Debug, Clone)]
pub struct SourceSettings {
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long a server may send nothing, or next to nothing (under 1 KiB).
    pub stall_timeout: Duration,
    /// A proxy for everything, as an `http`, `https` or `socks5` URL.
    pub proxy: Option<String>,
    /// Certificates of authorities, in PEM, that are believed besides the system's.
    pub certificates: Vec<Vec<u8>>,
    /// What servers are told of who asks.
    pub user_agent: String,
    /// Asks downloads to stop; they look ten times a second.
    pub cancel: Cancel,
}

impl Default for SourceSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(20),
            stall_timeout: Duration::from_secs(60),
            proxy: None,
            certificates: Vec::new(),
            user_agent: "piccolo".to_owned(),
            cancel: Cancel::new(),
        }
    }
}

/// A place to get releases from; nothing in it is trusted yet.
#[derive(Debug, Clone)]
pub struct ReleaseSource {
    origin: Origin,
}

/// A repository whose metadata is current and verified.
#[derive(Debug)]
pub struct TrustedRepository {
    origin: Origin,
    store: StoreDirectory,
    now: Timestamp,
    trusted: TrustedMetadata,
}

/// The metadata directory of an origin. Public for programs that check other repositories than ours.
#[derive(Debug)]
pub struct MetadataDirectory {
    origin: Origin,
    prefix: &'static str,
}

impl MetadataSource for MetadataDirectory {
    type Error = SourceError;

    fn fetch(&mut self, file: &str, limit: u64) -> Result<Option<Vec<u8>>, SourceError> {
        self.origin.whole(&format!("{}{file}", self.prefix), limit)
    }
}

impl ReleaseSource {
    /// A place, which is not looked at yet.
    ///
    /// # Errors
    /// When the settings are not usable.
    pub fn open(location: &Location, settings: &SourceSettings) -> Result<Self, SourceError> {
        let origin = match location {
            Location::Http(url) => Origin::Http(HttpClient::new(url, settings)?),
            Location::Directory(path) => Origin::Directory(path.clone()),
        };
        Ok(Self { origin })
    }

    /// Fetches and verifies what is current. What was trusted is kept in `store`: later refreshes accept nothing older, also after a reboot.
    /// `clock` is what the device's clock says.
    ///
    /// # Errors
    /// When the repository cannot be had, or is refused; what was trusted before still is.
    pub fn refresh(
        &self,
        anchor: &TrustAnchor,
        store: &Path,
        clock: Timestamp,
    ) -> Result<TrustedRepository, SourceError> {
        let mut store = StoreDirectory::open(store)?;
        let now = anchor.time(clock);
        let mut source = self.metadata("metadata/");
        let mut client = Client { source: &mut source, store: &mut store, now };
        let trusted = refresh(&anchor.root, &mut client).map_err(flat)?;
        Ok(TrustedRepository { origin: self.origin.clone(), store, now, trusted })
    }

    /// The metadata below this place, whose names all begin with `prefix`.
    #[must_use]
    pub fn metadata(&self, prefix: &'static str) -> MetadataDirectory {
        MetadataDirectory { origin: self.origin.clone(), prefix }
    }

    /// A whole file of at most `limit` bytes, verified by nobody; nothing when there is none.
    ///
    /// # Errors
    /// When it cannot be had or is larger.
    pub fn fetch(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, SourceError> {
        self.origin.whole(name, limit)
    }
}

impl TrustedRepository {
    /// What is trusted.
    #[must_use]
    pub fn metadata(&self) -> &TrustedMetadata {
        &self.trusted
    }

    /// All releases of a stream.
    ///
    /// # Errors
    /// When the repository has no such stream, or its file cannot be had or is refused.
    pub fn updates(&mut self, stream: &StreamName) -> Result<Updates, SourceError> {
        let name = format!("{stream}/{}", path::UPDATES);
        let text = self.document(&name, updates::MAXIMUM_BYTES as u64)?;
        let updates = Updates::parse(&text)?;
        let found = updates.stream.to_string();
        (updates.stream == *stream).then_some(updates).ok_or(SourceError::Misplaced { path: name, found })
    }

    /// What a release is made of.
    ///
    /// # Errors
    /// When the repository has no such release, or its file cannot be had or is refused.
    pub fn release(
        &mut self,
        stream: &StreamName,
        version: Version,
        architecture: Architecture,
    ) -> Result<Release, SourceError> {
        let name = format!("{stream}/{}", path::release(version, architecture));
        let text = self.document(&name, release::MAXIMUM_BYTES as u64)?;
        let release = Release::parse(&text)?;
        let same = (&release.stream, release.version, release.architecture) == (stream, version, architecture);
        let found = format!("{} {} for {}", release.stream, release.version, release.architecture);
        same.then_some(release).ok_or(SourceError::Misplaced { path: name, found })
    }

    /// A file of a release, to be read.
    #[must_use]
    pub fn artifact(&self, release: &Release, artifact: &release_metadata::artifact::Artifact) -> ArtifactFile {
        let name = artifact.path.in_release(release.version, release.architecture);
        ArtifactFile::new(self.origin.clone(), format!("targets/{}/{name}", release.stream), artifact)
    }

    /// Until when what is loaded may be used without another refresh, and the role that ends first.
    #[must_use]
    pub fn valid_until(&self, stream: &StreamName) -> (Timestamp, String) {
        let trusted = &self.trusted;
        let roles = [
            (trusted.root().common.expires, ROOT),
            (trusted.timestamp().map_or(Timestamp::MIN, |role| role.common.expires), TIMESTAMP),
            (trusted.snapshot().map_or(Timestamp::MIN, |role| role.common.expires), SNAPSHOT),
            (trusted.targets(TARGETS).map_or(Timestamp::MIN, |role| role.common.expires), TARGETS),
        ];
        let stream = trusted.targets(stream.as_str()).map(|role| (role.common.expires, stream.as_str()));
        let first = roles.into_iter().chain(stream).min();
        first.map_or((Timestamp::MIN, ROOT.to_owned()), |(expires, role)| (expires, role.to_owned()))
    }

    /// Where a signed file lies below the repository, and what is signed of it.
    ///
    /// # Errors
    /// When nobody vouches for such a file.
    pub fn target(&mut self, name: &str) -> Result<(String, TargetFile), SourceError> {
        let mut source = MetadataDirectory { origin: self.origin.clone(), prefix: "metadata/" };
        let mut client = Client { source: &mut source, store: &mut self.store, now: self.now };
        let target = client.find_target(&mut self.trusted, name).map_err(flat)?;
        Ok((format!("targets/{}", target_location(&self.trusted, name, &target)), target))
    }

    fn document(&mut self, name: &str, most: u64) -> Result<String, SourceError> {
        let (location, target) = self.target(name)?;
        let bytes = verified(&self.origin, &location, &target, most)?;
        let malformed = |problem: String| MetadataError::Malformed { role: name.to_owned(), problem };
        String::from_utf8(bytes).map_err(|error| malformed(error.to_string()).into())
    }
}

impl ReleaseSource {
    /// A whole file that is what was signed for it.
    ///
    /// # Errors
    /// When it cannot be had, or is another one.
    pub fn verified(&self, location: &str, target: &TargetFile, most: u64) -> Result<Vec<u8>, SourceError> {
        verified(&self.origin, location, target, most)
    }
}

fn verified(origin: &Origin, location: &str, target: &TargetFile, most: u64) -> Result<Vec<u8>, SourceError> {
    let url = || origin.shown(location);
    if target.length > most {
        return Err(SourceError::TooLarge { url: url(), limit: most });
    }
    let bytes = origin.whole(location, target.length)?.ok_or_else(|| SourceError::Missing { url: url() })?;
    if bytes.len() as u64 != target.length {
        return Err(SourceError::WrongSize { url: url(), expected: target.length, found: bytes.len() as u64 });
    }
    has_hashes(&bytes, &target.hashes).then_some(bytes).ok_or_else(|| SourceError::WrongHash { url: url() })
}

/// Both ways to fail are ours.
pub fn flat(error: RefreshError<SourceError, SourceError>) -> SourceError {
    match error {
        RefreshError::Metadata(error) => SourceError::Refused(error),
        RefreshError::Source(error) | RefreshError::Store(error) => error,
    }
}

//! What is asked of the archives: the part of a recipe that decides which packages come.

use crate::control::{
    NameError, check_architecture, check_archive_name, check_component, check_package_name, check_suite, check_version,
};
use crate::digest::Sha256Digest;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Where packages come from and which are wanted. Mirrors are not part of it: the same archive from another host is the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Request {
    /// Debian architecture of the image, such as `amd64`.
    pub architecture: String,
    /// The archives by name, such as `debian` and `debian-security`.
    pub archives: BTreeMap<String, ArchiveRequest>,
    /// Packages wanted, besides the essential ones: `name` or `name=version`.
    pub packages: BTreeSet<String>,
    /// Packages that must not come, whatever depends on them.
    pub excluded: BTreeSet<String>,
    /// Names taken as provided by the image itself, such as `linux-initramfs-tool`: what depends on them is satisfied.
    pub provided: BTreeSet<String>,
    /// Whether recommended packages come too.
    pub recommends: bool,
}

/// One archive: a collection of suites that share a key and mirrors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ArchiveRequest {
    /// Suites, such as `trixie` and `trixie-updates`; one that ends in `/` is a flat repository.
    pub suites: Vec<String>,
    /// Components, such as `main`; none for a flat repository.
    pub components: Vec<String>,
    /// Who must have signed it.
    pub key: ArchiveKey,
}

/// Who signs an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArchiveKey {
    /// Debian: the keys in the build machine's `debian-archive-keyring` package.
    DebianArchive,
    /// The keys in a file with this SHA-256.
    File(Sha256Digest),
}

/// Why a request makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A name that Debian does not allow.
    #[error("the package request holds an unusable name")]
    Name(#[from] NameError),
    /// A package both wanted and excluded.
    #[error("{0} is both in the packages and in the excluded packages; remove one of the two")]
    WantedAndExcluded(String),
    /// Suites without components, or a flat repository with components.
    #[error("the archive {0} needs suites, and components for every suite except those that end in \"/\"")]
    Shape(String),
    /// Nothing to get packages from.
    #[error("there is no archive to get packages from; add base.debian.suite to the recipe")]
    NoArchives,
}

impl Request {
    /// Checks every name, so that none can become an option or a path on a command line.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), RequestError> {
        check_architecture(&self.architecture)?;
        if self.archives.is_empty() {
            return Err(RequestError::NoArchives);
        }
        for (name, archive) in &self.archives {
            check_archive_name(name)?;
            archive.suites.iter().try_for_each(|suite| check_suite(suite))?;
            archive.components.iter().try_for_each(|component| check_component(component))?;
            let flat = archive.suites.iter().filter(|suite| suite.ends_with('/')).count();
            let expected = if archive.components.is_empty() { archive.suites.len() } else { 0 };
            if archive.suites.is_empty() || flat != expected {
                return Err(RequestError::Shape(name.clone()));
            }
        }
        for wanted in &self.packages {
            let (name, version) = wanted.split_once('=').map_or((wanted.as_str(), None), |(n, v)| (n, Some(v)));
            check_package_name(name)?;
            version.map_or(Ok(()), check_version)?;
            if self.excluded.contains(name) {
                return Err(RequestError::WantedAndExcluded(name.to_owned()));
            }
        }
        self.excluded.iter().chain(&self.provided).try_for_each(|name| check_package_name(name))?;
        Ok(())
    }

    /// A digest of everything in the request: a lockfile made from another request carries another.
    #[must_use]
    pub fn digest(&self) -> Sha256Digest {
        let text = serde_json::to_vec(self).expect("invariant: a request has only text keys");
        Sha256Digest::of(&text)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{ArchiveKey, ArchiveRequest, Request, RequestError};

    pub(crate) fn request() -> Request {
        let archive = ArchiveRequest {
            suites: vec!["trixie".into()],
            components: vec!["main".into()],
            key: ArchiveKey::DebianArchive,
        };
        Request {
            architecture: "amd64".into(),
            archives: [("debian".to_owned(), archive)].into(),
            packages: ["systemd".to_owned()].into(),
            excluded: ["initramfs-tools".to_owned()].into(),
            provided: ["linux-initramfs-tool".to_owned()].into(),
            recommends: false,
        }
    }

    #[test]
    fn digest_changes_with_every_part() {
        let same = request().digest();
        assert_eq!(request().digest(), same);
        let mut other = request();
        other.packages.insert("vim".into());
        assert_ne!(other.digest(), same);
        let mut other = request();
        other.recommends = true;
        assert_ne!(other.digest(), same);
    }

    #[test]
    fn refuses_names_that_would_be_options() {
        let mut bad = request();
        bad.packages.insert("-oDir=/".into());
        assert!(matches!(bad.check(), Err(RequestError::Name(_))));
        let mut both = request();
        both.packages.insert("initramfs-tools=1".into());
        assert_eq!(both.check(), Err(RequestError::WantedAndExcluded("initramfs-tools".into())));
        request().check().unwrap();
    }
}

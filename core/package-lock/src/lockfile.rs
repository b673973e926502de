//! The lockfile: every package of an image, down to its bytes.

use crate::control::{
    NameError, check_architecture, check_archive_name, check_component, check_package_name, check_suite, check_version,
};
use crate::digest::Sha256Digest;
use crate::lockfile_text;
use crate::packages_index::is_archive_path;
use crate::request::Request;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Version of the file format written, and the only one read.
pub const FORMAT: u32 = 1;
/// Largest lockfile read; one of 1,000 packages has about 400 KB.
pub const MAXIMUM_LOCKFILE: usize = 32 * 1024 * 1024;
/// Most packages in a lockfile.
pub const MAXIMUM_PACKAGES: usize = 65_536;

/// Exact packages, in a stable order: what `piccolo lock` writes and `piccolo build` installs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lockfile {
    /// [`FORMAT`].
    pub format: u32,
    /// [`Request::digest`] of what was resolved.
    pub request: Sha256Digest,
    /// Debian architecture of the image.
    pub architecture: String,
    /// Names taken as provided by the image itself, in order.
    pub provided: Vec<String>,
    /// The suites the packages came from, by archive and suite.
    pub suites: Vec<LockedSuite>,
    /// The packages, by name and architecture.
    pub packages: Vec<LockedPackage>,
}

/// A suite as it was when it was resolved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedSuite {
    /// Name of the archive in the recipe; its mirrors are looked up by it.
    pub archive: String,
    /// Suite.
    pub suite: String,
    /// `Date` of its signed table of contents.
    pub date: Timestamp,
    /// SHA-256 of the InRelease file (or of Release, where there is no InRelease).
    pub release_sha256: Sha256Digest,
    /// The Packages indices used, as that file lists them, by component.
    pub indices: Vec<LockedIndex>,
}

/// A Packages index as it was when it was resolved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedIndex {
    /// Component; empty for a flat repository.
    pub component: String,
    /// SHA-256 of the uncompressed index.
    pub sha256: Sha256Digest,
}

/// One package file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedPackage {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Architecture: the image's, or `all`.
    pub architecture: String,
    /// Source package.
    pub source: String,
    /// Version of the source package.
    pub source_version: String,
    /// Whether Debian calls it essential.
    #[serde(default)]
    pub essential: bool,
    /// Archive it comes from.
    pub archive: String,
    /// Suite of that archive.
    pub suite: String,
    /// Component of that suite; empty for a flat repository.
    pub component: String,
    /// Path within the archive, such as `pool/main/b/bash/bash_5.2_amd64.deb`.
    pub path: String,
    /// Size of the file in bytes.
    pub size: u64,
    /// SHA-256 of the file.
    pub sha256: Sha256Digest,
}

/// Why a text is not a lockfile.
#[derive(Debug, thiserror::Error)]
pub enum LockfileError {
    /// Above the limit.
    #[error("the lockfile is above {} MiB or {MAXIMUM_PACKAGES} packages", MAXIMUM_LOCKFILE >> 20)]
    TooLarge,
    /// Written by another version.
    #[error("the lockfile has format {found}, this version reads {FORMAT}; run piccolo lock again")]
    Format {
        /// The format it says.
        found: u32,
    },
    /// Not the JSON of a lockfile.
    #[error("the lockfile is malformed; run piccolo lock again")]
    Syntax(#[from] serde_json::Error),
    /// A name that cannot be.
    #[error("the lockfile holds an unusable name; run piccolo lock again")]
    Name(#[from] NameError),
    /// A path that leaves the archive.
    #[error("the lockfile's package {package} has the unusable path {path:?}; run piccolo lock again")]
    Path {
        /// The package.
        package: String,
        /// Its path.
        path: String,
    },
    /// A package for another machine.
    #[error("the lockfile's package {package} is for {architecture}, which the image is not; run piccolo lock again")]
    Architecture {
        /// The package.
        package: String,
        /// Its architecture.
        architecture: String,
    },
    /// A package from a suite that is not listed.
    #[error(
        "the lockfile's package {package} comes from {archive} {suite} {component}, which the lockfile does not list"
    )]
    UnknownSuite {
        /// The package.
        package: String,
        /// Its archive.
        archive: String,
        /// Its suite.
        suite: String,
        /// Its component.
        component: String,
    },
    /// Not in the stable order, or something twice.
    #[error("the lockfile is out of order, or repeats, at {at}; run piccolo lock again")]
    Order {
        /// The second of the two that are out of order.
        at: String,
    },
    /// Sizes that no disk has.
    #[error("the sizes in the lockfile add up to more than 2⁶³ bytes")]
    Sizes,
}

#[derive(Deserialize)]
struct OnlyFormat {
    format: u32,
}

impl Lockfile {
    /// Reads a lockfile. It may come from anybody: names, paths, sizes and order are checked.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, LockfileError> {
        if text.len() > MAXIMUM_LOCKFILE {
            return Err(LockfileError::TooLarge);
        }
        // The format is looked at first: another format's unknown fields would be a misleading error.
        let OnlyFormat { format: found } = serde_json::from_str(text)?;
        if found != FORMAT {
            return Err(LockfileError::Format { found });
        }
        let lockfile: Self = serde_json::from_str(text)?;
        lockfile.check()?;
        Ok(lockfile)
    }

    /// Writes it: JSON, a package on three lines, so that a difference between two versions reads well. Parsing it again gives an
    /// equal value, and equal values give equal text.
    #[must_use]
    pub fn to_text(&self) -> String {
        lockfile_text::write(self)
    }

    /// Puts everything into the stable order.
    pub fn sort(&mut self) {
        self.provided.sort();
        self.suites.iter_mut().for_each(|suite| suite.indices.sort());
        self.suites.sort();
        self.packages.sort_by(|a, b| (&a.name, &a.architecture).cmp(&(&b.name, &b.architecture)));
    }

    /// Whether it was made from this request. When not, it is stale.
    #[must_use]
    pub fn answers(&self, request: &Request) -> bool {
        self.request == request.digest()
    }

    /// The time all files of an image are clamped to: the newest date of its suites, in seconds since 1970.
    #[must_use]
    pub fn source_date_epoch(&self) -> i64 {
        self.suites.iter().map(|suite| suite.date.as_second()).max().unwrap_or_default()
    }

    /// Bytes of all package files together.
    #[must_use]
    pub fn total_size(&self) -> u64 {
        self.packages.iter().fold(0, |total, package| total.saturating_add(package.size))
    }

    /// A package by name.
    #[must_use]
    pub fn package(&self, name: &str) -> Option<&LockedPackage> {
        let first = self.packages.partition_point(|package| package.name.as_str() < name);
        self.packages.get(first).filter(|package| package.name == name)
    }

    fn check(&self) -> Result<(), LockfileError> {
        check_architecture(&self.architecture)?;
        if self.packages.len() > MAXIMUM_PACKAGES || self.suites.len() > MAXIMUM_PACKAGES {
            return Err(LockfileError::TooLarge);
        }
        self.provided.iter().try_for_each(|name| check_package_name(name))?;
        in_order(&self.provided, |name| name.clone(), String::clone)?;
        for suite in &self.suites {
            check_archive_name(&suite.archive)?;
            check_suite(&suite.suite)?;
            suite
                .indices
                .iter()
                .filter(|index| !index.component.is_empty())
                .try_for_each(|i| check_component(&i.component))?;
            in_order(&suite.indices, |index| index.component.clone(), |index| index.component.clone())?;
        }
        let place = |suite: &LockedSuite| (suite.archive.clone(), suite.suite.clone());
        in_order(&self.suites, place, |suite| format!("{} {}", suite.archive, suite.suite))?;
        in_order(&self.packages, |p| (p.name.clone(), p.architecture.clone()), |package| package.name.clone())?;
        let known: BTreeSet<_> = self
            .suites
            .iter()
            .flat_map(|suite| suite.indices.iter().map(move |i| (&*suite.archive, &*suite.suite, &*i.component)))
            .collect();
        let mut total: u64 = 0;
        for package in &self.packages {
            self.check_package(package, &known)?;
            total = total
                .checked_add(package.size)
                .filter(|sum| i64::try_from(*sum).is_ok())
                .ok_or(LockfileError::Sizes)?;
        }
        Ok(())
    }

    fn check_package(
        &self,
        package: &LockedPackage,
        known: &BTreeSet<(&str, &str, &str)>,
    ) -> Result<(), LockfileError> {
        check_package_name(&package.name)?;
        check_version(&package.version)?;
        check_package_name(&package.source)?;
        check_version(&package.source_version)?;
        if package.architecture != "all" && package.architecture != self.architecture {
            return Err(LockfileError::Architecture {
                package: package.name.clone(),
                architecture: package.architecture.clone(),
            });
        }
        if !is_archive_path(&package.path) {
            return Err(LockfileError::Path { package: package.name.clone(), path: package.path.clone() });
        }
        if !known.contains(&(&*package.archive, &*package.suite, &*package.component)) {
            return Err(LockfileError::UnknownSuite {
                package: package.name.clone(),
                archive: package.archive.clone(),
                suite: package.suite.clone(),
                component: package.component.clone(),
            });
        }
        Ok(())
    }
}

fn in_order<T, K: Ord>(items: &[T], key: impl Fn(&T) -> K, shown: impl Fn(&T) -> String) -> Result<(), LockfileError> {
    match items.windows(2).find(|pair| key(&pair[0]) >= key(&pair[1])) {
        Some(pair) => Err(LockfileError::Order { at: shown(&pair[1]) }),
        None => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{FORMAT, LockedIndex, LockedPackage, LockedSuite, Lockfile, LockfileError};
    use crate::digest::Sha256Digest;
    use crate::request::tests::request;
    use proptest::prelude::{any, proptest};

    pub(crate) fn package(name: &str, version: &str) -> LockedPackage {
        LockedPackage {
            name: name.into(),
            version: version.into(),
            architecture: "amd64".into(),
            source: name.into(),
            source_version: version.into(),
            essential: name == "bash",
            archive: "debian".into(),
            suite: "trixie".into(),
            component: "main".into(),
            path: format!("pool/main/{name}_{version}_amd64.deb"),
            size: 1000,
            sha256: Sha256Digest::of(version.as_bytes()),
        }
    }

    pub(crate) fn lockfile(packages: Vec<LockedPackage>) -> Lockfile {
        let mut lockfile = Lockfile {
            format: FORMAT,
            request: request().digest(),
            architecture: "amd64".into(),
            provided: vec!["linux-initramfs-tool".into()],
            suites: vec![LockedSuite {
                archive: "debian".into(),
                suite: "trixie".into(),
                date: "2026-09-05T09:30:00Z".parse().unwrap(),
                release_sha256: Sha256Digest::of(b"release"),
                indices: vec![LockedIndex { component: "main".into(), sha256: Sha256Digest::of(b"index") }],
            }],
            packages,
        };
        lockfile.sort();
        lockfile
    }

    #[test]
    fn text_and_value_are_the_same_thing() {
        let locked = lockfile(vec![package("zlib1g", "1:1.3"), package("bash", "5.2")]);
        let text = locked.to_text();
        assert_eq!(Lockfile::parse(&text).unwrap(), locked);
        assert_eq!(Lockfile::parse(&text).unwrap().to_text(), text);
        assert!(locked.answers(&request()));
        assert_eq!(locked.source_date_epoch(), 1_788_600_600);
        assert_eq!(locked.package("zlib1g").unwrap().version, "1:1.3");
        assert!(locked.package("zlib").is_none());
    }

    #[test]
    fn text_is_pleasant_to_compare() {
        let text = lockfile(vec![package("bash", "5.2"), package("zlib1g", "1:1.3")]).to_text();
        let expected = include_str!("../tests/data/lockfile.lock.json");
        assert_eq!(text, expected);
    }

    fn changed(change: impl FnOnce(&mut Lockfile)) -> LockfileError {
        let mut locked = lockfile(vec![package("bash", "5.2"), package("zlib1g", "1.3")]);
        change(&mut locked);
        Lockfile::parse(&locked.to_text()).unwrap_err()
    }

    #[test]
    fn refuses_what_would_harm_or_mislead() {
        assert!(matches!(changed(|l| l.format = 2), LockfileError::Format { found: 2 }));
        assert!(matches!(changed(|l| l.packages[0].path = "../x".into()), LockfileError::Path { .. }));
        assert!(matches!(
            changed(|l| l.packages[0].name = "../x".into()),
            LockfileError::Order { .. } | LockfileError::Name(_)
        ));
        assert!(matches!(changed(|l| l.packages[1].version = "1 x".into()), LockfileError::Name(_)));
        assert!(matches!(changed(|l| l.packages[1].architecture = "arm64".into()), LockfileError::Architecture { .. }));
        assert!(matches!(changed(|l| l.packages[1].component = "contrib".into()), LockfileError::UnknownSuite { .. }));
        assert!(matches!(changed(|l| l.packages.swap(0, 1)), LockfileError::Order { .. }));
        assert!(matches!(changed(|l| l.packages[1].name = "bash".into()), LockfileError::Order { .. }));
        assert!(matches!(changed(|l| l.packages.iter_mut().for_each(|p| p.size = u64::MAX)), LockfileError::Sizes));
        assert!(matches!(Lockfile::parse("{\"format\":1,\"x\":2}"), Err(LockfileError::Syntax(_))));
    }

    proptest! {
        #[test]
        fn any_text_is_an_error_or_survives_a_round_trip(text in any::<String>()) {
            if let Ok(locked) = Lockfile::parse(&text) {
                assert_eq!(Lockfile::parse(&locked.to_text()).unwrap(), locked);
            }
        }

        #[test]
        fn any_damage_is_noticed_or_harmless(position in 0_usize..1500, byte in 32_u8..127) {
            let mut text = lockfile(vec![package("bash", "5.2"), package("zlib1g", "1.3")]).to_text().into_bytes();
            let position = position % text.len();
            text[position] = byte;
            if let Ok(locked) = Lockfile::parse(&String::from_utf8(text).unwrap()) {
                assert_eq!(Lockfile::parse(&locked.to_text()).unwrap(), locked);
            }
        }
    }
}

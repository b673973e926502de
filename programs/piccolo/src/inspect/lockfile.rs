//! Lockfiles: exact packages and where they come from.

use super::Options;
use super::release::{Package, Packages};
use super::text::{Text, count};
use crate::report::human_bytes;
use package_lock::lockfile::{Lockfile, LockfileError};
use serde::Serialize;

/// A lockfile. Texts need no escaping: names in a lockfile were checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LockfileFacts {
    /// Version of the format.
    pub format: u32,
    /// Hash of the request that it answers.
    pub request: String,
    /// Debian architecture.
    pub architecture: String,
    /// Suites that packages come from.
    pub suites: Vec<SuiteFacts>,
    /// Bytes of all package files.
    pub download_size: u64,
    /// The packages.
    pub packages: Packages,
}

/// A suite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SuiteFacts {
    /// Name of the archive in the recipe.
    pub archive: String,
    /// Suite.
    pub suite: String,
    /// Date of its signed table of contents.
    pub date: String,
    /// SHA-256 of that table.
    pub release_sha256: String,
    /// How many packages come from it.
    pub packages: usize,
}

impl LockfileFacts {
    /// Reads and checks a lockfile.
    pub fn read(text: &str, options: &Options) -> Result<Self, LockfileError> {
        let lockfile = Lockfile::parse(text)?;
        let suites = lockfile.suites.iter().map(|suite| SuiteFacts {
            archive: suite.archive.clone(),
            suite: suite.suite.clone(),
            date: suite.date.to_string(),
            release_sha256: suite.release_sha256.to_string(),
            packages: lockfile
                .packages
                .iter()
                .filter(|package| package.archive == suite.archive && package.suite == suite.suite)
                .count(),
        });
        let packages = lockfile.packages.iter().map(|package| Package {
            name: package.name.clone(),
            version: package.version.clone(),
            architecture: Some(package.architecture.clone()),
        });
        Ok(Self {
            format: lockfile.format,
            request: lockfile.request.to_string(),
            architecture: lockfile.architecture.clone(),
            suites: suites.collect(),
            download_size: lockfile.packages.iter().fold(0, |sum: u64, package| sum.saturating_add(package.size)),
            packages: Packages::of(packages.collect(), options.packages),
        })
    }

    /// Everything about it, for a person.
    pub fn describe(&self, text: &mut Text) {
        text.field("Format", self.format);
        text.field("Architecture", &self.architecture);
        text.field("Request", &self.request);
        for suite in &self.suites {
            let packages = count(suite.packages as u64, "package", "packages");
            text.field("Suite", format!("{} {} of {}, {packages}", suite.archive, suite.suite, suite.date));
        }
        text.field("Download", human_bytes(self.download_size));
        self.packages.describe(text);
    }
}

//! Makes a root tree of packages.
//!
//! All package files are decompressed on all cores into one stream, which is unpacked in memory within namespaces of its own; there
//! dpkg configures the packages, without network, and the result is archived. This is what `dpkg --unpack` of everything followed by
//! `dpkg --configure` does, in a fraction of the time.

mod namespace;
mod package_file;
mod stream;

pub use namespace::NamespaceError;

use crate::package_cache::{CacheError, Cached, PackageCache};
use crate::progress::{Progress, Report};
use host::cancel::Cancel;
use package_file::{PackageFile, PackageFileError};
use package_lock::dpkg_database::PackageControl;
use package_lock::lockfile::Lockfile;
use package_lock::unpack::{PathRules, UnpackError};
use std::fs::File;
use std::io;

/// How the tree is made.
#[derive(Clone, Debug, Default)]
pub struct TreeOptions {
    /// What is not unpacked.
    pub rules: PathRules,
}

/// A script that changes the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeScript {
    /// Its name in messages.
    pub name: String,
    /// Its text; starts with `#!` and a program that is in the tree.
    pub contents: Vec<u8>,
}

/// Why a tree could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// A package is not in the cache.
    #[error("the package {name} {version} is not in the package cache; fetch the packages first")]
    NotFetched {
        /// Its name.
        name: String,
        /// Its version.
        version: String,
    },
    /// A package file that cannot be read.
    #[error("the package file of {name} cannot be used")]
    PackageFile {
        /// The package.
        name: String,
        /// Why.
        source: PackageFileError,
    },
    /// Packages that do not fit together.
    #[error("the packages cannot be unpacked together")]
    Unpack(#[from] UnpackError),
    /// The stream into the namespace broke.
    #[error("unpacking was interrupted")]
    Stream(#[source] io::Error),
    /// Something inside the namespace failed.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// The work was cancelled.
    #[error("making the root tree was cancelled")]
    Cancelled,
}

/// Installs a lockfile's packages from the cache and writes the tree to `out` as an uncompressed tar archive (pax), names sorted,
/// owners as numbers, no time later than the lockfile's. The same lockfile gives the same bytes for every user, except for what
/// package scripts themselves write differently each time.
///
/// Nothing in the tree runs with rights on this machine: an ordinary user's packages are installed in a user namespace.
///
/// # Errors
/// When a package is not in the cache, is damaged, does not fit the others or fails to configure; when this user may not make
/// namespaces; when the work is cancelled.
pub fn install(
    lockfile: &Lockfile,
    cache: &PackageCache,
    options: &TreeOptions,
    out: File,
    report: Report<'_>,
    cancel: &Cancel,
) -> Result<(), TreeError> {
    let files = package_files(lockfile, cache)?;
    let controls: Vec<PackageControl> = files.iter().map(|file| file.control.clone()).collect();
    let plan = stream::Plan::new(lockfile, &files, &controls, options);
    let mut running = namespace::start(&namespace::Job {
        step: namespace::Step::Install,
        source_date_epoch: lockfile.source_date_epoch(),
        out,
    })?;
    let fed = plan.write(running.input(), report, cancel);
    report(Progress::Configuring { packages: files.len() });
    running.finish(fed, cancel)
}

/// Runs scripts in a tree that [`install`] made, in order, without network, and archives the result in the same way.
///
/// # Errors
/// When a script fails, or the work is cancelled.
pub fn post_process(
    tree: File,
    scripts: &[TreeScript],
    source_date_epoch: i64,
    out: File,
    report: Report<'_>,
    cancel: &Cancel,
) -> Result<(), TreeError> {
    report(Progress::PostProcessing);
    let mut running = namespace::start(&namespace::Job { step: namespace::Step::PostProcess, source_date_epoch, out })?;
    let fed = stream::write_with_scripts(tree, scripts, running.input(), cancel);
    running.finish(fed, cancel)
}

/// Opens the packages, the first one first unpacked: `base-files` brings the links that make `/usr` merged, and large packages come
/// before small ones so that all cores have work to the end.
fn package_files(lockfile: &Lockfile, cache: &PackageCache) -> Result<Vec<PackageFile>, TreeError> {
    let mut files = Vec::new();
    for package in &lockfile.packages {
        let Cached::Good(path) = cache.verified(package)? else {
            return Err(TreeError::NotFetched { name: package.name.clone(), version: package.version.clone() });
        };
        let file = PackageFile::open(path, package)
            .map_err(|source| TreeError::PackageFile { name: package.name.clone(), source })?;
        files.push(file);
    }
    files.sort_by(|a, b| {
        let rank = |file: &PackageFile| (file.control.name != "base-files", std::cmp::Reverse(file.size));
        rank(a).cmp(&rank(b)).then_with(|| a.control.name.cmp(&b.control.name))
    });
    Ok(files)
}

//! Packages: which, from where, and the tree they make.

use super::layers::LoadedRecipe;
use super::request::{DEBIAN, DEBIAN_SECURITY, PackageRequest, package_request};
use super::{Settings, base};
use crate::failure::{Failure, FailureKind, OrFail};
use crate::report::{Phase, Report};
use anyhow::{Context, anyhow};
use build_cache::BuildCache;
use build_plan::key::StepKey;
use package_archive::fetch::{self, FetchError};
use package_archive::mirrors::{self, Mirrors};
use package_archive::package_cache::PackageCache;
use package_archive::progress::Progress;
use package_archive::resolve::{self, ResolveError, Sources};
use package_archive::tree::{self, TreeError, TreeOptions};
use package_lock::lockfile::Lockfile;
use recipe::Recipe;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Changes when the same packages come to give another base tree.
pub const BASE_REVISION: u32 = 1;
/// Name of the base tree's archive in its cache entry.
pub const BASE_ARCHIVE: &str = "tree.tar";

/// The lockfile of a build: the one that is there if it answers the recipe, else a new one.
pub fn lockfile(settings: &Settings, loaded: &LoadedRecipe, report: &Report) -> Result<Lockfile, Failure> {
    let path = settings.lockfile.clone().unwrap_or_else(|| loaded.default_lockfile.clone());
    let wanted = package_request(&loaded.recipe).or_fail(FailureKind::Input)?;
    let existing = read(&path).or_fail(FailureKind::Lock)?;
    match existing {
        Some(lockfile) if lockfile.answers(&wanted.request) => Ok(lockfile),
        Some(_) if settings.locked => {
            Err(stale(&path, "was made for other packages or archives than the recipe names"))
        }
        None if settings.locked => Err(stale(&path, "is not there")),
        _ if settings.dry_run => {
            Err(stale(&path, "is missing or does not answer the recipe, so there is nothing to plan with"))
        }
        _ => {
            let lockfile = resolve(&wanted, report)?;
            write(&path, &lockfile).or_fail(FailureKind::Requirement)?;
            report.note(&format!("wrote {} ({} packages)", path.display(), lockfile.packages.len()));
            Ok(lockfile)
        }
    }
}

fn stale(path: &Path, why: &str) -> Failure {
    Failure::new(FailureKind::Lock, anyhow!("the lockfile {} {why}; run piccolo lock", path.display()))
}

/// Reads a lockfile, if there is one.
pub fn read(path: &Path) -> anyhow::Result<Option<Lockfile>> {
    match fs::read_to_string(path) {
        Ok(text) => Lockfile::parse(&text).with_context(|| format!("reading {}", path.display())).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

/// Writes a lockfile, whole or not at all.
pub fn write(path: &Path, lockfile: &Lockfile) -> anyhow::Result<()> {
    let context = || format!("writing {}", path.display());
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(directory).with_context(context)?;
    let mut file = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(directory)
        .with_context(context)?;
    file.write_all(lockfile.to_text().as_bytes()).with_context(context)?;
    file.persist(path).with_context(context)?;
    Ok(())
}

/// Asks the archives which packages answer the request.
pub fn resolve(wanted: &PackageRequest, report: &Report) -> Result<Lockfile, Failure> {
    let phase = report.phase("resolving packages");
    let mirrors = mirrors(wanted).or_fail(FailureKind::Requirement)?;
    let sources = Sources { mirrors: &mirrors, keys: &wanted.keys };
    resolve::resolve(&wanted.request, sources, &|progress| show(&phase, progress), report.cancel()).map_err(|error| {
        let kind = match &error {
            ResolveError::Unreachable { .. } => FailureKind::Unavailable,
            ResolveError::Mirrors(_) => FailureKind::Requirement,
            _ => FailureKind::Input,
        };
        Failure::new(kind, anyhow::Error::new(error).context("choosing packages"))
    })
}

/// How many packages of a lockfile the cache lacks, and their bytes. Looks at names only: contents are verified on use.
pub fn missing(lockfile: &Lockfile, cache: &BuildCache) -> (usize, u64) {
    let Ok(packages) = PackageCache::open(cache.packages()) else {
        return (lockfile.packages.len(), lockfile.total_size());
    };
    let missing = lockfile.packages.iter().filter(|package| !packages.path_of(&package.sha256).is_file());
    missing.fold((0, 0), |(count, bytes), package| (count + 1, bytes + package.size))
}

/// Brings every package of a lockfile into the cache.
pub fn fetch(lockfile: &Lockfile, wanted: &PackageRequest, cache: &BuildCache, report: &Report) -> Result<(), Failure> {
    let phase = report.phase("packages");
    let packages = PackageCache::open(cache.packages()).or_fail(FailureKind::Requirement)?;
    // A full cache needs no mirror, so that one that cannot be found only matters when something is missing.
    let mirrors = mirrors(wanted).unwrap_or_default();
    fetch::fetch(lockfile, &mirrors, &packages, &|progress| show(&phase, progress), report.cancel()).map_err(
        |error| {
            let kind = match &error {
                FetchError::Cache(_) => FailureKind::Requirement,
                _ if report.cancel().is_cancelled() => FailureKind::Cancelled,
                _ => FailureKind::Unavailable,
            };
            Failure::new(kind, error)
        },
    )?;
    Ok(())
}

/// Installs the packages and settles the result into the base tree, in the cache.
pub fn base_tree(
    lockfile: &Lockfile,
    recipe: &Recipe,
    key: &StepKey,
    cache: &BuildCache,
    report: &Report,
) -> Result<PathBuf, Failure> {
    let phase = report.phase("installing packages");
    let packages = PackageCache::open(cache.packages()).or_fail(FailureKind::Requirement)?;
    let pending = cache.begin(key).or_fail(FailureKind::Requirement)?;
    let installed = pending.path().join("installed.tar");
    let out = File::create(&installed)
        .with_context(|| format!("creating {}", installed.display()))
        .or_fail(FailureKind::Requirement)?;
    tree::install(
        lockfile,
        &packages,
        &TreeOptions::default(),
        out,
        &|progress| show(&phase, progress),
        report.cancel(),
    )
    .map_err(|error| tree_failure(error, report))?;
    drop(phase);
    let phase = report.phase("base tree");
    base::settle(&installed, &pending.path().join(BASE_ARCHIVE), recipe).or_fail(FailureKind::Input)?;
    fs::remove_file(&installed)
        .with_context(|| format!("removing {}", installed.display()))
        .or_fail(FailureKind::Requirement)?;
    drop(phase);
    pending.commit().or_fail(FailureKind::Requirement)
}

/// Which kind of failure an error of the tree is.
pub fn tree_failure(error: TreeError, report: &Report) -> Failure {
    let kind = match &error {
        TreeError::Cancelled => FailureKind::Cancelled,
        _ if report.cancel().is_cancelled() => FailureKind::Cancelled,
        TreeError::Namespace(_) => FailureKind::Requirement,
        _ => FailureKind::Input,
    };
    Failure::new(kind, error)
}

/// Shows a package step's progress in a phase.
pub fn show(phase: &Phase<'_>, progress: Progress) {
    if let Progress::Downloading { done, total } | Progress::Unpacking { done, total } = progress {
        phase.bytes(done, total);
    }
}

/// The recipe's mirrors; for Debian's archives, where it names none, those of this computer's apt.
fn mirrors(wanted: &PackageRequest) -> anyhow::Result<Mirrors> {
    let mut mirrors: Mirrors = wanted.mirrors.clone();
    if mirrors.values().any(Vec::is_empty) {
        let own = mirrors::of_this_machine()?;
        for (archive, found) in [(DEBIAN, own.main), (DEBIAN_SECURITY, own.security)] {
            if let Some(list) = mirrors.get_mut(archive).filter(|list| list.is_empty()) {
                *list = found;
            }
        }
    }
    Ok(mirrors)
}

//! Brings a lockfile's packages into the cache.

use crate::apt_root::{AptRoot, AptRootError};
use crate::mirrors::{self, Mirrors, MirrorsError};
use crate::package_cache::{CacheError, Cached, PackageCache};
use crate::progress::{Progress, Report};
use host::cancel::Cancel;
use host::invocation::HostError;
use host::program::Program;
use package_lock::lockfile::{LockedPackage, Lockfile};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// Most files asked of one run of apt's downloader: a run ends at the first mirror's missing file only when it is through, and
/// its command line has to stay below the kernel's limit of 2 MiB.
const FILES_PER_RUN: usize = 200;
/// How often the downloaded bytes are counted.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// Why packages could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// An archive without usable mirrors.
    #[error(transparent)]
    Mirrors(#[from] MirrorsError),
    /// apt's own directory could not be made.
    #[error(transparent)]
    AptRoot(#[from] AptRootError),
    /// apt's downloader could not run.
    #[error("downloading packages failed")]
    Download(#[source] HostError),
    /// Packages that no mirror has.
    #[error("{}", gone_text(.packages))]
    Gone {
        /// The packages, and what was tried for each.
        packages: Vec<GonePackage>,
    },
    /// The work was cancelled.
    #[error("downloading packages was cancelled; what is complete stays in the cache")]
    Cancelled,
}

/// A package that could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GonePackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where it was looked for.
    pub tried: Vec<String>,
    /// What the last downloader said about it.
    pub reason: Option<String>,
}

fn gone_text(packages: &[GonePackage]) -> String {
    let mut text = String::from("no mirror has these packages of the lockfile:\n");
    for package in packages {
        text.push_str(&format!("  {} {}\n", package.name, package.version));
        for uri in &package.tried {
            text.push_str(&format!("    tried {uri}\n"));
        }
        if let Some(reason) = &package.reason {
            text.push_str(&format!("    {reason}\n"));
        }
    }
    text.push_str(
        "A mirror drops a version when a newer one comes. Run piccolo lock to take the newer versions, or add an archive of old \
         versions (a snapshot archive) to the mirrors in the recipe. If the network is down, run again when it is up.",
    );
    text
}

/// Makes sure that every package of the lockfile is in the cache, complete and unchanged. Without missing packages nothing is
/// downloaded, and no mirror needs to be known. Answers where each package is, in the lockfile's order.
///
/// # Errors
/// When packages are missing that no mirror has, or the work is cancelled.
pub fn fetch(
    lockfile: &Lockfile,
    mirrors: &Mirrors,
    cache: &PackageCache,
    report: Report<'_>,
    cancel: &Cancel,
) -> Result<Vec<PathBuf>, FetchError> {
    let total = lockfile.total_size();
    let mut missing = missing_packages(lockfile, cache, report, cancel)?;
    if !missing.is_empty() {
        mirrors::check(mirrors, missing.iter().map(|package| package.archive.as_str()))?;
        let root = AptRoot::create(&lockfile.architecture, cancel)?;
        let downloads = cache.downloads()?;
        let mut reasons = String::new();
        let attempts = mirrors.values().map(Vec::len).max().unwrap_or_default();
        for attempt in 0..attempts {
            let runs: Vec<LockedPackage> = missing.iter().map(|package| (*package).clone()).collect();
            for run in runs.chunks(FILES_PER_RUN) {
                let have = total - missing.iter().map(|package| package.size).sum::<u64>();
                let progress = |bytes| report(Progress::Downloading { done: have + bytes, total });
                reasons.push_str(&download(&root, run, mirrors, attempt, downloads.path(), &progress, cancel)?);
                for package in run {
                    if cache.adopt(&downloads.path().join(file_name(package)), package)?.is_some() {
                        missing.retain(|other| other.sha256 != package.sha256);
                    }
                }
            }
            if missing.is_empty() {
                break;
            }
        }
        if !missing.is_empty() {
            return Err(FetchError::Gone {
                packages: missing.iter().map(|package| gone(package, mirrors, &reasons)).collect(),
            });
        }
    }
    report(Progress::Downloading { done: total, total });
    Ok(lockfile.packages.iter().map(|package| cache.path_of(&package.sha256)).collect())
}

fn missing_packages<'a>(
    lockfile: &'a Lockfile,
    cache: &PackageCache,
    report: Report<'_>,
    cancel: &Cancel,
) -> Result<Vec<&'a LockedPackage>, FetchError> {
    let total = lockfile.total_size();
    let halves = lockfile.packages.len().div_ceil(thread::available_parallelism().map_or(1, usize::from)).max(1);
    let done = std::sync::atomic::AtomicU64::new(0);
    let verify = |packages: &'a [LockedPackage]| -> Result<Vec<&'a LockedPackage>, FetchError> {
        let mut missing = Vec::new();
        for package in packages {
            if cancel.is_cancelled() {
                return Err(FetchError::Cancelled);
            }
            match cache.verified(package)? {
                Cached::Good(_) => {
                    let size = package.size;
                    let done = done.fetch_add(size, std::sync::atomic::Ordering::Relaxed) + size;
                    report(Progress::Downloading { done, total });
                }
                Cached::Missing => missing.push(package),
            }
        }
        Ok(missing)
    };
    let parts: Vec<Result<_, FetchError>> = thread::scope(|scope| {
        let handles: Vec<_> = lockfile.packages.chunks(halves).map(|part| scope.spawn(move || verify(part))).collect();
        handles.into_iter().map(|handle| handle.join().unwrap_or(Err(FetchError::Cancelled))).collect()
    });
    let mut missing = Vec::new();
    for part in parts {
        missing.extend(part?);
    }
    Ok(missing)
}

/// Downloads packages from each archive's mirror number `attempt` as far as it has them; answers what was complained about.
fn download(
    root: &AptRoot,
    packages: &[LockedPackage],
    mirrors: &Mirrors,
    attempt: usize,
    directory: &Path,
    progress: &(dyn Fn(u64) + Sync),
    cancel: &Cancel,
) -> Result<String, FetchError> {
    let mut invocation = root.invocation(Program::AptHelper).argument("download-file");
    let mut files = Vec::new();
    for package in packages {
        let Some(mirror) = mirrors.get(&package.archive).and_then(|list| list.get(attempt)) else { continue };
        let file = directory.join(file_name(package));
        invocation =
            invocation.argument(uri(mirror, package)).argument(&file).argument(format!("SHA256:{}", package.sha256));
        files.push(file);
    }
    if files.is_empty() {
        return Ok(String::new());
    }
    let mut running = invocation.start().map_err(FetchError::Download)?;
    while running.ended().map_err(FetchError::Download)?.is_none() {
        if cancel.is_cancelled() {
            running.stop();
            return Err(FetchError::Cancelled);
        }
        progress(files.iter().filter_map(|file| fs::metadata(file).ok()).map(|metadata| metadata.len()).sum());
        thread::sleep(PROGRESS_INTERVAL);
    }
    match running.wait(cancel) {
        Ok(_) => Ok(String::new()),
        // What is missing is tried on the next mirror; what it said is kept for the end.
        Err(HostError::Failed { stderr, .. }) => Ok(stderr),
        Err(HostError::Cancelled { .. }) => Err(FetchError::Cancelled),
        Err(error) => Err(FetchError::Download(error)),
    }
}

fn file_name(package: &LockedPackage) -> String {
    format!("{}.deb", package.sha256)
}

/// The address of a package on a mirror. Of the characters a path may have, those with a meaning in URIs are refused by the
/// lockfile, and `+` is written as apt writes it.
fn uri(mirror: &str, package: &LockedPackage) -> String {
    format!("{}/{}", mirror.trim_end_matches('/'), package.path.replace('+', "%2b"))
}

fn gone(package: &LockedPackage, mirrors: &Mirrors, reasons: &str) -> GonePackage {
    let tried: Vec<String> =
        mirrors.get(&package.archive).into_iter().flatten().map(|mirror| uri(mirror, package)).collect();
    let base = package.path.rsplit('/').next().unwrap_or_default().replace('+', "%2b");
    let mentions =
        |line: &&str| line.starts_with("E:") && (line.contains(&base) || line.contains(&package.sha256.to_string()));
    let reason = reasons.lines().find(mentions).map(|line| line[2..].trim().to_owned());
    GonePackage { name: package.name.clone(), version: package.version.clone(), tried, reason }
}

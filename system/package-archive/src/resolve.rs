//! From a request to a lockfile, with apt's own solver.
//!
//! apt checks the signature of every Release file and, through it, every index; what it chose is found again in those indices by
//! SHA-256, so nothing unsigned enters the lockfile.

use crate::apt_root::{AptRoot, AptRootError};
use crate::mirrors::{self, Mirrors, MirrorsError};
use crate::progress::{Progress, Report};
use host::cancel::Cancel;
use host::invocation::HostError;
use host::program::Program;
use package_lock::apt_output::{
    AptOutputError, Complaint, IndexTarget, PrintedDownload, parse_index_targets, parse_print_uris, recognise,
};
use package_lock::digest::Sha256Digest;
use package_lock::dpkg_database::provided_paragraph;
use package_lock::lockfile::{FORMAT, LockedIndex, LockedPackage, LockedSuite, Lockfile};
use package_lock::packages_index::{IndexError, IndexedPackage, MAXIMUM_INDEX, nearest_name, parse_index};
use package_lock::release::{MAXIMUM_RELEASE, ReleaseError, parse_release};
use package_lock::request::{ArchiveKey, Request, RequestError};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// What resolving needs besides the request.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// Mirrors of every archive of the request. The first that answers is used.
    pub mirrors: &'a Mirrors,
    /// Key files, in binary or ASCII form, of the archives that are not Debian's.
    pub keys: &'a BTreeMap<String, PathBuf>,
}

/// Why a request could not be resolved.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The request makes no sense.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// An archive without usable mirrors.
    #[error(transparent)]
    Mirrors(#[from] MirrorsError),
    /// apt's own directory could not be made.
    #[error(transparent)]
    AptRoot(#[from] AptRootError),
    /// apt said no, and its reason is not one we know.
    #[error("apt failed")]
    Apt(#[from] HostError),
    /// apt said something that cannot be read.
    #[error(transparent)]
    Output(#[from] AptOutputError),
    /// A key file that is not the one of the request.
    #[error("the key of the archive {archive} changed while the build was running")]
    KeyChanged {
        /// The archive.
        archive: String,
    },
    /// Signed by a key that is not trusted.
    #[error(
        "an archive is signed with a key that is not trusted ({keys}); for Debian, upgrade the package debian-archive-keyring on \
         this machine; for another repository, put its key into the recipe"
    )]
    UnknownKey {
        /// The key's identifiers.
        keys: String,
    },
    /// Too old.
    #[error(
        "an archive's index has expired: {message}\nThe mirror is out of date or this machine's clock is wrong; for a snapshot \
         archive set Acquire::Check-Valid-Until \"false\" in this machine's apt configuration"
    )]
    Expired {
        /// apt's message.
        message: String,
    },
    /// From the future.
    #[error("an archive's index is from the future: {message}\nSet this machine's clock")]
    NotYetValid {
        /// apt's message.
        message: String,
    },
    /// Not signed, or not as it should be.
    #[error(
        "an archive is not properly signed: {message}\nNothing of it is used; try another mirror, or check the repository's key"
    )]
    NotSigned {
        /// apt's message.
        message: String,
    },
    /// No such package.
    #[error("there is no package {name} in the archives{}; check its name, the suite and the components", did_you_mean(.nearest.as_deref()))]
    UnknownPackage {
        /// The name.
        name: String,
        /// A name that looks like it.
        nearest: Option<String>,
    },
    /// No such version.
    #[error("the archives have no version {version} of {name}, but {}", .offered.join(", "))]
    UnknownVersion {
        /// The package.
        name: String,
        /// The version asked for.
        version: String,
        /// The versions there are.
        offered: Vec<String>,
    },
    /// No set of packages fits.
    #[error(
        "these packages cannot be installed together:\n{explanation}\nRemove one of them from packages.include, or a package that \
         is needed from packages.exclude"
    )]
    Unsatisfiable {
        /// apt's explanation.
        explanation: String,
    },
    /// A server that does not answer.
    #[error("an archive cannot be reached:\n{message}\nCheck the network and the mirrors")]
    Unreachable {
        /// apt's messages.
        message: String,
    },
    /// A file of the archive that apt has accepted cannot be read.
    #[error("{} cannot be read", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A Release file that makes no sense.
    #[error("the Release file of {archive} {suite} cannot be used")]
    Release {
        /// The archive.
        archive: String,
        /// The suite.
        suite: String,
        /// Why.
        source: ReleaseError,
    },
    /// An index that makes no sense.
    #[error("the index of {archive} {suite} {component} cannot be used")]
    Index {
        /// The archive.
        archive: String,
        /// The suite.
        suite: String,
        /// The component.
        component: String,
        /// Why.
        source: IndexError,
    },
    /// An index that its Release file does not list with this hash.
    #[error(
        "{meta_key} of {archive} {suite} is not the file that the signed Release lists; try again or another mirror"
    )]
    IndexMismatch {
        /// The archive.
        archive: String,
        /// The suite.
        suite: String,
        /// The index.
        meta_key: String,
    },
    /// apt chose something that no index has.
    #[error("apt chose a package with the SHA-256 {sha256}, which no index lists")]
    NotInIndex {
        /// Its hash.
        sha256: Sha256Digest,
    },
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(" (is {name} meant?)")).unwrap_or_default()
}

/// Resolves a request: which packages, in which versions, from where.
///
/// # Errors
/// When the request cannot be met, an archive cannot be reached or trusted, or the work is cancelled.
pub fn resolve(
    request: &Request,
    sources: Sources<'_>,
    report: Report<'_>,
    cancel: &Cancel,
) -> Result<Lockfile, ResolveError> {
    request.check()?;
    mirrors::check(sources.mirrors, request.archives.keys().map(String::as_str))?;
    check_keys(request, sources.keys)?;
    report(Progress::Resolving);
    let root = AptRoot::create(&request.architecture, cancel)?;
    update(&root, request, sources, cancel)?;
    let suites = read_suites(&root, request, cancel)?;
    let offered = offered_packages(&suites, request)?;
    let chosen = choose(&root, request, &offered, cancel)?;
    lockfile(request, &suites, &offered, &chosen)
}

fn check_keys(request: &Request, keys: &BTreeMap<String, PathBuf>) -> Result<(), ResolveError> {
    for (name, archive) in &request.archives {
        if let (ArchiveKey::File(expected), Some(path)) = (archive.key, keys.get(name)) {
            let contents = fs::read(path).map_err(|source| ResolveError::Read { path: path.clone(), source })?;
            if Sha256Digest::of(&contents) != expected {
                return Err(ResolveError::KeyChanged { archive: name.clone() });
            }
        }
    }
    Ok(())
}

/// Fetches the indices, from the first mirrors, then from the second ones, and so on.
fn update(root: &AptRoot, request: &Request, sources: Sources<'_>, cancel: &Cancel) -> Result<(), ResolveError> {
    let list = |name: &String| sources.mirrors.get(name).map(Vec::as_slice).unwrap_or_default();
    let attempts = request.archives.keys().map(|name| list(name).len()).max().unwrap_or(1);
    let mut result = Ok(());
    for attempt in 0..attempts {
        let mirrors = request.archives.keys().filter_map(|name| {
            let list = list(name);
            Some((name.as_str(), list.get(attempt.min(list.len().checked_sub(1)?))?.as_str()))
        });
        root.write_request(request, &mirrors.collect(), sources.keys)?;
        result = root.invocation(Program::AptGet).arguments(["update", "-q"]).run(cancel).map(drop).map_err(explain);
        match result {
            // Another mirror may have what this one has not; who signs is the same everywhere.
            Err(
                ResolveError::Unreachable { .. }
                | ResolveError::Expired { .. }
                | ResolveError::Apt(HostError::Failed { .. }),
            ) => {}
            _ => break,
        }
    }
    result
}

fn explain(error: HostError) -> ResolveError {
    let HostError::Failed { stdout, stderr, .. } = &error else { return ResolveError::Apt(error) };
    match recognise(stdout, stderr) {
        Some(Complaint::UnknownKey { keys }) => ResolveError::UnknownKey { keys },
        Some(Complaint::Expired { message }) => ResolveError::Expired { message },
        Some(Complaint::NotYetValid { message }) => ResolveError::NotYetValid { message },
        Some(Complaint::NotSigned { message }) => ResolveError::NotSigned { message },
        Some(Complaint::UnknownPackage { name }) => ResolveError::UnknownPackage { name, nearest: None },
        Some(Complaint::Unsatisfiable { explanation }) => ResolveError::Unsatisfiable { explanation },
        Some(Complaint::Unreachable { message }) => ResolveError::Unreachable { message },
        None => ResolveError::Apt(error),
    }
}

/// A suite with the texts of its indices.
struct Suite {
    locked: LockedSuite,
    indices: Vec<(String, String)>,
}

fn read_suites(root: &AptRoot, request: &Request, cancel: &Cancel) -> Result<Vec<Suite>, ResolveError> {
    let printed = root.invocation(Program::AptGet).argument("indextargets").run(cancel)?.stdout;
    let targets = parse_index_targets(&String::from_utf8_lossy(&printed))?;
    let mut suites: Vec<Suite> = Vec::new();
    for (name, archive) in &request.archives {
        let file = root.source_file(name);
        for suite in &archive.suites {
            let of_suite = |target: &&IndexTarget| Path::new(&target.source_file) == file && target.suite == *suite;
            let targets: Vec<&IndexTarget> = targets.iter().filter(of_suite).collect();
            suites.push(read_suite(name, suite, &targets)?);
        }
    }
    Ok(suites)
}

fn read_suite(archive: &str, suite: &str, targets: &[&IndexTarget]) -> Result<Suite, ResolveError> {
    let first = targets.first().ok_or(AptOutputError::Missing("Filename"))?;
    // apt names its files by URI with `_` for `/`; the Release file lies where the index's path within the suite starts.
    let prefix = first.file.strip_suffix(&first.meta_key.replace('/', "_")).unwrap_or(&first.file);
    let signed = PathBuf::from(format!("{prefix}InRelease"));
    let release = if signed.exists() { signed } else { PathBuf::from(format!("{prefix}Release")) };
    let (text, release_sha256) = read_text(&release, MAXIMUM_RELEASE)?;
    let parsed = parse_release(&text).map_err(|source| ResolveError::Release {
        archive: archive.to_owned(),
        suite: suite.to_owned(),
        source,
    })?;
    let mut read = Suite {
        locked: LockedSuite {
            archive: archive.to_owned(),
            suite: suite.to_owned(),
            date: parsed.date,
            release_sha256,
            indices: Vec::new(),
        },
        indices: Vec::new(),
    };
    for target in targets {
        let (text, sha256) = read_text(Path::new(&target.file), MAXIMUM_INDEX)?;
        if parsed.files.get(&target.meta_key) != Some(&sha256) {
            return Err(ResolveError::IndexMismatch {
                archive: archive.to_owned(),
                suite: suite.to_owned(),
                meta_key: target.meta_key.clone(),
            });
        }
        read.locked.indices.push(LockedIndex { component: target.component.clone(), sha256 });
        read.indices.push((target.component.clone(), text));
    }
    Ok(read)
}

fn read_text(path: &Path, maximum: usize) -> Result<(String, Sha256Digest), ResolveError> {
    let failed = |source| ResolveError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(maximum as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > maximum {
        return Err(failed(io::Error::from(io::ErrorKind::FileTooLarge)));
    }
    let digest = Sha256Digest::of(&bytes);
    // Some repositories describe packages in Latin-1; no field used here can hold anything but ASCII.
    let text = String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    Ok((text, digest))
}

/// Everything the archives offer for the machine.
struct Offered<'a> {
    /// By hash; where several suites have the same file, the first is named.
    by_sha256: HashMap<Sha256Digest, (&'a LockedSuite, &'a str, IndexedPackage<'a>)>,
    names: BTreeSet<&'a str>,
    essential: BTreeSet<&'a str>,
}

fn offered_packages<'a>(suites: &'a [Suite], request: &Request) -> Result<Offered<'a>, ResolveError> {
    let mut offered = Offered { by_sha256: HashMap::new(), names: BTreeSet::new(), essential: BTreeSet::new() };
    for suite in suites {
        for (component, text) in &suite.indices {
            let failed = |source| ResolveError::Index {
                archive: suite.locked.archive.clone(),
                suite: suite.locked.suite.clone(),
                component: component.clone(),
                source,
            };
            for package in parse_index(text).map_err(failed)? {
                let package = package.map_err(failed)?;
                if package.architecture != "all" && package.architecture != request.architecture {
                    continue;
                }
                offered.names.insert(package.name);
                let provided = package.provides.unwrap_or_default().split(',');
                offered.names.extend(provided.filter_map(|name| name.split_ascii_whitespace().next()));
                if package.essential {
                    offered.essential.insert(package.name);
                }
                offered.by_sha256.entry(package.sha256).or_insert((&suite.locked, component, package));
            }
        }
    }
    Ok(offered)
}

/// Lets apt choose: the essential packages, the wanted ones, and what they depend on.
fn choose(
    root: &AptRoot,
    request: &Request,
    offered: &Offered<'_>,
    cancel: &Cancel,
) -> Result<Vec<PrintedDownload>, ResolveError> {
    for wanted in &request.packages {
        let (name, version) = wanted.split_once('=').map_or((wanted.as_str(), None), |(n, v)| (n, Some(v)));
        if !offered.names.contains(name) {
            let nearest = nearest_name(offered.names.iter().copied(), name).map(str::to_owned);
            return Err(ResolveError::UnknownPackage { name: name.to_owned(), nearest });
        }
        let packages =
            || offered.by_sha256.values().map(|(.., package)| package).filter(|package| package.name == name);
        if let Some(version) = version.filter(|version| !packages().any(|package| package.version == *version)) {
            let versions: BTreeSet<&str> = packages().map(|package| package.version).collect();
            return Err(ResolveError::UnknownVersion {
                name: name.to_owned(),
                version: version.to_owned(),
                offered: versions.into_iter().map(str::to_owned).collect(),
            });
        }
    }
    let status = root.path("var/lib/dpkg/status");
    let provided: Vec<String> = request.provided.iter().cloned().collect();
    fs::write(&status, provided_paragraph(&provided, &request.architecture))
        .map_err(|source| ResolveError::Read { path: status, source })?;
    let essential = offered.essential.iter().filter(|name| !request.excluded.contains(**name));
    let recommends = format!("APT::Install-Recommends={}", request.recommends);
    let printed = root
        .invocation(Program::AptGet)
        .arguments(["-q", "-o", &recommends, "--print-uris", "install", "--"])
        .arguments(essential)
        .arguments(&request.packages)
        .run(cancel)
        .map_err(explain)?;
    // Before the downloads apt prints what it is going to do.
    let text = String::from_utf8_lossy(&printed.stdout);
    let downloads: String = text.lines().filter(|line| line.starts_with('\'')).flat_map(|line| [line, "\n"]).collect();
    Ok(parse_print_uris(&downloads)?)
}

fn lockfile(
    request: &Request,
    suites: &[Suite],
    offered: &Offered<'_>,
    chosen: &[PrintedDownload],
) -> Result<Lockfile, ResolveError> {
    let mut packages = Vec::new();
    for download in chosen {
        let found = offered.by_sha256.get(&download.sha256).filter(|(.., package)| package.size == download.size);
        let (suite, component, package) = found.ok_or(ResolveError::NotInIndex { sha256: download.sha256 })?;
        packages.push(LockedPackage {
            name: package.name.to_owned(),
            version: package.version.to_owned(),
            architecture: package.architecture.to_owned(),
            source: package.source.to_owned(),
            source_version: package.source_version.to_owned(),
            essential: package.essential,
            archive: suite.archive.clone(),
            suite: suite.suite.clone(),
            component: (*component).to_owned(),
            path: package.path.to_owned(),
            size: package.size,
            sha256: package.sha256,
        });
    }
    let mut lockfile = Lockfile {
        format: FORMAT,
        request: request.digest(),
        architecture: request.architecture.clone(),
        provided: request.provided.iter().cloned().collect(),
        suites: suites.iter().map(|suite| suite.locked.clone()).collect(),
        packages,
    };
    lockfile.sort();
    Ok(lockfile)
}

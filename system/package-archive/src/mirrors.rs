//! Where archives can be downloaded from.

use package_lock::apt_sources::{
    AptSource, DebianMirrors, SourcesError, debian_mirrors, parse_deb822_sources, parse_list,
};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Mirrors by archive name, the preferred one first, without a slash at the end.
pub type Mirrors = BTreeMap<String, Vec<String>>;

/// Most mirrors taken from one list of mirrors.
const MAXIMUM_LISTED: usize = 64;

/// Why the machine's own mirrors could not be found.
#[derive(Debug, thiserror::Error)]
pub enum MirrorsError {
    /// A sources file cannot be read.
    #[error("{} cannot be read", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A sources file makes no sense.
    #[error("{} is not a list of apt sources; name mirrors in the recipe instead (base.debian.mirrors)", .path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        source: SourcesError,
    },
    /// No mirror of an archive is known.
    #[error("no mirror of the archive {archive} is known: this machine's apt has none; add {setting} to the recipe")]
    None {
        /// The archive.
        archive: String,
        /// The recipe's setting for it.
        setting: &'static str,
    },
    /// Something that apt would take for something else.
    #[error("{uri:?} cannot be a mirror: it needs a scheme such as https:// or file:/, and no spaces")]
    Unusable {
        /// The URI.
        uri: String,
    },
}

/// Debian's mirrors in this machine's apt configuration.
///
/// # Errors
/// When a file of it cannot be read or understood.
pub fn of_this_machine() -> Result<DebianMirrors, MirrorsError> {
    in_configuration(Path::new("/etc/apt"))
}

/// Debian's mirrors in an apt configuration directory (`sources.list`, `sources.list.d`).
///
/// # Errors
/// When a file of it cannot be read or understood.
pub fn in_configuration(directory: &Path) -> Result<DebianMirrors, MirrorsError> {
    let mut sources = Vec::new();
    for path in source_files(directory)? {
        let text = read(&path)?;
        let is_deb822 = path.extension().is_some_and(|extension| extension == "sources");
        let parsed = if is_deb822 { parse_deb822_sources(&text) } else { parse_list(&text) };
        sources.extend(parsed.map_err(|source| MirrorsError::Parse { path, source })?);
    }
    for source in &mut sources {
        *source = AptSource { uris: without_lists(&source.uris)?, suites: source.suites.clone() };
    }
    Ok(debian_mirrors(&sources))
}

/// Checks that every archive has a mirror, and that every mirror can be written into apt's configuration.
///
/// # Errors
/// On the first archive or mirror of which that is not so.
pub fn check<'a>(mirrors: &Mirrors, archives: impl Iterator<Item = &'a str>) -> Result<(), MirrorsError> {
    for archive in archives {
        let list = mirrors.get(archive).map(Vec::as_slice).unwrap_or_default();
        if list.is_empty() {
            let setting = match archive {
                "debian" => "base.debian.mirrors",
                "debian-security" => "base.debian.security_mirrors",
                _ => "base.debian.repositories.urls",
            };
            return Err(MirrorsError::None { archive: archive.to_owned(), setting });
        }
        for uri in list {
            let scheme = uri.split_once(':').map_or("", |(scheme, _)| scheme);
            let good = !scheme.is_empty()
                && scheme.bytes().all(|byte| byte.is_ascii_lowercase() || b"+-".contains(&byte))
                && uri.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'\\[]#".contains(&byte));
            if !good {
                return Err(MirrorsError::Unusable { uri: uri.clone() });
            }
        }
    }
    Ok(())
}

fn source_files(directory: &Path) -> Result<Vec<PathBuf>, MirrorsError> {
    let mut files: Vec<PathBuf> =
        Some(directory.join("sources.list")).into_iter().filter(|path| path.exists()).collect();
    let parts = directory.join("sources.list.d");
    let entries = match fs::read_dir(&parts) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(files),
        Err(source) => return Err(MirrorsError::Read { path: parts, source }),
    };
    let mut named = Vec::new();
    for entry in entries {
        let path = entry.map_err(|source| MirrorsError::Read { path: parts.clone(), source })?.path();
        if path.extension().is_some_and(|extension| extension == "sources" || extension == "list") {
            named.push(path);
        }
    }
    named.sort();
    files.extend(named);
    Ok(files)
}

/// Replaces `mirror+file:PATH` by the mirrors listed in that file, one per line (apt-transport-mirror(1)).
fn without_lists(uris: &[String]) -> Result<Vec<String>, MirrorsError> {
    let mut plain = Vec::new();
    for uri in uris {
        match uri.strip_prefix("mirror+file:") {
            Some(path) => {
                let path = PathBuf::from(format!("/{}", path.trim_start_matches('/')));
                let text = read(&path)?;
                let words = text.lines().filter_map(|line| line.split_ascii_whitespace().next());
                plain.extend(words.filter(|word| !word.starts_with('#')).take(MAXIMUM_LISTED).map(str::to_owned));
            }
            None => plain.push(uri.clone()),
        }
    }
    Ok(plain)
}

fn read(path: &Path) -> Result<String, MirrorsError> {
    fs::read_to_string(path).map_err(|source| MirrorsError::Read { path: path.to_owned(), source })
}

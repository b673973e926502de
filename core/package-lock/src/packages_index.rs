//! Packages indices: what an archive offers.

use crate::control::{NameError, check_architecture, check_package_name, check_version};
use crate::deb822::{Deb822Error, Paragraph, paragraphs};
use crate::digest::Sha256Digest;

/// Largest index read; Debian trixie's main is 57 MB.
pub const MAXIMUM_INDEX: usize = 512 * 1024 * 1024;
/// Longest path of a package within its archive.
pub const MAXIMUM_PATH: usize = 1024;

/// One package an archive offers. Texts are slices of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedPackage<'a> {
    /// `Package`.
    pub name: &'a str,
    /// `Version`.
    pub version: &'a str,
    /// `Architecture`: the machine's, or `all`.
    pub architecture: &'a str,
    /// `Filename`: path relative to the archive.
    pub path: &'a str,
    /// `Size` in bytes.
    pub size: u64,
    /// `SHA256`.
    pub sha256: Sha256Digest,
    /// Name of the source package.
    pub source: &'a str,
    /// Version of the source package.
    pub source_version: &'a str,
    /// `Essential: yes`.
    pub essential: bool,
    /// `Provides`, not taken apart.
    pub provides: Option<&'a str>,
}

/// Why an index cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// Not deb822.
    #[error("the Packages index is malformed")]
    Syntax(#[from] Deb822Error),
    /// Above the limit.
    #[error("the Packages index is above {} MiB", MAXIMUM_INDEX >> 20)]
    TooLarge,
    /// A package lacks a field.
    #[error("the package at line {line} of the Packages index has no field {field}")]
    Missing {
        /// Line number from one.
        line: usize,
        /// The field's name.
        field: &'static str,
    },
    /// A field has a value that makes no sense.
    #[error("the package at line {line} of the Packages index has an unusable {field}: {value:?}")]
    Value {
        /// Line number from one.
        line: usize,
        /// The field's name.
        field: &'static str,
        /// What it says.
        value: String,
    },
    /// A name, version or architecture that Debian Policy does not allow.
    #[error("the package at line {line} of the Packages index is unusable")]
    Name {
        /// Line number from one.
        line: usize,
        /// What is wrong.
        source: NameError,
    },
}

/// Reads an index package by package.
///
/// # Errors
/// Each item is an error when its paragraph is malformed; after a syntax error nothing more comes.
pub fn parse_index(text: &str) -> Result<impl Iterator<Item = Result<IndexedPackage<'_>, IndexError>>, IndexError> {
    if text.len() > MAXIMUM_INDEX {
        return Err(IndexError::TooLarge);
    }
    Ok(paragraphs(text).map(|paragraph| indexed_package(&paragraph?)))
}

fn indexed_package<'a>(paragraph: &Paragraph<'a>) -> Result<IndexedPackage<'a>, IndexError> {
    let line = paragraph.line;
    let field = |field: &'static str| paragraph.get(field).ok_or(IndexError::Missing { line, field });
    let unusable =
        |field, value: &str| IndexError::Value { line, field, value: value.chars().take(200).collect::<String>() };
    let named = |source| IndexError::Name { line, source };
    let (name, version, architecture) = (field("Package")?, field("Version")?, field("Architecture")?);
    check_package_name(name).map_err(named)?;
    check_version(version).map_err(named)?;
    check_architecture(architecture).map_err(named)?;
    let path = field("Filename")?;
    if !is_archive_path(path) {
        return Err(unusable("Filename", path));
    }
    let (size, sha256) = (field("Size")?, field("SHA256")?);
    let (source, source_version) = source_of(paragraph.get("Source"), name, version);
    check_package_name(source).map_err(named)?;
    check_version(source_version).map_err(named)?;
    Ok(IndexedPackage {
        name,
        version,
        architecture,
        path: path.strip_prefix("./").unwrap_or(path),
        size: size.parse().map_err(|_| unusable("Size", size))?,
        sha256: sha256.parse().map_err(|_| unusable("SHA256", sha256))?,
        source,
        source_version,
        essential: paragraph.get("Essential") == Some("yes"),
        provides: paragraph.get("Provides"),
    })
}

/// `Source: name (version)`, where either part is left out when it equals the binary package's.
fn source_of<'a>(field: Option<&'a str>, name: &'a str, version: &'a str) -> (&'a str, &'a str) {
    let Some(field) = field else { return (name, version) };
    match field.split_once('(') {
        Some((source, rest)) => (source.trim(), rest.trim_end_matches(')').trim()),
        None => (field, version),
    }
}

/// Whether a path stays within its archive and needs no quoting in a list of downloads: relative, no `..`, printable, no spaces.
#[must_use]
pub fn is_archive_path(path: &str) -> bool {
    !path.is_empty()
        && path.len() <= MAXIMUM_PATH
        && !path.starts_with('/')
        && path.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'\\?#%".contains(&byte))
        && path.split('/').all(|component| component != "..")
}

/// The name that a mistyped one most likely means: at most two letters different.
#[must_use]
pub fn nearest_name<'a>(names: impl Iterator<Item = &'a str>, wanted: &str) -> Option<&'a str> {
    let near =
        names.filter(|name| name.len().abs_diff(wanted.len()) <= 2).map(|name| (edit_distance(name, wanted), name));
    near.filter(|(distance, _)| *distance <= 2).min().map(|(_, name)| name)
}

/// Levenshtein's distance between two ASCII names.
fn edit_distance(a: &str, b: &str) -> usize {
    let b = b.as_bytes();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (line, left) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, right) in b.iter().enumerate() {
            let changed = diagonal + usize::from(left != *right);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{IndexError, is_archive_path, nearest_name, parse_index};
    use proptest::prelude::{any, proptest};

    const INDEX: &str = "Package: libc6\nSource: glibc (2.41-12)\nVersion: 2.41-12+b1\nArchitecture: amd64\n\
        Filename: pool/main/g/glibc/libc6_2.41-12+b1_amd64.deb\nSize: 2846580\n\
        SHA256: 967aa62605721081c3eb2a17650611a792aa802d76a6511d1840242623d204c9\nProvides: libc-x (= 1)\n\n\
        Package: bash\nVersion: 5.2\nEssential: yes\nArchitecture: amd64\nFilename: ./bash.deb\nSize: 1\n\
        SHA256: 967aa62605721081c3eb2a17650611a792aa802d76a6511d1840242623d204c9\n";

    #[test]
    fn reads_packages_and_their_sources() {
        let all: Vec<_> = parse_index(INDEX).unwrap().map(Result::unwrap).collect();
        assert_eq!((all[0].source, all[0].source_version, all[0].essential), ("glibc", "2.41-12", false));
        assert_eq!((all[1].source, all[1].source_version, all[1].essential), ("bash", "5.2", true));
        assert_eq!(all[1].path, "bash.deb");
    }

    #[test]
    fn guesses_what_a_mistyped_name_means() {
        let names = || ["systemd", "system-tools", "sysstat"].into_iter();
        assert_eq!(nearest_name(names(), "sytemd"), Some("systemd"));
        assert_eq!(nearest_name(names(), "systmed"), Some("systemd"));
        assert_eq!(nearest_name(names(), "vim"), None);
    }

    #[test]
    fn refuses_paths_that_leave_the_archive() {
        for path in ["/etc/passwd", "pool/../../x", "", "a b", "a%2e", "x'y"] {
            assert!(!is_archive_path(path), "{path}");
        }
        let text = INDEX.replace("./bash.deb", "../bash.deb");
        let error = parse_index(&text).unwrap().find_map(Result::err).unwrap();
        assert_eq!(error, IndexError::Value { line: 10, field: "Filename", value: "../bash.deb".into() });
    }

    proptest! {
        #[test]
        fn any_text_ends_without_panic(text in any::<String>()) {
            let _ = parse_index(&text).map(Iterator::count);
        }
    }
}

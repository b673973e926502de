//! What apt prints: downloads, index files and complaints.

use crate::deb822::{Deb822Error, paragraphs};
use crate::digest::Sha256Digest;

/// One line of `apt-get install --print-uris`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrintedDownload {
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 (apt has to be told `Acquire::ForceHash "SHA256"`).
    pub sha256: Sha256Digest,
}

/// One index file that apt keeps, from `apt-get indextargets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexTarget {
    /// Where apt keeps it.
    pub file: String,
    /// Its path in the Release file, such as `main/binary-amd64/Packages`.
    pub meta_key: String,
    /// Suite as written in the source.
    pub suite: String,
    /// Component; empty for a flat repository.
    pub component: String,
    /// The `.sources` file it comes from.
    pub source_file: String,
}

/// Output that is not what apt prints.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AptOutputError {
    /// A line of another shape.
    #[error("apt printed a line that is not a download with a SHA-256: {0:?}")]
    Download(String),
    /// Not deb822.
    #[error("apt's list of index files is malformed")]
    Syntax(#[from] Deb822Error),
    /// A field is not there.
    #[error("apt's list of index files has no field {0}")]
    Missing(&'static str),
}

/// Reads `'URI' name size SHA256:hex` lines.
///
/// # Errors
/// On any other line.
pub fn parse_print_uris(text: &str) -> Result<Vec<PrintedDownload>, AptOutputError> {
    text.lines().filter(|line| !line.trim().is_empty()).map(printed_download).collect()
}

fn printed_download(line: &str) -> Result<PrintedDownload, AptOutputError> {
    let mut words = line.rsplit(' ');
    let sha256 = words.next().and_then(|word| word.strip_prefix("SHA256:")).and_then(|digits| digits.parse().ok());
    let size = words.next().and_then(|word| word.parse().ok());
    match (sha256, size, line.starts_with('\'')) {
        (Some(sha256), Some(size), true) => Ok(PrintedDownload { size, sha256 }),
        _ => Err(AptOutputError::Download(line.chars().take(200).collect())),
    }
}

/// Reads the paragraphs of `apt-get indextargets` that are Packages indices.
///
/// # Errors
/// When they are malformed.
pub fn parse_index_targets(text: &str) -> Result<Vec<IndexTarget>, AptOutputError> {
    let mut targets = Vec::new();
    for paragraph in paragraphs(text) {
        let paragraph = paragraph?;
        if paragraph.get("Identifier") != Some("Packages") {
            continue;
        }
        let field = |name: &'static str| paragraph.get(name).map(str::to_owned).ok_or(AptOutputError::Missing(name));
        let source = field("Sourcesentry")?;
        targets.push(IndexTarget {
            file: field("Filename")?,
            meta_key: field("MetaKey")?,
            suite: field("Release")?,
            component: paragraph.get("Component").unwrap_or_default().to_owned(),
            source_file: source.rsplit_once(':').map_or(source.as_str(), |(file, _line)| file).to_owned(),
        });
    }
    Ok(targets)
}

/// What went wrong, as far as apt's messages tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// A signature by a key that is not in the keyring.
    UnknownKey {
        /// Key identifiers, as apt prints them.
        keys: String,
    },
    /// The signed index is older than it says it may be.
    Expired {
        /// apt's message.
        message: String,
    },
    /// The signed index is from the future: one of two clocks is wrong.
    NotYetValid {
        /// apt's message.
        message: String,
    },
    /// There is no valid signature at all.
    NotSigned {
        /// apt's message.
        message: String,
    },
    /// A package that no archive has.
    UnknownPackage {
        /// Its name.
        name: String,
    },
    /// Dependencies that cannot be satisfied.
    Unsatisfiable {
        /// apt's explanation.
        explanation: String,
    },
    /// A host or file that does not answer.
    Unreachable {
        /// apt's messages.
        message: String,
    },
}

/// Finds the cause in apt's error output; `None` when nothing is recognised.
#[must_use]
pub fn recognise(stdout: &str, stderr: &str) -> Option<Complaint> {
    let lines = || stderr.lines().map(str::trim).filter(|line| line.starts_with("E:") || line.starts_with("W:"));
    let find = |needles: &[&str]| {
        lines().find(|line| needles.iter().any(|needle| line.contains(needle))).map(|line| line[2..].trim().to_owned())
    };
    if let Some(line) = find(&["NO_PUBKEY"]) {
        let mut keys: Vec<&str> = Vec::new();
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        for pair in words.windows(2).filter(|pair| pair[0] == "NO_PUBKEY") {
            if !keys.contains(&pair[1]) {
                keys.push(pair[1]);
            }
        }
        return Some(Complaint::UnknownKey { keys: keys.join(", ") });
    }
    if let Some(message) = find(&["is expired", "Release file for"]).filter(|line| line.contains("expired")) {
        return Some(Complaint::Expired { message });
    }
    if let Some(message) = find(&["is not valid yet"]) {
        return Some(Complaint::NotYetValid { message });
    }
    if let Some(message) =
        find(&["is not signed", "signatures were invalid", "couldn't be verified", "BADSIG", "EXPKEYSIG"])
    {
        return Some(Complaint::NotSigned { message });
    }
    if let Some(line) = find(&["Unable to locate package"]) {
        let name = line.rsplit(' ').next().unwrap_or_default().to_owned();
        return Some(Complaint::UnknownPackage { name });
    }
    if let Some(line) = find(&["has no installation candidate"]) {
        let name = line.split('\'').nth(1).unwrap_or_default().to_owned();
        return Some(Complaint::UnknownPackage { name });
    }
    if find(&["held broken packages", "Unable to correct problems", "Unmet dependencies", "Unable to satisfy"])
        .is_some()
    {
        let explanation = stdout
            .split_once("unmet dependencies:")
            .map_or_else(|| stderr.trim().to_owned(), |(_, rest)| rest.trim_matches('\n').to_owned());
        return Some(Complaint::Unsatisfiable { explanation });
    }
    let unreachable: Vec<&str> = lines()
        .filter(|line| {
            [
                "Failed to fetch",
                "Could not resolve",
                "Could not connect",
                "does not have a Release file",
                "File not found",
            ]
            .iter()
            .any(|needle| line.contains(needle))
        })
        .map(|line| line[2..].trim())
        .collect();
    (!unreachable.is_empty()).then(|| Complaint::Unreachable { message: unreachable.join("\n") })
}

#[cfg(test)]
mod tests {
    use super::{Complaint, parse_index_targets, parse_print_uris, recognise};

    #[test]
    fn reads_downloads() {
        let text = "'http://mirror/pool/libc6_2.41-12%2bdeb13u4_amd64.deb' libc6_2.41-12+deb13u4_amd64.deb 2846580 \
            SHA256:967aa62605721081c3eb2a17650611a792aa802d76a6511d1840242623d204c9\n";
        assert_eq!(parse_print_uris(text).unwrap()[0].size, 2_846_580);
        assert!(parse_print_uris("'http://mirror/x' x 12 MD5Sum:8c82dcf89447f04e600379a1a1871f3b").is_err());
    }

    #[test]
    fn reads_index_targets() {
        let targets = parse_index_targets(include_str!("../tests/data/indextargets.txt")).unwrap();
        assert_eq!(targets.len(), 3);
        assert_eq!(targets[0].meta_key, "main/binary-amd64/Packages");
        assert_eq!((targets[1].suite.as_str(), targets[1].component.as_str()), ("trixie-updates", "main"));
        assert_eq!(targets[2].source_file, "/private/etc/apt/sources.list.d/a2.sources");
    }

    #[test]
    fn recognises_what_apt_complains_about() {
        let key = "W: GPG error: file:/r x InRelease: The following signatures couldn't be verified because the public key is not \
            available: NO_PUBKEY 6ED0E7B82643E131 NO_PUBKEY 78DBA3BC47EF2265\nE: The repository 'file:/r x InRelease' is not signed.";
        assert_eq!(
            recognise("", key),
            Some(Complaint::UnknownKey { keys: "6ED0E7B82643E131, 78DBA3BC47EF2265".into() })
        );
        let expired = "E: Release file for http://m/debian/dists/x/InRelease is expired (invalid since 3d 1h 2min 1s). Updates for \
            this repository will not be applied.";
        assert!(matches!(recognise("", expired), Some(Complaint::Expired { .. })));
        let future = "E: Release file for http://m/InRelease is not valid yet (invalid for another 5h). Updates for this repository \
            will not be applied.";
        assert!(matches!(recognise("", future), Some(Complaint::NotYetValid { .. })));
        assert_eq!(
            recognise("", "E: Unable to locate package sytemd"),
            Some(Complaint::UnknownPackage { name: "sytemd".into() })
        );
        assert_eq!(
            recognise("", "E: Package 'foo' has no installation candidate"),
            Some(Complaint::UnknownPackage { name: "foo".into() })
        );
        let stdout = "Some packages could not be installed.\nThe following packages have unmet dependencies:\n a : Depends: b but \
            it is not installable\n";
        assert_eq!(
            recognise(stdout, "E: Unable to correct problems, you have held broken packages."),
            Some(Complaint::Unsatisfiable { explanation: " a : Depends: b but it is not installable".into() })
        );
        let down = "E: Failed to fetch http://m/dists/x/InRelease  Could not resolve 'm'\nE: Some index files failed to download.";
        assert!(matches!(recognise("", down), Some(Complaint::Unreachable { .. })));
        assert_eq!(recognise("", "E: something new"), None);
    }
}

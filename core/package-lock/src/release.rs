//! Release and InRelease files: an archive's signed table of contents.

use crate::deb822::{Deb822Error, paragraphs};
use crate::digest::Sha256Digest;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use std::collections::BTreeMap;

/// Largest Release file read; Debian's is 140 KB.
pub const MAXIMUM_RELEASE: usize = 16 * 1024 * 1024;

/// What a Release file says. Whether it is signed is not known here: apt checks that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// `Suite`, such as `stable`.
    pub suite: Option<String>,
    /// `Codename`, such as `trixie`.
    pub codename: Option<String>,
    /// `Date`: when it was made.
    pub date: Timestamp,
    /// The files it lists, by path relative to it, with their SHA-256.
    pub files: BTreeMap<String, Sha256Digest>,
}

/// Why a Release file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// Not deb822.
    #[error("the Release file is malformed")]
    Syntax(#[from] Deb822Error),
    /// Above the limit.
    #[error("the Release file is above {} MiB", MAXIMUM_RELEASE >> 20)]
    TooLarge,
    /// A needed field is not there.
    #[error("the Release file has no field {field}")]
    Missing {
        /// Its name.
        field: &'static str,
    },
    /// A field has a value that makes no sense.
    #[error("the Release file's field {field} is unusable: {value:?}")]
    Value {
        /// Its name.
        field: &'static str,
        /// What it says.
        value: String,
    },
}

/// Reads a Release file, or an InRelease file of which the signature is left aside.
///
/// # Errors
/// When it is malformed, too large, or lacks `Date` or `SHA256`.
pub fn parse_release(text: &str) -> Result<Release, ReleaseError> {
    if text.len() > MAXIMUM_RELEASE {
        return Err(ReleaseError::TooLarge);
    }
    let paragraph = paragraphs(signed_part(text)).next().transpose()?.ok_or(ReleaseError::Missing { field: "Date" })?;
    let date = paragraph.get("Date").ok_or(ReleaseError::Missing { field: "Date" })?;
    let listed = paragraph.get("SHA256").ok_or(ReleaseError::Missing { field: "SHA256" })?;
    Ok(Release {
        suite: paragraph.get("Suite").map(str::to_owned),
        codename: paragraph.get("Codename").map(str::to_owned),
        date: parse_date(date).ok_or_else(|| ReleaseError::Value { field: "Date", value: date.to_owned() })?,
        files: parse_files(listed)?,
    })
}

/// The text between the armour header and the signature of a clear-signed message (RFC 9580 section 7). Dash-escaped lines do not
/// occur in Release files: no field starts with a dash.
fn signed_part(text: &str) -> &str {
    let Some(rest) = text.strip_prefix("-----BEGIN PGP SIGNED MESSAGE-----") else { return text };
    let body = rest.find("\n\n").map_or("", |end| &rest[end + 2..]);
    body.find("\n-----BEGIN PGP SIGNATURE-----").map_or(body, |end| &body[..=end])
}

/// RFC 2822 with the zone `UTC`, which Debian writes and RFC 2822 does not know.
fn parse_date(text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix("UTC").map_or_else(|| text.to_owned(), |date| format!("{date}+0000"));
    DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text.trim()).ok()
}

fn parse_files(listed: &str) -> Result<BTreeMap<String, Sha256Digest>, ReleaseError> {
    let mut files = BTreeMap::new();
    for line in listed.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.split_ascii_whitespace();
        let unusable = || ReleaseError::Value { field: "SHA256", value: line.chars().take(200).collect() };
        let (Some(digest), Some(_size), Some(path), None) = (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(unusable());
        };
        files.insert(path.to_owned(), digest.parse().map_err(|_| unusable())?);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::{ReleaseError, parse_release};
    use proptest::prelude::{any, proptest};

    const SIGNED: &str = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: Debian\nSuite: stable\nCodename: trixie\n\
        Date: Sat, 05 Sep 2026 09:30:00 UTC\nSHA256:\n \
        2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6 12 main/binary-amd64/Packages\n\
        -----BEGIN PGP SIGNATURE-----\n\niQIz\n-----END PGP SIGNATURE-----\n";

    #[test]
    fn reads_a_signed_release() {
        let release = parse_release(SIGNED).unwrap();
        assert_eq!(release.date.to_string(), "2026-09-05T09:30:00Z");
        assert_eq!(release.codename.as_deref(), Some("trixie"));
        assert_eq!(release.files.len(), 1);
        assert!(release.files["main/binary-amd64/Packages"].to_string().starts_with("2e7d2c03"));
    }

    #[test]
    fn says_which_field_is_missing_or_wrong() {
        assert_eq!(parse_release("Suite: x\nSHA256:\n"), Err(ReleaseError::Missing { field: "Date" }));
        let error = parse_release("Date: tomorrow\nSHA256:\n").unwrap_err();
        assert_eq!(error, ReleaseError::Value { field: "Date", value: "tomorrow".into() });
    }

    proptest! {
        #[test]
        fn any_text_ends_without_panic(text in any::<String>(), position in 0..SIGNED.len(), byte in 0_u8..128) {
            let _ = parse_release(&text);
            let mut damaged = SIGNED.as_bytes().to_vec();
            damaged[position] = byte;
            let _ = parse_release(&String::from_utf8_lossy(&damaged));
        }
    }
}

//! The build machine's own apt sources, from which Debian's mirrors are taken when a recipe names none.

use crate::deb822::{Deb822Error, paragraphs};

/// Largest sources file read.
pub const MAXIMUM_SOURCES: usize = 1024 * 1024;

/// One source of binary packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AptSource {
    /// Where the archive is. May be `mirror+file:` followed by the path of a list of mirrors.
    pub uris: Vec<String>,
    /// Suites.
    pub suites: Vec<String>,
}

/// Why a sources file could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourcesError {
    /// Not deb822.
    #[error("the file is malformed")]
    Syntax(#[from] Deb822Error),
    /// A line of another shape.
    #[error("line {line} is not \"deb [options] URI suite components\"")]
    Line {
        /// Line number from one.
        line: usize,
    },
    /// Above the limit.
    #[error("the file is above {} KiB", MAXIMUM_SOURCES >> 10)]
    TooLarge,
}

/// The mirrors of Debian that a machine uses, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DebianMirrors {
    /// Of the main archive.
    pub main: Vec<String>,
    /// Of the security archive.
    pub security: Vec<String>,
}

/// Reads a `.list` file: one `deb [options] URI suite components` per line (sources.list(5)). Source packages are passed over.
///
/// # Errors
/// On a line of another shape.
pub fn parse_list(text: &str) -> Result<Vec<AptSource>, SourcesError> {
    if text.len() > MAXIMUM_SOURCES {
        return Err(SourcesError::TooLarge);
    }
    let mut sources = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        let Some((kind, rest)) = line.split_once([' ', '\t']) else {
            if line.is_empty() {
                continue;
            }
            return Err(SourcesError::Line { line: number });
        };
        if kind != "deb" {
            continue;
        }
        let rest = rest.trim_start();
        let rest = match rest.strip_prefix('[') {
            Some(options) => options.split_once(']').ok_or(SourcesError::Line { line: number })?.1,
            None => rest,
        };
        let mut words = rest.split_ascii_whitespace();
        let (Some(uri), Some(suite)) = (words.next(), words.next()) else {
            return Err(SourcesError::Line { line: number });
        };
        sources.push(AptSource { uris: vec![uri.to_owned()], suites: vec![suite.to_owned()] });
    }
    Ok(sources)
}

/// Reads a `.sources` file (deb822 format of sources.list(5)). Disabled entries and source packages are passed over.
///
/// # Errors
/// When it is malformed.
pub fn parse_deb822_sources(text: &str) -> Result<Vec<AptSource>, SourcesError> {
    if text.len() > MAXIMUM_SOURCES {
        return Err(SourcesError::TooLarge);
    }
    let mut sources = Vec::new();
    for paragraph in paragraphs(text) {
        let paragraph = paragraph?;
        let words = |name| -> Vec<String> {
            // A comment between continuation lines is part of the slice, so it is taken out here.
            let lines = paragraph.get(name).unwrap_or_default().lines().filter(|line| !line.starts_with('#'));
            lines.flat_map(str::split_ascii_whitespace).map(str::to_owned).collect()
        };
        let disabled = paragraph
            .get("Enabled")
            .is_some_and(|value| matches!(value, "no" | "false" | "without" | "off" | "disable"));
        if !disabled && words("Types").iter().any(|kind| kind == "deb") {
            sources.push(AptSource { uris: words("URIs"), suites: words("Suites") });
        }
    }
    Ok(sources)
}

/// Picks Debian's mirrors. A URI is one of Debian's when its path ends in `debian` or `debian-security`, as every mirror's does
/// (<https://www.debian.org/mirror/ftpmirror>); lists of mirrors are named the same way on Debian's cloud images. A snapshot
/// archive's path continues after that with a time.
#[must_use]
pub fn debian_mirrors(sources: &[AptSource]) -> DebianMirrors {
    let mut mirrors = DebianMirrors::default();
    for source in sources {
        for uri in &source.uris {
            let components: Vec<&str> = uri.trim_end_matches('/').split('/').rev().take(2).collect();
            let last = components.first().map_or("", |name| name.trim_end_matches(".list"));
            let is_time = last.len() == 16 && last.ends_with('Z') && last.as_bytes()[8] == b'T';
            let name = if is_time { components.get(1).copied().unwrap_or_default() } else { last };
            let list = match name {
                "debian" => &mut mirrors.main,
                "debian-security" => &mut mirrors.security,
                _ => continue,
            };
            let uri = uri.trim_end_matches('/').to_owned();
            if !list.contains(&uri) {
                list.push(uri);
            }
        }
    }
    mirrors
}

#[cfg(test)]
mod tests {
    use super::{DebianMirrors, SourcesError, debian_mirrors, parse_deb822_sources, parse_list};
    use proptest::prelude::{any, proptest};

    #[test]
    fn finds_mirrors_in_an_installers_list() {
        let text = "# deb cdrom:[Debian]/ bookworm main\n\ndeb http://mirror.example/debian/ bookworm main # note\n\
            deb-src http://mirror.example/debian/ bookworm main\n\
            deb [ arch=amd64 signed-by=/usr/share/keyrings/d.gpg ] http://mirror.example/debian-security bookworm-security main\n\
            deb https://packages.example/apt stable main\n";
        let mirrors = debian_mirrors(&parse_list(text).unwrap());
        let expected = DebianMirrors {
            main: vec!["http://mirror.example/debian".into()],
            security: vec!["http://mirror.example/debian-security".into()],
        };
        assert_eq!(mirrors, expected);
    }

    #[test]
    fn finds_mirrors_in_deb822_files() {
        let text = "Types: deb deb-src\n# http://snapshot.example/archive/debian/20250520T000000Z\n\
            URIs: http://one.example/debian\n  mirror+file:///etc/apt/mirrors/debian.list\nSuites: bookworm bookworm-updates\n\
            Components: main\n\nTypes: deb\nURIs: http://off.example/debian\nSuites: x\nEnabled: no\n\n\
            Types: deb\nURIs: http://snapshot.example/archive/debian/20250520T000000Z/\nSuites: x\n\n\
            Types: deb-src\nURIs: http://source.example/debian\nSuites: x\n";
        let mirrors = debian_mirrors(&parse_deb822_sources(text).unwrap());
        assert_eq!(
            mirrors.main,
            [
                "http://one.example/debian",
                "mirror+file:///etc/apt/mirrors/debian.list",
                "http://snapshot.example/archive/debian/20250520T000000Z"
            ]
        );
        assert!(mirrors.security.is_empty());
    }

    #[test]
    fn says_which_line_is_wrong() {
        assert_eq!(parse_list("\ndeb http://mirror.example/debian\n"), Err(SourcesError::Line { line: 2 }));
        assert_eq!(parse_list("deb [arch=amd64 http://x y\n"), Err(SourcesError::Line { line: 1 }));
        assert!(parse_deb822_sources("nonsense").is_err());
    }

    proptest! {
        #[test]
        fn any_text_ends_without_panic(text in any::<String>()) {
            for sources in [parse_list(&text), parse_deb822_sources(&text)].into_iter().flatten() {
                let _ = debian_mirrors(&sources);
            }
        }
    }
}

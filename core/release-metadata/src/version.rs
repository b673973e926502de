//! Versions of a release.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::text::{shown, written_as_text};

/// `MAJOR.MINOR.PATCH`, or `MAJOR.MINOR.PATCH~dev.N` for what comes before it.
///
/// Ordered by the UAPI version format specification (UAPI.10), as the boot loader orders. Each number is written in one way only (up to 9
/// digits, no leading zeros), so that equal versions are equal texts.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version {
    major: u32,
    minor: u32,
    patch: u32,
    development: Option<u32>,
}

written_as_text!(Version);

/// The text is not a version.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} is not a version; write MAJOR.MINOR.PATCH or MAJOR.MINOR.PATCH~dev.N, numbers of up to 9 digits without leading zeros"
)]
pub struct VersionError(String);

impl Version {
    /// Whether it comes before a release: `~dev.N`.
    #[must_use]
    pub fn is_development(self) -> bool {
        self.development.is_some()
    }
}

impl Ord for Version {
    /// The fields are compared as UAPI.10 compares the text: number by number, and `~` sorts before the end of the text. A property test
    /// holds it against the specification's algorithm.
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |version: &Self| {
            let development = version.development.map_or((1, 0), |number| (0, number));
            (version.major, version.minor, version.patch, development)
        };
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)?;
        match self.development {
            Some(number) => write!(formatter, "~dev.{number}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Version({self})")
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        parsed(text).ok_or_else(|| VersionError(shown(text)))
    }
}

fn parsed(text: &str) -> Option<Version> {
    let (release, development) = match text.split_once("~dev.") {
        Some((release, rest)) => (release, Some(number(rest)?)),
        None => (text, None),
    };
    let mut numbers = release.split('.');
    let (major, minor, patch) = (number(numbers.next()?)?, number(numbers.next()?)?, number(numbers.next()?)?);
    numbers.next().is_none().then_some(Version { major, minor, patch, development })
}

fn number(text: &str) -> Option<u32> {
    let plain = (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = text.len() > 1 && text.starts_with('0');
    (plain && !leading_zero).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, any, prop_assert_eq, proptest};

    use super::Version;

    pub(crate) fn versions() -> impl Strategy<Value = Version> {
        let number = || 0..=3u32;
        (number(), number(), number(), any::<Option<bool>>()).prop_map(|(major, minor, patch, development)| Version {
            major: major * 9,
            minor: minor * 7,
            patch: patch * 333_333_333,
            development: development.map(|large| if large { 10 } else { 2 }),
        })
    }

    #[test]
    fn versions_order_as_they_are_released() {
        let order = ["0.9.9", "1.0.0~dev.2", "1.0.0~dev.10", "1.0.0", "1.0.1", "1.2.0", "1.10.0"];
        let versions: Vec<Version> = order.iter().map(|text| text.parse().unwrap()).collect();
        assert!(versions.is_sorted_by(|earlier, later| earlier < later));
    }

    #[test]
    fn a_version_is_written_in_one_way() {
        for bad in [
            "",
            "1.0",
            "1.0.0.0",
            "v1.0.0",
            "01.0.0",
            "1.0.0~dev.01",
            "1.0.0~rc1",
            "1.0.0-beta",
            "1.0.9999999999",
            "1.0.0~dev.",
            "1.0.0~dev.1~dev.2",
            "1.0.0 ",
            "+1.0.0",
            "١.0.0",
        ] {
            assert!(bad.parse::<Version>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn the_order_is_the_specifications(a in versions(), b in versions()) {
            prop_assert_eq!(a.cmp(&b), uapi_version::strverscmp(&a.to_string(), &b.to_string()));
        }

        #[test]
        fn a_recipe_takes_the_same_versions(text in "[01]?[0-9]{1,2}\\.[0-9]{1,10}\\.[0-9]{1,2}(\\.|~dev\\.|~rc|-)?[0-9]{0,2}") {
            prop_assert_eq!(text.parse::<Version>().is_ok(), recipe::Version::new(&text).is_ok(), "{}", text);
        }

        #[test]
        fn text_and_value_are_the_same_thing(version in versions()) {
            prop_assert_eq!(version.to_string().parse::<Version>(), Ok(version));
        }
    }
}

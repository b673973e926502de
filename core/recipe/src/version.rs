//! Versions of a release.

use std::cmp::Ordering;

use crate::shape::text_value;

text_value! {
    /// `MAJOR.MINOR.PATCH`, or `MAJOR.MINOR.PATCH~dev.N` for what comes before it.
    ///
    /// Ordered by the UAPI version format specification. Each number is written in one way only (no
    /// leading zeros), so that equal versions are equal texts.
    expected "a version such as 1.4.0 or 1.4.0~dev.3"
    pattern "^(0|[1-9][0-9]{0,8})\\.(0|[1-9][0-9]{0,8})\\.(0|[1-9][0-9]{0,8})(~dev\\.(0|[1-9][0-9]{0,8}))?$"
    check check_version;
    pub struct Version;
}

impl Version {
    /// Compares as the boot loader and systemd-sysupdate do.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        uapi_version::strverscmp(self.as_str(), other.as_str())
    }

    /// Whether it comes before a release: `~dev.N`.
    #[must_use]
    pub fn is_development(&self) -> bool {
        self.as_str().contains('~')
    }
}

fn check_version(text: &str) -> Result<(), String> {
    let (release, development) = match text.split_once('~') {
        Some((release, rest)) => (release, Some(rest)),
        None => (text, None),
    };
    let numbers: Vec<&str> = release.split('.').collect();
    if let Some(number) = numbers
        .iter()
        .copied()
        .chain(development.and_then(|rest| rest.strip_prefix("dev.")))
        .find(|number| has_leading_zero(number))
    {
        return Err(format!("has a number with a leading zero, `{number}`; leave the zero out"));
    }
    if numbers.len() != 3 || !numbers.iter().all(|number| is_number(number)) {
        return Err("is no version; write MAJOR.MINOR.PATCH, numbers of up to 9 digits, such as `1.4.0`".to_owned());
    }
    match development {
        None => Ok(()),
        Some(rest) if rest.strip_prefix("dev.").is_some_and(is_number) => Ok(()),
        Some(_) => Err(format!("is no version; what comes before a release is written `{release}~dev.1`")),
    }
}

fn is_number(text: &str) -> bool {
    (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn has_leading_zero(text: &str) -> bool {
    text.len() > 1 && is_number(text) && text.starts_with('0')
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::Version;

    #[test]
    fn versions_order_by_the_uapi_specification() {
        let order = ["0.9.9", "1.0.0~dev.2", "1.0.0~dev.10", "1.0.0", "1.0.1", "1.2.0", "1.10.0"];
        for pair in order.windows(2) {
            let [earlier, later] = pair else { panic!("windows of two") };
            let earlier = Version::new(earlier).unwrap();
            let later = Version::new(later).unwrap();
            assert_eq!(earlier.compare(&later), Ordering::Less, "{earlier} {later}");
        }
    }

    #[test]
    fn a_version_is_written_in_one_way() {
        for (bad, advice) in [
            ("1.0", "MAJOR.MINOR.PATCH"),
            ("1.0.0.0", "MAJOR.MINOR.PATCH"),
            ("v1.0.0", "MAJOR.MINOR.PATCH"),
            ("01.0.0", "leading zero, `01`"),
            ("1.0.0~dev.01", "leading zero"),
            ("1.0.0~rc1", "`1.0.0~dev.1`"),
            ("1.0.0-beta", "MAJOR.MINOR.PATCH"),
            ("1.0.9999999999", "9 digits"),
            ("", "MAJOR.MINOR.PATCH"),
        ] {
            let reason = Version::new(bad).unwrap_err();
            assert!(reason.contains(advice), "{bad}: {reason}");
        }
        assert!(Version::new("1.4.0~dev.3").unwrap().is_development());
        assert!(!Version::new("1.4.0").unwrap().is_development());
    }
}

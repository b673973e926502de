//! Sizes in bytes.

use std::fmt;

use serde::Serialize;
use serde_json::json;

use crate::origin::Origin;
use crate::shape::ScalarValue;
use crate::yaml::Scalar;

/// A number of bytes. Written as `512MiB`, `3GiB` or a plain number; serialised as the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Size(u64);

const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// More than any disk: 8 EiB, so that sums of a few sizes do not overflow.
const LIMIT: u64 = 1 << 60;

impl Size {
    /// A size of this many MiB.
    pub(crate) const fn mebibytes(count: u32) -> Self {
        Self((count as u64) << 20)
    }

    /// The number of bytes.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.0
    }

    /// Reads `512MiB`, `3GiB` or a number of bytes.
    ///
    /// # Errors
    /// What is wrong and what to write, as a sentence for people.
    pub fn new(text: &str) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim_start_matches(' ');
        if number.is_empty() {
            return Err("is no size; write a whole number and a unit, such as `512MiB`".to_owned());
        }
        let factor = match UNITS.iter().find(|(name, _)| *name == unit) {
            Some((_, factor)) => *factor,
            None if unit.is_empty() => 1,
            None => return Err(unknown_unit(number, unit)),
        };
        number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(factor))
            .filter(|bytes| *bytes <= LIMIT)
            .map(Self)
            .ok_or_else(|| "is larger than any disk".to_owned())
    }
}

fn unknown_unit(number: &str, unit: &str) -> String {
    if unit.starts_with('.') {
        return "is no whole number; use the next smaller unit, such as `1536MiB`".to_owned();
    }
    let letter = unit.chars().next().map(|c| c.to_ascii_uppercase());
    let meant = UNITS.iter().find(|(name, _)| name.chars().next() == letter);
    match meant {
        Some((name, _)) if unit.len() <= 3 => {
            format!("has no known unit; did you mean `{number}{name}` (powers of 1024)?")
        }
        _ => "has no known unit; the units are KiB, MiB, GiB and TiB".to_owned(),
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, factor) in UNITS {
            if self.0 != 0 && self.0.is_multiple_of(factor) {
                return write!(f, "{}{unit}", self.0 / factor);
            }
        }
        write!(f, "{} bytes", self.0)
    }
}

impl ScalarValue for Size {
    const EXPECTED: &'static str = "a size such as 512MiB";

    fn parse(scalar: &Scalar, _: &Origin) -> Result<Self, String> {
        Self::new(&scalar.text)
    }

    fn schema() -> serde_json::Value {
        json!({ "anyOf": [
            { "type": "string", "pattern": "^[0-9]+ *([KMGT]iB)?$" },
            { "type": "integer", "minimum": 0 },
        ]})
    }
}

#[cfg(test)]
mod tests {
    use super::Size;

    #[test]
    fn sizes_have_binary_units() {
        for (text, bytes, shown) in [
            ("512MiB", 512 << 20, "512MiB"),
            ("3GiB", 3 << 30, "3GiB"),
            ("1024 MiB", 1 << 30, "1GiB"),
            ("4096", 4096, "4KiB"),
            ("4097", 4097, "4097 bytes"),
            ("0", 0, "0 bytes"),
        ] {
            let size = Size::new(text).unwrap();
            assert_eq!((size.bytes(), size.to_string().as_str()), (bytes, shown), "{text}");
        }
    }

    #[test]
    fn a_unit_that_is_not_known_is_answered_with_the_likely_one() {
        for (bad, advice) in [
            ("3G", "`3GiB`"),
            ("3GB", "`3GiB`"),
            ("512mib", "`512MiB`"),
            ("1.5GiB", "whole number"),
            ("GiB", "whole number and a unit"),
            ("-1", "whole number and a unit"),
            ("5 parsecs", "the units are"),
            ("99999999999TiB", "larger than any disk"),
            ("99999999999999999999999", "larger than any disk"),
        ] {
            let reason = Size::new(bad).unwrap_err();
            assert!(reason.contains(advice), "{bad}: {reason}");
        }
    }
}

//! Permission bits.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::json;

use crate::origin::Origin;
use crate::shape::ScalarValue;
use crate::yaml::Scalar;

/// The twelve permission bits of a file. Written in octal digits; serialised as such a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mode(u16);

impl Mode {
    /// What a file gets when nothing else is said.
    pub(crate) const FILE: Self = Self(0o644);
    /// What a directory gets when nothing else is said.
    pub(crate) const DIRECTORY: Self = Self(0o755);

    /// The bits, 0 to 0o7777.
    #[must_use]
    pub fn bits(self) -> u16 {
        self.0
    }

    /// Reads octal digits: `0644`, `0o644`, and `644` as `chmod` does.
    ///
    /// Tools that write YAML or JSON sometimes put the decimal value of the bits there. `420` is such a
    /// value of 0644 and also octal digits; it is refused, with both readings in the reason.
    ///
    /// # Errors
    /// What is wrong and what to write, as a sentence for people.
    pub fn new(text: &str) -> Result<Self, String> {
        let explicit = text.strip_prefix("0o").or_else(|| text.strip_prefix('0'));
        let digits = match explicit {
            // A lone zero is a mode too.
            Some("") if text == "0" => "0",
            Some(digits) => digits,
            None => text,
        };
        let number = text.bytes().all(|byte| byte.is_ascii_digit());
        let decimal = if number { text.parse::<u32>().ok() } else { None };
        let octal = is_octal(digits).then(|| u16::from_str_radix(digits, 8).ok()).flatten();
        match (octal, decimal.and_then(decimal_meaning)) {
            (Some(bits), Some(meant)) if explicit.is_none() => Err(format!(
                "can be read as octal digits (0{bits:o}) and as the decimal value of 0{meant:o}; write `0{bits:o}` or `0{meant:o}`"
            )),
            (Some(bits), _) => Ok(Self(bits)),
            (None, Some(meant)) if explicit.is_none() => {
                Err(format!("is not octal; as a decimal number it would be 0{meant:o}; write `0{meant:o}`"))
            }
            (None, _) => {
                Err("is no mode; write three or four octal digits, such as `0644`, with a zero before them".to_owned())
            }
        }
    }
}

/// One to four octal digits.
fn is_octal(digits: &str) -> bool {
    (1..=4).contains(&digits.len()) && digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte))
}

/// The mode that a decimal number is likely to mean: one in which the group may do no more than the
/// owner, others no more than the group, and the owner may read.
fn decimal_meaning(number: u32) -> Option<u16> {
    let bits = u16::try_from(number).ok().filter(|bits| *bits <= 0o7777)?;
    let (owner, group, others) = (bits >> 6 & 7, bits >> 3 & 7, bits & 7);
    let plausible = owner & 4 != 0 && group & !owner == 0 && others & !group == 0;
    // The octal digits of 600, 640, 644, 750, 755 and so on are what people write; as decimal
    // numbers these are no plausible modes, with the few exceptions that the rule above lets through.
    let usual_octal = is_octal(&number.to_string()) && u16::from_str_radix(&number.to_string(), 8).is_ok_and(is_usual);
    (plausible && !usual_octal).then_some(bits)
}

fn is_usual(bits: u16) -> bool {
    let permissions = bits & 0o777;
    [
        0o400, 0o440, 0o444, 0o500, 0o550, 0o555, 0o600, 0o640, 0o644, 0o660, 0o664, 0o666, 0o700, 0o710, 0o711, 0o750,
        0o755, 0o770, 0o775, 0o777,
    ]
    .contains(&permissions)
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Always with the zero, so that it can be read back without doubt.
        write!(f, "0{:03o}", self.0)
    }
}

impl Serialize for Mode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl ScalarValue for Mode {
    const EXPECTED: &'static str = "a mode such as 0644";

    fn parse(scalar: &Scalar, _: &Origin) -> Result<Self, String> {
        Self::new(&scalar.text)
    }

    fn schema() -> serde_json::Value {
        // Editors may read `0644` as the number 644 (YAML 1.2) or 420 (YAML 1.1).
        json!({ "anyOf": [
            { "type": "string", "pattern": "^(0o?)?[0-7]{1,4}$" },
            { "type": "integer", "minimum": 0, "maximum": 7777 },
        ]})
    }
}

#[cfg(test)]
mod tests {
    use super::Mode;

    #[test]
    fn modes_are_octal_however_they_are_written() {
        for (text, bits) in [
            ("0644", 0o644),
            ("0o644", 0o644),
            ("644", 0o644),
            ("600", 0o600),
            ("755", 0o755),
            ("1777", 0o1777),
            ("4755", 0o4755),
            ("04755", 0o4755),
            ("0", 0),
            ("0000", 0),
            ("00", 0),
        ] {
            assert_eq!(Mode::new(text).map(Mode::bits), Ok(bits), "{text}");
        }
        for bits in 0..=0o7777_u16 {
            assert_eq!(Mode::new(&format!("0{bits:o}")).map(Mode::bits), Ok(bits));
            assert_eq!(Mode::new(&Mode(bits).to_string()), Ok(Mode(bits)));
        }
    }

    #[test]
    fn every_usual_mode_may_be_written_without_the_zero() {
        for text in [
            "400", "440", "444", "500", "555", "600", "640", "644", "660", "664", "700", "711", "750", "755", "775",
            "777", "2755",
        ] {
            assert_eq!(Mode::new(text).map(Mode::bits).ok(), u16::from_str_radix(text, 8).ok());
        }
    }

    #[test]
    fn decimal_values_of_modes_are_refused_with_what_they_mean() {
        for (decimal, mode) in [
            ("420", "0644"),
            ("493", "0755"),
            ("384", "0600"),
            ("448", "0700"),
            ("511", "0777"),
            ("416", "0640"),
            ("488", "0750"),
        ] {
            let reason = Mode::new(decimal).unwrap_err();
            assert!(reason.contains(&format!("`{mode}`")), "{decimal}: {reason}");
        }
    }

    #[test]
    fn what_is_no_mode_is_refused() {
        for bad in ["", "u=rw", "0o", "07777777", "33188", "-1", "0x1ff", "99999999999", "rw-r--r--", "0888"] {
            let reason = Mode::new(bad).unwrap_err();
            assert!(reason.contains("is no mode"), "{bad}: {reason}");
        }
    }
}

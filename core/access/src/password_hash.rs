//! What is kept of a password: an Argon2id hash with its parameters, as a PHC string.
//!
//! <https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md>; Argon2 itself is RFC 9106. Computing it is no matter of this crate.

use core::fmt;
use core::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Bytes of the salt of a new hash.
pub const SALT_BYTES: usize = 16;
/// Bytes of a new hash.
pub const HASH_BYTES: usize = 32;
/// The longest text that is read.
const LONGEST: usize = 256;

/// How much work a guess is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory, in KiB.
    pub memory: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Cost {
    /// Of new hashes: what OWASP's password storage cheat sheet asks for.
    pub const CURRENT: Self = Self { memory: 19_456, passes: 2, lanes: 1 };
    /// What is computed at most, whatever a file says.
    pub const LIMIT: Self = Self { memory: 65_536, passes: 8, lanes: 4 };

    fn is_possible(self) -> bool {
        (1..=Self::LIMIT.passes).contains(&self.passes)
            && (1..=Self::LIMIT.lanes).contains(&self.lanes)
            && (8 * self.lanes..=Self::LIMIT.memory).contains(&self.memory)
    }
}

/// An Argon2id hash, version 19.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PasswordHash {
    cost: Cost,
    salt: [u8; SALT_BYTES],
    hash: [u8; HASH_BYTES],
}

/// A text that is no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this is no Argon2id hash that this release can check")]
pub struct PasswordHashError;

impl PasswordHash {
    /// A hash that was computed.
    #[must_use]
    pub fn new(cost: Cost, salt: [u8; SALT_BYTES], hash: [u8; HASH_BYTES]) -> Self {
        Self { cost, salt, hash }
    }

    /// What it takes to compute it again.
    #[must_use]
    pub fn cost(&self) -> Cost {
        self.cost
    }

    /// Its salt.
    #[must_use]
    pub fn salt(&self) -> &[u8; SALT_BYTES] {
        &self.salt
    }

    /// The hash itself. Compare it in constant time.
    #[must_use]
    pub fn hash(&self) -> &[u8; HASH_BYTES] {
        &self.hash
    }
}

impl fmt::Display for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cost { memory, passes, lanes } = self.cost;
        let [salt, hash] = [&self.salt[..], &self.hash[..]].map(|bytes| STANDARD_NO_PAD.encode(bytes));
        write!(formatter, "$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${hash}")
    }
}

/// A hash is worth guessing at, so it is not for logs.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PasswordHash({:?}, …)", self.cost)
    }
}

impl FromStr for PasswordHash {
    type Err = PasswordHashError;

    fn from_str(text: &str) -> Result<Self, PasswordHashError> {
        parse(text).ok_or(PasswordHashError)
    }
}

fn parse(text: &str) -> Option<PasswordHash> {
    let rest = text.get(..text.len().min(LONGEST)).filter(|short| *short == text)?.strip_prefix("$argon2id$v=19$")?;
    let (cost, rest) = rest.split_once('$')?;
    let (salt, hash) = rest.split_once('$')?;
    let (memory, cost) = cost.strip_prefix("m=")?.split_once(",t=")?;
    let (passes, lanes) = cost.split_once(",p=")?;
    let cost = Cost { memory: number(memory)?, passes: number(passes)?, lanes: number(lanes)? };
    let parsed = PasswordHash { cost, salt: bytes(salt)?, hash: bytes(hash)? };
    cost.is_possible().then_some(parsed)
}

/// Decimal, as the format wants it: without sign and leading zeros.
fn number(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| plain)
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    STANDARD_NO_PAD.decode(text).ok()?.try_into().ok()
}

impl TryFrom<String> for PasswordHash {
    type Error = PasswordHashError;

    fn try_from(text: String) -> Result<Self, PasswordHashError> {
        text.parse()
    }
}

impl From<PasswordHash> for String {
    fn from(hash: PasswordHash) -> Self {
        hash.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{Cost, PasswordHash};
    use proptest::prelude::{prop_assert_eq, proptest};

    const WRITTEN: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$AQEBAQEBAQEBAQEBAQEBAQ$AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI";

    #[test]
    fn a_hash_is_written_as_the_phc_says() {
        let hash = PasswordHash::new(Cost::CURRENT, [1; 16], [2; 32]);
        assert_eq!(hash.to_string(), WRITTEN);
        assert_eq!(WRITTEN.parse(), Ok(hash));
    }

    #[test]
    fn a_hash_that_would_take_too_much_memory_or_another_algorithm_is_refused() {
        for (from, to) in [
            ("m=19456", "m=4194304"),
            ("m=19456", "m=7"),
            ("t=2", "t=0"),
            ("t=2", "t=9"),
            ("p=1", "p=255"),
            ("t=2", "t=02"),
            ("t=2", "t=+2"),
            ("argon2id", "argon2i"),
            ("v=19", "v=16"),
            ("$AQEB", "$AQE"),
        ] {
            let text = WRITTEN.replacen(from, to, 1);
            assert!(text != WRITTEN && text.parse::<PasswordHash>().is_err(), "{text}");
        }
        format!("{WRITTEN}${}", "x".repeat(1000)).parse::<PasswordHash>().unwrap_err();
    }

    proptest! {
        #[test]
        fn whatever_can_be_read_is_written_the_same(text in r"\$argon2id\$v=19\$m=[0-9]{1,6},t=[0-9],p=[0-9]\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}") {
            if let Ok(hash) = text.parse::<PasswordHash>() {
                prop_assert_eq!(hash.to_string(), text);
            }
        }

        #[test]
        fn any_text_is_answered(text: String) {
            let _answer = text.parse::<PasswordHash>();
        }
    }
}

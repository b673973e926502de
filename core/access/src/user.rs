//! Users and what they log in with besides passwords.

use core::fmt;
use core::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::name::{Label, UserName};
use crate::password_hash::PasswordHash;
use crate::role::Role;
use crate::token::TokenDigest;

/// Browsers remembered for one user; the one that was used longest ago goes.
pub const BROWSERS_KEPT: usize = 8;
/// Client certificates of one user.
pub const CERTIFICATES_KEPT: usize = 8;
/// How long a browser in which nobody logs in is remembered.
pub const BROWSER_LIFETIME: SignedDuration = SignedDuration::from_hours(180 * 24);

/// A person who may reach the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The name.
    pub name: UserName,
    /// What the person is to the device.
    pub role: Role,
    /// The password's hash.
    pub password: PasswordHash,
    /// Since when.
    pub created: Timestamp,
    /// Browsers in which this user has logged in.
    pub browsers: Vec<Browser>,
    /// Keys of client certificates.
    pub certificates: Vec<ClientCertificate>,
}

/// A browser in which a user has logged in before. It lets nobody in; it only has a count of wrong passwords of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Browser {
    /// Of the token in its cookie.
    pub token: TokenDigest,
    /// The last login.
    pub last_login: Timestamp,
}

/// A client certificate's key that counts as a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCertificate {
    /// The key.
    pub key: KeyDigest,
    /// What its user calls it.
    pub label: Label,
    /// Since when it counts.
    pub added: Timestamp,
    /// Until when.
    pub expires: Timestamp,
}

/// The SHA-256 of a certificate's SubjectPublicKeyInfo (RFC 5280, section 4.1), in DER. It is no secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyDigest(pub [u8; 32]);

impl Browser {
    /// Whether it is still remembered.
    #[must_use]
    pub fn counts(&self, now: Timestamp) -> bool {
        now.duration_since(self.last_login).abs() < BROWSER_LIFETIME
    }
}

impl fmt::Display for KeyDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "KeyDigest({self})")
    }
}

impl FromStr for KeyDigest {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| "the SHA-256 of a key has 64 hexadecimal digits")?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for KeyDigest {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<KeyDigest> for String {
    fn from(digest: KeyDigest) -> Self {
        digest.to_string()
    }
}

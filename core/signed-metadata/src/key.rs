//! Public keys, what they are called, and whether they signed something.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::canonical::canonical;

/// What a key is called: in what we write, the SHA-256 of its canonical form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(pub String);

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A public key as metadata writes it. Fields that we do not know are kept, because they are signed too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// `ed25519`, `ecdsa` or `rsa`.
    pub keytype: String,
    /// How signatures are made.
    pub scheme: String,
    /// The key itself.
    pub keyval: KeyValue,
    /// Other fields.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The bytes of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyValue {
    /// Hexadecimal digits (Ed25519), or a PEM file (the others).
    pub public: String,
    /// Other fields.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Key {
    /// An Ed25519 key from its 32 bytes.
    #[must_use]
    pub fn ed25519(public: &[u8]) -> Self {
        Self {
            keytype: "ed25519".to_owned(),
            scheme: "ed25519".to_owned(),
            keyval: KeyValue { public: hex::encode(public), other: Map::new() },
            other: Map::new(),
        }
    }

    /// What it is called: the SHA-256 of its canonical form.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let value = json!({
            "keytype": self.keytype, "scheme": self.scheme, "keyval": { "public": self.keyval.public },
        });
        // Text has a canonical form.
        KeyId(hex::encode(Sha256::digest(canonical(&value).unwrap_or_default())))
    }

    /// Whether `signature` is this key's over `message`. A key of an unknown kind has signed nothing.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let algorithm: &'static dyn VerificationAlgorithm = match self.scheme.as_str() {
            "ed25519" => &ED25519,
            "ecdsa-sha2-nistp256" => &ECDSA_P256_SHA256_ASN1,
            "rsassa-pss-sha256" => &RSA_PSS_2048_8192_SHA256,
            "rsa-pkcs1v15-sha256" => &RSA_PKCS1_2048_8192_SHA256,
            _ => return false,
        };
        let public = if self.scheme == "ed25519" {
            hex::decode(&self.keyval.public).ok()
        } else {
            pem::parse(&self.keyval.public).ok().map(pem::Pem::into_contents)
        };
        public.is_some_and(|public| UnparsedPublicKey::new(algorithm, public).verify(message, signature).is_ok())
    }
}

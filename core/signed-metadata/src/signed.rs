//! Files of metadata: what is signed, and by whom.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::canonical::canonical;
use crate::error::MetadataError;
use crate::key::{Key, KeyId};
use crate::role::{Role, RoleKeys};

/// Most signatures of a file that are looked at.
const MAXIMUM_SIGNATURES: usize = 256;

/// A file of metadata that was read and not yet verified.
#[derive(Debug, Clone)]
pub struct Unverified<R> {
    role: String,
    content: R,
    message: Vec<u8>,
    signatures: Vec<Signature>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Signature {
    keyid: KeyId,
    sig: String,
}

#[derive(Deserialize)]
struct Envelope {
    signatures: Vec<Signature>,
    signed: Value,
}

impl<R: Role> Unverified<R> {
    /// Reads a file of metadata of the role `role`.
    ///
    /// # Errors
    /// When it is not the JSON of such metadata, or of another edition of the specification.
    pub fn parse(role: &str, bytes: &[u8]) -> Result<Self, MetadataError> {
        let malformed = |problem: String| MetadataError::Malformed { role: role.to_owned(), problem };
        let envelope: Envelope = serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
        if envelope.signatures.len() > MAXIMUM_SIGNATURES {
            return Err(malformed(format!("it has more than {MAXIMUM_SIGNATURES} signatures")));
        }
        let message = canonical(&envelope.signed).map_err(|error| malformed(error.to_string()))?;
        let content: R = serde_json::from_value(envelope.signed).map_err(|error| malformed(error.to_string()))?;
        let common = content.common();
        if common.kind != R::TYPE {
            return Err(malformed(format!("its _type is {:?} and not {:?}", common.kind, R::TYPE)));
        }
        if common.version == 0 {
            return Err(malformed("its version is 0".to_owned()));
        }
        let edition = common.spec_version.split('.').collect::<Vec<_>>();
        if edition.len() < 2 || edition[..2] != ["1", "0"] {
            let found = common.spec_version.chars().take(20).collect();
            return Err(MetadataError::SpecificationVersion { role: role.to_owned(), found });
        }
        Ok(Self { role: role.to_owned(), content, message, signatures: envelope.signatures })
    }

    /// What it says, for decisions that do not need trust.
    #[must_use]
    pub fn content(&self) -> &R {
        &self.content
    }

    /// What it says, if enough of the keys have signed it. A key counts once, whatever names it has.
    ///
    /// # Errors
    /// When too few have.
    pub fn verify(self, delegator: &str, keys: &BTreeMap<KeyId, Key>, needed: &RoleKeys) -> Result<R, MetadataError> {
        self.check(delegator, keys, needed)?;
        Ok(self.content)
    }

    /// As [`Self::verify`], without giving it away.
    ///
    /// # Errors
    /// When too few keys have signed it.
    pub fn check(&self, delegator: &str, keys: &BTreeMap<KeyId, Key>, needed: &RoleKeys) -> Result<(), MetadataError> {
        let mut signers: BTreeSet<&str> = BTreeSet::new();
        for signature in self.signatures.iter().filter(|signature| needed.keyids.contains(&signature.keyid)) {
            let Some(key) = keys.get(&signature.keyid) else { continue };
            let Ok(bytes) = hex::decode(&signature.sig) else { continue };
            if !signers.contains(key.keyval.public.as_str()) && key.verifies(&self.message, &bytes) {
                signers.insert(&key.keyval.public);
            }
        }
        let enough = needed.threshold > 0 && signers.len() as u64 >= needed.threshold;
        enough.then_some(()).ok_or_else(|| MetadataError::NotSigned {
            role: self.role.clone(),
            delegator: delegator.to_owned(),
            valid: signers.len(),
            threshold: needed.threshold,
        })
    }
}

/// Somebody who can sign: a key in a file, or a token that keeps it to itself.
pub trait Signer {
    /// The public key.
    fn key(&self) -> &Key;

    /// Signs a message.
    ///
    /// # Errors
    /// When the key cannot be used: a token that is gone, or a person who said no.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError>;
}

/// A signature could not be made.
pub type SignError = Box<dyn Error + Send + Sync>;

/// Writes metadata as a file, signed by everybody given.
///
/// # Errors
/// When somebody cannot sign.
pub fn sign<R: Role>(content: &R, signers: &[&dyn Signer]) -> Result<Vec<u8>, SignError> {
    let signed = serde_json::to_value(content)?;
    let message = canonical(&signed)?;
    let mut signatures = Vec::new();
    for signer in signers {
        signatures.push(Signature { keyid: signer.key().id(), sig: hex::encode(signer.sign(&message)?) });
    }
    let mut bytes = serde_json::to_vec_pretty(&json!({ "signatures": signatures, "signed": signed }))?;
    bytes.push(b'\n');
    Ok(bytes)
}

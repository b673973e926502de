//! What the four kinds of metadata say (section 4 of the specification).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::key::{Key, KeyId};

/// The edition of the specification that is written.
pub const SPECIFICATION_VERSION: &str = "1.0.31";

/// The role that names the keys of the other roles.
pub const ROOT: &str = "root";
/// The role that names the current snapshot.
pub const TIMESTAMP: &str = "timestamp";
/// The role that names the current version of every other file of metadata.
pub const SNAPSHOT: &str = "snapshot";
/// The role that vouches for files, or delegates that.
pub const TARGETS: &str = "targets";

/// A kind of metadata.
pub trait Role: Serialize + DeserializeOwned {
    /// What `_type` says.
    const TYPE: &'static str;
    /// What all kinds have in common.
    fn common(&self) -> &Common;
}

/// What all kinds of metadata have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Common {
    /// The kind: `root`, `timestamp`, `snapshot` or `targets`.
    #[serde(rename = "_type")]
    pub kind: String,
    /// Edition of the specification.
    pub spec_version: String,
    /// Counts up with every change.
    pub version: u64,
    /// Until when it may be used.
    pub expires: Timestamp,
}

impl Common {
    /// The heading of new metadata.
    #[must_use]
    pub fn new<R: Role>(version: u64, expires: Timestamp) -> Self {
        Self { kind: R::TYPE.to_owned(), spec_version: SPECIFICATION_VERSION.to_owned(), version, expires }
    }
}

/// Whose signatures a role needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleKeys {
    /// The keys that count.
    pub keyids: Vec<KeyId>,
    /// How many of them must have signed.
    pub threshold: u64,
}

/// `root.json`: the keys of the four roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// Kind, version, expiry.
    #[serde(flatten)]
    pub common: Common,
    /// Whether files carry their version or hash in their names.
    #[serde(default)]
    pub consistent_snapshot: bool,
    /// All keys.
    pub keys: BTreeMap<KeyId, Key>,
    /// Which of them count for which role.
    pub roles: BTreeMap<String, RoleKeys>,
}

/// `timestamp.json`: which snapshot is current. The only file that is replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimestampRole {
    /// Kind, version, expiry.
    #[serde(flatten)]
    pub common: Common,
    /// `snapshot.json` and nothing else.
    pub meta: BTreeMap<String, MetaFile>,
}

/// `snapshot.json`: which version of every role is current.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Kind, version, expiry.
    #[serde(flatten)]
    pub common: Common,
    /// `targets.json` and one for each delegated role.
    pub meta: BTreeMap<String, MetaFile>,
}

/// `targets.json`, and the metadata of a delegated role: files and delegations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Targets {
    /// Kind, version, expiry.
    #[serde(flatten)]
    pub common: Common,
    /// Files, by name.
    pub targets: BTreeMap<String, TargetFile>,
    /// Roles that vouch for files of certain names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegations: Option<Delegations>,
}

/// What is known of another file of metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetaFile {
    /// Its version.
    pub version: u64,
    /// Its size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
    /// Its hashes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hashes: Option<Hashes>,
}

/// Hashes by the name of their algorithm, as hexadecimal digits.
pub type Hashes = BTreeMap<String, String>;

/// What is known of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetFile {
    /// Its size in bytes.
    pub length: u64,
    /// Its hashes.
    pub hashes: Hashes,
}

/// Roles that vouch for files of certain names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Delegations {
    /// Their keys.
    pub keys: BTreeMap<KeyId, Key>,
    /// The roles, the most trusted first.
    #[serde(default)]
    pub roles: Vec<DelegatedRole>,
}

/// A role that vouches for files of certain names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelegatedRole {
    /// Its name.
    pub name: String,
    /// Whose signatures it needs.
    #[serde(flatten)]
    pub keys: RoleKeys,
    /// Whether a file that it could vouch for, and does not, is looked for no further.
    pub terminating: bool,
    /// Patterns of the names of its files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paths: Option<Vec<String>>,
    /// How the SHA-256 of the names of its files may begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_hash_prefixes: Option<Vec<String>>,
}

macro_rules! role {
    ($name:ty, $kind:expr) => {
        impl Role for $name {
            const TYPE: &'static str = $kind;

            fn common(&self) -> &Common {
                &self.common
            }
        }
    };
}

role!(Root, ROOT);
role!(TimestampRole, TIMESTAMP);
role!(Snapshot, SNAPSHOT);
role!(Targets, TARGETS);

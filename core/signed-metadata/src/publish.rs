//! The next version of a repository's metadata, and the order in which it is written.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::client::encoded;
use crate::key::{Key, KeyId};
use crate::role::{
    Common, DelegatedRole, Delegations, Hashes, MetaFile, ROOT, Role, RoleKeys, Root, SNAPSHOT, Snapshot, TARGETS,
    TIMESTAMP, TargetFile, Targets, TimestampRole,
};
use crate::signed::{SignError, Signer, sign};
use crate::trusted::TrustedMetadata;

/// The roles whose keys the root names.
pub const TOP_LEVEL: [&str; 4] = [ROOT, TARGETS, SNAPSHOT, TIMESTAMP];

/// How long new metadata may be used, per role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// `root`, whose key is in a safe.
    pub root: SignedDuration,
    /// `targets`, whose key is in a safe too.
    pub targets: SignedDuration,
    /// The role of a stream.
    pub stream: SignedDuration,
    /// `snapshot`.
    pub snapshot: SignedDuration,
    /// `timestamp`: how long a mirror can hide that there is something new.
    pub timestamp: SignedDuration,
}

impl Lifetimes {
    /// How long the metadata of a role may be used.
    #[must_use]
    pub fn of(&self, role: &str) -> SignedDuration {
        match role {
            ROOT => self.root,
            TARGETS => self.targets,
            SNAPSHOT => self.snapshot,
            TIMESTAMP => self.timestamp,
            _ => self.stream,
        }
    }
}

/// Keys that can sign now, by name.
pub type Keyring<'a> = BTreeMap<KeyId, &'a dyn Signer>;

/// A file of metadata to write. What has a version in its name is new, and nobody asks for it before the files after it are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataFile {
    /// The role.
    pub role: String,
    /// Its name in the directory of metadata.
    pub name: String,
    /// Its version.
    pub version: u64,
    /// Until when it may be used.
    pub expires: Timestamp,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Why there is no next version.
#[derive(Debug, Error)]
pub enum PublishError {
    /// Keys are not at hand.
    #[error("signing the {role} metadata takes {needed} of its keys, and {found} can be used here: {}", shown(.keys))]
    NoKey {
        /// The role.
        role: String,
        /// How many keys must sign.
        needed: u64,
        /// How many can.
        found: usize,
        /// What they are called.
        keys: Vec<KeyId>,
    },
    /// A key does not sign.
    #[error("key {key} of the {role} role did not sign")]
    Sign {
        /// The role.
        role: String,
        /// The key.
        key: KeyId,
        /// Why.
        source: SignError,
    },
    /// The repository has no such role.
    #[error("the repository has no role {role}")]
    NoRole {
        /// The role.
        role: String,
    },
    /// The role exists, or its name means something else.
    #[error("{role} cannot be the name of a new role: the repository has one of that name")]
    RoleExists {
        /// The role.
        role: String,
    },
}

fn shown(keys: &[KeyId]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// All metadata of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The root.
    pub root: Root,
    /// The top-level targets role: it only delegates.
    pub targets: Targets,
    /// The roles it delegates to.
    pub delegated: BTreeMap<String, Targets>,
    /// The snapshot.
    pub snapshot: Snapshot,
    /// The timestamp.
    pub timestamp: TimestampRole,
}

/// The next version in the making.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What is public now; nothing for a new repository.
    before: Option<Published>,
    next: Published,
    changed: BTreeSet<String>,
}

impl Draft {
    /// A new repository, with a key for each of [`TOP_LEVEL`].
    #[must_use]
    pub fn new(keys: &BTreeMap<&'static str, Key>) -> Self {
        let none = Timestamp::UNIX_EPOCH;
        let root = Root {
            common: Common::new::<Root>(0, none),
            consistent_snapshot: true,
            keys: keys.values().map(|key| (key.id(), key.clone())).collect(),
            roles: keys.iter().map(|(role, key)| ((*role).to_owned(), one_key(key))).collect(),
        };
        let targets = Targets {
            common: Common::new::<Targets>(0, none),
            targets: BTreeMap::new(),
            delegations: Some(Delegations::default()),
        };
        let snapshot = Snapshot { common: Common::new::<Snapshot>(0, none), meta: BTreeMap::new() };
        let timestamp = TimestampRole { common: Common::new::<TimestampRole>(0, none), meta: BTreeMap::new() };
        let next = Published { root, targets, delegated: BTreeMap::new(), snapshot, timestamp };
        Self { before: None, next, changed: TOP_LEVEL.iter().map(|role| (*role).to_owned()).collect() }
    }

    /// What comes after what is public now.
    #[must_use]
    pub fn of(published: Published) -> Self {
        Self { before: Some(published.clone()), next: published, changed: BTreeSet::new() }
    }

    /// What it says so far.
    #[must_use]
    pub fn next(&self) -> &Published {
        &self.next
    }

    /// Adds a role that vouches for the files with names of these patterns.
    ///
    /// # Errors
    /// When there is a role of that name.
    pub fn add_role(&mut self, role: &str, key: &Key, paths: Vec<String>) -> Result<(), PublishError> {
        if TOP_LEVEL.contains(&role) || self.next.delegated.contains_key(role) {
            return Err(PublishError::RoleExists { role: role.to_owned() });
        }
        let delegations = self.next.targets.delegations.get_or_insert_default();
        delegations.keys.insert(key.id(), key.clone());
        delegations.roles.push(DelegatedRole {
            name: role.to_owned(),
            keys: one_key(key),
            terminating: true,
            paths: Some(paths),
            path_hash_prefixes: None,
        });
        let common = Common::new::<Targets>(0, Timestamp::UNIX_EPOCH);
        let empty = Targets { common, targets: BTreeMap::new(), delegations: None };
        self.next.delegated.insert(role.to_owned(), empty);
        self.changed.extend([role.to_owned(), TARGETS.to_owned()]);
        Ok(())
    }

    /// Says what a role vouches for from now on.
    ///
    /// # Errors
    /// When there is no such role.
    pub fn set_targets(&mut self, role: &str, targets: BTreeMap<String, TargetFile>) -> Result<(), PublishError> {
        let found = self.next.delegated.get_mut(role);
        let content = found.ok_or_else(|| PublishError::NoRole { role: role.to_owned() })?;
        if content.targets != targets {
            content.targets = targets;
            self.changed.insert(role.to_owned());
        }
        Ok(())
    }

    /// Signs a role anew, with a new date of expiry.
    pub fn renew(&mut self, role: &str) {
        self.changed.insert(role.to_owned());
    }

    /// Gives a role a new key in the place of those it has. What is signed for both is good for clients that have seen the change and for
    /// those that have not.
    ///
    /// # Errors
    /// When there is no such role.
    pub fn rotate(&mut self, role: &str, key: &Key) -> Result<(), PublishError> {
        let no_role = || PublishError::NoRole { role: role.to_owned() };
        if let Some(keys) = self.next.root.roles.get_mut(role) {
            *keys = one_key(key);
            self.next.root.keys.insert(key.id(), key.clone());
            let used: BTreeSet<&KeyId> = self.next.root.roles.values().flat_map(|keys| &keys.keyids).collect();
            self.next.root.keys.retain(|id, _| used.contains(id));
            self.changed.insert(ROOT.to_owned());
        } else {
            let delegations = self.next.targets.delegations.as_mut().ok_or_else(no_role)?;
            let found = delegations.roles.iter_mut().find(|delegated| delegated.name == role);
            found.ok_or_else(no_role)?.keys = one_key(key);
            delegations.keys.insert(key.id(), key.clone());
            let used: BTreeSet<&KeyId> = delegations.roles.iter().flat_map(|role| &role.keys.keyids).collect();
            delegations.keys.retain(|id, _| used.contains(id));
            self.changed.insert(TARGETS.to_owned());
        }
        self.changed.insert(role.to_owned());
        Ok(())
    }

    /// The roles that will have a new version: those that changed, and those that name the version of one that did.
    #[must_use]
    pub fn changed(&self) -> BTreeSet<String> {
        let mut changed = self.changed.clone();
        if changed.iter().any(|role| role != ROOT && role != TIMESTAMP) {
            changed.insert(SNAPSHOT.to_owned());
        }
        if changed.contains(SNAPSHOT) {
            changed.insert(TIMESTAMP.to_owned());
        }
        changed
    }

    /// The version that a role is going to have.
    #[must_use]
    pub fn next_version(&self, role: &str) -> u64 {
        self.common(role).map_or(1, |common| common.version + 1)
    }

    /// Leaves out a version of a role, because a file of its name is there: left by a publisher who did not come to the end.
    /// Versions of the root cannot be left out.
    pub fn skip_version(&mut self, role: &str) {
        let common = match role {
            ROOT => return,
            TARGETS => Some(&mut self.next.targets.common),
            SNAPSHOT => Some(&mut self.next.snapshot.common),
            TIMESTAMP => Some(&mut self.next.timestamp.common),
            other => self.next.delegated.get_mut(other).map(|targets| &mut targets.common),
        };
        if let Some(common) = common {
            common.version += 1;
        }
    }

    fn common(&self, role: &str) -> Option<&Common> {
        match role {
            ROOT => Some(&self.next.root.common),
            TARGETS => Some(&self.next.targets.common),
            SNAPSHOT => Some(&self.next.snapshot.common),
            TIMESTAMP => Some(&self.next.timestamp.common),
            other => self.next.delegated.get(other).map(|targets| &targets.common),
        }
    }

    /// The files to write, in this order, each whole before the next is begun.
    ///
    /// First what only the timestamp leads to, then the timestamp: with it, clients go from the old repository to the new one. The root
    /// comes last, because clients follow it as soon as it is there: everything before it is signed for the old and for the new one.
    ///
    /// # Errors
    /// When keys are missing or do not sign.
    pub fn finish(
        mut self,
        lifetimes: &Lifetimes,
        now: Timestamp,
        keyring: &Keyring<'_>,
    ) -> Result<Vec<MetadataFile>, PublishError> {
        let changed = self.changed();
        let step = |common: &mut Common, role: &str| {
            common.version += 1;
            common.expires = whole_seconds(now, lifetimes.of(role));
        };
        let mut files = Vec::new();
        let delegated: Vec<&String> = changed.iter().filter(|role| !TOP_LEVEL.contains(&role.as_str())).collect();
        for role in delegated {
            let no_role = || PublishError::NoRole { role: role.clone() };
            step(&mut self.next.delegated.get_mut(role).ok_or_else(no_role)?.common, role);
            let content = self.next.delegated.get(role).ok_or_else(no_role)?;
            let file = self.signed(role, content, keyring)?;
            self.next.snapshot.meta.insert(format!("{role}.json"), described(&file));
            files.push(file);
        }
        if changed.contains(TARGETS) {
            step(&mut self.next.targets.common, TARGETS);
            let file = self.signed(TARGETS, &self.next.targets, keyring)?;
            self.next.snapshot.meta.insert("targets.json".to_owned(), described(&file));
            files.push(file);
        }
        if changed.contains(SNAPSHOT) {
            step(&mut self.next.snapshot.common, SNAPSHOT);
            let file = self.signed(SNAPSHOT, &self.next.snapshot, keyring)?;
            self.next.timestamp.meta.insert("snapshot.json".to_owned(), described(&file));
            files.push(file);
        }
        if changed.contains(TIMESTAMP) {
            step(&mut self.next.timestamp.common, TIMESTAMP);
            files.push(self.signed(TIMESTAMP, &self.next.timestamp, keyring)?);
        }
        if changed.contains(ROOT) {
            step(&mut self.next.root.common, ROOT);
            files.push(self.signed(ROOT, &self.next.root, keyring)?);
        }
        Ok(files)
    }

    /// A file signed for those who know the keys of before and for those who know the new ones.
    fn signed<R: Role>(&self, role: &str, content: &R, keyring: &Keyring<'_>) -> Result<MetadataFile, PublishError> {
        let mut signers: BTreeMap<&KeyId, &dyn Signer> = BTreeMap::new();
        let before = self.before.as_ref().and_then(|before| keys_of(before, role));
        // A delegated role changes its keys together with its file: nobody sees it under the old ones.
        let before = before.filter(|_| TOP_LEVEL.contains(&role));
        let next = keys_of(&self.next, role).ok_or_else(|| PublishError::NoRole { role: role.to_owned() })?;
        for keys in before.into_iter().chain([next]) {
            let usable = keys.keyids.iter().filter_map(|id| keyring.get(id).map(|signer| (id, *signer)));
            let usable: Vec<_> = usable.collect();
            if (usable.len() as u64) < keys.threshold {
                return Err(PublishError::NoKey {
                    role: role.to_owned(),
                    needed: keys.threshold,
                    found: usable.len(),
                    keys: keys.keyids.clone(),
                });
            }
            signers.extend(usable);
        }
        let all: Vec<&dyn Signer> = signers.values().copied().collect();
        let bytes = sign(content, &all).map_err(|source| PublishError::Sign {
            role: role.to_owned(),
            key: signers.keys().next().map_or_else(|| KeyId(String::new()), |id| (*id).clone()),
            source,
        })?;
        let common = content.common();
        let name = match role {
            TIMESTAMP => "timestamp.json".to_owned(),
            role => file_name(role, common.version),
        };
        Ok(MetadataFile { role: role.to_owned(), name, version: common.version, expires: common.expires, bytes })
    }
}

impl Published {
    /// Everything that a client trusts, if it has loaded everything.
    #[must_use]
    pub fn of(trusted: &TrustedMetadata) -> Option<Self> {
        let targets = trusted.targets(TARGETS)?.clone();
        let roles = targets.delegations.iter().flat_map(|delegations| &delegations.roles);
        let delegated = roles.map(|role| Some((role.name.clone(), trusted.targets(&role.name)?.clone())));
        Some(Self {
            root: trusted.root().clone(),
            delegated: delegated.collect::<Option<_>>()?,
            snapshot: trusted.snapshot()?.clone(),
            timestamp: trusted.timestamp()?.clone(),
            targets,
        })
    }

    /// Every role with the time until which its metadata may be used.
    pub fn expiries(&self) -> impl Iterator<Item = (&str, Timestamp)> {
        let delegated = self.delegated.iter().map(|(role, targets)| (role.as_str(), targets.common.expires));
        [
            (ROOT, self.root.common.expires),
            (TARGETS, self.targets.common.expires),
            (SNAPSHOT, self.snapshot.common.expires),
            (TIMESTAMP, self.timestamp.common.expires),
        ]
        .into_iter()
        .chain(delegated)
    }

    /// The roles that have less than half of their lifetime left, and so should be renewed.
    pub fn due<'a>(&'a self, lifetimes: &'a Lifetimes, now: Timestamp) -> impl Iterator<Item = (&'a str, Timestamp)> {
        self.expiries().filter(move |(role, expires)| now + lifetimes.of(role) / 2 > *expires)
    }
}

/// The name of a version of a role's file. The timestamp has no versions.
#[must_use]
pub fn file_name(role: &str, version: u64) -> String {
    format!("{version}.{}.json", encoded(role))
}

/// The keys of a role.
#[must_use]
pub fn keys_of<'a>(published: &'a Published, role: &str) -> Option<&'a RoleKeys> {
    published.root.roles.get(role).or_else(|| {
        let delegations = published.targets.delegations.as_ref()?;
        delegations.roles.iter().find(|delegated| delegated.name == role).map(|delegated| &delegated.keys)
    })
}

fn one_key(key: &Key) -> RoleKeys {
    RoleKeys { keyids: vec![key.id()], threshold: 1 }
}

/// What is known of a file of these bytes.
#[must_use]
pub fn target_file(bytes: &[u8]) -> TargetFile {
    TargetFile { length: bytes.len() as u64, hashes: sha256(bytes) }
}

fn described(file: &MetadataFile) -> MetaFile {
    let length = Some(file.bytes.len() as u64);
    MetaFile { version: file.version, length, hashes: Some(sha256(&file.bytes)) }
}

fn sha256(bytes: &[u8]) -> Hashes {
    BTreeMap::from([("sha256".to_owned(), hex::encode(Sha256::digest(bytes)))])
}

/// The specification writes times without fractions.
fn whole_seconds(now: Timestamp, lifetime: SignedDuration) -> Timestamp {
    let later = now.checked_add(lifetime).unwrap_or(Timestamp::MAX);
    Timestamp::from_second(later.as_second()).unwrap_or(later)
}

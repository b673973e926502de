//! What is trusted, and what may follow it: the checks of the client workflow (section 5 of the specification).

use std::collections::BTreeMap;

use jiff::Timestamp;
use sha2::{Digest, Sha256, Sha512};

use crate::error::MetadataError;
use crate::role::{
    Common, DelegatedRole, Delegations, Hashes, MetaFile, ROOT, Role, RoleKeys, Root, SNAPSHOT, Snapshot, TARGETS,
    TIMESTAMP, Targets, TimestampRole,
};
use crate::signed::Unverified;

/// Largest root metadata read, in bytes.
pub const MAXIMUM_ROOT: u64 = 512 << 10;
/// Largest timestamp metadata read, in bytes.
pub const MAXIMUM_TIMESTAMP: u64 = 16 << 10;
/// Largest snapshot metadata read, in bytes.
pub const MAXIMUM_SNAPSHOT: u64 = 2 << 20;
/// Largest metadata of one targets role read, in bytes.
pub const MAXIMUM_TARGETS: u64 = 8 << 20;

/// Metadata that is trusted, from the root down. What is further down is there only when all above it is.
#[derive(Debug, Clone)]
pub struct TrustedMetadata {
    root: Root,
    timestamp: Option<TimestampRole>,
    snapshot: Option<Snapshot>,
    /// `targets` and delegated roles, by name.
    targets: BTreeMap<String, Targets>,
}

/// What a new timestamp means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewTimestamp {
    /// It took the place of the one before.
    Newer,
    /// It has the version that is trusted already, which stays.
    Same,
}

impl TrustedMetadata {
    /// Begins with a root that is trusted because of where it comes from. Its expiry does not matter yet.
    ///
    /// # Errors
    /// When it is malformed or not signed by its own keys.
    pub fn begin(root: &[u8]) -> Result<Self, MetadataError> {
        let root = Unverified::<Root>::parse(ROOT, within(ROOT, root, MAXIMUM_ROOT)?)?;
        check_root(&root, root.content())?;
        Ok(Self { root: root.content().clone(), timestamp: None, snapshot: None, targets: BTreeMap::new() })
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// The timestamp, when there is one.
    #[must_use]
    pub fn timestamp(&self) -> Option<&TimestampRole> {
        self.timestamp.as_ref()
    }

    /// The snapshot, when there is one.
    #[must_use]
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    /// A targets role, when it is loaded.
    #[must_use]
    pub fn targets(&self, role: &str) -> Option<&Targets> {
        self.targets.get(role)
    }

    /// Follows to the next version of the root (5.3.4, 5.3.5): signed as the trusted one and as it demands itself.
    ///
    /// # Errors
    /// When it is not the next version or not signed so.
    pub fn next_root(&mut self, bytes: &[u8]) -> Result<(), MetadataError> {
        let new = Unverified::<Root>::parse(ROOT, within(ROOT, bytes, MAXIMUM_ROOT)?)?;
        check_root(&new, &self.root)?;
        let expected = self.root.common.version.saturating_add(1);
        let found = new.content().common.version;
        if found != expected {
            return Err(MetadataError::RootVersion { expected, found });
        }
        check_root(&new, new.content())?;
        self.root = new.content().clone();
        Ok(())
    }

    /// The root is the newest there is: from here on it must not have expired (5.3.10).
    ///
    /// # Errors
    /// When it has.
    pub fn check_root_expiry(&self, now: Timestamp) -> Result<(), MetadataError> {
        check_expiry(ROOT, &self.root.common, now)
    }

    /// Takes the timestamp from an earlier time, expired or not: nothing older will be accepted (5.4.3).
    ///
    /// # Errors
    /// When the current root does not vouch for it.
    pub fn recall_timestamp(&mut self, bytes: &[u8]) -> Result<(), MetadataError> {
        self.timestamp = Some(self.top_level::<TimestampRole>(TIMESTAMP, bytes, MAXIMUM_TIMESTAMP)?);
        Ok(())
    }

    /// Takes a new timestamp (5.4).
    ///
    /// # Errors
    /// When it is not signed, older than the trusted one, or expired.
    pub fn new_timestamp(&mut self, bytes: &[u8], now: Timestamp) -> Result<NewTimestamp, MetadataError> {
        let new: TimestampRole = self.top_level(TIMESTAMP, bytes, MAXIMUM_TIMESTAMP)?;
        let offered = snapshot_of(&new)?;
        if let Some(trusted) = &self.timestamp {
            not_older(TIMESTAMP, new.common.version, trusted.common.version)?;
            if new.common.version == trusted.common.version {
                check_expiry(TIMESTAMP, &trusted.common, now)?;
                return Ok(NewTimestamp::Same);
            }
            not_older(SNAPSHOT, offered.version, snapshot_of(trusted)?.version)?;
        }
        check_expiry(TIMESTAMP, &new.common, now)?;
        self.timestamp = Some(new);
        Ok(NewTimestamp::Newer)
    }

    /// What the trusted timestamp says of the snapshot.
    ///
    /// # Errors
    /// When there is no timestamp.
    pub fn snapshot_wanted(&self) -> Result<&MetaFile, MetadataError> {
        let missing = || MetadataError::Missing { file: "timestamp.json".to_owned() };
        snapshot_of(self.timestamp.as_ref().ok_or_else(missing)?)
    }

    /// Takes the snapshot from an earlier time, expired or not, and whatever its version: what it lists must not go back.
    ///
    /// # Errors
    /// When the current root does not vouch for it.
    pub fn recall_snapshot(&mut self, bytes: &[u8]) -> Result<(), MetadataError> {
        self.snapshot = Some(self.top_level::<Snapshot>(SNAPSHOT, bytes, MAXIMUM_SNAPSHOT)?);
        Ok(())
    }

    /// Whether the snapshot from an earlier time is the one that the timestamp names, so that none has to be fetched.
    ///
    /// # Errors
    /// When it is and has expired.
    pub fn has_current_snapshot(&self, now: Timestamp) -> Result<bool, MetadataError> {
        let wanted = self.snapshot_wanted()?.version;
        match &self.snapshot {
            Some(snapshot) if snapshot.common.version == wanted => {
                check_expiry(SNAPSHOT, &snapshot.common, now).map(|()| true)
            }
            _ => Ok(false),
        }
    }

    /// Takes a new snapshot (5.5).
    ///
    /// # Errors
    /// When it is not the file that the timestamp names, not signed, takes something back, or has expired.
    pub fn new_snapshot(&mut self, bytes: &[u8], now: Timestamp) -> Result<(), MetadataError> {
        let wanted = self.snapshot_wanted()?;
        check_bytes(SNAPSHOT, "timestamp.json", bytes, wanted)?;
        let new: Snapshot = self.top_level(SNAPSHOT, bytes, MAXIMUM_SNAPSHOT)?;
        check_version(SNAPSHOT, "timestamp.json", new.common.version, wanted.version)?;
        for (file, trusted) in self.snapshot.iter().flat_map(|snapshot| &snapshot.meta) {
            let role = file.strip_suffix(".json").unwrap_or(file);
            let now_listed = new.meta.get(file).ok_or_else(|| MetadataError::Disappeared { role: role.to_owned() })?;
            not_older(role, now_listed.version, trusted.version)?;
        }
        check_expiry(SNAPSHOT, &new.common, now)?;
        self.snapshot = Some(new);
        Ok(())
    }

    /// What the trusted snapshot says of a targets role.
    ///
    /// # Errors
    /// When it does not list it.
    pub fn targets_wanted(&self, role: &str) -> Result<&MetaFile, MetadataError> {
        let listed = self.snapshot.as_ref().and_then(|snapshot| snapshot.meta.get(&format!("{role}.json")));
        listed.ok_or_else(|| MetadataError::NotListed { role: role.to_owned() })
    }

    /// Takes `targets.json`, or the metadata of a role that `delegator` delegates to (5.6).
    ///
    /// # Errors
    /// When it is not the file that the snapshot names, not signed as the delegator demands, or has expired.
    pub fn new_targets(
        &mut self,
        role: &str,
        delegator: &str,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<(), MetadataError> {
        let wanted = self.targets_wanted(role)?;
        check_bytes(role, "snapshot.json", bytes, wanted)?;
        let bytes = within(role, bytes, MAXIMUM_TARGETS)?;
        let new = if role == TARGETS {
            self.top_level::<Targets>(TARGETS, bytes, MAXIMUM_TARGETS)?
        } else {
            let (delegations, delegated) = self.delegation(delegator, role)?;
            Unverified::<Targets>::parse(role, bytes)?.verify(delegator, &delegations.keys, &delegated.keys)?
        };
        check_version(role, "snapshot.json", new.common.version, wanted.version)?;
        check_expiry(role, &new.common, now)?;
        self.targets.insert(role.to_owned(), new);
        Ok(())
    }

    fn delegation(&self, delegator: &str, role: &str) -> Result<(&Delegations, &DelegatedRole), MetadataError> {
        let delegations = self.targets.get(delegator).and_then(|targets| targets.delegations.as_ref());
        let found = delegations.and_then(|delegations| {
            delegations.roles.iter().find(|delegated| delegated.name == role).map(|delegated| (delegations, delegated))
        });
        found.ok_or_else(|| MetadataError::NotListed { role: role.to_owned() })
    }

    /// Metadata of a role whose keys the root names.
    fn top_level<R: Role>(&self, role: &str, bytes: &[u8], limit: u64) -> Result<R, MetadataError> {
        let new = Unverified::<R>::parse(role, within(role, bytes, limit)?)?;
        new.verify(ROOT, &self.root.keys, keys_of(&self.root, role)?)
    }
}

/// Whether a file is what is known of it.
#[must_use]
pub fn has_hashes(bytes: &[u8], hashes: &Hashes) -> bool {
    let sha256 = || hex::encode(Sha256::digest(bytes));
    let sha512 = || hex::encode(Sha512::digest(bytes));
    let known = hashes.iter().filter_map(|(name, value)| match name.as_str() {
        "sha256" => Some(sha256() == *value),
        "sha512" => Some(sha512() == *value),
        _ => None,
    });
    let mut checked = 0;
    let good = known.inspect(|_| checked += 1).all(|same| same);
    good && checked > 0
}

fn check_root(root: &Unverified<Root>, judge: &Root) -> Result<(), MetadataError> {
    root.check(ROOT, &judge.keys, keys_of(judge, ROOT)?)
}

fn keys_of<'a>(root: &'a Root, role: &str) -> Result<&'a RoleKeys, MetadataError> {
    root.roles.get(role).ok_or_else(|| MetadataError::Malformed {
        role: ROOT.to_owned(),
        problem: format!("it names no keys for the role {role}"),
    })
}

fn snapshot_of(timestamp: &TimestampRole) -> Result<&MetaFile, MetadataError> {
    timestamp.meta.get("snapshot.json").ok_or_else(|| MetadataError::Malformed {
        role: TIMESTAMP.to_owned(),
        problem: "it names no snapshot.json".to_owned(),
    })
}

fn within<'a>(role: &str, bytes: &'a [u8], limit: u64) -> Result<&'a [u8], MetadataError> {
    let small = bytes.len() as u64 <= limit;
    small.then_some(bytes).ok_or_else(|| MetadataError::TooLarge { role: role.to_owned(), limit })
}

fn check_bytes(role: &str, listed_by: &'static str, bytes: &[u8], wanted: &MetaFile) -> Result<(), MetadataError> {
    let differs = |what| Err(MetadataError::WrongBytes { role: role.to_owned(), listed_by, what });
    if wanted.length.is_some_and(|length| length != bytes.len() as u64) {
        return differs("size");
    }
    if wanted.hashes.as_ref().is_some_and(|hashes| !has_hashes(bytes, hashes)) {
        return differs("hash");
    }
    Ok(())
}

fn check_version(role: &str, listed_by: &'static str, found: u64, expected: u64) -> Result<(), MetadataError> {
    let same = found == expected;
    same.then_some(()).ok_or_else(|| MetadataError::WrongVersion { role: role.to_owned(), listed_by, expected, found })
}

fn not_older(role: &str, found: u64, trusted: u64) -> Result<(), MetadataError> {
    let newer = found >= trusted;
    newer.then_some(()).ok_or_else(|| MetadataError::RolledBack { role: role.to_owned(), found, trusted })
}

fn check_expiry(role: &str, common: &Common, now: Timestamp) -> Result<(), MetadataError> {
    let (role, expires) = (role.to_owned(), common.expires);
    (now < expires).then_some(()).ok_or(MetadataError::Expired { role, expires, now })
}

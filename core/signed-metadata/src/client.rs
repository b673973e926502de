//! The client workflow: from a root that is trusted to files that are (section 5 of the specification).

use std::collections::BTreeSet;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::error::MetadataError;
use crate::path_pattern;
use crate::role::{DelegatedRole, MetaFile, SNAPSHOT, TARGETS, TargetFile};
use crate::trusted::{
    MAXIMUM_ROOT, MAXIMUM_SNAPSHOT, MAXIMUM_TARGETS, MAXIMUM_TIMESTAMP, NewTimestamp, TrustedMetadata,
};

/// Most new versions of the root that are followed in one refresh.
pub const MAXIMUM_NEW_ROOTS: u64 = 256;
/// Most roles that are asked for one file.
pub const MAXIMUM_DELEGATIONS: usize = 32;

/// Where metadata comes from: the directory of metadata of a repository.
pub trait MetadataSource {
    /// Why it could not be had.
    type Error;

    /// A whole file, or nothing when the repository has none of that name. No more than `limit` bytes, else an error.
    ///
    /// # Errors
    /// When it could not be had.
    fn fetch(&mut self, file: &str, limit: u64) -> Result<Option<Vec<u8>>, Self::Error>;
}

/// Where trusted metadata is kept from one refresh to the next. Nothing in it is believed without its signatures, but without
/// it a repository could go back to what it was.
pub trait MetadataStore {
    /// Why it does not work.
    type Error;

    /// A file that was kept, or nothing.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    fn load(&mut self, file: &str) -> Result<Option<Vec<u8>>, Self::Error>;

    /// Keeps a file in the place of the one with its name. After a power cut either is there, whole.
    ///
    /// # Errors
    /// When it cannot be written.
    fn keep(&mut self, file: &str, bytes: &[u8]) -> Result<(), Self::Error>;
}

/// A refresh ended early; what was trusted before is still kept.
#[derive(Debug, Error)]
pub enum RefreshError<S, K> {
    /// A file is refused.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// A file could not be had.
    #[error("{0}")]
    Source(S),
    /// Trusted metadata could not be read or kept.
    #[error("{0}")]
    Store(K),
}

/// A client between a repository and what it keeps.
#[derive(Debug)]
pub struct Client<'a, S, K> {
    /// The repository.
    pub source: &'a mut S,
    /// What was trusted before.
    pub store: &'a mut K,
    /// The time, which counts for the whole refresh (5.1).
    pub now: Timestamp,
}

type Outcome<T, S, K> = Result<T, RefreshError<<S as MetadataSource>::Error, <K as MetadataStore>::Error>>;

/// Makes everything up to `targets.json` current.
///
/// `shipped_root` is trusted because of where it comes from (a verified image). New versions of it that were seen before are
/// followed first, from the store, and then those in the repository.
///
/// # Errors
/// When the repository cannot be had, or something in it is refused.
pub fn refresh<S: MetadataSource, K: MetadataStore>(
    shipped_root: &[u8],
    client: &mut Client<'_, S, K>,
) -> Outcome<TrustedMetadata, S, K> {
    let mut trusted = client.root(shipped_root)?;
    client.timestamp(&mut trusted)?;
    client.snapshot(&mut trusted)?;
    client.load_targets(&mut trusted, TARGETS, TARGETS)?;
    Ok(trusted)
}

impl<S: MetadataSource, K: MetadataStore> Client<'_, S, K> {
    /// Looks for what is known of a file: in `targets.json`, then in the roles that it delegates files of that name to, depth first
    /// (5.6.7). Roles that do not concern the file are not even loaded.
    ///
    /// # Errors
    /// When nobody vouches for such a file, or a role that might cannot be had or is refused.
    pub fn find_target(&mut self, trusted: &mut TrustedMetadata, path: &str) -> Outcome<TargetFile, S, K> {
        let mut visited = BTreeSet::new();
        let mut waiting = vec![(TARGETS.to_owned(), TARGETS.to_owned())];
        while let Some((role, delegator)) = waiting.pop() {
            if visited.len() > MAXIMUM_DELEGATIONS || !visited.insert(role.clone()) {
                continue;
            }
            self.load_targets(trusted, &role, &delegator)?;
            let Some(targets) = trusted.targets(&role) else { continue };
            if let Some(target) = targets.targets.get(path) {
                return Ok(target.clone());
            }
            let mut below = Vec::new();
            for delegated in targets.delegations.iter().flat_map(|delegations| &delegations.roles) {
                if is_for(delegated, path) {
                    below.push((delegated.name.clone(), role.clone()));
                    if delegated.terminating {
                        waiting.clear();
                        break;
                    }
                }
            }
            waiting.extend(below.into_iter().rev());
        }
        Err(MetadataError::NoTarget { path: path.to_owned() }.into())
    }

    /// Loads the metadata of all roles that `targets.json` delegates to, as a publisher needs it.
    ///
    /// # Errors
    /// When one cannot be had or is refused.
    pub fn load_all(&mut self, trusted: &mut TrustedMetadata) -> Outcome<(), S, K> {
        let delegations = trusted.targets(TARGETS).and_then(|targets| targets.delegations.as_ref());
        let roles = delegations.iter().flat_map(|delegations| &delegations.roles);
        for role in roles.map(|role| role.name.clone()).collect::<Vec<_>>() {
            self.load_targets(trusted, &role, TARGETS)?;
        }
        Ok(())
    }

    /// The chain of roots (5.3).
    fn root(&mut self, shipped: &[u8]) -> Outcome<TrustedMetadata, S, K> {
        let mut trusted = TrustedMetadata::begin(shipped)?;
        loop {
            let file = next_root(&trusted);
            // One that is not good was damaged on the disk: the repository has it too.
            match self.store.load(&file).map_err(RefreshError::Store)? {
                Some(bytes) if trusted.next_root(&bytes).is_ok() => {}
                _ => break,
            }
        }
        for _ in 0..MAXIMUM_NEW_ROOTS {
            let file = next_root(&trusted);
            let Some(bytes) = self.source.fetch(&file, MAXIMUM_ROOT).map_err(RefreshError::Source)? else {
                trusted.check_root_expiry(self.now)?;
                return Ok(trusted);
            };
            trusted.next_root(&bytes)?;
            self.store.keep(&file, &bytes).map_err(RefreshError::Store)?;
        }
        Err(MetadataError::TooManyRoots { limit: MAXIMUM_NEW_ROOTS }.into())
    }

    fn timestamp(&mut self, trusted: &mut TrustedMetadata) -> Outcome<(), S, K> {
        let file = "timestamp.json";
        if let Some(bytes) = self.store.load(file).map_err(RefreshError::Store)? {
            // What the keys of today did not sign says nothing (5.3.11: recovery from a fast-forward attack).
            let _ = trusted.recall_timestamp(&bytes);
        }
        let bytes = self.fetch(file, MAXIMUM_TIMESTAMP)?;
        if trusted.new_timestamp(&bytes, self.now)? == NewTimestamp::Newer {
            self.store.keep(file, &bytes).map_err(RefreshError::Store)?;
        }
        Ok(())
    }

    fn snapshot(&mut self, trusted: &mut TrustedMetadata) -> Outcome<(), S, K> {
        if let Some(bytes) = self.store.load("snapshot.json").map_err(RefreshError::Store)? {
            let _ = trusted.recall_snapshot(&bytes);
        }
        if trusted.has_current_snapshot(self.now)? {
            return Ok(());
        }
        let wanted = trusted.snapshot_wanted()?;
        let file = file_of(trusted, SNAPSHOT, wanted.version);
        let limit = limit(wanted, MAXIMUM_SNAPSHOT);
        let bytes = self.fetch(&file, limit)?;
        trusted.new_snapshot(&bytes, self.now)?;
        self.store.keep("snapshot.json", &bytes).map_err(RefreshError::Store)
    }

    /// A targets role in the version that the snapshot names: from the store, or else from the repository.
    fn load_targets(&mut self, trusted: &mut TrustedMetadata, role: &str, delegator: &str) -> Outcome<(), S, K> {
        if trusted.targets(role).is_some() {
            return Ok(());
        }
        let kept = format!("{}.json", encoded(role));
        if let Some(bytes) = self.store.load(&kept).map_err(RefreshError::Store)?
            && trusted.new_targets(role, delegator, &bytes, self.now).is_ok()
        {
            return Ok(());
        }
        let wanted = trusted.targets_wanted(role)?;
        let file = file_of(trusted, role, wanted.version);
        let limit = limit(wanted, MAXIMUM_TARGETS);
        let bytes = self.fetch(&file, limit)?;
        trusted.new_targets(role, delegator, &bytes, self.now)?;
        self.store.keep(&kept, &bytes).map_err(RefreshError::Store)
    }

    fn fetch(&mut self, file: &str, limit: u64) -> Outcome<Vec<u8>, S, K> {
        let found = self.source.fetch(file, limit).map_err(RefreshError::Source)?;
        found.ok_or_else(|| MetadataError::Missing { file: file.to_owned() }.into())
    }
}

/// The name under which a file of a targets role lies in a repository: with its hash when snapshots are consistent.
#[must_use]
pub fn target_location(trusted: &TrustedMetadata, path: &str, target: &TargetFile) -> String {
    let hash = target.hashes.get("sha256").or_else(|| target.hashes.values().next());
    match (trusted.root().consistent_snapshot, hash, path.rsplit_once('/')) {
        (true, Some(hash), Some((directory, name))) => format!("{directory}/{hash}.{name}"),
        (true, Some(hash), None) => format!("{hash}.{path}"),
        _ => path.to_owned(),
    }
}

/// A role's name as part of a file name: letters, digits and `-` `.` `_` `~` as they are, all other bytes as `%` and two digits.
#[must_use]
pub fn encoded(role: &str) -> String {
    let mut out = String::new();
    for byte in role.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn is_for(role: &DelegatedRole, path: &str) -> bool {
    let by_name = role.paths.iter().flatten().any(|pattern| path_pattern::matches(pattern, path));
    let hash = || hex::encode(Sha256::digest(path));
    let by_hash = role.path_hash_prefixes.as_ref().is_some_and(|prefixes| {
        let hash = hash();
        prefixes.iter().any(|prefix| hash.starts_with(prefix.as_str()))
    });
    by_name || by_hash
}

fn next_root(trusted: &TrustedMetadata) -> String {
    format!("{}.root.json", trusted.root().common.version.saturating_add(1))
}

fn file_of(trusted: &TrustedMetadata, role: &str, version: u64) -> String {
    if trusted.root().consistent_snapshot {
        format!("{version}.{}.json", encoded(role))
    } else {
        format!("{}.json", encoded(role))
    }
}

fn limit(wanted: &MetaFile, most: u64) -> u64 {
    wanted.length.unwrap_or(most).min(most)
}

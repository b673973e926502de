//! A repository in memory, and a client of it.

use std::collections::BTreeMap;
use std::convert::Infallible;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use jiff::Timestamp;
use signed_metadata::client::{Client, MetadataSource, MetadataStore, RefreshError, encoded, refresh};
use signed_metadata::error::MetadataError;
use signed_metadata::key::Key;
use signed_metadata::publish::target_file;
use signed_metadata::role::{
    Common, DelegatedRole, Delegations, MetaFile, ROOT, Role, RoleKeys, Root, SNAPSHOT, Snapshot, TARGETS, TIMESTAMP,
    TargetFile, Targets, TimestampRole,
};
use signed_metadata::signed::{SignError, Signer, sign};

/// A key from its number.
pub struct NumberedKey {
    pair: Ed25519KeyPair,
    key: Key,
}

pub fn key(number: u8) -> NumberedKey {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[number; 32]).unwrap();
    let key = Key::ed25519(pair.public_key().as_ref());
    NumberedKey { pair, key }
}

impl Signer for NumberedKey {
    fn key(&self) -> &Key {
        &self.key
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(self.pair.sign(message).as_ref().to_vec())
    }
}

/// Everything it would say, and what it does say. Roles have a key each: 1 to 4.
pub struct Repository {
    pub root: Root,
    pub timestamp: TimestampRole,
    pub snapshot: Snapshot,
    pub targets: BTreeMap<String, Targets>,
    pub signers: BTreeMap<String, Vec<u8>>,
    pub files: BTreeMap<String, Vec<u8>>,
    pub asked: Vec<String>,
}

pub fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

pub fn common<R: Role>(version: u64) -> Common {
    Common::new::<R>(version, "2026-12-21T12:00:00Z".parse().unwrap())
}

pub fn empty_targets() -> Targets {
    Targets { common: common::<Targets>(1), targets: BTreeMap::new(), delegations: None }
}

impl Repository {
    pub fn new() -> Self {
        let mut repository = Self {
            root: Root {
                common: common::<Root>(1),
                consistent_snapshot: true,
                keys: BTreeMap::new(),
                roles: BTreeMap::new(),
            },
            timestamp: TimestampRole { common: common::<TimestampRole>(0), meta: BTreeMap::new() },
            snapshot: Snapshot { common: common::<Snapshot>(0), meta: BTreeMap::new() },
            targets: BTreeMap::from([(TARGETS.to_owned(), empty_targets())]),
            signers: BTreeMap::new(),
            files: BTreeMap::new(),
            asked: Vec::new(),
        };
        for (role, number) in [(ROOT, 1), (TIMESTAMP, 2), (SNAPSHOT, 3), (TARGETS, 4)] {
            repository.set_keys(role, &[number], 1, &[number]);
        }
        repository.publish_root();
        repository.publish_targets(TARGETS);
        repository.publish_snapshot();
        repository
    }

    /// Says whose signatures a role needs, and who is going to sign.
    pub fn set_keys(&mut self, role: &str, keys: &[u8], threshold: u64, signers: &[u8]) {
        let public: Vec<Key> = keys.iter().map(|number| key(*number).key).collect();
        self.root.roles.insert(role.to_owned(), RoleKeys { keyids: public.iter().map(Key::id).collect(), threshold });
        self.root.keys.extend(public.into_iter().map(|key| (key.id(), key)));
        self.signers.insert(role.to_owned(), signers.to_vec());
    }

    fn signed<R: Role>(&self, role: &str, content: &R) -> Vec<u8> {
        let keys: Vec<NumberedKey> = self.signers[role].iter().map(|number| key(*number)).collect();
        let signers: Vec<&dyn Signer> = keys.iter().map(|key| key as &dyn Signer).collect();
        sign(content, &signers).unwrap()
    }

    /// Publishes the root as it stands.
    pub fn publish_root(&mut self) {
        let bytes = self.signed(ROOT, &self.root);
        self.files.insert(format!("{}.root.json", self.root.common.version), bytes);
    }

    pub fn next_root(&mut self) {
        self.root.common.version += 1;
        self.publish_root();
    }

    /// Publishes a targets role as it stands, and has the next snapshot list it.
    pub fn publish_targets(&mut self, role: &str) {
        let content = &self.targets[role];
        let (version, bytes) = (content.common.version, self.signed(role, content));
        let hashes = Some(target_file(&bytes).hashes);
        let meta = MetaFile { version, length: Some(bytes.len() as u64), hashes };
        self.snapshot.meta.insert(format!("{role}.json"), meta);
        self.files.insert(format!("{version}.{}.json", encoded(role)), bytes);
    }

    /// Publishes the next snapshot and timestamp.
    pub fn publish_snapshot(&mut self) {
        self.snapshot.common.version += 1;
        self.put_snapshot();
        self.publish_timestamp();
    }

    /// Publishes the snapshot as it stands.
    pub fn put_snapshot(&mut self) {
        let bytes = self.signed(SNAPSHOT, &self.snapshot);
        self.files.insert(format!("{}.snapshot.json", self.snapshot.common.version), bytes);
    }

    /// Publishes the next timestamp.
    pub fn publish_timestamp(&mut self) {
        self.timestamp.common.version += 1;
        let meta = MetaFile { version: self.snapshot.common.version, length: None, hashes: None };
        self.timestamp.meta.insert("snapshot.json".to_owned(), meta);
        self.put_timestamp();
    }

    /// Publishes the timestamp as it stands.
    pub fn put_timestamp(&mut self) {
        let bytes = self.signed(TIMESTAMP, &self.timestamp);
        self.files.insert("timestamp.json".to_owned(), bytes);
    }

    /// Delegates files of these names from one role to another, which key 9 signs for.
    pub fn delegate(&mut self, from: &str, to: &str, paths: &[&str], terminating: bool) {
        let key = key(9).key;
        let keys = RoleKeys { keyids: vec![key.id()], threshold: 1 };
        let delegations = self.targets.get_mut(from).unwrap().delegations.get_or_insert_with(Delegations::default);
        delegations.keys.insert(key.id(), key);
        let paths = Some(paths.iter().map(|path| (*path).to_owned()).collect());
        delegations.roles.push(DelegatedRole {
            name: to.to_owned(),
            keys,
            terminating,
            paths,
            path_hash_prefixes: None,
        });
        self.targets.entry(to.to_owned()).or_insert_with(empty_targets);
        self.signers.insert(to.to_owned(), vec![9]);
    }
}

impl MetadataSource for Repository {
    type Error = Infallible;

    fn fetch(&mut self, file: &str, _limit: u64) -> Result<Option<Vec<u8>>, Infallible> {
        self.asked.push(file.to_owned());
        Ok(self.files.get(file).cloned())
    }
}

/// What a device keeps.
#[derive(Default)]
pub struct Store(pub BTreeMap<String, Vec<u8>>);

impl MetadataStore for Store {
    type Error = Infallible;

    fn load(&mut self, file: &str) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.0.get(file).cloned())
    }

    fn keep(&mut self, file: &str, bytes: &[u8]) -> Result<(), Infallible> {
        self.0.insert(file.to_owned(), bytes.to_vec());
        Ok(())
    }
}

/// A device that was made with the first root.
pub struct Device {
    pub root: Vec<u8>,
    pub store: Store,
    pub now: Timestamp,
}

impl Device {
    pub fn new(repository: &Repository) -> Self {
        Self { root: repository.files["1.root.json"].clone(), store: Store::default(), now: now() }
    }

    pub fn refresh(&mut self, repository: &mut Repository) -> Result<(), MetadataError> {
        let mut client = Client { source: repository, store: &mut self.store, now: self.now };
        refresh(&self.root, &mut client).map(|_| ()).map_err(metadata)
    }

    pub fn find(&mut self, repository: &mut Repository, path: &str) -> Result<TargetFile, MetadataError> {
        let mut client = Client { source: repository, store: &mut self.store, now: self.now };
        let mut trusted = refresh(&self.root, &mut client).map_err(metadata)?;
        client.find_target(&mut trusted, path).map_err(metadata)
    }

    /// The version of a file that is kept, 0 when there is none.
    pub fn version(&self, file: &str) -> u64 {
        let version = |bytes: &Vec<u8>| {
            let value: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            value["signed"]["version"].as_u64().unwrap()
        };
        self.store.0.get(file).map_or(0, version)
    }
}

fn metadata(error: RefreshError<Infallible, Infallible>) -> MetadataError {
    match error {
        RefreshError::Metadata(error) => error,
        RefreshError::Source(never) | RefreshError::Store(never) => match never {},
    }
}

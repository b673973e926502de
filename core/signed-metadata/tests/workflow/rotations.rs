//! Keys and thresholds: the tables of the conformance suite.

use signed_metadata::error::MetadataError;
use signed_metadata::role::{ROOT, SNAPSHOT, TARGETS, TIMESTAMP};

use crate::repository::{Device, Repository};

/// The keys of a role, how many must sign, and who does.
type Version = (&'static [u8], u64, &'static [u8]);

/// Successive versions of the root, of which the last is accepted or not.
const ROOTS: [(&str, &[Version], bool); 15] = [
    ("one key replaced", &[(&[1], 1, &[1]), (&[2], 1, &[2, 1]), (&[2], 1, &[2])], true),
    (
        "signatures that nobody asked for",
        &[(&[1], 1, &[3, 1, 4]), (&[2], 1, &[3, 2, 1, 4]), (&[2], 1, &[3, 2, 4])],
        true,
    ),
    (
        "other three of five",
        &[
            (&[10, 1, 2, 3, 4], 3, &[10, 2, 4]),
            (&[10, 1, 2, 3, 4], 3, &[10, 4, 1]),
            (&[10, 1, 2, 3, 4], 3, &[10, 1, 3]),
        ],
        true,
    ),
    ("one of five replaced", &[(&[10, 1, 2, 3, 4], 3, &[10, 2, 4]), (&[10, 1, 3, 4, 5], 3, &[10, 4, 1])], true),
    (
        "one of five replaced, with enough of both",
        &[(&[10, 1, 2, 3, 4], 3, &[10, 2, 4]), (&[10, 1, 3, 4, 5], 3, &[10, 2, 4, 5])],
        true,
    ),
    (
        "all of five replaced",
        &[
            (&[10, 1, 2, 3, 4], 3, &[10, 2, 4]),
            (&[5, 6, 7, 8, 9], 3, &[10, 2, 4, 5, 6, 7]),
            (&[5, 6, 7, 8, 9], 3, &[5, 6, 7]),
        ],
        true,
    ),
    ("threshold up", &[(&[1, 2, 3], 1, &[1]), (&[1, 2, 3], 2, &[1, 2])], true),
    ("threshold down", &[(&[1, 2, 3], 2, &[1, 2]), (&[1, 2, 3], 1, &[1, 2]), (&[1, 2, 3], 1, &[1])], true),
    ("threshold up with a new key", &[(&[1], 1, &[1]), (&[1, 2], 2, &[1, 2])], true),
    ("not by the old key", &[(&[1], 1, &[1]), (&[2], 1, &[2, 3, 4])], false),
    ("not by the new key", &[(&[1], 1, &[1]), (&[2], 1, &[1, 3, 4])], false),
    ("not by three new ones", &[(&[10, 1, 2, 3, 4], 3, &[10, 2, 4]), (&[10, 1, 3, 4, 5], 3, &[10, 2, 4])], false),
    ("not by three old ones", &[(&[10, 1, 2, 3, 4], 3, &[10, 2, 4]), (&[10, 1, 3, 4, 5], 3, &[10, 4, 5])], false),
    ("new threshold not reached", &[(&[1, 2, 3], 1, &[1]), (&[1, 2, 3], 2, &[2])], false),
    ("old threshold not reached", &[(&[1, 2, 3], 2, &[1, 2]), (&[1, 2, 3], 1, &[1])], false),
];

#[test]
fn new_roots_are_signed_for_the_old_one_and_for_themselves() {
    for (name, versions, accepted) in ROOTS {
        let mut repository = Repository::new();
        let mut device = None;
        for (index, (keys, threshold, signers)) in versions.iter().enumerate() {
            repository.set_keys(ROOT, keys, *threshold, signers);
            repository.root.common.version = index as u64 + 1;
            repository.publish_root();
            device.get_or_insert_with(|| Device::new(&repository));
        }
        let mut device = device.unwrap();
        let result = device.refresh(&mut repository);
        assert_eq!(result.is_ok(), accepted, "{name}: {result:?}");
        let last = versions.len() as u64;
        let kept = device.version(&format!("{last}.root.json"));
        assert_eq!(kept, if accepted { last } else { 0 }, "{name}");
    }
}

/// Keys of a role that is not the root, and whether what they signed is accepted.
const OTHERS: [(Version, bool); 9] = [
    ((&[2], 1, &[2]), true),
    ((&[1], 1, &[3, 1, 4]), true),
    ((&[2], 1, &[1, 3, 4]), false),
    ((&[10, 1, 3, 4, 5], 3, &[10, 2, 4]), false),
    ((&[10, 1, 3, 4, 5], 3, &[10, 4]), false),
    ((&[10, 1, 2, 3, 4], 3, &[10, 2, 4]), true),
    ((&[10, 1, 2, 3, 4], 3, &[10, 4, 1]), true),
    ((&[10, 1, 2, 3, 4], 3, &[2, 3, 4]), true),
    // The same key twice is one key.
    ((&[1, 2], 2, &[1, 1]), false),
];

#[test]
fn other_roles_are_signed_by_the_keys_that_the_root_names() {
    for role in [TIMESTAMP, SNAPSHOT, TARGETS] {
        for ((keys, threshold, signers), accepted) in OTHERS {
            let mut repository = Repository::new();
            let mut device = Device::new(&repository);
            device.refresh(&mut repository).unwrap();
            repository.set_keys(role, keys, threshold, signers);
            repository.next_root();
            repository.targets.get_mut(TARGETS).unwrap().common.version = 2;
            repository.publish_targets(TARGETS);
            repository.publish_snapshot();
            let result = device.refresh(&mut repository);
            assert_eq!(result.is_ok(), accepted, "{role} {keys:?} {threshold} {signers:?}: {result:?}");
            if let Err(error) = result {
                assert!(matches!(error, MetadataError::NotSigned { .. }), "{error}");
            }
        }
    }
}

#[test]
fn one_key_under_two_names_is_one_key() {
    let mut repository = Repository::new();
    let mut device = Device::new(&repository);
    let snapshot = repository.root.roles.get_mut(SNAPSHOT).unwrap();
    let id = snapshot.keyids[0].clone();
    let mut other = id.clone();
    other.0 = "00".repeat(32);
    snapshot.keyids.push(other.clone());
    snapshot.threshold = 2;
    let key = repository.root.keys[&id].clone();
    repository.root.keys.insert(other.clone(), key);
    repository.next_root();
    repository.publish_snapshot();
    let name = "2.snapshot.json";
    let mut file: serde_json::Value = serde_json::from_slice(&repository.files[name]).unwrap();
    let signature = file["signatures"][0]["sig"].clone();
    file["signatures"].as_array_mut().unwrap().push(serde_json::json!({ "keyid": other.0, "sig": signature }));
    repository.files.insert(name.to_owned(), file.to_string().into_bytes());
    let error = device.refresh(&mut repository).unwrap_err();
    assert!(matches!(error, MetadataError::NotSigned { valid: 1, threshold: 2, .. }), "{error}");
}

#[test]
fn a_root_that_skips_a_version_is_refused() {
    let mut repository = Repository::new();
    let mut device = Device::new(&repository);
    repository.root.common.version = 3;
    repository.publish_root();
    let skipping = repository.files.remove("3.root.json").unwrap();
    repository.files.insert("2.root.json".to_owned(), skipping);
    assert_eq!(device.refresh(&mut repository), Err(MetadataError::RootVersion { expected: 2, found: 3 }));
}

#[test]
fn a_root_that_somebody_put_into_the_store_is_not_believed() {
    let mut repository = Repository::new();
    let mut device = Device::new(&repository);
    let mut foreign = Repository::new();
    foreign.set_keys(ROOT, &[66], 1, &[66]);
    foreign.root.common.version = 2;
    foreign.publish_root();
    device.store.0.insert("2.root.json".to_owned(), foreign.files["2.root.json"].clone());
    device.refresh(&mut repository).unwrap();
    repository.files.insert("timestamp.json".to_owned(), foreign.files["timestamp.json"].clone());
    assert!(device.refresh(&mut repository).is_ok(), "both repositories have the same timestamp key");
}

//! Rollback, freeze, mix-and-match, and recovery from them.

use signed_metadata::error::MetadataError;
use signed_metadata::role::{SNAPSHOT, TARGETS, TIMESTAMP};

use crate::repository::{Device, Repository};

fn device_and_repository() -> (Device, Repository) {
    let mut repository = Repository::new();
    let mut device = Device::new(&repository);
    device.refresh(&mut repository).unwrap();
    (device, repository)
}

#[test]
fn a_first_refresh_asks_for_what_it_needs_and_a_second_for_little() {
    let (mut device, mut repository) = device_and_repository();
    assert_eq!(repository.asked, ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"]);
    repository.asked.clear();
    device.refresh(&mut repository).unwrap();
    assert_eq!(repository.asked, ["2.root.json", "timestamp.json"]);
}

#[test]
fn an_older_timestamp_is_refused() {
    let (mut device, mut repository) = device_and_repository();
    repository.publish_timestamp();
    device.refresh(&mut repository).unwrap();
    repository.timestamp.common.version = 1;
    repository.put_timestamp();
    let error = device.refresh(&mut repository).unwrap_err();
    assert_eq!(error, MetadataError::RolledBack { role: TIMESTAMP.to_owned(), found: 1, trusted: 2 });
    assert_eq!(device.version("timestamp.json"), 2);
}

#[test]
fn a_timestamp_of_the_same_version_does_not_replace_the_trusted_one() {
    let (mut device, mut repository) = device_and_repository();
    repository.timestamp.meta.get_mut("snapshot.json").unwrap().version = 100;
    repository.put_timestamp();
    device.refresh(&mut repository).unwrap();
    assert_eq!(device.store.0["timestamp.json"].len(), Repository::new().files["timestamp.json"].len());
}

#[test]
fn an_older_snapshot_is_refused() {
    let (mut device, mut repository) = device_and_repository();
    repository.publish_snapshot();
    device.refresh(&mut repository).unwrap();
    repository.snapshot.common.version = 1;
    repository.publish_timestamp();
    let error = device.refresh(&mut repository).unwrap_err();
    assert_eq!(error, MetadataError::RolledBack { role: SNAPSHOT.to_owned(), found: 1, trusted: 2 });
    assert_eq!((device.version("timestamp.json"), device.version("snapshot.json")), (2, 2));
}

#[test]
fn older_targets_are_refused_also_when_the_snapshot_kept_here_has_expired() {
    let (mut device, mut repository) = device_and_repository();
    repository.targets.get_mut(TARGETS).unwrap().common.version = 5;
    repository.publish_targets(TARGETS);
    repository.publish_snapshot();
    device.refresh(&mut repository).unwrap();
    repository.targets.get_mut(TARGETS).unwrap().common.version = 4;
    repository.publish_targets(TARGETS);
    let later = "2027-03-01T00:00:00Z".parse().unwrap();
    repository.snapshot.common.expires = later;
    repository.timestamp.common.expires = later;
    repository.root.common.expires = later;
    repository.next_root();
    repository.publish_snapshot();
    device.now = "2027-02-01T00:00:00Z".parse().unwrap();
    let error = device.refresh(&mut repository).unwrap_err();
    assert_eq!(error, MetadataError::RolledBack { role: TARGETS.to_owned(), found: 4, trusted: 5 });
}

#[test]
fn a_role_that_was_listed_stays_listed() {
    let (mut device, mut repository) = device_and_repository();
    repository.delegate(TARGETS, "stable", &["stable/*"], true);
    repository.targets.get_mut(TARGETS).unwrap().common.version = 2;
    repository.publish_targets(TARGETS);
    repository.publish_targets("stable");
    repository.publish_snapshot();
    device.refresh(&mut repository).unwrap();
    repository.snapshot.meta.remove("stable.json");
    repository.publish_snapshot();
    let error = device.refresh(&mut repository).unwrap_err();
    assert_eq!(error, MetadataError::Disappeared { role: "stable".to_owned() });
}

#[test]
fn a_fast_forward_attack_is_recovered_from_by_new_keys() {
    let (mut device, mut repository) = device_and_repository();
    repository.timestamp.common.version = 99_999;
    repository.snapshot.common.version = 99_999;
    repository.publish_snapshot();
    device.refresh(&mut repository).unwrap();
    assert_eq!(device.version("snapshot.json"), 100_000);
    repository.set_keys(SNAPSHOT, &[13], 1, &[13]);
    repository.set_keys(TIMESTAMP, &[12], 1, &[12]);
    repository.next_root();
    repository.timestamp.common.version = 0;
    repository.snapshot.common.version = 0;
    repository.publish_snapshot();
    device.refresh(&mut repository).unwrap();
    assert_eq!((device.version("timestamp.json"), device.version("snapshot.json")), (1, 1));
}

#[test]
fn what_has_expired_is_refused_and_not_kept() {
    let past = "2026-11-20T00:00:00Z".parse().unwrap();
    let (mut device, mut repository) = device_and_repository();
    repository.snapshot.common.expires = past;
    repository.publish_snapshot();
    assert!(matches!(device.refresh(&mut repository), Err(MetadataError::Expired { role, .. }) if role == SNAPSHOT));
    assert_eq!(device.version("snapshot.json"), 1);
    repository.timestamp.common.expires = past;
    repository.publish_timestamp();
    assert!(matches!(device.refresh(&mut repository), Err(MetadataError::Expired { role, .. }) if role == TIMESTAMP));
    assert_eq!(device.version("timestamp.json"), 2);
    // The root is followed, because only a newer one could mend it, but nothing below it is asked for.
    repository.root.common.expires = past;
    repository.next_root();
    repository.asked.clear();
    assert!(matches!(device.refresh(&mut repository), Err(MetadataError::Expired { role, .. }) if role == "root"));
    assert_eq!(repository.asked, ["2.root.json", "3.root.json"]);
    assert_eq!(device.version("2.root.json"), 2);
}

#[test]
fn an_expired_timestamp_that_is_kept_still_protects() {
    let (mut device, mut repository) = device_and_repository();
    repository.publish_timestamp();
    device.refresh(&mut repository).unwrap();
    device.now = "2026-12-22T12:00:00Z".parse().unwrap();
    let later = "2027-01-21T12:00:00Z".parse().unwrap();
    repository.timestamp.common.expires = later;
    repository.timestamp.common.version = 1;
    repository.put_timestamp();
    repository.root.common.expires = later;
    repository.next_root();
    let error = device.refresh(&mut repository).unwrap_err();
    assert!(matches!(error, MetadataError::RolledBack { .. }), "{error}");
}

#[test]
fn files_of_two_times_do_not_mix() {
    let (mut device, mut repository) = device_and_repository();
    let old = repository.files["1.targets.json"].clone();
    repository.targets.get_mut(TARGETS).unwrap().common.version = 2;
    repository.publish_targets(TARGETS);
    repository.snapshot.meta.get_mut("targets.json").unwrap().hashes = None;
    repository.snapshot.meta.get_mut("targets.json").unwrap().length = None;
    repository.publish_snapshot();
    repository.files.insert("2.targets.json".to_owned(), old);
    let error = device.refresh(&mut repository).unwrap_err();
    assert!(matches!(error, MetadataError::WrongVersion { expected: 2, found: 1, .. }), "{error}");
    let other_snapshot = repository.files["1.snapshot.json"].clone();
    repository.publish_snapshot();
    repository.files.insert("3.snapshot.json".to_owned(), other_snapshot);
    let error = device.refresh(&mut repository).unwrap_err();
    assert!(matches!(error, MetadataError::WrongVersion { expected: 3, found: 1, .. }), "{error}");
}

#[test]
fn bytes_that_the_snapshot_does_not_name_are_refused_although_they_are_signed() {
    let (mut device, mut repository) = device_and_repository();
    repository.targets.get_mut(TARGETS).unwrap().common.version = 2;
    repository.publish_targets(TARGETS);
    repository.publish_snapshot();
    let listed = repository.snapshot.meta["targets.json"].clone();
    repository.targets.get_mut(TARGETS).unwrap().common.expires = "2026-12-22T12:00:00Z".parse().unwrap();
    repository.publish_targets(TARGETS);
    repository.snapshot.meta.insert("targets.json".to_owned(), listed);
    let error = device.refresh(&mut repository).unwrap_err();
    assert!(matches!(error, MetadataError::WrongBytes { what: "hash", .. }), "{error}");
}

#[test]
fn a_repository_without_a_file_is_told_so() {
    let (mut device, mut repository) = device_and_repository();
    repository.files.remove("timestamp.json");
    let error = device.refresh(&mut repository).unwrap_err();
    assert_eq!(error.to_string(), "the repository has no timestamp.json");
}

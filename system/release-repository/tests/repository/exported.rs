//! A stick with a part of a repository.

use host::cancel::Cancel;
use release_metadata::Architecture;
use release_repository::export::export;
use release_repository::images;
use release_repository::storage::Watch;

use crate::sample::{Sample, now, stream, version, whole_releases};

fn put_on_stick(sample: &Sample, numbers: &[&str]) {
    let repository = sample.open();
    let of =
        |number: &&str| repository.release(&stream("stable"), version(number), Architecture::X86_64).unwrap().unwrap();
    let releases: Vec<_> = numbers.iter().map(of).collect();
    let cancel = Cancel::new();
    let mut watch = Watch { progress: &mut |_, _| {}, cancel: &cancel };
    export(&repository, &stream("stable"), &releases, &sample.path("stick"), &mut watch).unwrap();
}

#[test]
fn a_stick_holds_one_stream_and_verifies_on_its_own() {
    let sample = Sample::new();
    sample.publish("stable", "1.0.0").unwrap();
    sample.publish("testing", "9.0.0").unwrap();
    put_on_stick(&sample, &["1.0.0"]);
    let mut reader = sample.read_directory("stick", now()).unwrap();
    assert_eq!(whole_releases(&mut reader, "stable").unwrap(), ["1.0.0"]);
    assert!(reader.updates(&stream("testing")).is_err());
    let (valid_until, role) = reader.valid_until(&stream("stable"));
    assert_eq!((valid_until.to_string().as_str(), role.as_str()), ("2026-12-05T12:00:00Z", "timestamp"));
}

#[test]
fn a_stick_is_brought_up_to_date_and_damage_on_it_is_mended() {
    let sample = Sample::new();
    sample.publish("stable", "1.0.0").unwrap();
    put_on_stick(&sample, &["1.0.0"]);
    let damaged = sample.path("stick/targets/stable/releases/1.0.0/x86-64/root.zst");
    let mut bytes = std::fs::read(&damaged).unwrap();
    bytes[10] ^= 1;
    std::fs::write(&damaged, bytes).unwrap();
    sample.publish("stable", "2.0.0").unwrap();
    put_on_stick(&sample, &["1.0.0", "2.0.0"]);
    let mut reader = sample.read_directory("stick", now()).unwrap();
    assert_eq!(whole_releases(&mut reader, "stable").unwrap(), ["1.0.0", "2.0.0"]);
}

#[test]
fn images_of_older_releases_come_back_for_those_who_make_patches() {
    let sample = Sample::new();
    for number in ["1.0.0", "1.1.0", "2.0.0"] {
        sample.publish("stable", number).unwrap();
    }
    let repository = sample.open();
    let updates = repository.updates(&stream("stable")).unwrap();
    let sources = images::patch_sources(&updates, version("2.0.0"), Architecture::X86_64);
    assert_eq!(sources, [version("1.1.0"), version("1.0.0")]);
    let release = repository.release(&stream("stable"), sources[0], Architecture::X86_64).unwrap().unwrap();
    let cancel = Cancel::new();
    let mut watch = Watch { progress: &mut |_, _| {}, cancel: &cancel };
    let fetched = images::fetch(&repository, &release, sample.directory.path(), &mut watch).unwrap();
    assert_eq!(std::fs::read(fetched.root).unwrap(), vec![b'1'; 8192]);
    assert_eq!(std::fs::read(fetched.uki).unwrap(), b"the UKI of 1.1.0");
}

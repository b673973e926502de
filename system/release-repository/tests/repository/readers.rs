//! What readers accept, and what they refuse and say.

use std::fs;
use std::path::Path;

use file_server::FileServer;
use jiff::Timestamp;
use release_source::error::SourceError;
use release_source::location::Location;
use signed_metadata::error::MetadataError;

use crate::sample::{Sample, copy_tree, now, stream, whole_releases};

/// The reason for which a refresh, or reading a stream after it, is refused.
fn refusal(sample: &Sample, at: Timestamp) -> MetadataError {
    let read = sample.read_directory("repository", at).and_then(|mut reader| reader.updates(&stream("stable")));
    match read {
        Err(SourceError::Refused(error)) => error,
        other => panic!("not refused: {other:?}"),
    }
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_reader_over_http_gets_whole_files_and_parts() {
    let sample = Sample::new();
    sample.publish("stable", "1.0.0").unwrap();
    let server = FileServer::start(&sample.path("repository"), "127.0.0.1:0".parse().unwrap()).unwrap();
    let location: Location = server.url("").parse().unwrap();
    let mut reader = sample.read(&location, now()).unwrap();
    assert_eq!(whole_releases(&mut reader, "stable").unwrap(), ["1.0.0"]);
    let release =
        reader.release(&stream("stable"), "1.0.0".parse().unwrap(), release_metadata::Architecture::X86_64).unwrap();
    let mut file = reader.artifact(&release, &release.full.uki);
    let mut whole = Vec::new();
    std::io::Read::read_to_end(&mut file.whole().unwrap(), &mut whole).unwrap();
    let mut part = Vec::new();
    std::io::Read::read_to_end(&mut file.range(3, 7).unwrap(), &mut part).unwrap();
    assert_eq!(part, whole[3..10]);
    assert!(matches!(file.range(3, file.size()), Err(SourceError::WrongSize { .. })));
}

#[test]
fn expired_metadata_is_refused_and_the_role_named() {
    let sample = Sample::new();
    let error = refusal(&sample, time("2026-12-05T12:00:00Z"));
    assert!(error.to_string().starts_with("the timestamp metadata expired on 2026-12-05T12:00:00Z"), "{error}");
}

#[test]
fn a_clock_before_the_image_was_built_does_not_hide_that_metadata_has_expired() {
    let sample = Sample::new();
    let source = release_source::repository::ReleaseSource::open(
        &Location::Directory(sample.path("repository")),
        &release_source::repository::SourceSettings::default(),
    )
    .unwrap();
    let mut anchor = sample.anchor();
    anchor.built = time("2027-01-01T00:00:00Z");
    let refused = source.refresh(&anchor, &sample.path("device"), time("1970-01-01T00:00:00Z"));
    assert!(matches!(refused, Err(SourceError::Refused(MetadataError::Expired { .. }))));
    anchor.built = time("2026-11-01T00:00:00Z");
    assert!(source.refresh(&anchor, &sample.path("device"), time("1970-01-01T00:00:00Z")).is_ok());
}

#[test]
fn a_stream_that_is_not_read_may_expire() {
    let sample = Sample::new();
    // In three months both streams expire; only one of them is signed again.
    let later = time("2027-02-20T00:00:00Z");
    let repository = sample.open();
    let mut edit = repository.edit();
    ["stable", "snapshot", "timestamp"].iter().for_each(|role| edit.renew(role));
    repository.commit(edit, &sample.keys().keyring(), later).unwrap();
    let after = time("2027-02-25T00:00:00Z");
    let mut reader = sample.read_directory("repository", after).unwrap();
    assert!(reader.updates(&stream("stable")).is_ok());
    let refused = reader.updates(&stream("testing"));
    assert!(matches!(refused, Err(SourceError::Refused(MetadataError::Expired { role, .. })) if role == "testing"));
}

#[test]
fn a_changed_file_is_refused_wherever_it_is() {
    for (name, from, to) in [
        ("metadata/timestamp.json", "2026-12-05", "2036-12-05"),
        ("metadata/2.snapshot.json", "\"version\": 2", "\"version\": 3"),
        ("metadata/2.stable.json", "\"length\"", "\"Length\""),
    ] {
        let sample = Sample::new();
        sample.publish("stable", "1.0.0").unwrap();
        let path = sample.path("repository").join(name);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{name}: {text}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let error = refusal(&sample, now());
        let known = matches!(error, MetadataError::NotSigned { .. } | MetadataError::WrongBytes { .. });
        assert!(known, "{name}: {error}");
    }
}

#[test]
fn a_changed_document_or_image_is_refused() {
    let sample = Sample::new();
    sample.publish("stable", "1.0.0").unwrap();
    let images = sample.path("repository/targets/stable/releases/1.0.0/x86-64");
    let flip = |path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    flip(&images.join("root.zst"));
    let mut reader = sample.read_directory("repository", now()).unwrap();
    assert!(matches!(whole_releases(&mut reader, "stable"), Err(SourceError::WrongHash { .. })));
    fs::write(images.join("root.zst"), b"short").unwrap();
    assert!(matches!(whole_releases(&mut reader, "stable"), Err(SourceError::WrongSize { .. })));
    let updates = fs::read_dir(sample.path("repository/targets/stable")).unwrap();
    for entry in updates.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        flip(&entry);
    }
    assert!(matches!(reader.updates(&stream("stable")), Err(SourceError::WrongHash { .. })));
}

#[test]
fn a_repository_that_goes_back_in_time_is_refused() {
    let sample = Sample::new();
    copy_tree(&sample.path("repository"), &sample.path("before"));
    sample.publish("stable", "1.0.0").unwrap();
    sample.read_directory("repository", now()).unwrap();
    let back = sample.read_directory("before", now());
    let Err(SourceError::Refused(error)) = back else { panic!("not refused: {back:?}") };
    assert_eq!(
        error.to_string(),
        "the repository offers version 1 of the timestamp metadata, but version 2 was seen before: it was rolled back, or a mirror is \
         behind"
    );
}

#[test]
fn what_was_seen_survives_power_cuts_and_damage_on_the_device() {
    let sample = Sample::new();
    copy_tree(&sample.path("repository"), &sample.path("before"));
    sample.publish("stable", "1.0.0").unwrap();
    sample.read_directory("repository", now()).unwrap();
    for file in ["snapshot.json", "targets.json"] {
        fs::write(sample.path("device").join(file), b"{ half a fi").unwrap();
    }
    // What is damaged is fetched again, and what is whole still protects.
    assert!(sample.read_directory("repository", now()).is_ok());
    assert!(sample.read_directory("before", now()).is_err());
}

#[test]
fn files_of_two_times_do_not_mix() {
    let sample = Sample::new();
    sample.publish("stable", "1.0.0").unwrap();
    copy_tree(&sample.path("repository"), &sample.path("before"));
    sample.publish("stable", "2.0.0").unwrap();
    let (old, new) = (sample.path("before/metadata/2.stable.json"), sample.path("repository/metadata/3.stable.json"));
    fs::copy(old, new).unwrap();
    let error = refusal(&sample, now());
    assert!(matches!(error, MetadataError::WrongBytes { listed_by: "snapshot.json", .. }), "{error}");
}

#[test]
fn a_mirror_that_stands_still_is_noticed_when_its_timestamp_expires() {
    let sample = Sample::new();
    copy_tree(&sample.path("repository"), &sample.path("mirror"));
    sample.publish("stable", "1.0.0").unwrap();
    assert!(sample.read_directory("mirror", now()).is_ok());
    let frozen = sample.read_directory("mirror", time("2026-12-06T00:00:00Z"));
    assert!(matches!(frozen, Err(SourceError::Refused(MetadataError::Expired { .. }))));
}

#[test]
fn another_repository_is_not_taken_for_this_one() {
    let (sample, other) = (Sample::new(), Sample::new());
    let foreign = sample.read(&Location::Directory(other.path("repository")), now());
    let Err(SourceError::Refused(error)) = foreign else { panic!("not refused: {foreign:?}") };
    let text = "the timestamp metadata has 0 valid signatures of the 1 that root demands: it was changed, or signed by somebody else";
    assert_eq!(error.to_string(), text);
}

#[test]
fn a_stick_that_was_prepared_to_do_harm_is_refused() {
    let sample = Sample::new();
    let timestamp = sample.path("repository/metadata/timestamp.json");
    let genuine = fs::read(&timestamp).unwrap();
    fs::remove_file(&timestamp).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", &timestamp).unwrap();
    assert!(matches!(sample.read_directory("repository", now()), Err(SourceError::File { .. })));
    fs::remove_file(&timestamp).unwrap();
    fs::create_dir(&timestamp).unwrap();
    assert!(matches!(sample.read_directory("repository", now()), Err(SourceError::File { .. })));
    fs::remove_dir(&timestamp).unwrap();
    fs::write(&timestamp, [genuine, vec![b' '; 1 << 20]].concat()).unwrap();
    assert!(matches!(sample.read_directory("repository", now()), Err(SourceError::TooLarge { .. })));
}

//! Bytes that nobody vouches for.

use proptest::prelude::{Just, Strategy, any, prop_assert, prop_oneof, proptest};
use signed_metadata::error::MetadataError;
use signed_metadata::path_pattern;
use signed_metadata::role::{Root, Targets};
use signed_metadata::signed::Unverified;
use signed_metadata::trusted::TrustedMetadata;

use crate::repository::{Device, Repository};

#[test]
fn unknown_fields_are_part_of_what_is_signed() {
    let mut repository = Repository::new();
    let name = "1.targets.json";
    let mut file: serde_json::Value = serde_json::from_slice(&repository.files[name]).unwrap();
    file["signed"]["custom"] = serde_json::json!({ "a": [1, "é\"\\"] });
    repository.files.insert(name.to_owned(), file.to_string().into_bytes());
    repository.snapshot.meta.get_mut("targets.json").unwrap().hashes = None;
    repository.snapshot.meta.get_mut("targets.json").unwrap().length = None;
    repository.publish_snapshot();
    let error = Device::new(&repository).refresh(&mut repository).unwrap_err();
    assert!(matches!(error, MetadataError::NotSigned { .. }), "{error}");
}

#[test]
fn other_kinds_and_editions_are_refused() {
    let repository = Repository::new();
    let timestamp = &repository.files["timestamp.json"];
    assert!(matches!(Unverified::<Root>::parse("root", timestamp), Err(MetadataError::Malformed { .. })));
    let text = String::from_utf8(repository.files["1.root.json"].clone()).unwrap();
    let other = text.replace("\"1.0.31\"", "\"2.0.0\"");
    let error = Unverified::<Root>::parse("root", other.as_bytes()).unwrap_err();
    assert!(matches!(error, MetadataError::SpecificationVersion { .. }), "{error}");
    assert!(TrustedMetadata::begin(other.as_bytes()).is_err());
    let without_version = text.replace("\"version\"", "\"revision\"");
    assert!(matches!(TrustedMetadata::begin(without_version.as_bytes()), Err(MetadataError::Malformed { .. })));
}

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let repository = Repository::new();
    let file = repository.files["1.root.json"].clone();
    let length = file.len();
    prop_oneof![
        any::<Vec<u8>>(),
        (Just(file), 0..length, any::<u8>()).prop_map(|(mut file, at, byte)| {
            file[at] = byte;
            file
        }),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_metadata_or_refused(bytes in mutated()) {
        let _ = Unverified::<Targets>::parse("targets", &bytes);
        if let Ok(trusted) = TrustedMetadata::begin(&bytes) {
            // What still verifies says the same: the change was in white space or in a signature's spelling.
            prop_assert!(trusted.root() == &Repository::new().root);
        }
    }

    #[test]
    fn any_pattern_and_path_are_compared(pattern in "[a*?/]{0,12}", path in "[ab/]{0,12}") {
        let matches = path_pattern::matches(&pattern, &path);
        if !pattern.contains(['*', '?']) {
            prop_assert!(matches == (pattern == path));
        }
        prop_assert!(path_pattern::matches(&path, &path));
    }
}

//! The documents of a repository from anybody: refused, or writing and reading again gives the same, and no path leads out.
#![no_main]

use libfuzzer_sys::fuzz_target;
use release_metadata::release::Release;
use release_metadata::updates::Updates;

fuzz_target!(|text: &str| {
    if let Ok(updates) = Updates::parse(text) {
        let again = updates.to_json().expect("what was read can be written");
        assert_eq!(Updates::parse(&again).expect("what was written can be read"), updates);
    }
    if let Ok(release) = Release::parse(text) {
        let again = release.to_json().expect("what was read can be written");
        assert_eq!(Release::parse(&again).expect("what was written can be read"), release);
        for artifact in release.artifacts() {
            let path = artifact.path.in_release(release.version, release.architecture);
            assert!(path.split('/').all(|part| !part.is_empty() && !part.starts_with('.')));
        }
    }
});

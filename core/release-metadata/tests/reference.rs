//! The examples of the reference are what this crate reads and writes.

use release_metadata::release::Release;
use release_metadata::updates::Updates;

const REFERENCE: &str = include_str!("../../../docs/reference/release-metadata.md");

/// The JSON blocks of the reference, in order.
fn examples() -> Vec<&'static str> {
    REFERENCE
        .split("```json\n")
        .skip(1)
        .map(|rest| rest.split("```").next().expect("a split has a first part"))
        .collect()
}

#[test]
fn the_reference_shows_both_documents_byte_for_byte() {
    let [updates, release] = examples()[..] else { panic!("the reference has two examples") };
    assert_eq!(Updates::parse(updates).unwrap().to_json().unwrap(), updates);
    assert_eq!(Release::parse(release).unwrap().to_json().unwrap(), release);
}

#[test]
fn the_example_names_every_optional_part() {
    let release = Release::parse(examples()[1]).unwrap();
    let names: Vec<&str> = release.artifacts().map(|artifact| artifact.path.as_str()).collect();
    assert_eq!(
        names,
        [
            "root.zst",
            "uki.zst",
            "uki-from-root.patch",
            "from-1.3.0.patch",
            "chunks.idx",
            "chunks-from-1.3.0.idx",
            "chunks/0000.pack",
            "sbom.spdx.json",
            "provenance.intoto.jsonl"
        ]
    );
    let source = release.patches[0].from.root_hash;
    assert_eq!(release.patches_from(source).count(), 1);
    assert_eq!(release.patches_from(release.root.root_hash).count(), 0);
    assert_eq!(release.patches[0].file.path, release_metadata::path::patch(release.patches[0].from.version));
}

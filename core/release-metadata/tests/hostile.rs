//! Documents that anybody may have written.

use proptest::prelude::{Strategy, any, prop_assert_eq, proptest};
use release_metadata::DocumentError;
use release_metadata::release::{self, Release};
use release_metadata::updates::{self, Updates};

const REFERENCE: &str = include_str!("../../../docs/reference/release-metadata.md");

fn example(index: usize) -> &'static str {
    let block = REFERENCE.split("```json\n").nth(index + 1).expect("the reference has two examples");
    block.split("```").next().expect("a split has a first part")
}

/// The example with one text replaced must be refused, with this in the message.
fn refused(index: usize, from: &str, to: &str, message: &str) {
    let text = example(index).replacen(from, to, 1);
    assert_ne!(text, example(index), "nothing was replaced by {to}");
    let error = if index == 0 { Updates::parse(&text).err() } else { Release::parse(&text).err() };
    let error = error.expect("refused").to_string();
    assert!(error.contains(message), "{error}");
}

#[test]
fn a_newer_format_is_refused_with_what_to_do() {
    let text = "{\"format\": 2, \"releases\": \"of another form\"}";
    assert_eq!(
        Updates::parse(text).unwrap_err().to_string(),
        "updates.json has format 2, and this version of Piccolo OS reads format 1; update Piccolo OS first"
    );
    assert!(Release::parse(text).unwrap_err().to_string().contains("update Piccolo OS first"));
    refused(0, "\"format\": 1", "\"format\": 0", "no longer read");
}

#[test]
fn fields_of_a_later_version_are_skipped() {
    let text = example(0).replacen("\"format\": 1,", "\"format\": 1, \"mirrors\": [{\"deep\": 1}],", 1);
    assert_eq!(Updates::parse(&text).unwrap(), Updates::parse(example(0)).unwrap());
}

#[test]
fn contradictions_in_updates_are_refused() {
    refused(0, "\"1.3.1\"", "\"1.3.0\"", "release 1.3.0 comes after 1.3.0");
    refused(0, "\"1.3.1\"", "\"1.2.9\"", "from old to new");
    refused(0, "\"1.3.1\"", "\"1.3.01\"", "MAJOR.MINOR.PATCH");
    refused(0, "\"arm64\",", "\"x86-64\",", "architectures by name");
    refused(0, "\"arm64\"", "\"mips\"", "malformed");
    refused(0, "0.05", "1.05", "a number from 0 to 1");
    refused(0, "2880", "0", "minutes");
    refused(0, "2880", "5256001", "minutes");
    refused(0, "Moves the", "\\u001b[2JMoves", "control characters");
    refused(0, "Moves the settings of the network to their new place", "", "1 to 1000 characters");
    refused(0, "\"dead_end\"", "\"barrier\": {\"reason\": \"x\"}, \"dead_end\"", "nobody could pass it");
    refused(
        0,
        "\"dead_end\"",
        "\"rollout\": {\"start\": \"2026-09-01T08:00:00Z\"}, \"dead_end\"",
        "devices would be led into it",
    );
    refused(0, "\"stable\"", "\"Stable\"", "no name of a stream");
}

#[test]
fn contradictions_in_a_release_are_refused() {
    refused(1, "858783744", "858783745", "blocks of 4096 bytes");
    refused(1, "6901760", "0", "blocks of 4096 bytes");
    refused(1, "\"size\": 45350912", "\"size\": 0", "UKI is empty");
    refused(1, "piccolo_1.4.0.efi", "piccolo_1.4.1.efi", "file name is not piccolo_1.4.0.efi");
    refused(1, "piccolo_1.4.0.efi", "../piccolo_1.4.0.efi", "file name is not");
    refused(1, "\"pcr\": 11", "\"pcr\": 4", "not of PCR 11");
    refused(1, "\"profile\": 0", "\"profile\": 0, \"id\": \"\\u001b[2J\"", "unusable id");
    refused(1, "\"sha256\": \"6c6a", "\"sha384\": \"6c6a", "bank");
    refused(1, "\"root.zst\"", "\"../root.zst\"", "no name of an artifact");
    refused(1, "\"root.zst\"", "\"/root.zst\"", "no name of an artifact");
    refused(1, "\"root.zst\"", "\"uki.zst\"", "two of its files are named uki.zst");
    refused(1, "202375168", "9007199254740991", "2⁵³");
    refused(1, "\"version\": \"1.3.0\"", "\"version\": \"1.4.0\"", "starts from the release itself");
    refused(1, "\"root_size\": 1102045", "\"root_size\": 1153434", "larger than the file");
    refused(1, "raw-kernel", "raw kernel", "features");
    refused(1, "\"1111", "\"A111", "lower-case");
    refused(1, "1bc04b52", "1bc04b5", "salt");
}

#[test]
fn what_parsing_refuses_is_not_written() {
    let mut updates = Updates::parse(example(0)).unwrap();
    updates.releases.reverse();
    assert!(matches!(updates.to_json(), Err(DocumentError::Content { .. })));
    let mut release = Release::parse(example(1)).unwrap();
    release.root.size += 1;
    assert!(matches!(release.to_json(), Err(DocumentError::Content { .. })));
}

#[test]
fn a_text_above_the_limit_is_not_looked_at() {
    let large = " ".repeat(updates::MAXIMUM_BYTES + 1);
    assert!(matches!(Updates::parse(&large), Err(DocumentError::TooLarge { .. })));
    let large = " ".repeat(release::MAXIMUM_BYTES + 1);
    assert!(matches!(Release::parse(&large), Err(DocumentError::TooLarge { .. })));
}

#[test]
fn the_largest_stream_fits_the_document() {
    let mut updates = Updates::parse(example(0)).unwrap();
    let last = updates.releases.pop().unwrap();
    let version = |index: usize| format!("1.{index}.999999999").parse().unwrap();
    updates.releases = (0..updates::MAXIMUM_RELEASES)
        .map(|index| release_metadata::updates::ReleaseEntry { version: version(index), ..last.clone() })
        .collect();
    let text = updates.to_json().unwrap();
    assert_eq!(Updates::parse(&text).unwrap(), updates);
    assert_eq!(updates.release(version(77)).unwrap().version, version(77));
    assert_eq!(updates.release("2.0.0".parse().unwrap()), None);
}

/// The example with some of its bytes changed, dropped or doubled.
fn damaged(index: usize) -> impl Strategy<Value = String> {
    let edits = proptest::collection::vec((any::<proptest::sample::Index>(), any::<char>(), 0..3usize), 1..6);
    edits.prop_map(move |edits| {
        let mut characters: Vec<char> = example(index).chars().collect();
        for (place, character, kind) in edits {
            let place = place.index(characters.len());
            match kind {
                0 => characters[place] = character,
                1 => drop(characters.remove(place)),
                _ => characters.insert(place, characters[place]),
            }
        }
        characters.into_iter().collect()
    })
}

proptest! {
    #[test]
    fn whatever_is_read_from_damaged_updates_can_be_written_and_read(text in damaged(0)) {
        if let Ok(updates) = Updates::parse(&text) {
            prop_assert_eq!(Updates::parse(&updates.to_json().unwrap()).unwrap(), updates);
        }
    }

    #[test]
    fn whatever_is_read_from_a_damaged_release_can_be_written_and_read(text in damaged(1)) {
        if let Ok(release) = Release::parse(&text) {
            prop_assert_eq!(Release::parse(&release.to_json().unwrap()).unwrap(), release);
        }
    }

    #[test]
    fn a_share_comes_back_as_it_was_written(share in 0.0..=1.0f64) {
        let share = release_metadata::share::Share::new(share).unwrap();
        let text = serde_json::to_string(&share).unwrap();
        prop_assert_eq!(serde_json::from_str::<release_metadata::share::Share>(&text).unwrap(), share);
    }
}

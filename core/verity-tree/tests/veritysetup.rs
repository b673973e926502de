//! Trees of ours as `veritysetup` sees them.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests hand trees to the real program"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use verity_tree::digest::Salt;
use verity_tree::stream::StreamHasher;
use verity_tree::verify::verify;

const UUID: &str = "8c1d4c16-2f9c-4e6d-9e0b-175a5b0e3377";
const UUID_BYTES: [u8; 16] = *b"\x8c\x1d\x4c\x16\x2f\x9c\x4e\x6d\x9e\x0b\x17\x5a\x5b\x0e\x33\x77";

fn veritysetup(arguments: &[&str], files: &[&Path], more: &[&str]) -> Output {
    Command::new("veritysetup")
        .args(arguments)
        .args(files)
        .args(more)
        .output()
        .unwrap_or_else(|error| panic!("veritysetup: {error}; install the Debian package cryptsetup-bin"))
}

#[track_caller]
fn said(output: &Output) -> String {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}");
    text
}

fn compare(blocks: usize, salt: &[u8]) {
    let scratch = tempfile::tempdir().unwrap();
    let [data_path, ours, theirs] = ["data", "ours", "theirs"].map(|name| scratch.path().join(name));
    let data: Vec<u8> = (0..blocks * 4096).map(|index| (index / 4096 * 31 + index) as u8).collect();
    fs::write(&data_path, &data).unwrap();
    let mut hasher = StreamHasher::new(Salt::new(salt).unwrap(), 2);
    data.chunks(3_000_000).for_each(|piece| hasher.update(piece));
    let tree = hasher.finish(UUID_BYTES).unwrap();
    fs::write(&ours, tree.bytes()).unwrap();

    let salt: String = salt.iter().map(|byte| format!("{byte:02x}")).collect();
    let salt = if salt.is_empty() { "-" } else { &salt };
    let formatted = said(&veritysetup(&["format", "--salt", salt, "--uuid", UUID], &[&data_path, &theirs], &[]));
    let root = formatted.lines().find_map(|line| line.strip_prefix("Root hash:")).unwrap().trim();
    assert_eq!(tree.root_hash().to_string(), root, "{blocks} blocks");
    assert!(fs::read(&theirs).unwrap() == tree.bytes(), "hash files of {blocks} blocks differ");
    said(&veritysetup(&["verify"], &[&data_path, &ours], &[root]));
    let dump = said(&veritysetup(&["dump"], &[&ours], &[]));
    assert!(dump.contains(UUID) && dump.contains(&format!("Data blocks:     \t{blocks}\n")), "{dump}");
    verify(&mut data.as_slice(), &fs::read(&theirs).unwrap(), tree.root_hash(), 2).unwrap();

    let mut changed = data;
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    fs::write(&data_path, &changed).unwrap();
    assert!(!veritysetup(&["verify"], &[&data_path, &ours], &[root]).status.success());
    assert!(verify(&mut changed.as_slice(), tree.bytes(), tree.root_hash(), 1).is_err());
}

#[test]
fn hash_files_equal_those_of_veritysetup() {
    for blocks in [1, 2, 127, 128, 129, 16_383, 16_384, 16_385] {
        compare(blocks, &[0xa5; 32]);
    }
}

#[test]
fn any_length_of_salt_gives_the_same_hash_file() {
    for length in [0, 1, 31, 33, 55, 56, 63, 64, 65, 128, 255, 256] {
        compare(200, &vec![7; length]);
    }
}

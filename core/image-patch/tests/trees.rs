//! Patches between EROFS images of trees that changed as releases do, and worse.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use erofs_image::plan::{Options, plan};
use file_tree::content::{Content, NoBlobs};
use file_tree::path::TreePath;
use file_tree::tree::{FileTree, Inode, Kind, Metadata, Timestamp};
use proptest::collection::btree_map;
use proptest::prelude::{Strategy, any, proptest};
use proptest::test_runner::Config;
use std::collections::BTreeMap;
use support::{apply, noise, patch};

type Files = BTreeMap<String, Vec<u8>>;

fn image(files: &Files) -> Vec<u8> {
    let mut tree = FileTree::new();
    for (path, bytes) in files {
        let kind = Kind::File(Content::from_bytes(bytes.clone()));
        tree.insert(&TreePath::parse(path).unwrap(), Inode::new(Metadata::root_owned(0o644), kind)).unwrap();
    }
    let build_time = Timestamp { seconds: 1, nanoseconds: 0 };
    let options = Options { uuid: [1; 16], label: "test".to_owned(), build_time, last: Vec::new() };
    let mut image = Vec::new();
    plan(&tree, &options).unwrap().write(&NoBlobs, &mut image).unwrap();
    image
}

/// Length of the patch from one tree to another, which must be right.
fn cost(old: &Files, new: &Files) -> usize {
    let (old, new) = (image(old), image(new));
    let made = patch(&[&old], &new);
    assert!(apply(&made, &[&old]) == new, "the patch does not make the new image");
    made.len()
}

fn files(of: &[(&str, Vec<u8>)]) -> Files {
    of.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.clone())).collect()
}

#[test]
fn a_file_that_moved_is_not_sent_again() {
    let content = noise(1, 300_001);
    let old = files(&[("usr/lib/modules/6.12.99/a.ko", content.clone()), ("z", noise(2, 50_000))]);
    let new = files(&[("usr/lib/modules/6.12.107/a.ko", content), ("z", noise(2, 50_000))]);
    assert!(cost(&old, &new) < 1500);
}

#[test]
fn files_split_and_joined_are_not_sent_again() {
    let (one, two) = (noise(1, 200_000), noise(2, 150_000));
    let joined = files(&[("joined", [one.as_slice(), &two].concat())]);
    let split = files(&[("first", one), ("second", two)]);
    assert!(cost(&joined, &split) < 2500);
    assert!(cost(&split, &joined) < 2500);
}

#[test]
fn a_file_may_become_a_directory() {
    let old = files(&[("etc/thing", noise(1, 20_000)), ("usr/x", noise(2, 9000))]);
    let new = files(&[("etc/thing/inside", noise(1, 20_000)), ("usr/x", noise(2, 9000))]);
    assert!(cost(&old, &new) < 1500);
    assert!(cost(&new, &old) < 1500);
}

#[test]
fn everything_may_move() {
    let old: Files = (0..200).map(|index| (format!("a/{index:03}"), noise(index, 5000))).collect();
    let new: Files = (0..200).map(|index| (format!("b/{:03}", 199 - index), noise(index, 5000))).collect();
    let made = cost(&old, &new);
    assert!(made < 30_000, "{made} bytes");
}

proptest! {
    #![proptest_config(Config::with_cases(40))]

    #[test]
    fn any_tree_turns_into_any_other(old in tree(), new in tree()) {
        cost(&old, &new);
    }
}

fn tree() -> impl Strategy<Value = Files> {
    let content = (0..4_u64, 0..40_000_usize, any::<u8>()).prop_map(|(seed, length, at)| {
        let mut bytes = noise(seed, length);
        if let Some(byte) = bytes.get_mut(usize::from(at) * 50) {
            *byte ^= 1;
        }
        bytes
    });
    btree_map("[ab]/[c-f]{1,2}", content, 0..12)
}

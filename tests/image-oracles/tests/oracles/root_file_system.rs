//! The root file system and its hash tree, as fsck.erofs and veritysetup see them.

use crate::image::{Image, ROOT, VERITY, number, text};
use crate::{listing, oracle};
use std::fs;

#[test]
fn fsck_of_two_versions_finds_the_root_clean_and_extracts_the_tree_that_our_reader_reads() {
    let image = Image::under_test();
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("root.erofs");
    image.extract(ROOT, Some(number(&image.manifest(), "/root/size")), &root);

    let verdict = oracle::run("erofs-utils", "fsck.erofs", [root.as_os_str()]);
    assert!(!verdict.contains("<E>"), "{verdict}");
    let extracted = scratch.path().join("extracted");
    let mut fsck = oracle::of_tools_tree("usr/bin/fsck.erofs", false);
    fsck.arg(format!("--extract={}", extracted.display())).arg("--preserve-perms");
    if oracle::is_root() {
        fsck.args(["--preserve-owner", "--xattrs"]);
    }
    let verdict = oracle::content("erofs-utils", fsck.arg(&root));
    assert!(!verdict.contains("<E>"), "{verdict}");

    let (tree, blobs) = image.root_tree();
    let (mut ours, mut theirs) = (listing::of_tree(&tree, &blobs), listing::of_directory(&extracted));
    if !oracle::is_root() {
        println!("owners and extended attributes were not compared: only root can extract them");
        for entry in ours.values_mut().chain(theirs.values_mut()) {
            entry.owner = None;
            entry.attributes.clear();
        }
    }
    if let Some(difference) = listing::difference(&ours, &theirs) {
        panic!("our reader (one) and fsck.erofs (other) do not see the same tree: {difference}");
    }
    println!("{} names are the same", ours.len());
    assert!(ours.len() > 1000, "a whole system has more than {} names", ours.len());
}

#[test]
fn veritysetup_verifies_the_root_by_the_hash_of_the_description_and_refuses_another_byte() {
    let image = Image::under_test();
    let manifest = image.manifest();
    let scratch = tempfile::tempdir().unwrap();
    let [root, hashes] = ["root", "hashes"].map(|name| scratch.path().join(name));
    // All of the partitions, as on the device: what lies behind the data is not hashed, and must not disturb.
    image.extract(ROOT, None, &root);
    image.extract(VERITY, None, &hashes);
    let arguments = ["verify".as_ref(), root.as_os_str(), hashes.as_os_str(), text(&manifest, "/root/hash").as_ref()];
    oracle::run("cryptsetup-bin", "veritysetup", arguments);

    let dump = oracle::run("cryptsetup-bin", "veritysetup", ["dump".as_ref(), hashes.as_os_str()]);
    let blocks = number(&manifest, "/root/size") / 4096;
    let field = |name: &str| {
        let line = dump.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':')).unwrap_or_else(|| panic!("no {name} in {dump}")).1.trim()
    };
    assert_eq!(field("Data blocks"), blocks.to_string());
    assert_eq!(
        (field("Hash algorithm"), field("Data block size"), field("Hash block size")),
        ("sha256", "4096", "4096")
    );

    let last = number(&manifest, "/root/size") - 1;
    let file = fs::File::options().read(true).write(true).open(&root).unwrap();
    let mut byte = [0];
    std::os::unix::fs::FileExt::read_exact_at(&file, &mut byte, last).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[byte[0] ^ 1], last).unwrap();
    let verdict = oracle::output("cryptsetup-bin", oracle::command("veritysetup").args(arguments));
    assert!(!verdict.status.success(), "one bit was flipped in the last byte, and veritysetup took it");
}

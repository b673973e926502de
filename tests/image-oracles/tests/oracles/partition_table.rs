//! The partition table, as sfdisk and sgdisk see it.

use crate::image::{Image, number, text};
use crate::oracle;
use serde_json::Value;

/// The Discoverable Partitions Specification's types for a 64-bit PC (UAPI.2), upper case as sfdisk prints them.
const TYPES: [(&str, &str); 3] = [
    ("esp", "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"),
    ("root-a", "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"),
    ("verity-a", "2C7357ED-EBD2-46D9-AEC1-23D437EC2BF5"),
];
/// Attribute bit 60 of a partition: read-only.
const READ_ONLY: &str = "GUID:60";

#[test]
fn partitioning_tools_find_no_fault() {
    let image = Image::under_test();
    let verdict = oracle::run("fdisk", "sfdisk", ["--verify".as_ref(), image.disk.as_os_str()]);
    assert!(verdict.contains("No errors detected"), "{verdict}");
    let verdict = oracle::run("gdisk", "sgdisk", ["--verify".as_ref(), image.disk.as_os_str()]);
    assert!(verdict.contains("No problems found"), "{verdict}");
}

#[test]
fn sfdisk_sees_an_esp_and_slot_a_named_after_the_root_hash() {
    let image = Image::under_test();
    let json = oracle::run("fdisk", "sfdisk", ["--json".as_ref(), image.disk.as_os_str()]);
    let table: Value = serde_json::from_str(&json).unwrap();
    let table = &table["partitiontable"];
    assert_eq!((text(table, "/label"), text(table, "/unit"), number(table, "/sectorsize")), ("gpt", "sectors", 512));

    let partitions = table["partitions"].as_array().unwrap();
    let types: Vec<_> =
        partitions.iter().map(|partition| (text(partition, "/name"), text(partition, "/type"))).collect();
    assert_eq!(types, TYPES);
    let attributes: Vec<_> = partitions.iter().map(|partition| partition["attrs"].as_str()).collect();
    assert_eq!(attributes, [None, Some(READ_ONLY), Some(READ_ONLY)]);
    let unaligned = partitions.iter().find(|partition| !number(partition, "/start").is_multiple_of(2048));
    assert_eq!(unaligned, None, "partitions start at whole MiB");

    // The two halves of the root hash, as the specification wants it for partitions that belong together.
    let manifest = image.manifest();
    let uuids: Vec<_> = [1, 2].map(|index| text(&partitions[index], "/uuid").replace('-', "").to_lowercase()).into();
    assert_eq!(uuids.concat(), text(&manifest, "/root/hash"));
}

//! Damaged images, and files that are something else.

use crate::inspect;
use crate::sample::Sample;
use disk_layout::slot::{PartitionRole, SlotName};
use std::fs::File;

const INPUT: i32 = 3;
const ROOT: PartitionRole = PartitionRole::Root(SlotName::A);
const VERITY: PartitionRole = PartitionRole::Verity(SlotName::A);

#[test]
fn a_flipped_byte_of_the_root_is_found_with_its_block() {
    let sample = Sample::new();
    let at = sample.offset(ROOT) + 100 * 4096 + 7;
    let disk = sample.changed_disk("flipped.raw", |bytes| bytes[at] ^= 1);
    assert_eq!(inspect(&disk, &[]).code, 0, "without --verify nothing is hashed");
    let run = inspect(&disk, &["--verify"]);
    assert_eq!(run.code, INPUT, "{}", run.errors);
    assert!(
        run.output.contains("DAMAGED: block 100 of the data was changed (byte 409600 of its partition)"),
        "{}",
        run.output
    );
    assert!(run.errors.contains("error: slot a of flipped.raw is damaged: block 100 of the data"), "{}", run.errors);
    let json = inspect(&disk, &["--verify", "--json"]).json();
    let verification = &json["slots"][0]["verification"];
    assert_eq!(verification["intact"], false);
    assert_eq!(verification["damage"]["in"], "data");
    assert_eq!(verification["damage"]["block"], 100);
    assert_eq!(verification["damage"]["offset"], 409_600);
}

#[test]
fn a_flipped_byte_of_the_hash_tree_is_found_with_its_block() {
    let sample = Sample::new();
    let at = sample.offset(VERITY) + 2 * 4096 + 40;
    let disk = sample.changed_disk("flipped.raw", |bytes| bytes[at] ^= 1);
    let json = inspect(&disk, &["--verify", "--json"]).json();
    assert_eq!(json["slots"][0]["verification"]["damage"]["in"], "hash-tree");
    assert_eq!(json["slots"][0]["verification"]["damage"]["block"], 2);
    let at = sample.offset(VERITY) + 4096;
    let disk = sample.changed_disk("top.raw", |bytes| bytes[at] ^= 1);
    let run = inspect(&disk, &["--verify"]);
    assert_eq!(run.code, INPUT);
    assert!(run.output.contains("slot a: the hash tree has the root hash"), "{}", run.output);
    assert!(run.errors.contains("the tree has the root hash"), "{}", run.errors);
}

#[test]
fn labels_cannot_drive_the_terminal() {
    let sample = Sample::new();
    let disk = sample.changed_disk("label.raw", |bytes| {
        // The third entry's label in the backup table; without a primary one, the backup is used.
        let entries = bytes.len() - 33 * 512;
        let label: Vec<u8> = "\u{1b}[2Jx".encode_utf16().flat_map(u16::to_le_bytes).collect();
        bytes[entries + 256 + 56..][..label.len()].copy_from_slice(&label);
        let mut header = bytes[bytes.len() - 512..].to_vec();
        header[88..92].copy_from_slice(&crc32(&bytes[entries..entries + 128 * 128]).to_le_bytes());
        header[16..20].fill(0);
        let checksum = crc32(&header[..92]);
        header[16..20].copy_from_slice(&checksum.to_le_bytes());
        let last = bytes.len() - 512;
        bytes[last..].copy_from_slice(&header);
        bytes[512..1024].fill(0);
    });
    let run = inspect(&disk, &[]);
    assert_eq!(run.code, 0, "{}", run.errors);
    assert!(run.output.contains(r"\u{1b}[2Jx") && !run.output.contains('\u{1b}'), "{}", run.output);
    assert_eq!(inspect(&disk, &["--json"]).json()["partitions"][2]["label"], "\u{1b}[2Jxy-a");
}

/// CRC-32 as GPT has it (IEEE 802.3), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1)))
    })
}

#[test]
fn the_backup_table_is_used_and_that_is_said() {
    let sample = Sample::new();
    let disk = sample.changed_disk("primary.raw", |bytes| bytes[512..1024].fill(0));
    let run = inspect(&disk, &[]);
    assert_eq!(run.code, 0, "{}", run.errors);
    assert!(run.output.contains("the backup at the end of the disk was used"), "{}", run.output);
    let disk = sample.changed_disk("grown.raw", |bytes| bytes.resize(bytes.len() + (1 << 20), 0));
    assert!(inspect(&disk, &[]).output.contains("the disk has grown since it was partitioned"));
}

#[test]
fn a_truncated_disk_is_refused_with_the_reason() {
    let sample = Sample::new();
    let disk = sample.changed_disk("cut.raw", |bytes| bytes.truncate(20 << 20));
    let run = inspect(&disk, &[]);
    assert_eq!((run.code, run.output.as_str()), (INPUT, ""));
    assert!(run.errors.contains("cut.raw is not a disk image\n  the disk has no usable GPT"), "{}", run.errors);
    let disk = sample.changed_disk("stub.raw", |bytes| bytes.truncate(700));
    assert_eq!(inspect(&disk, &[]).code, INPUT);
}

#[test]
fn what_is_damaged_inside_is_noted_and_the_rest_is_shown() {
    let sample = Sample::new();
    let (root, verity, esp) = (sample.offset(ROOT), sample.offset(VERITY), sample.offset(PartitionRole::Esp));
    let disk = sample.changed_disk("inside.raw", |bytes| {
        bytes[root + 1024..root + 1040].fill(0xff);
        bytes[verity..verity + 8].fill(0xff);
        bytes[esp + 11..esp + 30].fill(0xff);
    });
    let run = inspect(&disk, &["--json"]);
    assert_eq!(run.code, 0, "{}", run.errors);
    let json = run.json();
    let notes: Vec<&str> = json["notes"].as_array().unwrap().iter().filter_map(|note| note.as_str()).collect();
    assert!(notes.iter().any(|note| note.starts_with("slot a: the root: ")), "{notes:?}");
    assert!(notes.iter().any(|note| note.starts_with("slot a: the hash tree: ")), "{notes:?}");
    assert!(notes.iter().any(|note| note.contains("FAT")), "{notes:?}");
    assert!(json["esp"].is_null());
    // Without an image the partition UUIDs still spell the root hash.
    assert_eq!(json["slots"][0]["root_hash"], sample.root_hash.as_str());
    assert_eq!(json["slots"][0]["uuids_match"], false);
}

#[test]
fn a_damaged_slot_does_not_pass_for_an_empty_one() {
    let sample = Sample::new();
    let (root, verity, esp) = (sample.offset(ROOT), sample.offset(VERITY), sample.offset(PartitionRole::Esp));
    let disk = sample.changed_disk("emptied.raw", |bytes| {
        bytes[root..root + sample.root.len()].fill(0);
        bytes[verity..verity + sample.verity.len()].fill(0);
    });
    let run = inspect(&disk, &["--verify"]);
    assert_eq!(run.code, INPUT, "an image starts this slot: {}", run.output);
    let disk = sample.changed_disk("without-esp.raw", |bytes| {
        bytes[root..root + sample.root.len()].fill(0);
        bytes[verity..verity + sample.verity.len()].fill(0);
        bytes[esp..esp + 512].fill(0);
    });
    assert!(inspect(&disk, &[]).output.contains("Slot a, empty"));
    let run = inspect(&disk, &["--verify"]);
    assert_eq!(run.code, INPUT);
    assert!(run.errors.contains("so nothing was verified"), "{}", run.errors);
}

#[test]
fn other_files_are_refused_with_what_was_tried() {
    let sample = Sample::new();
    let noise: Vec<u8> = (0..10_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let cases: [(&str, &[u8], &str); 9] = [
        ("noise", &noise, "was recognised as nothing that piccolo knows: a disk image (GPT), a UKI"),
        ("empty", b"", "empty is empty"),
        ("short", b"x", "begins with the bytes 78"),
        ("compressed", b"\x28\xb5\x2f\xfd1234", "it is compressed with zstd; decompress it first"),
        ("disk.qcow2", b"QFI\xfb\0\0\0\x03", "convert it first"),
        ("data.json", b"{\"a\": 1}", "it is JSON, but no lockfile"),
        ("cut.efi", &sample.unified_image[..0x180], "the PE image is cut short"),
        ("cut.erofs", &sample.root[..4096], "cut short"),
        ("cut.verity", &sample.verity[..200], "the hash partition ends within its first block"),
    ];
    for (name, bytes, expected) in cases {
        let run = inspect(&sample.put(name, bytes), &[]);
        if name == "cut.erofs" {
            assert!(run.output.contains(expected), "{name}: {}{}", run.output, run.errors);
        } else {
            assert_eq!((run.code, run.output.as_str()), (INPUT, ""), "{name}: {}", run.errors);
            assert!(run.errors.starts_with("error: ") && run.errors.contains(expected), "{name}: {}", run.errors);
        }
    }
}

#[test]
fn what_is_no_file_is_refused() {
    let sample = Sample::new();
    let run = inspect(sample.directory(), &[]);
    assert_eq!(run.code, INPUT);
    assert!(run.errors.contains("is a directory"), "{}", run.errors);
    let run = inspect(&sample.path("missing.raw"), &[]);
    assert_eq!(run.code, INPUT);
    assert!(run.errors.contains("missing.raw cannot be opened\n  No such file"), "{}", run.errors);
    let run = inspect(std::path::Path::new("/dev/null"), &[]);
    assert_eq!(run.code, INPUT);
    assert!(run.errors.contains("neither a file nor a block device"), "{}", run.errors);
}

#[test]
fn wrong_use_is_told_from_wrong_files() {
    let sample = Sample::new();
    let run = inspect(&sample.put("uki.efi", &sample.unified_image), &["--verify"]);
    assert_eq!(run.code, 2);
    assert!(run.errors.contains("--verify needs a disk image"), "{}", run.errors);
    let run = inspect(&sample.path("missing.raw"), &["--json"]);
    let error: serde_json::Value = serde_json::from_str(&run.errors).expect("errors are JSON too");
    assert_eq!(error["error"]["exit_code"], INPUT);
    assert_eq!(error["error"]["kind"], "input");
}

#[test]
fn any_cut_and_any_flipped_byte_of_the_first_megabyte_is_answered() {
    let sample = Sample::new();
    for length in [1, 511, 512, 513, 1023, 1024, 4096, 8191, 16_896, 17_408, 1 << 20, (1 << 20) + 3] {
        let path = sample.path("cut.raw");
        std::fs::copy(sample.disk(), &path).unwrap();
        File::options().write(true).open(&path).and_then(|file| file.set_len(length)).unwrap();
        assert_eq!(inspect(&path, &["--json"]).code, INPUT, "{length}");
    }
    for at in [0, 446, 450, 510, 512, 520, 536, 584, 592, 596, 1024, 1040, 1056, 1064, 1072, 1080] {
        let disk = sample.changed_disk("changed.raw", |bytes| bytes[at] ^= 0x81);
        assert_eq!(inspect(&disk, &["--json"]).code, 0, "{at}: the backup table is whole");
    }
}

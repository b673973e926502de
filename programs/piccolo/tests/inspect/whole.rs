//! Whole images and their parts.

use crate::sample::Sample;
use crate::{assert_expected, inspect};
use disk_layout::slot::{PartitionRole, SlotName};

#[test]
fn a_disk_image_is_told_as_a_whole() {
    let sample = Sample::new();
    let run = inspect(&sample.disk(), &["--verify", "--quiet"]);
    assert_eq!((run.code, run.errors.as_str()), (0, ""));
    assert_expected(&run.output, "disk.txt");
}

#[test]
fn a_unified_kernel_image_is_told_as_a_whole() {
    let sample = Sample::new();
    let run = inspect(&sample.put("piccolo.efi", &sample.unified_image), &["--initrd"]);
    assert_eq!((run.code, run.errors.as_str()), (0, ""));
    assert_expected(&run.output, "uki.txt");
}

#[test]
fn the_json_of_a_disk_image_has_stable_names() {
    let sample = Sample::new();
    let run = inspect(&sample.disk(), &["--json", "--packages"]);
    assert_eq!(run.code, 0, "{}", run.errors);
    assert_expected(&run.output, "disk.json");
}

#[test]
fn parts_are_recognised_by_their_content() {
    let sample = Sample::new();
    let disk = std::fs::read(sample.disk()).unwrap();
    let esp = &disk[sample.offset(PartitionRole::Esp)..sample.offset(PartitionRole::Root(SlotName::A))];
    let lockfile = include_bytes!("../../../../core/package-lock/tests/data/lockfile.lock.json");
    let cases: [(&str, &[u8]); 6] = [
        ("erofs", &sample.root),
        ("verity", &sample.verity),
        ("fat", esp),
        ("initrd", &sample.initrd),
        ("unified-kernel-image", &sample.unified_image),
        ("lockfile", lockfile),
    ];
    let whole = inspect(&sample.disk(), &["--json"]).json();
    let [slot] = whole["slots"].as_array().unwrap().as_slice() else { panic!("one slot") };
    for (kind, bytes) in cases {
        let path = sample.put("file.txt", bytes);
        let run = inspect(&path, &["--json"]);
        assert_eq!(run.code, 0, "{kind}: {}", run.errors);
        let json = run.json();
        assert_eq!(json["kind"], kind);
        assert_eq!(json["size"], bytes.len());
        assert_eq!(json["notes"], serde_json::json!([]), "{kind}");
        // A part alone is told as it is within the disk.
        let within = match kind {
            "erofs" => &slot["root"],
            "verity" => &slot["verity"],
            "fat" => &whole["esp"],
            "initrd" => &whole["esp"]["unified_kernel_images"][0]["initrd"],
            "unified-kernel-image" => &whole["esp"]["unified_kernel_images"][0],
            _ => continue,
        };
        let fields = within.as_object().unwrap().iter().filter(|(name, _)| !matches!(&***name, "path" | "boot_entry"));
        fields.for_each(|(name, value)| assert_eq!(&json[name], value, "{kind} {name}"));
    }
}

#[test]
fn a_lockfile_is_told_as_a_whole() {
    let sample = Sample::new();
    let lockfile = include_bytes!("../../../../core/package-lock/tests/data/lockfile.lock.json");
    let run = inspect(&sample.put("vm.lock.json", lockfile), &["--packages"]);
    assert_eq!((run.code, run.errors.as_str()), (0, ""));
    assert_expected(&run.output, "lockfile.txt");
}

#[test]
fn a_disk_with_large_sectors_is_read() {
    // The sample's table is for 512-byte sectors; a table for 4096 lies elsewhere and is found without being told.
    let sample = Sample::of_sectors(disk_layout::gpt::SectorSize::Bytes4096);
    let run = inspect(&sample.disk(), &["--json", "--verify", "--quiet"]);
    assert_eq!(run.code, 0, "{}", run.errors);
    let json = run.json();
    assert_eq!(json["sector_size"], 4096);
    assert_eq!(json["slots"][0]["verification"]["intact"], true);
}

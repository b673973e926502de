//! A second disk that looks like the boot disk, even an exact copy of it, is neither used nor written.

use disk_layout::gpt;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use test_bench::{TestMachine, TestOptions, test_image};
use uuid::Uuid;
use virtual_machine::settings::{DiskContents, ExtraDisk};

/// A second disk that Linux finds first, as `vda`: what anybody uses who does not look closely.
fn second_disk(contents: PathBuf) -> ExtraDisk {
    ExtraDisk {
        name: "other".to_owned(),
        contents: DiskContents::SameAs(contents),
        before_system: true,
        boot_index: None,
    }
}

#[test]
fn an_exact_copy_of_the_boot_disk_is_neither_used_nor_written() {
    let options = TestOptions { extra_disks: vec![second_disk(test_image())], ..TestOptions::default() };
    let mut machine = TestMachine::start(&test_image(), options);
    the_other_disk_is_untouched(&mut machine);
}

#[test]
fn a_disk_with_the_same_labels_is_neither_used_nor_written() {
    let directory = tempfile::tempdir().unwrap();
    let other = directory.path().join("other.raw");
    copy_with_other_identifiers(&test_image(), &other);
    let options = TestOptions { extra_disks: vec![second_disk(other)], ..TestOptions::default() };
    let mut machine = TestMachine::start(&test_image(), options);
    the_other_disk_is_untouched(&mut machine);
}

fn the_other_disk_is_untouched(machine: &mut TestMachine) {
    // The serial number tells which disk is which, whatever the kernel calls them.
    let boot_disk = machine.succeed("readlink -f /dev/piccolo/disk");
    let other = machine.succeed("readlink -f /dev/disk/by-id/virtio-other");
    assert_ne!(boot_disk, other);
    let mounted = machine.succeed(&format!("lsblk --noheadings --raw --output MOUNTPOINTS {other}"));
    assert_eq!(mounted.trim(), "", "something of the other disk is mounted");
    let labels = machine.succeed(&format!("lsblk --noheadings --list --output PARTLABEL {other} | grep -c ."));
    assert_eq!(labels, "3", "partitions were added to the other disk");
    for link in machine.succeed("readlink -f /dev/piccolo/by-partlabel/* /dev/piccolo/by-partuuid/*").lines() {
        assert!(link.starts_with(&boot_disk), "{link} is not on the boot disk {boot_disk}");
    }
    assert_eq!(machine.api_get("/api/v1/health")["status"], "ok");
}

/// The same image as another build might be: every label the same, every identifier different.
fn copy_with_other_identifiers(image: &Path, copy: &Path) {
    #[expect(clippy::disallowed_methods, reason = "a tool of the tests, which the product does not run")]
    let status = Command::new("cp").args(["--sparse=always", "--reflink=auto"]).arg(image).arg(copy).status();
    assert!(status.unwrap().success(), "cp failed");
    let mut disk = File::options().read(true).write(true).open(copy).unwrap();
    let mut table = gpt::read(&mut disk, None).unwrap().table;
    table.disk_guid = Uuid::from_u128(0x1000);
    for partition in &mut table.partitions {
        partition.unique_guid = Uuid::from_u128(0x2000 + u128::from(partition.number));
    }
    let encoded = table.encode().unwrap();
    disk.write_all_at(&encoded.primary, 0).unwrap();
    disk.write_all_at(&encoded.backup, encoded.backup_offset).unwrap();
}

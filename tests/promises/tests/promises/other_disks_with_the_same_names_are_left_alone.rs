//! A second disk that looks like the boot disk, even an exact copy of it, is neither used nor written.

use test_bench::{TestMachine, TestOptions, test_image};
use virtual_machine::settings::{DiskContents, ExtraDisk};

/// An exact copy of the image: same labels, same UUIDs. `before_system` makes it `vda`, found first by anybody who does not look closely.
fn copy(before_system: bool) -> ExtraDisk {
    ExtraDisk { name: "copy".to_owned(), contents: DiskContents::SameAs(test_image()), before_system, boot_index: None }
}

#[test]
fn an_exact_copy_of_the_boot_disk_is_neither_used_nor_written() {
    let options = TestOptions { extra_disks: vec![copy(true)], ..TestOptions::default() };
    let mut machine = TestMachine::start(&test_image(), options);
    // The serial number tells which disk is which, whatever the kernel calls them.
    let boot_disk = machine.succeed("readlink -f /dev/piccolo/disk");
    let other = machine.succeed("readlink -f /dev/disk/by-id/virtio-copy");
    assert_ne!(boot_disk, other);
    let used = machine.succeed(
        "lsblk --noheadings --raw --paths --output NAME,MOUNTPOINTS $(readlink -f /dev/disk/by-id/virtio-copy)",
    );
    assert!(!used.contains(" /"), "something of the copy is mounted:\n{used}");
    let labels = machine
        .succeed("lsblk --noheadings --list --output PARTLABEL $(readlink -f /dev/disk/by-id/virtio-copy) | grep -c .");
    assert_eq!(labels, "3", "partitions were added to the copy");
    assert_eq!(machine.api_get("/api/v1/health")["status"], "ok");
    machine.shut_down();
}

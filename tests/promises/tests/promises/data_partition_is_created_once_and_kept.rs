//! The first boot makes slot B and `var` in the free space; later boots leave them alone.

use crate::support::mount_of;
use test_bench::{TestMachine, TestOptions, test_image};

#[test]
fn var_is_created_on_the_first_boot_and_survives_reboots_and_power_cuts() {
    let mut machine = TestMachine::start(&test_image(), TestOptions::default());
    let labels = "lsblk --noheadings --list --output PARTLABEL /dev/piccolo/disk | grep .";
    assert_eq!(machine.succeed(labels), "esp\nroot-a\nverity-a\nroot-b\nverity-b\nvar");
    assert_eq!(mount_of(&mut machine, "/var")["fstype"], "ext4");
    // Header and all 128 entries of the primary table.
    let table = "head --bytes=17408 /dev/piccolo/disk | sha256sum";
    let before = machine.succeed(table);
    // The disk was grown to 16 GiB and `var` takes what the rest leaves.
    let size: u64 = machine
        .succeed("lsblk --noheadings --bytes --output SIZE /dev/piccolo/by-partlabel/var")
        .trim()
        .parse()
        .unwrap();
    assert!(size > 7 << 30, "var has only {size} bytes");

    machine.succeed("echo kept > /var/lib/keepsake && sync /var/lib/keepsake");
    machine.reboot();
    assert_eq!(machine.succeed("cat /var/lib/keepsake"), "kept");
    assert_eq!(machine.succeed(table), before, "the partition table changed on the second boot");

    machine.succeed("echo twice > /var/lib/keepsake && sync /var/lib/keepsake");
    machine.cut_power();
    machine.power_on_again();
    machine.wait_for_api();
    assert_eq!(machine.succeed("cat /var/lib/keepsake"), "twice");
    assert_eq!(machine.succeed(table), before, "the partition table changed after a power cut");
}

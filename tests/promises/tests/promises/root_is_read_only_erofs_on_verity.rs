//! The root file system is EROFS on dm-verity and cannot be written, by anybody.

use crate::support::mount_of;
use test_bench::{TestMachine, TestOptions, test_image};

#[test]
fn the_root_is_erofs_on_verity_and_read_only() {
    let mut machine = TestMachine::start(&test_image(), TestOptions::default());
    let root = mount_of(&mut machine, "/");
    assert_eq!(root["fstype"], "erofs", "{root}");
    assert_eq!(root["source"], "/dev/mapper/root", "{root}");
    let options = root["options"].as_str().unwrap();
    assert!(options.split(',').any(|option| option == "ro"), "{root}");
    let uuid = machine.succeed("cat /sys/class/block/dm-0/dm/uuid");
    assert!(uuid.starts_with("CRYPT-VERITY-"), "{uuid}");

    // Every block that is read is hashed: with the processor's instructions for it, where it has some.
    let chosen = machine.succeed("dmesg | grep 'verity: sha256 using'");
    assert!(!chosen.contains("sha256-generic"), "{chosen}");

    for command in ["touch /usr/new", "mount -o remount,rw /", "rm /usr/lib/os-release", "touch /new"] {
        let output = machine.run(command);
        assert_ne!(output.status, 0, "{command} worked");
    }
    // Not through the device below it either: the kernel holds the mapping read-only.
    let written = machine.run("dd if=/dev/zero of=/dev/mapper/root bs=4096 count=1 conv=notrunc,fsync");
    assert_ne!(written.status, 0, "the verity device took a write");
    let hash = machine.succeed("tr ' ' '\\n' </proc/cmdline | grep ^roothash=");
    assert_eq!(hash.trim().len(), "roothash=".len() + 64, "{hash}");
}

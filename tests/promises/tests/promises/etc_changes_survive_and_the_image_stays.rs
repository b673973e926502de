//! `/etc` is the image's with the device's changes on top; the image below never changes.

use crate::support::mount_of;
use test_bench::{TestMachine, TestOptions, test_image};

#[test]
fn changes_to_etc_survive_a_reboot_and_the_image_below_is_unchanged() {
    let mut machine = TestMachine::start(&test_image(), TestOptions::default());
    assert_eq!(mount_of(&mut machine, "/etc")["fstype"], "overlay");
    let identity = machine.succeed("cat /etc/machine-id");
    assert_eq!(identity.trim().len(), 32, "the device made no identity: {identity:?}");

    machine.succeed("echo 'greeting' > /etc/changed && rm /etc/issue && echo '# edited' >> /etc/hosts && sync");
    machine.reboot();
    assert_eq!(machine.succeed("cat /etc/changed"), "greeting");
    assert!(machine.succeed("cat /etc/hosts").contains("# edited"));
    assert_ne!(machine.run("test -e /etc/issue").status, 0, "a deleted file came back");
    assert_eq!(machine.succeed("cat /etc/machine-id"), identity, "the device's identity changed");

    // The image's own /etc, seen without the overlay.
    machine.succeed("mkdir -p /run/image && mount --bind / /run/image");
    assert_ne!(machine.run("test -e /run/image/etc/changed").status, 0, "the change is in the image");
    assert_eq!(machine.succeed("cat /run/image/etc/machine-id"), "", "the image has an identity");
    machine.succeed("test -s /run/image/etc/issue");
    assert!(!machine.succeed("cat /run/image/etc/hosts").contains("# edited"));
}

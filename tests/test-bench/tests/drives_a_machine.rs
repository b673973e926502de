//! The bench itself against the image under test: everything that the promises rely on.

use std::path::Path;
use test_bench::image::test_image;
use test_bench::machine::{TestMachine, TestOptions};
use virtual_machine::readiness::HEALTH_PATH;
use virtual_machine::settings::{DiskContents, ExtraDisk, SecureBoot};

#[test]
fn commands_reboot_power_cut_and_disk_access() {
    let extra_disks = vec![ExtraDisk {
        name: "spare".into(),
        contents: DiskContents::Blank(64 << 20),
        before_system: true,
        boot_index: None,
    }];
    let mut machine = TestMachine::start(&test_image(), TestOptions { extra_disks, ..TestOptions::default() });
    assert!(machine.api_get(HEALTH_PATH).is_object());
    let output = machine.run("echo out; echo err >&2; exit 3");
    assert_eq!((output.status, output.stdout.as_str(), output.stderr.as_str()), (3, "out\n", "err\n"));
    assert_eq!(machine.succeed("head -c 300000 /dev/zero | wc -c"), "300000");
    assert_eq!(machine.succeed("head -c 300000 /dev/zero | tr '\\0' x").len(), 300_000);

    machine.succeed("test -c /dev/tpmrm0");

    // The spare disk is there, before the system's.
    assert_eq!(machine.succeed("cat /sys/block/vda/serial"), "spare");
    let bytes: u64 = machine.succeed("cat /sys/block/vdb/size").parse().unwrap();
    assert_eq!(bytes * 512, 16 << 30, "the system disk has not grown");

    let first = machine.boot_id();
    machine.reboot();
    let second = machine.boot_id();
    assert_ne!(first, second);

    machine.succeed("printf spared | dd of=/dev/vda bs=512 seek=8 conv=sync,fsync");
    machine.succeed("printf lost > /run/lost; printf kept > /var/kept; sync /var/kept");
    machine.cut_power();
    assert_eq!(machine.disk_named("spare").read(8 * 512, 6), b"spared");
    machine.disk_named("spare").flip_byte(8 * 512);
    machine.power_on_again();
    machine.wait_for_api();
    assert_ne!(machine.boot_id(), second);
    assert_eq!(machine.succeed("cat /var/kept"), "kept");
    assert_ne!(machine.run("cat /run/lost").status, 0);
    assert_ne!(machine.succeed("dd if=/dev/vda bs=512 skip=8 count=1 status=none | head -c 6"), "spared");

    machine.shut_down();
    assert!(!machine.is_on());
}

#[test]
fn secure_boot_in_setup_mode_starts_an_unsigned_image() {
    let options = TestOptions { secure_boot: SecureBoot::SetupMode, ..TestOptions::default() };
    let mut machine = TestMachine::start(&test_image(), options);
    // The fifth byte is the value (UEFI 2.10 §3.3, table 3.1; efivarfs puts four bytes of attributes before it).
    let variable =
        |name| format!("od -An -tu1 -j4 /sys/firmware/efi/efivars/{name}-8be4df61-93ca-11d2-aa0d-00e098032b8c");
    assert_eq!(machine.succeed(&variable("SetupMode")).trim(), "1");
    assert_eq!(machine.succeed(&variable("SecureBoot")).trim(), "0");
}

#[test]
fn nothing_is_left_when_a_machine_is_dropped() {
    let machine = TestMachine::power_on(&test_image(), TestOptions::default());
    let process = machine.machine().process_id().expect("it runs");
    let directory = machine.machine().directory().to_owned();
    drop(machine);
    assert!(!Path::new(&format!("/proc/{process}")).exists(), "QEMU is still there");
    assert!(!directory.exists(), "{} is still there", directory.display());
}

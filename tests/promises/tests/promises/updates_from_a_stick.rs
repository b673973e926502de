//! A device without network takes a release from a stick where its operator allows it, and leaves sticks alone otherwise.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use test_bench::{TestMachine, TestOptions};
use virtual_machine::settings::{DiskContents, ExtraDisk};

use crate::operator::{Operator, piccolo, wait_for_updates};

/// The name under which the device knows the stick.
const STICK: &str = "vfat-1A2B-3C4D";
/// The same of a stick that somebody tampered with.
const TAMPERED: &str = "ext4-0f0e0d0c-0b0a-0908-0706-050403020100";
/// A file of the operator's takes away the source that the image may bring: this device has no network.
const NO_NETWORK: &str = "  - path: /etc/piccolo/updates.d/50-source.toml
    content: |
      check_interval_minutes = 10080
";

#[test]
fn a_device_without_network_is_updated_by_a_stick_where_that_is_allowed() {
    let mut operator = Operator::new();
    let [old, new] = ["1.0.0", "1.1.0"].map(|version| operator.build(version, NO_NETWORK));
    operator.publish(&old, 0);
    operator.publish(&new, 0);
    let place = tempfile::tempdir().unwrap();
    let disks = [stick(&operator, place.path()), tampered_stick(place.path())];
    let options = TestOptions { extra_disks: disks.into(), ..TestOptions::default() };
    let mut machine = TestMachine::start(&old.image(), options);
    let first_boot = machine.boot_id();

    // It is there, and left alone: nobody has even read what is on it.
    assert_eq!(machine.succeed("ls /dev/piccolo/media"), format!("{TAMPERED}\n{STICK}"));
    let alone = wait_for_updates(&mut machine, "there", |updates| updates["medium"].is_object());
    assert_eq!((&alone["medium"]["allowed"], &alone["state"]), (&false.into(), &"idle".into()), "{alone}");
    assert_eq!(alone["last_check"], Value::Null, "{alone}");

    // So slow that it can be pulled out while it is read.
    let device = machine.succeed(&format!("readlink -f /dev/piccolo/media/{STICK}"));
    machine.succeed(&format!("systemctl set-property --runtime piccolo-updater 'IOReadBandwidthMax={device} 64K'"));
    machine.succeed(
        "printf '[source]\\nremovable_media = true\\n' > /etc/piccolo/updates.d/60-media.toml && systemctl reload piccolo-updater",
    );
    let writing = wait_for_updates(&mut machine, "being written", |updates| updates["state"] == "writing");
    assert_eq!(writing["release"]["medium"], STICK, "{writing}");
    assert_eq!(
        machine.succeed("findmnt --noheadings --list --types vfat --output TARGET"),
        "/efi",
        "nobody else sees it"
    );
    let log = machine.succeed("journalctl -b -u piccolo-updater --no-pager");
    assert!(log.contains(&format!("the medium {TAMPERED} is not used")), "{log}");

    machine.succeed(&format!("echo 1 > /sys/block/{}/device/../remove", device.trim_start_matches("/dev/")));
    let pulled = wait_for_updates(&mut machine, "interrupted", |updates| {
        updates["waits"].is_object() && updates["medium"]["name"] == TAMPERED
    });
    let reason = pulled["waits"]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains(STICK) && reason.contains("put it back"), "{pulled}");
    assert_eq!(pulled["state"], "writing", "{pulled}");

    machine.succeed("echo 1 > /sys/bus/pci/rescan");
    machine.wait_for_restart(&first_boot);
    let kept =
        wait_for_updates(&mut machine, "kept", |updates| updates["state"] == "idle" && updates["running"] == "1.1.0");
    assert_eq!(kept["source"], Value::Null, "{kept}");
    let history: Value = serde_json::from_str(&machine.succeed("piccolo device update history --json")).unwrap();
    let last = &history["entries"][0];
    assert_eq!((&last["outcome"], &last["medium"]), (&"updated".into(), &STICK.into()), "{history}");
}

/// A stick as an operator makes it.
fn stick(operator: &Operator, place: &Path) -> ExtraDisk {
    let exported = place.join("exported");
    fs::create_dir(&exported).unwrap();
    let export = ["release", "export", exported.to_str().unwrap(), "--stream", "testing"];
    piccolo(operator.place(), export);
    let image = place.join("stick.raw");
    make_blank(&image, 2 << 30);
    run(tool("mkfs.vfat").args(["-F", "32", "-n", "PICCOLO", "-i", "1A2B3C4D"]).arg(&image), "dosfstools");
    let mut copy = tool("mcopy");
    copy.args(["-s", "-i"]).arg(&image).args([exported.join("metadata"), exported.join("targets")]).arg("::");
    run(&mut copy, "mtools");
    disk("stick", image)
}

/// The same metadata with one byte changed.
fn tampered_stick(place: &Path) -> ExtraDisk {
    let content = place.join("tampered");
    fs::create_dir_all(content.join("metadata")).unwrap();
    for entry in fs::read_dir(place.join("exported/metadata")).unwrap() {
        let entry = entry.unwrap();
        let mut bytes = fs::read(entry.path()).unwrap();
        if entry.file_name() == "timestamp.json" {
            let text = String::from_utf8(bytes).unwrap();
            let version = text.find("\"version\":").expect("the timestamp has a version");
            bytes = text.into_bytes();
            let digit = bytes.iter_mut().skip(version).find(|byte| byte.is_ascii_digit()).expect("a number follows");
            *digit = b'9';
        }
        fs::write(content.join("metadata").join(entry.file_name()), bytes).unwrap();
    }
    let image = place.join("tampered.raw");
    make_blank(&image, 64 << 20);
    let uuid = TAMPERED.trim_start_matches("ext4-");
    let mut make = tool("mke2fs");
    make.args(["-q", "-t", "ext4", "-L", "PICCOLO", "-U", uuid, "-d"]).arg(&content).arg(&image);
    run(&mut make, "e2fsprogs");
    disk("tampered", image)
}

/// A disk of a machine, with what is in an image.
pub fn disk(name: &str, image: PathBuf) -> ExtraDisk {
    ExtraDisk { name: name.to_owned(), contents: DiskContents::SameAs(image), before_system: false, boot_index: None }
}

/// A file of zeros that takes no room.
pub fn make_blank(image: &Path, size: u64) {
    fs::File::create(image).unwrap().set_len(size).unwrap();
}

/// A tool of the tests.
#[expect(clippy::disallowed_methods, reason = "tools of the tests, which the product does not run")]
pub fn tool(name: &str) -> Command {
    Command::new(name)
}

/// Runs it; it must succeed.
#[track_caller]
pub fn run(command: &mut Command, package: &str) {
    let shown = format!("{command:?}");
    let output = command.output().unwrap_or_else(|error| panic!("{shown} (Debian package {package}): {error}"));
    assert!(output.status.success(), "{shown}: {}", String::from_utf8_lossy(&output.stderr));
}

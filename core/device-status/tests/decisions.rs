//! Facts on the left, decisions on the right.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a test that cannot go on has failed")]

use device_status::facts::{BlockDevice, BootFacts, DeviceNumber, Firmware, Mount, StateFacts, Vitals};
use device_status::health::{Verdict, health_checks, verdict};
use device_status::protection::{Protection, ProtectionState, protection_report};
use device_status::slot::{Slot, running_slot};

const HASH: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";

/// What is different from the device as designed.
type Change = fn(&mut StateFacts);

fn number(major: u32, minor: u32) -> DeviceNumber {
    DeviceNumber { major, minor }
}

fn mount(target: &str, file_system: &str, device: DeviceNumber, read_only: bool) -> Mount {
    Mount { device, target: target.into(), file_system: file_system.into(), read_only }
}

fn partition(name: &str, minor: u32, label: &str) -> BlockDevice {
    BlockDevice {
        name: name.into(),
        number: number(254, minor),
        partition_label: Some(label.into()),
        ..BlockDevice::default()
    }
}

fn mapper(name: &str, minor: u32, uuid: &str, slaves: &[&str]) -> BlockDevice {
    BlockDevice {
        name: name.into(),
        number: number(252, minor),
        mapper_uuid: Some(uuid.into()),
        slaves: slaves.iter().map(|slave| (*slave).into()).collect(),
        ..BlockDevice::default()
    }
}

/// A device as the design says it should be.
fn best() -> (BootFacts, StateFacts) {
    let boot = BootFacts {
        root_hash: Some(HASH.into()),
        firmware: Some(Firmware {
            secure_boot: Some(true),
            setup_mode: Some(false),
            boot_count_path: None,
            kernel_image_pcr: Some(11),
        }),
        tpm_major_version: Some(2),
        ..BootFacts::default()
    };
    let state = StateFacts {
        host_name: "kitchen".into(),
        mounts: vec![
            mount("/", "erofs", number(252, 0), true),
            mount("/var", "ext4", number(252, 1), false),
            mount("/etc", "overlay", number(0, 30), false),
        ],
        block_devices: vec![
            partition("vda1", 1, "esp"),
            partition("vda2", 2, "root-a"),
            partition("vda3", 3, "verity-a"),
            partition("vda4", 4, "root-b"),
            partition("vda5", 5, "verity-b"),
            partition("vda6", 6, "var"),
            mapper("dm-0", 0, "CRYPT-VERITY-0f1e2d3c-root", &["vda2", "vda3"]),
            mapper("dm-1", 1, "CRYPT-LUKS2-aabb-var", &["vda6"]),
        ],
    };
    (boot, state)
}

fn state_of(name: Protection, boot: &BootFacts, state: &StateFacts) -> ProtectionState {
    protection_report(boot, state).iter().find(|item| item.name == name).unwrap().state
}

#[test]
fn a_device_as_designed_has_every_protection_and_nothing_to_do() {
    let (boot, state) = best();
    for item in protection_report(&boot, &state) {
        assert_eq!((item.state, item.advice), (ProtectionState::Active, None), "{item:?}");
    }
}

#[test]
fn a_device_without_anything_says_so_of_each_item() {
    let report = protection_report(&BootFacts::default(), &StateFacts::default());
    assert_eq!(report.len(), 6);
    for item in report {
        assert_ne!(item.state, ProtectionState::Active, "{item:?}");
    }
}

#[test]
fn secure_boot_needs_enrolled_keys() {
    use ProtectionState::{Active, Missing, Unavailable};
    let (mut boot, state) = best();
    for (secure_boot, setup_mode, expected) in [
        (Some(true), Some(false), Active),
        (Some(true), None, Active),
        (Some(true), Some(true), Missing),
        (Some(false), Some(true), Missing),
        (Some(false), Some(false), Missing),
        (None, None, Unavailable),
    ] {
        boot.firmware = Some(Firmware { secure_boot, setup_mode, ..Firmware::default() });
        assert_eq!(state_of(Protection::SecureBoot, &boot, &state), expected, "{secure_boot:?} {setup_mode:?}");
    }
    boot.firmware = None;
    assert_eq!(state_of(Protection::SecureBoot, &boot, &state), Unavailable);
}

#[test]
fn measuring_needs_a_tpm_of_this_century() {
    use ProtectionState::{Active, Missing, Unavailable};
    let (mut boot, state) = best();
    for (version, pcr, tpm, measured) in [
        (Some(2), Some(11), Active, Active),
        (Some(2), None, Active, Missing),
        (Some(2), Some(4), Active, Missing),
        (Some(1), Some(11), Unavailable, Unavailable),
        (None, Some(11), Unavailable, Unavailable),
    ] {
        boot.tpm_major_version = version;
        boot.firmware.as_mut().unwrap().kernel_image_pcr = pcr;
        assert_eq!(state_of(Protection::Tpm, &boot, &state), tpm, "{version:?}");
        assert_eq!(state_of(Protection::MeasuredBoot, &boot, &state), measured, "{version:?} {pcr:?}");
    }
}

#[test]
fn a_root_that_only_looks_verified_is_not() {
    let (boot, best) = best();
    let changes: [(&str, Change); 4] = [
        ("an ordinary partition", |state| state.mounts[0].device = number(254, 2)),
        ("another mapper target", |state| state.block_devices[6].mapper_uuid = Some("LVM-CRYPT-VERITY-".into())),
        ("another file system", |state| state.mounts[0].file_system = "ext4".into()),
        ("something mounted over it", |state| state.mounts.push(mount("/", "tmpfs", number(0, 99), false))),
    ];
    for (what, change) in changes {
        let mut state = best.clone();
        change(&mut state);
        assert_eq!(state_of(Protection::VerifiedRoot, &boot, &state), ProtectionState::Missing, "{what}");
    }
}

#[test]
fn data_is_encrypted_only_below_the_mount_that_holds_it() {
    let (boot, mut state) = best();
    state.mounts[1].device = number(254, 6);
    assert_eq!(state_of(Protection::DataEncryption, &boot, &state), ProtectionState::Missing);
}

#[test]
fn the_slot_is_the_partition_in_use() {
    let (_, mut state) = best();
    assert_eq!(running_slot(&state), Some(Slot::A));
    state.block_devices[6].slaves = vec!["vda5".into(), "vda4".into()];
    assert_eq!(running_slot(&state), Some(Slot::B));
    state.block_devices[6].slaves.clear();
    assert_eq!(running_slot(&state), None);
    assert_eq!(running_slot(&StateFacts::default()), None);
}

#[test]
fn a_second_disk_with_the_same_labels_does_not_change_the_slot() {
    let (_, mut state) = best();
    let mut others: Vec<_> = (2..6).map(|minor| partition(&format!("sdb{minor}"), 100 + minor, "root-b")).collect();
    others.append(&mut state.block_devices);
    state.block_devices = others;
    assert_eq!(running_slot(&state), Some(Slot::A));
}

#[test]
fn health_is_the_worst_check() {
    let vitals = Vitals { memory_total_bytes: 1000, memory_available_bytes: 500, ..Vitals::default() };
    let starved = Vitals { memory_available_bytes: 49, ..vitals };
    let table: [(&str, Change, Vitals, Verdict); 7] = [
        ("as designed", |_| {}, vitals, Verdict::Ok),
        ("little memory", |_| {}, starved, Verdict::Degraded),
        ("no memory figures", |_| {}, Vitals::default(), Verdict::Degraded),
        ("no overlay", |state| drop(state.mounts.remove(2)), vitals, Verdict::Degraded),
        ("data partition gone", |state| drop(state.mounts.remove(1)), vitals, Verdict::Failed),
        ("data partition read-only", |state| state.mounts[1].read_only = true, vitals, Verdict::Failed),
        ("another root", |state| state.mounts[0].device = number(254, 4), vitals, Verdict::Failed),
    ];
    for (what, change, vitals, expected) in table {
        let (boot, mut state) = best();
        change(&mut state);
        assert_eq!(verdict(&health_checks(&boot, &state, &vitals)), expected, "{what}");
    }
}

#[test]
fn a_machine_that_is_no_piccolo_device_is_not_asked_about_slots() {
    let state = StateFacts { mounts: vec![mount("/", "ext4", number(8, 1), false)], ..StateFacts::default() };
    let vitals = Vitals { memory_total_bytes: 1000, memory_available_bytes: 500, ..Vitals::default() };
    let checks = health_checks(&BootFacts::default(), &state, &vitals);
    assert_eq!((checks.len(), verdict(&checks)), (2, Verdict::Ok));
}

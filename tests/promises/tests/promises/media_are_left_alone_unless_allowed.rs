//! Sticks are left alone unless the settings allow them; then they are mounted for the updater alone. And a device with nothing to do does nothing.

use std::fs;
use std::path::Path;

use serde_json::Value;
use test_bench::{TestMachine, TestOptions, test_image};
use virtual_machine::settings::ExtraDisk;

use crate::operator::wait_for_updates;
use crate::updates_from_a_stick::{disk, make_blank, run, tool};

/// The names under which the device knows the sticks.
const STICKS: [&str; 2] = ["ext4-0f0e0d0c-0b0a-0908-0706-050403020100", "vfat-1A2B-3C4D"];

/// How many minutes may pass until a device that has booted is quiet.
const MINUTES: usize = 4;

#[test]
fn sticks_are_left_alone_unless_the_settings_allow_them() {
    let place = tempfile::tempdir().unwrap();
    let options = TestOptions { extra_disks: sticks(place.path()), tpm: false, ..TestOptions::default() };
    let mut machine = TestMachine::start(&test_image(), options);
    assert_eq!(machine.succeed("ls /dev/piccolo/media"), STICKS.join("\n"), "the one with another label has no name");
    let alone = wait_for_updates(&mut machine, "idle", |updates| updates["medium"].is_object());
    assert_eq!((&alone["medium"]["allowed"], &alone["state"]), (&false.into(), &"idle".into()), "{alone}");
    assert_eq!((&alone["failure"], &alone["last_check"]), (&Value::Null, &Value::Null), "{alone}");
    the_daemons_sleep(&mut machine);

    // What cannot be meant is refused, with its place; what was set before holds.
    write_settings(&mut machine, "removable_media = \"yes\"");
    let refused = machine.run("systemctl reload piccolo-updater");
    assert_ne!(refused.status, 0, "{refused:?}");
    let said = wait_for_updates(&mut machine, "refused", |updates| updates["settings_problems"][0].is_string());
    assert_eq!(
        said["settings_problems"][0],
        "/etc/piccolo/updates.d/60-media.toml:2: `removable_media` is neither true nor false"
    );
    assert_eq!(said["medium"]["allowed"], false, "{said}");

    // This image trusts no repository, which is known only after the stick was mounted.
    write_settings(&mut machine, "removable_media = true");
    machine.succeed("systemctl reload piccolo-updater");
    let looked = wait_for_updates(&mut machine, "looked for", |updates| updates["failure"].is_object());
    let reason = looked["failure"]["reason"].as_str().unwrap_or_default();
    for stick in STICKS {
        assert!(
            reason.contains(&format!("the medium {stick} is not used: this image trusts no repository")),
            "{looked}"
        );
    }
    assert_eq!((&looked["medium"]["allowed"], &looked["settings_problems"]), (&true.into(), &Value::Array(Vec::new())));
    assert_eq!(
        machine.succeed("findmnt --noheadings --list --types vfat --output TARGET"),
        "/efi",
        "nobody else sees it"
    );

    // Taken out, and put back: it is looked at anew.
    let device = machine.succeed(&format!("basename $(readlink -f /dev/piccolo/media/{})", STICKS[1]));
    machine.succeed(&format!("echo 1 > /sys/block/{device}/device/../remove"));
    machine.succeed(&format!("until ! test -e /dev/piccolo/media/{}; do sleep 0.2; done", STICKS[1]));
    machine.succeed("echo 1 > /sys/bus/pci/rescan");
    wait_for_updates(&mut machine, "looked for again", |updates| updates["failure"]["times"] == 2);
}

/// Two with the label, and one without.
fn sticks(place: &Path) -> Vec<ExtraDisk> {
    let [vfat, other, ext4] = ["vfat", "other", "ext4"].map(|name| place.join(format!("{name}.raw")));
    for image in [&vfat, &other, &ext4] {
        make_blank(image, 64 << 20);
    }
    run(tool("mkfs.vfat").args(["-F", "32", "-n", "PICCOLO", "-i", "1A2B3C4D"]).arg(&vfat), "dosfstools");
    run(tool("mkfs.vfat").args(["-F", "32", "-n", "HOLIDAYS"]).arg(&other), "dosfstools");
    let uuid = STICKS[0].trim_start_matches("ext4-");
    run(tool("mke2fs").args(["-q", "-t", "ext4", "-L", "PICCOLO", "-U", uuid]).arg(&ext4), "e2fsprogs");
    assert!(fs::metadata(&ext4).is_ok_and(|metadata| metadata.len() == 64 << 20));
    vec![disk("vfat", vfat), disk("other", other), disk("ext4", ext4)]
}

fn write_settings(machine: &mut TestMachine, line: &str) {
    machine.succeed(&format!(
        "mkdir -p /etc/piccolo/updates.d && printf '%s\\n' '[source]' '{line}' > /etc/piccolo/updates.d/60-media.toml"
    ));
}

/// The updater has nothing to look for, and does nothing; nor does the daemon, while nobody looks, but answer for its health.
#[expect(clippy::print_stdout, reason = "figures for whoever runs this")]
fn the_daemons_sleep(machine: &mut TestMachine) {
    let services = ["piccolo-updater", "piccolod"];
    let count = |machine: &mut TestMachine| {
        services.map(|service| {
            let tasks = format!("/proc/$(systemctl show -P MainPID {service})/task/*/status");
            let sum = format!("awk '/^voluntary_ctxt/ {{n += $2}} END {{print n}}' {tasks}");
            machine.succeed(&sum).parse::<u64>().unwrap()
        })
    };
    // A thread that has read facts ends when there has been nothing more to read for a while, and what a boot begins takes its time on a
    // slow machine: one quiet minute of the first few shows it.
    let mut seen = Vec::new();
    for _ in 0..MINUTES {
        let before = count(machine);
        machine.succeed("sleep 60");
        let after = count(machine);
        let woken = [after[0] - before[0], after[1] - before[1]];
        println!("in a minute, the updater woke up {} times and piccolod {} times", woken[0], woken[1]);
        if woken[0] <= 1 && woken[1] <= 20 {
            return;
        }
        seen.push(woken);
    }
    panic!("in no minute of {MINUTES} did the updater and piccolod sleep: they woke up {seen:?} times");
}

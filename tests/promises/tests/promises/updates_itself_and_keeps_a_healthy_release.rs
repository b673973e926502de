//! A device finds a release, makes it in the other slot, restarts into it, and keeps it when it is healthy. By the full
//! image it does so with half a gigabyte of memory: `half_a_gigabyte_of_memory_is_enough`.

use serde_json::Value;
use test_bench::{TestMachine, TestOptions};

use crate::operator::{Operator, history, update_machine, wait_for_updates};

#[test]
fn a_device_updates_itself_by_patch_and_keeps_a_healthy_release() {
    let mut operator = Operator::new();
    let [old, new] = ["1.0.0", "1.1.0"].map(|version| operator.build(version, ""));
    operator.publish(&old, 0);
    let mut machine = operator.start(&old, TestOptions { cpus: 2, ..TestOptions::default() });
    let downloaded = update(&mut machine, || operator.publish(&new, 1), "patch");
    // One file of a few bytes is another one; the old release's images have 300 MB.
    assert!(downloaded < 100_000, "the patch had {downloaded} bytes");

    // The next start is the same release.
    machine.reboot();
    wait_for_updates(&mut machine, "those of the new release", |updates| updates["running"] == "1.1.0");
}

#[test]
fn a_device_updates_itself_by_chunks_where_no_patch_leads_from_its_release() {
    let mut operator = Operator::new();
    let [old, new] = ["1.0.0", "1.1.0"].map(|version| operator.build(version, ""));
    operator.publish(&old, 0);
    let mut machine = operator.start(&old, update_machine());
    let downloaded = update(&mut machine, || operator.publish_with_chunks(&new, 0), "chunks");
    // The index, what the UKI has and the root image does not, and next to nothing of the root image.
    assert!(downloaded < 5_000_000, "the chunks had {downloaded} bytes");
}

/// Updates a device to the release that is published now, in this way, and gives what it downloaded.
fn update(machine: &mut TestMachine, publish: impl FnOnce(), way: &str) -> u64 {
    let first_boot = machine.boot_id();
    wait_for_updates(machine, "up to date", |updates| {
        updates["state"] == "idle" && updates["last_check"].is_string() && updates["failure"].is_null()
    });

    publish();
    machine.succeed("piccolo device update check");
    machine.wait_for_restart(&first_boot);
    let kept = wait_for_updates(machine, "kept", |updates| updates["state"] == "idle" && updates["running"] == "1.1.0");
    assert_eq!(kept["failure"], Value::Null, "{kept}");

    let system = machine.api_get("/api/v1/system");
    assert_eq!((&system["slot"], &system["release"]["version"]), (&"b".into(), &"1.1.0".into()), "{system}");
    assert_eq!(machine.succeed("ls /efi/EFI/Linux"), "piccolo_1.0.0.efi\npiccolo_1.1.0.efi");
    let history = history(machine);
    let last = &history[0];
    assert_eq!((&last["outcome"], &last["way"]), (&"updated".into(), &way.into()), "{history}");

    last["downloaded_bytes"].as_u64().unwrap()
}

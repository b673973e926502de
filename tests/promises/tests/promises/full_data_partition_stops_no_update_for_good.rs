//! `/var` is full: the device says so, its record of updates stays whole, and updates go on as soon as there is a little room.

use serde_json::Value;
use test_bench::TestMachine;

use crate::operator::{Operator, set, tell_source, update_machine, wait_for_updates};

/// Leaves nothing, not even what is reserved for root. What ext4 keeps for itself, 16 MiB, is free and can be had by nobody.
const FILL: &str = "
    fallocate --length $(($(stat --file-system --format='%f * %S' /var) - 32000000)) /var/ballast
    dd if=/dev/zero of=/var/rest bs=4k 2>/dev/null
    dd if=/dev/zero of=/var/more bs=4k 2>/dev/null
    sync -f /var
    ! dd if=/dev/zero of=/var/probe bs=4k count=1 2>/dev/null";
/// Bytes that are free, with what is reserved for root.
const FREE: &str = "echo $(($(stat --file-system --format='%f * %S' /var)))";
/// The record of updates.
const RECORD: &str = "/var/lib/piccolo/updates/record.json";

#[test]
fn a_full_data_partition_is_named_and_an_update_goes_on_when_there_is_a_little_room() {
    let mut operator = Operator::new();
    let [old, new] = ["1.0.0", "1.1.0"].map(|version| operator.build(version, ""));
    operator.publish(&old, 0);
    let mut machine = TestMachine::start(&old.image(), update_machine());
    set(&mut machine, "60-strategy", "strategy = \"manual\"");
    tell_source(&mut machine, &operator.url());
    wait_for_updates(&mut machine, "up to date", |updates| {
        updates["state"] == "idle" && updates["last_check"].is_string() && updates["failure"].is_null()
    });

    machine.succeed(FILL);
    let record = machine.succeed(&format!("sha256sum {RECORD}"));
    operator.publish(&new, 1);
    let updater = machine.succeed("systemctl show --property=MainPID piccolo-updater");
    let refused = machine.run("piccolo device update check");
    assert_ne!(refused.status, 0, "{refused:?}");
    let refusal = format!("{}{}", refused.stdout, refused.stderr);
    assert!(refusal.contains("record of updates") && refusal.contains("No space left"), "{refusal}");
    let stuck = wait_for_updates(&mut machine, "stuck", |updates| updates["failure"].is_object());
    let reason = stuck["failure"]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("No space left on device") && reason.contains("make room"), "{stuck}");
    assert_eq!(machine.succeed(&format!("sha256sum {RECORD}")), record, "the record is as it was");
    assert_eq!(machine.succeed("systemctl show --property=MainPID piccolo-updater"), updater, "the updater ended");

    // A start finds the same, and does not end either.
    machine.succeed("systemctl restart piccolo-updater");
    assert_eq!(machine.succeed(&format!("sha256sum {RECORD}")), record, "the record is as it was");

    // A few megabytes are enough for everything that an update notes.
    machine.succeed("rm -f /var/more /var/probe && truncate --size=-8M /var/ballast && sync -f /var");
    // It may have noticed by itself already.
    let _under_way = machine.run("piccolo device update check");
    let staged = wait_for_updates(&mut machine, "staged", |updates| updates["state"] == "staged");
    assert_eq!((&staged["release"]["version"], &staged["failure"]), (&"1.1.0".into(), &Value::Null), "{staged}");
    let room = machine.succeed(FREE);
    assert!(room.trim().parse::<u64>().unwrap() < 32_000_000, "it was still nearly full: {room}");
}

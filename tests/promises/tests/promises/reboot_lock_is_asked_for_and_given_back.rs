//! Devices of a group restart one after the other: each asks a lock manager for leave, says why it waits, and gives its place back once the new
//! release is known to be healthy.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use test_bench::TestMachine;
use test_bench::lock_manager::LockManager;

use crate::operator::{HOST, Operator, set, update_machine, wait_for_updates};

const GROUP: &str = "workers";
/// Another device of the group.
const OTHER: &str = "583627a932274834a8ebd99f4ed41c0d";
/// How long the device may take to tell the manager that it is well again: its first attempt may fail while the network comes up.
const PATIENCE: Duration = Duration::from_mins(10);

#[test]
fn a_device_waits_for_its_turn_restarts_and_gives_it_back() {
    let mut operator = Operator::new();
    let [old, new] = ["1.0.0", "1.1.0"].map(|version| operator.build(version, ""));
    operator.publish(&old, 8);
    let manager = LockManager::start(1);
    manager.give(GROUP, OTHER);
    let mut machine = operator.start(&old, update_machine());
    let first_boot = machine.boot_id();
    let url = format!("http://{HOST}:{}/", manager.port());
    set(
        &mut machine,
        "60-lock",
        &format!("strategy = \"reboot-lock\"\n[reboot_lock]\nurl = \"{url}\"\ngroup = \"{GROUP}\"\n"),
    );
    wait_for_updates(&mut machine, "up to date", |updates| {
        updates["state"] == "idle" && updates["last_check"].is_string() && updates["failure"].is_null()
    });
    operator.publish(&new, 8);
    machine.succeed("piccolo device update check");

    let refused = wait_for_updates(&mut machine, "refused by the lock manager", |updates| {
        updates["reboot_lock"]["state"] == "refused" && updates["waits"].is_object()
    });
    assert_eq!(refused["state"], "staged", "{refused}");
    let reason = refused["waits"]["reason"].as_str().unwrap_or_default();
    assert!(
        reason.starts_with("the lock manager does not allow it yet: ") && reason.contains("all slots of workers"),
        "{refused}"
    );
    assert!(refused["waits"]["until"].is_string(), "{refused}");
    assert_eq!(machine.boot_id(), first_boot, "it restarted without leave");
    assert_eq!(manager.holders(GROUP), [OTHER]);

    manager.take_back(GROUP, OTHER);
    machine.wait_for_restart(&first_boot);
    let id = machine.succeed("systemd-id128 machine-id --app-specific=de35106b6ec24688b63afddaa156679b");
    let kept =
        wait_for_updates(&mut machine, "kept", |updates| updates["state"] == "idle" && updates["running"] == "1.1.0");
    assert_eq!(kept["failure"], Value::Null, "{kept}");
    until_given_back(&mut machine, &manager, &id);
}

/// The place is the device's own until it is nobody's.
#[track_caller]
fn until_given_back(machine: &mut TestMachine, manager: &LockManager, id: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let holders = manager.holders(GROUP);
        if holders.is_empty() {
            break;
        }
        assert_eq!(holders, [id], "somebody else holds the place");
        let journal = "journalctl -b -u piccolo-updater --no-pager | tail -20";
        assert!(Instant::now() < deadline, "the place was not given back\n{}", machine.run(journal).stdout);
        thread::sleep(Duration::from_millis(500));
    }
    wait_for_updates(machine, "without a place", |updates| updates["reboot_lock"].is_null());
}

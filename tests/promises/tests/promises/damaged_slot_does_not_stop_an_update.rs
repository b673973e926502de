//! A byte of the running system has changed on the disk, where a patch would copy from: the update is made all the same, and the device says
//! that its disk is not well.

use test_bench::TestMachine;

use crate::flipped_byte_is_refused::offset_of_file;
use crate::operator::{Operator, history, set, tell_source, update_machine, wait_for_updates};

/// A file that is the same in both releases, and that nothing reads before the update does.
const UNREAD: &str = "/usr/bin/localectl";

#[test]
fn a_damaged_active_slot_is_reported_and_does_not_stop_an_update() {
    let mut operator = Operator::new();
    let [old, new] = ["1.0.0", "1.1.0"].map(|version| operator.build(version, ""));
    operator.publish(&old, 0);
    operator.publish_with_chunks(&new, 1);
    let within = offset_of_file(&old.image(), UNREAD);
    let mut machine = TestMachine::power_on(&old.image(), update_machine());
    machine.cut_power();
    let disk = machine.disk();
    disk.flip_byte(disk.partition("root-a").start + within);
    machine.power_on_again();
    machine.wait_for_api();
    set(&mut machine, "60-strategy", "strategy = \"manual\"");
    tell_source(&mut machine, &operator.url());
    let staged = wait_for_updates(&mut machine, "staged", |updates| updates["state"] == "staged");
    let damage = &staged["slot_damage"];
    assert!(damage["bytes"].as_u64().is_some_and(|bytes| bytes >= 4096), "{staged}");
    assert!(damage["message"].as_str().is_some_and(|message| !message.is_empty()), "{staged}");
    assert!(machine.run(&format!("cat {UNREAD} > /dev/null")).status != 0, "the damage is real");

    machine.reboot();
    wait_for_updates(&mut machine, "those of the new release", |updates| {
        updates["state"] == "idle" && updates["running"] == "1.1.0"
    });
    machine.succeed(&format!("cat {UNREAD} > /dev/null"));
    let history = history(&mut machine);
    assert_eq!(history[0]["outcome"], "updated", "{history}");
    let downloaded = history[0]["downloaded_bytes"].as_u64().unwrap();
    assert!(downloaded < 5_000_000, "only what was damaged comes from elsewhere, and {downloaded} bytes came");
}

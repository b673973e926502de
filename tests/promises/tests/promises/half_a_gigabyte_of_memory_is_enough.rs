//! Small machines are welcome, and updates do not ask for more than the system does, also where all of the full image has to be downloaded.

use test_bench::{TestMachine, TestOptions};

use crate::operator::{Operator, history, update_machine, wait_for_updates};

/// Of the machine, in bytes.
const MEMORY: u64 = 512 << 20;
/// Of the updater at most at any time, its own code included, in kilobytes.
const UPDATER: u64 = 80 << 10;

#[test]
fn a_device_with_half_a_gigabyte_of_memory_boots_and_updates_itself_by_the_full_image() {
    let mut operator = Operator::new();
    // Nobody tells this device where to look: its image knows.
    let old = operator.build("1.0.0", &operator.source_in_the_image());
    let new = operator.build("1.1.0", "");
    operator.publish(&old, 0);
    // Nothing but the full image: the way with the most to decompress.
    operator.publish(&new, 0);
    let mut machine = TestMachine::start(&old.image(), TestOptions { memory: MEMORY, ..update_machine() });
    let system = machine.api_get("/api/v1/system");
    let total = system["memory"]["total_bytes"].as_u64().unwrap();
    assert!(total < MEMORY, "the machine has {total} bytes");
    assert_eq!(machine.succeed("systemctl --failed --plain --no-legend").trim(), "");

    let before = machine.boot_id();
    wait_for_updates(&mut machine, "beyond the middle", |updates| {
        updates["progress"]["image_bytes"].as_u64().is_some_and(|written| written > 160 << 20)
            || updates["state"] == "verifying"
    });
    let peak = "sed -n 's/^VmHWM:[^0-9]*\\([0-9]*\\) kB/\\1/p' /proc/$(systemctl show --value --property=MainPID piccolo-updater)/status";
    let peak: u64 = machine.succeed(peak).trim().parse().unwrap();
    assert!(peak <= UPDATER, "the updater took {peak} kB");
    machine.wait_for_restart(&before);
    wait_for_updates(&mut machine, "kept", |updates| updates["state"] == "idle" && updates["running"] == "1.1.0");
    let history = history(&mut machine);
    assert_eq!((&history[0]["outcome"], &history[0]["way"]), (&"updated".into(), &"full".into()), "{history}");
    let downloaded = history[0]["downloaded_bytes"].as_u64().unwrap();
    assert!(downloaded > 50_000_000, "the full image had {downloaded} bytes");
    assert!(!machine.console().contains("Out of memory"), "something ran out of memory");
}

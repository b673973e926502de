//! Power may fail during the very first boot, while partitions are being made.

use test_bench::{TestMachine, TestOptions, test_image};

#[test]
fn a_first_boot_that_loses_power_is_finished_by_the_next() {
    let mut machine = TestMachine::power_on(&test_image(), TestOptions::default());
    machine.wait_for_console("Create slot B and the data partition");
    machine.cut_power();
    machine.power_on_again();
    machine.wait_for_api();
    assert_eq!(machine.succeed("lsblk --noheadings --list --output PARTLABEL /dev/piccolo/disk | grep -c ."), "6");
    assert_eq!(machine.api_get("/api/v1/health")["status"], "ok");
}

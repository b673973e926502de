//! Small machines are welcome.

use test_bench::{TestMachine, TestOptions, test_image};

#[test]
fn a_device_with_one_gigabyte_of_memory_boots() {
    let mut machine =
        TestMachine::start(&test_image(), TestOptions { memory: 1 << 30, cpus: 1, ..TestOptions::default() });
    let system = machine.api_get("/api/v1/system");
    let total = system["memory"]["total_bytes"].as_u64().unwrap();
    assert!(total < 1 << 30, "the machine has {total} bytes");
    assert_eq!(machine.succeed("systemctl --failed --plain --no-legend").trim(), "");
    assert!(!machine.console().contains("Out of memory"), "something ran out of memory");
}

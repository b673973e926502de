//! What several promises look at.

use serde_json::Value;
use test_bench::TestMachine;

/// The state of one entry of the device's protection list.
pub fn protection(system: &Value, name: &str) -> String {
    let list = system["protection"].as_array().unwrap_or_else(|| panic!("no protection list in {system}"));
    let entry = list.iter().find(|entry| entry["name"] == name);
    let entry = entry.unwrap_or_else(|| panic!("{name} is not in the protection list: {list:?}"));
    entry["state"].as_str().unwrap().to_owned()
}

/// Where a directory is mounted from, and how.
pub fn mount_of(machine: &mut TestMachine, directory: &str) -> Value {
    let text =
        machine.succeed(&format!("findmnt --json --output TARGET,SOURCE,FSTYPE,OPTIONS --mountpoint {directory}"));
    let value: Value = serde_json::from_str(&text).unwrap();
    value["filesystems"][0].clone()
}

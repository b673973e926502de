//! What the kernel, the firmware and os-release write, read as if somebody else had written it.
#![no_main]

use device_facts::text::{
    command_line, efi_variable, load_averages, memory, mount_table, number, os_release, uevent_value, uptime_seconds,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = (efi_variable::boolean(bytes), efi_variable::string(bytes));
    let text = String::from_utf8_lossy(bytes);
    if let Some(mounts) = mount_table::parse(&text) {
        assert_eq!(mounts.len(), text.lines().count());
    }
    let _ = (memory::parse(&text), memory::resident_bytes(&text), load_averages(&text), uptime_seconds(&text));
    let _ = (os_release::parse(&text), command_line::root_hash(&text), number(&text), uevent_value(&text, "PARTNAME"));
});

//! EFI variables and device paths, written by firmware of any quality: an answer or an error.
#![no_main]

use boot_disk::device_path::{from_load_option, parse};
use boot_disk::variable;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &[u8]| {
    let _ = (variable::number(value), variable::partition_uuid(value), variable::string(value));
    let _ = variable::data(value).map(from_load_option);
    if let Ok(nodes) = parse(value) {
        // A node has a header of four bytes.
        assert!(nodes.len() <= value.len() / 4);
    }
});

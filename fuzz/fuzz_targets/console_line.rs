//! A line of a guest's console: nothing in it may control the operator's terminal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use virtual_machine::console::plain_text;

fuzz_target!(|line: &[u8]| {
    assert!(plain_text(line).chars().all(|character| !character.is_control()));
});

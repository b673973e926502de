//! A message from QEMU's control socket: any bytes are read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    let _ = virtual_machine::qmp::parse_message(line);
});

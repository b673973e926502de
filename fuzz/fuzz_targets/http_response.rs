//! The answer of a machine's API: any bytes are read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = virtual_machine::http::parse_response(bytes);
});

//! A firmware descriptor: any bytes are read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use virtual_machine::firmware::parse_descriptor;
use virtual_machine::settings::SecureBoot;

fuzz_target!(|bytes: &[u8]| {
    for mode in [SecureBoot::Off, SecureBoot::SetupMode, SecureBoot::Enrolled] {
        let _ = parse_descriptor(bytes, mode);
    }
});

//! The [Install] section of a unit file: always something, possibly nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use unit_files::install::parse;

fuzz_target!(|bytes: &[u8]| {
    let _ = parse(&String::from_utf8_lossy(bytes)).is_empty();
});

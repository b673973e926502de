//! sysusers.d files and account databases of packages: understood, or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use system_users::line::parse;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(lines) = parse(&text) {
        assert!(lines.len() <= text.lines().count());
    }
});

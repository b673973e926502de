//! Core does no I/O: the part of this rule that clippy cannot see.

use crate::no_violations;
use repository::files::{text, tracked_with_ending};
use repository::rust_source::{has_word, product_lines};

const EFFECTS: [&str; 14] = [
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "std::os::unix::net",
    "std::time::Instant",
    "std::time::SystemTime",
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "Uuid::new_v4",
    "thread::sleep",
    "std::io::stdin",
];

#[test]
fn core_touches_no_file_socket_process_clock_or_environment() {
    let mut violations = Vec::new();
    let sources = tracked_with_ending(&[".rs"]);
    for path in sources.iter().filter(|path| path.starts_with("core/") && path.contains("/src/")) {
        if path.ends_with("/tests.rs") || path.contains("/tests/") {
            continue;
        }
        for (number, line) in product_lines(&text(path)) {
            for effect in EFFECTS.iter().filter(|effect| has_word(line, effect)) {
                violations.push(format!("{path}:{number}: {effect}"));
            }
        }
    }
    no_violations("move the effect to system/, and pass its result as an argument:", &violations);
}

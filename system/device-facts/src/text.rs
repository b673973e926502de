//! Parsers of what the kernel and os-release write. They take untrusted text, keep no more than they were given, and never panic.

pub mod command_line;
pub mod efi_variable;
pub mod memory;
pub mod mount_table;
pub mod os_release;

/// A file that holds one decimal number.
pub fn number(text: &str) -> Option<u32> {
    text.trim().parse().ok()
}

/// Whole seconds of `/proc/uptime` (`840.12 1600.11`: since the start, and idle).
pub fn uptime_seconds(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().next()?.split('.').next()?.parse().ok()
}

/// The three averages of `/proc/loadavg` (`0.00 0.04 0.02 1/123 4567`).
pub fn load_averages(text: &str) -> Option<[f64; 3]> {
    let mut fields = text
        .split_ascii_whitespace()
        .map(|field| field.parse::<f64>().ok().filter(|load| load.is_finite() && *load >= 0.0));
    Some([fields.next()??, fields.next()??, fields.next()??])
}

/// The value of `key` in a uevent file: one `KEY=value` a line.
pub fn uevent_value(text: &str, key: &str) -> Option<String> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).map(str::to_owned)
}

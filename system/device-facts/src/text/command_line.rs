//! The kernel command line (Documentation/admin-guide/kernel-parameters.rst).

/// The value of the last `roothash=`, in lower case, where it is a SHA-256 in hexadecimal (systemd-veritysetup-generator(8)).
pub fn root_hash(command_line: &str) -> Option<String> {
    let hash = command_line
        .split_ascii_whitespace()
        .filter_map(|word| word.trim_matches('"').strip_prefix("roothash="))
        .next_back()?;
    let is_sha256 = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_sha256.then(|| hash.to_ascii_lowercase())
}

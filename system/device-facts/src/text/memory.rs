//! Memory figures (proc_meminfo(5), proc_pid_status(5)). The kernel's "kB" are KiB.

/// What `/proc/meminfo` says, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// `MemTotal`
    pub total_bytes: u64,
    /// `MemAvailable`
    pub available_bytes: u64,
}

/// Reads `/proc/meminfo`.
pub fn parse(text: &str) -> Option<Memory> {
    Some(Memory { total_bytes: field(text, "MemTotal:")?, available_bytes: field(text, "MemAvailable:")? })
}

/// `VmRSS` of `/proc/self/status`, in bytes.
pub fn resident_bytes(text: &str) -> Option<u64> {
    field(text, "VmRSS:")
}

fn field(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = value.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kibibytes.checked_mul(1024)
}

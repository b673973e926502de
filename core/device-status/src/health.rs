//! Whether a device is well, and what to do where it is not.

use crate::facts::{BootFacts, StateFacts, Vitals};

/// Available memory below this share of the total is a warning: programs are about to be killed.
const LOW_MEMORY_PERCENT: u64 = 5;

/// The result of looking at one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// What was looked at.
    pub name: Subject,
    /// What was found.
    pub verdict: Verdict,
    /// What that means and what to do, as one or two sentences.
    pub message: String,
}

/// What health checks look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The root file system is the one that the boot loader asked for.
    Root,
    /// The data partition can be written.
    Data,
    /// Changes to `/etc` will be there after a reboot.
    Configuration,
    /// Memory is left for programs.
    Memory,
}

/// How bad it is. Ordered: the worst check is the device's verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// The device works, and somebody should look at it.
    Degraded,
    /// The device cannot do its work.
    Failed,
}

/// The checks that apply to this device: what concerns slots is asked only where a boot loader chose one.
pub fn health_checks(boot: &BootFacts, state: &StateFacts, vitals: &Vitals) -> Vec<HealthCheck> {
    let mut checks = Vec::new();
    if boot.root_hash.is_some() {
        checks.push(root(state));
        checks.push(configuration(state));
    }
    checks.push(data(boot, state));
    checks.push(memory(vitals));
    checks
}

/// The worst of the checks.
pub fn verdict(checks: &[HealthCheck]) -> Verdict {
    checks.iter().map(|check| check.verdict).max().unwrap_or(Verdict::Ok)
}

fn root(state: &StateFacts) -> HealthCheck {
    let verified = state.mount_at("/").is_some_and(|root| state.stands_on(root, crate::block::VERITY_PREFIX));
    let (verdict, message) = if verified {
        (Verdict::Ok, "The root file system is the verified one that was asked for.")
    } else {
        (
            Verdict::Failed,
            "The boot loader asked for a verified root and another one is mounted. Restart the device; if that does not help, install the release again.",
        )
    };
    HealthCheck { name: Subject::Root, verdict, message: message.into() }
}

fn configuration(state: &StateFacts) -> HealthCheck {
    let kept = state.mount_at("/etc").is_some_and(|mount| mount.file_system == "overlay" && !mount.read_only);
    let (verdict, message) = if kept {
        (Verdict::Ok, "Changes to /etc are kept.")
    } else {
        (
            Verdict::Degraded,
            "/etc is not the writable overlay: changes to it fail or are lost at the next restart. Read the journal of the initrd with `journalctl -b`.",
        )
    };
    HealthCheck { name: Subject::Configuration, verdict, message: message.into() }
}

fn data(boot: &BootFacts, state: &StateFacts) -> HealthCheck {
    let own_partition = state.mount_at("/var").is_some();
    let (verdict, message) = match state.mount_of("/var") {
        None => (
            Verdict::Failed,
            "Nothing is mounted where /var should be: the device cannot store anything. Check the disk.",
        ),
        Some(_) if boot.root_hash.is_some() && !own_partition => (
            Verdict::Failed,
            "The data partition is not mounted at /var: the device cannot store anything. Check the disk, then restart the device.",
        ),
        Some(mount) if mount.read_only => (
            Verdict::Failed,
            "/var became read-only, which is what the kernel does after an error of the disk. Save the data, then check the disk.",
        ),
        Some(_) => (Verdict::Ok, "/var can be written."),
    };
    HealthCheck { name: Subject::Data, verdict, message: message.into() }
}

fn memory(vitals: &Vitals) -> HealthCheck {
    let percent = vitals.memory_available_bytes.saturating_mul(100).checked_div(vitals.memory_total_bytes);
    let (verdict, message) = match percent {
        None => (Verdict::Degraded, "The kernel does not say how much memory there is.".into()),
        Some(percent) if percent < LOW_MEMORY_PERCENT => (
            Verdict::Degraded,
            format!(
                "Less than {LOW_MEMORY_PERCENT} % of the memory is available: programs may be ended. Stop something that is not needed."
            ),
        ),
        Some(_) => (Verdict::Ok, "Memory is available.".into()),
    };
    HealthCheck { name: Subject::Memory, verdict, message }
}

//! Whether this boot is healthy.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use disk_layout::boot_entry::EntryState;
use health_check::scripts::to_run;
use health_check::verdict::{Consequence, Entries, Finding, Need, Outcome, Verdict};
use health_checks::{Deadline, daemon, scripts, units};
use tracing::{error, info, warn};
use update_engine::history::TrialFailure;
use update_slots::boot_entries::BootEntries;
use update_store::trial::TrialFile;

use crate::device::Device;
use crate::paths::Paths;
use crate::restart::restart;

/// Units without which a device cannot be reached or brought up to date.
const REQUIRED_UNITS: [&str; 3] = ["multi-user.target", "piccolod.service", "piccolo-updater.service"];
/// Where the daemon listens.
const DAEMON: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Looks at everything; says so to whoever started this, and restarts the machine where a release on trial is not healthy.
///
/// # Errors
/// When it cannot be found out which release runs, or the restart does not work.
pub fn check(paths: &Paths, time: Duration) -> anyhow::Result<ExitCode> {
    let device = Device::find(paths)?;
    let findings = look(Deadline::in_time(time));
    findings.iter().for_each(log);
    let verdict = Verdict::of(&findings);
    let entries = entries(paths, &device)?;
    match (verdict.consequence(entries), verdict) {
        (Consequence::Bless, _) => {
            info!("release {} is healthy", device.version);
            Ok(ExitCode::SUCCESS)
        }
        (_, Verdict::Healthy) => Ok(ExitCode::SUCCESS),
        (consequence, Verdict::Unhealthy { reason, output }) => {
            error!("release {} is not healthy: {reason}", device.version);
            if consequence == Consequence::Restart {
                // A full data partition may be why it is not healthy: that must not keep the machine in this release.
                let kept = TrialFile::below(&paths.state).keep(device.version, &TrialFailure { reason, output });
                if let Err(failure) = kept {
                    error!("{failure}: {}", failure.source);
                }
                restart()?;
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

fn look(deadline: Deadline) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        REQUIRED_UNITS.into_iter().map(|unit| units::wait_until_active(unit, Need::Required, deadline)).collect();
    findings.push(daemon::answers(DAEMON, device_api::HEALTH_PATH, deadline));
    let root = std::path::Path::new("/");
    findings.extend(to_run(scripts::found(root)).iter().map(|script| scripts::run(root, script, deadline)));
    let known: Vec<String> = findings.iter().map(|finding| finding.name.clone()).collect();
    findings.extend(units::failed().into_iter().filter(|finding| !known.contains(&finding.name)));
    findings
}

fn log(finding: &Finding) {
    match (&finding.outcome, finding.need) {
        (Outcome::Passed, _) => info!("{}: well", finding.name),
        (Outcome::Failed { how, output }, Need::Required) => error!("{} {how}: {}", finding.name, output.trim_end()),
        (Outcome::Failed { how, output }, Need::Wanted) => warn!("{} {how}: {}", finding.name, output.trim_end()),
    }
}

fn entries(paths: &Paths, device: &Device) -> anyhow::Result<Entries> {
    let running = device.version.to_string();
    let entries = BootEntries::on(paths.slots.esp()).list()?;
    let (own, others): (Vec<_>, Vec<_>) = entries.into_iter().partition(|found| found.entry.version() == running);
    let on_trial = own.iter().any(|found| found.entry.state() != EntryState::Good);
    let tries_left = own.iter().any(|found| found.entry.state() == EntryState::Trying);
    let other_good = others.iter().any(|found| found.entry.state() == EntryState::Good);
    Ok(Entries { on_trial, alternative: tries_left || other_good })
}

//! `piccolo device`.

use std::path::PathBuf;

use clap::Subcommand;
use device_api::updates::{UpdateHistory, UpdateRequest, Updates};
use device_api::{UPDATE_ACTIONS_PATH, UPDATE_HISTORY_PATH, UPDATER_SOCKET, UPDATES_PATH};
use device_client::{DeviceClient, DeviceClientError};

use crate::failure::{Failure, FailureKind};
use crate::report::Report;

/// Ask a device
///
/// At present as root on the device itself. Exits with 8 when the device refuses or does not answer.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Update(UpdateArgs),
}

/// See and steer the updates of a device
#[derive(Debug, clap::Args)]
struct UpdateArgs {
    /// The socket of the device's updater.
    #[arg(long, global = true, default_value = UPDATER_SOCKET, value_name = "PATH")]
    socket: PathBuf,
    #[command(subcommand)]
    command: Option<UpdateCommand>,
}

#[derive(Debug, Subcommand)]
enum UpdateCommand {
    /// Say where updates stand; also without a command
    Status,
    /// Look for a release
    Check,
    /// Say what the release on offer costs
    Plan,
    /// Get the release on offer, go on with a paused one, or get this version, also an older one
    Start {
        /// The version.
        version: Option<String>,
    },
    /// Stop the download and keep what is there
    Pause,
    /// Stop what is going on and forget it
    Cancel,
    /// Restart into the release that is ready
    Reboot,
    /// Go back to the release in the other slot
    Rollback,
    /// Stay on a version; without one, on the running one
    Pin {
        /// The version.
        version: Option<String>,
    },
    /// Stay no longer
    Unpin,
    /// Take a release again although it was bad
    Forgive {
        /// The version.
        version: String,
    },
    /// Have the settings read again; where something is wrong with them, what was set before holds
    ReloadSettings,
    /// Say what happened
    History,
}

/// Asks, and prints the answer.
pub fn run(args: &Args, report: &Report) -> Result<(), Failure> {
    let Command::Update(args) = &args.command;
    let client = DeviceClient::at_socket(&args.socket).map_err(failure)?;
    let request = match args.command.as_ref().unwrap_or(&UpdateCommand::Status) {
        UpdateCommand::Status => return status(&client, report),
        UpdateCommand::Plan => return plan(&client, report),
        UpdateCommand::History => return history(&client, report),
        UpdateCommand::Check => UpdateRequest::Check,
        UpdateCommand::ReloadSettings => UpdateRequest::ReloadSettings,
        UpdateCommand::Start { version } => UpdateRequest::Start { version: version.clone() },
        UpdateCommand::Pause => UpdateRequest::Pause,
        UpdateCommand::Cancel => UpdateRequest::Cancel,
        UpdateCommand::Reboot => UpdateRequest::Reboot,
        UpdateCommand::Rollback => UpdateRequest::Rollback,
        UpdateCommand::Pin { version } => UpdateRequest::Pin { version: version.clone() },
        UpdateCommand::Unpin => UpdateRequest::Unpin,
        UpdateCommand::Forgive { version } => UpdateRequest::Forgive { version: version.clone() },
    };
    let updates: Updates = client.post(UPDATE_ACTIONS_PATH, &request).map_err(failure)?;
    report.result(&described(&updates), &updates);
    Ok(())
}

fn status(client: &DeviceClient, report: &Report) -> Result<(), Failure> {
    let updates: Updates = client.get(UPDATES_PATH).map_err(failure)?;
    report.result(&described(&updates), &updates);
    Ok(())
}

fn plan(client: &DeviceClient, report: &Report) -> Result<(), Failure> {
    let updates: Updates = client.get(UPDATES_PATH).map_err(failure)?;
    let text = match &updates.release {
        None => format!("{}\n", updates.message),
        Some(release) => {
            let ways = release.ways.iter().map(|offered| {
                let way = serde_json::to_value(offered.way).unwrap_or_default();
                format!("  {:<8} {:>13} bytes to download\n", way.as_str().unwrap_or_default(), offered.download_bytes)
            });
            let head = format!("release {}, {} bytes when installed\n", release.version, release.image_bytes);
            std::iter::once(head).chain(ways).collect()
        }
    };
    report.result(&text, &updates.release);
    Ok(())
}

fn history(client: &DeviceClient, report: &Report) -> Result<(), Failure> {
    let history: UpdateHistory = client.get(UPDATE_HISTORY_PATH).map_err(failure)?;
    let lines = history.entries.iter().map(|entry| {
        let outcome = serde_json::to_value(entry.outcome).unwrap_or_default();
        let medium = entry.medium.as_ref().map(|medium| format!(" from {medium}")).unwrap_or_default();
        let reason = entry.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let outcome = outcome.as_str().unwrap_or_default();
        format!("{}  {} → {}  {outcome}{medium}{reason}\n", entry.at, entry.from, entry.to)
    });
    let text: String = lines.collect();
    report.result(if text.is_empty() { "no update yet\n" } else { &text }, &history);
    Ok(())
}

/// A few lines for people.
fn described(updates: &Updates) -> String {
    let mut text = format!("{}\n", updates.message);
    let mut line = |name: &str, value: &str| text.push_str(&format!("  {name:<10} {value}\n"));
    line("running", &updates.running);
    line("stream", &updates.stream);
    if let Some(progress) = &updates.progress {
        let total = updates.release.as_ref().map_or(0, |release| release.image_bytes);
        line("image", &format!("{} of {total} bytes", progress.image_bytes));
        line("downloaded", &format!("{} bytes", progress.downloaded_bytes));
    }
    if let Some(waits) = &updates.waits {
        line("waits", &waits.reason);
        if let Some(until) = &waits.until {
            line("until", until);
        }
    }
    if let Some(medium) = &updates.medium {
        line(
            "medium",
            &format!("{}{}", medium.name, if medium.allowed { "" } else { ", which the settings do not allow" }),
        );
    }
    if let Some(lock) = &updates.reboot_lock {
        let state = serde_json::to_value(lock.state).unwrap_or_default();
        let problem = lock.problem.as_ref().map(|problem| format!(": {problem}")).unwrap_or_default();
        line("lock", &format!("{} at {}{problem}", state.as_str().unwrap_or_default(), lock.url));
    }
    if let Some(failure) = &updates.failure {
        line("failed", &format!("{} ({} times, last at {})", failure.reason, failure.times, failure.at));
    }
    let optional = [("next try", &updates.next_try), ("pinned to", &updates.pinned), ("source", &updates.source)];
    for (name, value) in optional {
        if let Some(value) = value {
            line(name, value);
        }
    }
    if let Some(damage) = &updates.slot_damage {
        line("disk", &damage.message);
    }
    for bad in &updates.bad {
        line("bad", &format!("{}: {}", bad.version, bad.reason));
    }
    for problem in &updates.settings_problems {
        line("settings", problem);
    }
    text
}

fn failure(error: DeviceClientError) -> Failure {
    Failure::new(FailureKind::Device, error)
}

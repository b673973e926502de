//! From the record to what people and programs read.

use device_api::updates::{
    BadUpdate, OfferedRelease, OfferedWay, RebootLockState, SlotDamage, UpdateActivity, UpdateFailure, UpdateHistory,
    UpdateHistoryEntry, UpdateMedium, UpdateOutcome, UpdateProgress, UpdateRebootLock, UpdateState, UpdateWay, Updates,
    Waiting,
};
use update_engine::history::{HistoryEntry, Outcome};
use update_engine::offer::{Offer, Way};
use update_engine::record::{Activity, Phase, Record};
use update_schedule::fleet_lock::Operation;
use update_schedule::reboot_lock::LockLedger;
use update_schedule::settings::Build;

use crate::device::Device;
use crate::settings::LoadedSettings;

/// What there is besides the record.
pub struct Surroundings<'a> {
    /// The medium that is there.
    pub medium: Option<&'a str>,
    /// The reboot lock.
    pub lock: &'a LockLedger,
}

/// The document about updates.
pub fn updates(
    record: &Record,
    device: &Device,
    settings: &LoadedSettings,
    surroundings: &Surroundings<'_>,
) -> Updates {
    let source = &settings.settings.source;
    let offer = match &record.phase {
        Phase::Available { offer } => Some((offer, None)),
        phase => phase.update().map(|update| (&update.offer, Some(update.way))),
    };
    Updates {
        state: state(&record.phase),
        message: message(record),
        running: record.running.to_string(),
        stream: source.stream.as_ref().unwrap_or(&device.stream).to_string(),
        source: source.address.as_ref().map(|address| address.as_str().to_owned()),
        release: offer.map(|(offer, way)| release(offer, way)),
        progress: progress(&record.phase),
        medium: surroundings.medium.map(|name| UpdateMedium { name: name.to_owned(), allowed: settings.takes_media() }),
        waits: waits(record, settings),
        reboot_lock: reboot_lock(surroundings.lock),
        failure: record.failure.as_ref().map(|failure| UpdateFailure {
            reason: failure.reason.clone(),
            at: failure.at.to_string(),
            times: failure.times,
        }),
        last_check: record.last_check.map(|at| at.to_string()),
        next_try: record.next_try.map(|at| at.to_string()),
        pinned: record.pinned.map(|version| version.to_string()),
        slot_damage: record.slot_damage.as_ref().map(|damage| SlotDamage {
            message: format!(
                "The disk gives back parts of release {} wrongly ({} in {} places). Updates make up for it; save your data, and replace the disk.",
                record.running,
                size(damage.bytes),
                damage.places
            ),
            at: damage.at.to_string(),
            places: damage.places,
            bytes: damage.bytes,
        }),
        bad: record
            .bad
            .iter()
            .map(|bad| BadUpdate {
                version: bad.version.to_string(),
                since: bad.since.to_string(),
                reason: bad.reason.clone(),
                output: bad.output.clone(),
            })
            .collect(),
        settings_problems: settings.problems.clone(),
    }
}

/// What happened, newest first.
pub fn history(record: &Record) -> UpdateHistory {
    UpdateHistory { entries: record.history.iter().rev().map(entry).collect() }
}

fn entry(entry: &HistoryEntry) -> UpdateHistoryEntry {
    let (outcome, reason) = match &entry.outcome {
        Outcome::Updated => (UpdateOutcome::Updated, None),
        Outcome::RolledBack { reason } => (UpdateOutcome::RolledBack, Some(reason.clone())),
        Outcome::WentBack => (UpdateOutcome::WentBack, None),
        Outcome::Cancelled => (UpdateOutcome::Cancelled, None),
        Outcome::Failed { reason } => (UpdateOutcome::Failed, Some(reason.clone())),
    };
    UpdateHistoryEntry {
        at: entry.at.to_string(),
        from: entry.from.to_string(),
        to: entry.to.to_string(),
        way: entry.way.map(way),
        downloaded_bytes: entry.downloaded,
        medium: entry.medium.clone(),
        outcome,
        reason,
    }
}

fn state(phase: &Phase) -> UpdateState {
    match phase {
        Phase::Idle => UpdateState::Idle,
        Phase::Checking { .. } => UpdateState::Checking,
        Phase::Available { .. } => UpdateState::Available,
        Phase::Writing { .. } => UpdateState::Writing,
        Phase::Verifying { .. } => UpdateState::Verifying,
        Phase::Preflight { .. } => UpdateState::Preflight,
        Phase::Blocked { .. } => UpdateState::Blocked,
        Phase::Installing { .. } => UpdateState::Installing,
        Phase::Staged { .. } => UpdateState::Staged,
        Phase::Rebooting { .. } => UpdateState::Rebooting,
        Phase::Trial { .. } => UpdateState::Trial,
        Phase::GoingBack { .. } => UpdateState::GoingBack,
    }
}

fn message(record: &Record) -> String {
    let running = record.running;
    match &record.phase {
        Phase::Idle => match (&record.failure, &record.no_update) {
            (Some(failure), _) => format!("Release {running} runs. The last attempt failed: {}.", failure.reason),
            (None, Some(reason)) => format!("Release {running} runs: {reason}."),
            (None, None) => format!("Release {running} runs."),
        },
        Phase::Checking { .. } => "Looking for a release.".to_owned(),
        Phase::Available { offer } => match offer.download_bytes() {
            Some(bytes) => format!("Release {} is there; it takes a download of {}.", offer.version, size(bytes)),
            None => format!("Release {} is there.", offer.version),
        },
        Phase::Writing { update, activity, .. } => {
            let version = update.offer.version;
            match activity {
                Activity::Running => format!("Getting release {version} ({}).", update.way),
                Activity::Paused => format!("The download of release {version} is paused."),
                Activity::Waiting => format!("The download of release {version} goes on later."),
            }
        }
        Phase::Verifying { update, .. } => format!("Checking release {}.", update.offer.version),
        Phase::Preflight { update } => format!("Finding out whether release {} could start.", update.offer.version),
        Phase::Blocked { update, .. } => format!("Release {} cannot be installed yet.", update.offer.version),
        Phase::Installing { update } => format!("Installing release {}.", update.offer.version),
        Phase::Staged { update, .. } => {
            format!("Release {} is ready, and starts with the next restart.", update.offer.version)
        }
        Phase::Rebooting { update } => format!("Restarting into release {}.", update.offer.version),
        Phase::Trial { update, .. } => {
            format!("Release {} runs on trial: it is kept when it is found healthy.", update.offer.version)
        }
        Phase::GoingBack { to, .. } => format!("Restarting into release {to}, which ran before."),
    }
}

/// Bytes for people: three digits and a unit.
fn size(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    let unit = units.into_iter().find(|(factor, _)| bytes >= *factor);
    match unit {
        Some((factor, name)) => format!("{:.1} {name}", bytes as f64 / factor as f64),
        None => format!("{bytes} bytes"),
    }
}

fn release(offer: &Offer, taken: Option<Way>) -> OfferedRelease {
    OfferedRelease {
        version: offer.version.to_string(),
        image_bytes: offer.image_bytes,
        ways: offer
            .ways
            .iter()
            .map(|offered| OfferedWay { way: way(offered.way), download_bytes: offered.download_bytes })
            .collect(),
        way: taken.map(way),
        medium: offer.medium.clone(),
    }
}

fn way(way: Way) -> UpdateWay {
    match way {
        Way::Patch => UpdateWay::Patch,
        Way::Chunks => UpdateWay::Chunks,
        Way::Full => UpdateWay::Full,
    }
}

fn progress(phase: &Phase) -> Option<UpdateProgress> {
    if let Phase::Verifying { update, checked } = phase {
        let activity = UpdateActivity::Running;
        return Some(UpdateProgress { image_bytes: *checked, downloaded_bytes: update.downloaded, activity });
    }
    let Phase::Writing { update, progress, activity } = phase else { return None };
    Some(UpdateProgress {
        image_bytes: progress.image,
        downloaded_bytes: update.downloaded.saturating_add(progress.downloaded),
        activity: match activity {
            Activity::Running => UpdateActivity::Running,
            Activity::Paused => UpdateActivity::Paused,
            Activity::Waiting => UpdateActivity::Waiting,
        },
    })
}

/// Why nothing happens although there is something to do.
fn waits(record: &Record, settings: &LoadedSettings) -> Option<Waiting> {
    let next_try = record.next_try.map(|at| at.to_string());
    match &record.phase {
        Phase::Staged { wait: Some(wait), .. } => {
            Some(Waiting { reason: wait.reason.clone(), until: wait.until.map(|until| until.to_string()) })
        }
        Phase::Blocked { reason, .. } => Some(Waiting { reason: reason.clone(), until: next_try }),
        Phase::Available { offer } => {
            let reason = match settings.settings.build {
                _ if record.declined == Some(offer.version) => "it was cancelled, and is built when you start it",
                Build::WhenAsked => "it is built when you start it: the settings say build = \"when-asked\"",
                Build::Automatic => "it is built after the next look",
            };
            Some(Waiting { reason: format!("release {}: {reason}", offer.version), until: None })
        }
        Phase::Writing { activity: Activity::Paused, .. } => {
            Some(Waiting { reason: "the download is paused, and goes on when you start it".to_owned(), until: None })
        }
        Phase::Writing { activity: Activity::Waiting, .. } => {
            let failure = record.failure.as_ref().map(|failure| failure.reason.clone());
            Some(Waiting {
                reason: failure.unwrap_or_else(|| "the download goes on later".to_owned()),
                until: next_try,
            })
        }
        _ => None,
    }
}

/// The place at a lock manager, if there is one or may be one.
fn reboot_lock(ledger: &LockLedger) -> Option<UpdateRebootLock> {
    let claim = ledger.claim()?;
    let refused = ledger.refused();
    let state = match (ledger.under_way(), refused.map(|refused| refused.operation)) {
        (Some(Operation::PreReboot), _) => RebootLockState::Asking,
        (Some(Operation::SteadyState), _) | (None, Some(Operation::SteadyState)) => RebootLockState::GivingBack,
        (None, Some(Operation::PreReboot)) => RebootLockState::Refused,
        (None, None) => RebootLockState::Held,
    };
    Some(UpdateRebootLock {
        state,
        url: claim.url.as_str().to_owned(),
        group: claim.group.as_str().to_owned(),
        since: claim.since.to_string(),
        problem: refused.map(|refused| refused.problem.clone()),
        next_try: refused.map(|refused| refused.ask_again_at.to_string()),
    })
}

//! May the machine restart now?

use std::fs;

use device_facts::FactsSource;
use jiff::{SignedDuration, Timestamp};
use release_metadata::version::Version;
use update_engine::event::Permission;
use update_schedule::decision::{Action, Lock, Progress, Request, Situation, decide};
use update_schedule::settings::Strategy;
use update_schedule::zone::Zone;

use crate::settings::LoadedSettings;

/// What the schedule of the settings says, and what to hand in with the next question about this release.
pub fn permission(loaded: &LoadedSettings, release: Version, progress: Progress) -> (Permission, Progress) {
    let wait = |reason: String| (Permission::Wait { reason, until: None }, progress);
    if let Some(problem) = loaded.problems.first() {
        let reason =
            format!("the settings of updates are not usable, so the device does not restart by itself: {problem}");
        return wait(reason);
    }
    let settings = &loaded.settings;
    let time = Timestamp::now();
    let zone = match zone(&settings.strategy) {
        Ok(zone) => zone,
        Err(reason) => return wait(reason),
    };
    let activity = FactsSource::new("/").activity().facts;
    let situation = Situation {
        time,
        zone: &zone,
        release,
        request: Request::None,
        sessions: &activity.sessions,
        jobs: &activity.jobs,
        lock: &Lock::NotAsked,
        progress,
    };
    let decision = decide(settings, &situation);
    let permission = match decision.action {
        Action::Restart => Permission::Now,
        Action::AskForLock => Permission::Wait {
            reason: "the reboot lock cannot be asked for by this version; restart the device by hand".to_owned(),
            until: None,
        },
        Action::Wait { reasons, wake_at } => {
            let sentences: Vec<String> = reasons.iter().map(|reason| reason.sentence(&zone)).collect();
            // The clock may be set, and time zones change: a window that is far away is looked at again.
            let until = wake_at.map(|at| at.min(time.saturating_add(SignedDuration::from_hours(24)).unwrap_or(at)));
            Permission::Wait { reason: sentences.join("; "), until }
        }
    };
    (permission, decision.progress)
}

/// The time zone of the windows, from the image's database.
fn zone(strategy: &Strategy) -> Result<Zone, String> {
    let named = match strategy {
        Strategy::Windows(windows) => windows.time_zone.as_ref().map(|zone| zone.as_str().to_owned()),
        _ => None,
    };
    let name = named.or_else(device_zone).unwrap_or_else(|| "UTC".to_owned());
    if name == "UTC" {
        return Ok(Zone::utc());
    }
    let path = format!("/usr/share/zoneinfo/{name}");
    let bytes = fs::read(&path)
        .map_err(|error| format!("the rules of the time zone {name} cannot be read from {path}: {error}"))?;
    let name = name.parse().map_err(|error| format!("the time zone {name} {error}"))?;
    Zone::from_tzif(&name, &bytes).map_err(|error| error.to_string())
}

/// The device's own time zone (localtime(5)).
fn device_zone() -> Option<String> {
    let target = fs::read_link("/etc/localtime").ok()?;
    Some(target.to_str()?.split_once("zoneinfo/")?.1.to_owned())
}

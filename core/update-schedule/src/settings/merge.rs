//! Many files, one meaning.

use crate::settings::problem::{Problem, SettingsError};
use crate::settings::written::{Located, Written};
use crate::settings::{Delay, MaintenanceWindows, RebootLock, Settings, Source, Strategy};
use crate::windows::MAXIMUM_WINDOWS;

/// Merges files in this order: a later value replaces an earlier one, windows add up. Then checks the result as a whole.
pub(super) fn settings(files: Vec<Written>) -> Result<Settings, SettingsError> {
    let merged = files.into_iter().fold(Written::default(), merge);
    let mut problems = Vec::new();
    let delay = delay(&merged);
    let strategy = strategy(&merged, delay, &mut problems);
    if !problems.is_empty() {
        return Err(SettingsError { problems });
    }
    let default = Settings::default();
    let unused = unused(&merged);
    Ok(Settings {
        strategy,
        wariness: merged.wariness.map(|located| located.value),
        check_interval_minutes: merged
            .check_interval_minutes
            .map_or(default.check_interval_minutes, |located| located.value),
        build: merged.build.map_or(default.build, |located| located.value),
        source: Source {
            address: merged.source_url.map(|located| located.value),
            stream: merged.source_stream.map(|located| located.value),
            removable_media: merged.removable_media.map(|located| located.value).unwrap_or_default(),
        },
        delay,
        unused,
    })
}

fn merge(earlier: Written, later: Written) -> Written {
    let mut windows = earlier.windows;
    windows.extend(later.windows);
    Written {
        strategy: later.strategy.or(earlier.strategy),
        wariness: later.wariness.or(earlier.wariness),
        check_interval_minutes: later.check_interval_minutes.or(earlier.check_interval_minutes),
        build: later.build.or(earlier.build),
        source_url: later.source_url.or(earlier.source_url),
        source_stream: later.source_stream.or(earlier.source_stream),
        removable_media: later.removable_media.or(earlier.removable_media),
        time_zone: later.time_zone.or(earlier.time_zone),
        windows,
        lock_url: later.lock_url.or(earlier.lock_url),
        lock_group: later.lock_group.or(earlier.lock_group),
        sessions_minutes: later.sessions_minutes.or(earlier.sessions_minutes),
        jobs_minutes: later.jobs_minutes.or(earlier.jobs_minutes),
        notice_minutes: later.notice_minutes.or(earlier.notice_minutes),
    }
}

fn delay(merged: &Written) -> Delay {
    let default = Delay::default();
    let value =
        |written: &Option<Located<u32>>, default: u32| written.as_ref().map_or(default, |located| located.value);
    Delay {
        sessions_minutes: value(&merged.sessions_minutes, default.sessions_minutes),
        jobs_minutes: value(&merged.jobs_minutes, default.jobs_minutes),
        notice_minutes: value(&merged.notice_minutes, default.notice_minutes),
    }
}

fn strategy(merged: &Written, delay: Delay, problems: &mut Vec<Problem>) -> Strategy {
    match merged.strategy.as_ref().map(|located| (located, located.value.as_str())) {
        Some((said, "windows")) => windows(said, merged, delay, problems),
        Some((said, "reboot-lock")) => match &merged.lock_url {
            Some(url) => Strategy::RebootLock(RebootLock {
                url: url.value.clone(),
                group: merged.lock_group.as_ref().map(|located| located.value.clone()).unwrap_or_default(),
            }),
            None => {
                problems.push(at(said, "the strategy is \"reboot-lock\", and nothing says where the lock manager is; write url = \"https://…\" below [reboot_lock]"));
                Strategy::Manual
            }
        },
        Some((_, "manual")) => Strategy::Manual,
        Some(_) => Strategy::Immediate,
        None => {
            // Whoever wrote a window does not expect a restart at any other time.
            let problem = "this is for a strategy that nothing names; write strategy = \"windows\", or \"reboot-lock\"";
            problems.extend(places(merged).into_iter().map(|(_, file, line)| problem_at(file, line, problem)));
            Strategy::Immediate
        }
    }
}

/// The places of settings that only one strategy uses, with its name.
fn places(merged: &Written) -> Vec<(&'static str, &str, usize)> {
    let windows = merged.windows.iter().map(|window| ("windows", window.file.as_str(), window.line));
    let time_zone = merged.time_zone.iter().map(|zone| ("windows", zone.file.as_str(), zone.line));
    let url = merged.lock_url.iter().map(|url| ("reboot-lock", url.file.as_str(), url.line));
    let group = merged.lock_group.iter().map(|group| ("reboot-lock", group.file.as_str(), group.line));
    windows.chain(time_zone).chain(url).chain(group).collect()
}

fn unused(merged: &Written) -> Vec<Problem> {
    let Some(strategy) = merged.strategy.as_ref().map(|located| located.value.as_str()) else { return Vec::new() };
    let others = places(merged).into_iter().filter(|(used_by, _, _)| *used_by != strategy);
    let sentence =
        |used_by| format!("this is not used: it is for the strategy \"{used_by}\", and the strategy is \"{strategy}\"");
    others.map(|(used_by, file, line)| problem_at(file, line, &sentence(used_by))).collect()
}

fn windows(said: &Located<String>, merged: &Written, delay: Delay, problems: &mut Vec<Problem>) -> Strategy {
    if merged.windows.is_empty() {
        problems.push(at(said, "the strategy is \"windows\", and there is no window; add one with [[window]]"));
    }
    if merged.windows.len() > MAXIMUM_WINDOWS {
        let problem = format!("there are {} windows, more than {MAXIMUM_WINDOWS}", merged.windows.len());
        problems.push(Problem { file: None, line: None, problem });
    }
    // Whoever is logged in when such a window opens could not be told in time, and the device would never restart.
    for window in
        merged.windows.iter().filter(|window| u32::from(window.value.length.minutes()) <= delay.notice_minutes)
    {
        let problem = format!(
            "the window is not longer than the notice of {} minutes that people get; make it longer, or `notice_minutes` shorter",
            delay.notice_minutes
        );
        problems.push(at(window, &problem));
    }
    let time_zone = merged.time_zone.as_ref().map(|located| located.value.clone());
    let windows = merged.windows.iter().map(|located| located.value.clone()).collect();
    Strategy::Windows(MaintenanceWindows { time_zone, windows })
}

fn at<T>(place: &Located<T>, problem: &str) -> Problem {
    problem_at(&place.file, place.line, problem)
}

fn problem_at(file: &str, line: usize, problem: &str) -> Problem {
    Problem { file: Some(file.to_owned()), line: Some(line), problem: problem.to_owned() }
}

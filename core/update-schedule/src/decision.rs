//! May the device restart now?

mod notice;
mod reason;

use jiff::{SignedDuration, Timestamp};
use release_metadata::version::Version;
use serde::{Deserialize, Serialize};

use crate::settings::{Delay, Settings, Strategy};
use crate::windows::{self, WindowState};
use crate::zone::Zone;

pub use notice::{Audience, Notice};
pub use reason::Reason;

/// What goes on on the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Situation<'a> {
    /// The time.
    pub time: Timestamp,
    /// The time zone that windows are in, and times are shown in.
    pub zone: &'a Zone,
    /// The release that is installed and waits for the restart.
    pub release: Version,
    /// Whether the operator asked for the restart.
    pub request: Request,
    /// Names of logged-in users, each once.
    pub sessions: &'a [String],
    /// Names of running jobs that asked not to be interrupted, such as a backup.
    pub jobs: &'a [String],
    /// What is known of the reboot lock.
    pub lock: &'a Lock,
    /// What the last decision said; nothing at first.
    pub progress: Progress,
}

/// What the operator asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Nothing: the settings decide.
    None,
    /// A restart now, whatever strategy, sessions and jobs there are.
    RestartNow,
}

/// What is known of the reboot lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lock {
    /// It was not asked for.
    NotAsked,
    /// The answer has not come yet.
    Asking {
        /// The lock manager.
        manager: String,
    },
    /// It was refused.
    Refused {
        /// Why, in the lock manager's words, or why it could not be asked.
        problem: String,
        /// When to ask again, see [`crate::backoff::wait`].
        ask_again_at: Timestamp,
    },
    /// This device holds it.
    Held,
}

/// What one decision tells the next, for one release; kept over restarts of the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Since when only sessions, jobs and the lock delay the restart; delays count from here, over all windows.
    pub due_since: Option<Timestamp>,
    /// Since when the strategy allows it without interruption.
    pub open_since: Option<Timestamp>,
    /// When sessions were told that the device restarts; it is not put off any further.
    pub sessions_until: Option<Timestamp>,
    /// The same for jobs.
    pub jobs_until: Option<Timestamp>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What to do.
    pub action: Action,
    /// To hand in with the next question.
    pub progress: Progress,
    /// What people and jobs are told; to be repeated to them whenever a notice differs from the last one.
    pub notices: Vec<Notice>,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Restart.
    Restart,
    /// Ask the lock manager, then decide again.
    AskForLock,
    /// Wait.
    Wait {
        /// Why; at least one reason.
        reasons: Vec<Reason>,
        /// When to decide again at the latest, if nothing happens; nothing if only an event helps.
        wake_at: Option<Timestamp>,
    },
}

/// Whether the device may restart into an update that is installed.
#[must_use]
pub fn decide(settings: &Settings, situation: &Situation<'_>) -> Decision {
    if situation.request == Request::RestartNow {
        return Decision { action: Action::Restart, progress: situation.progress, notices: Vec::new() };
    }
    match calendar(settings, situation) {
        Err((reason, wake_at)) => {
            // Who is told of a restart in the next window is told then.
            let progress = Progress { due_since: situation.progress.due_since, ..Progress::default() };
            Decision { action: Action::Wait { reasons: vec![reason], wake_at }, progress, notices: Vec::new() }
        }
        Ok(closes_at) => delayed(settings, situation, closes_at),
    }
}

/// When the time allows it, until when (nothing: for ever); otherwise why not, and when that may change.
fn calendar(settings: &Settings, situation: &Situation<'_>) -> Result<Option<Timestamp>, (Reason, Option<Timestamp>)> {
    match &settings.strategy {
        Strategy::Immediate | Strategy::RebootLock(_) => Ok(None),
        Strategy::Manual => Err((Reason::Manual, None)),
        Strategy::Windows(windows) => match windows::state(&windows.windows, situation.zone, situation.time) {
            WindowState::Open { until } => Ok(Some(until)),
            WindowState::Closed { opens_at } => Err((Reason::Window { opens_at }, opens_at)),
        },
    }
}

fn delayed(settings: &Settings, situation: &Situation<'_>, closes_at: Option<Timestamp>) -> Decision {
    let progress = progress(&settings.delay, situation);
    // Once the lock is held, every further minute keeps other devices waiting.
    let waits = *situation.lock != Lock::Held;
    let ahead = |until: Option<Timestamp>| until.filter(|until| waits && *until > situation.time);
    let mut reasons = Vec::new();
    let mut notices = Vec::new();
    let mut wakes: Vec<Timestamp> = Vec::new();
    let delays = [(Audience::Sessions, ahead(progress.sessions_until)), (Audience::Jobs, ahead(progress.jobs_until))];
    for (audience, until) in delays.into_iter().filter_map(|(audience, until)| until.map(|until| (audience, until))) {
        let names = match audience {
            Audience::Sessions => situation.sessions,
            Audience::Jobs => situation.jobs,
        };
        reasons.push(Reason::Delay { audience, names: names.to_vec(), until });
        notices.push(Notice::new(audience, situation.release, until, situation.time, situation.zone));
        wakes.extend([Some(until), Notice::next_change(until, situation.time), closes_at].into_iter().flatten());
    }
    if reasons.is_empty() {
        return Decision { action: with_lock(settings, situation), progress, notices };
    }
    Decision { action: Action::Wait { reasons, wake_at: wakes.into_iter().min() }, progress, notices }
}

/// Fixes, for whoever is there now and was not there before, when the restart comes at the latest.
fn progress(delay: &Delay, situation: &Situation<'_>) -> Progress {
    let time = situation.time;
    // A clock that was put back must not make the delay longer.
    let since = |stored: Option<Timestamp>| stored.filter(|stored| *stored <= time).unwrap_or(time);
    let due_since = since(situation.progress.due_since);
    let open_since = since(situation.progress.open_since);
    let limit = delay.sessions_minutes.max(delay.jobs_minutes);
    // Sessions and jobs that come and go by turns each get their notice, and all of them together no more than one.
    let last = later(later(due_since, limit).max(later(open_since, delay.notice_minutes)), delay.notice_minutes);
    let until = |present: bool, announced: Option<Timestamp>, limit: u32| {
        let fresh = later(due_since, limit).max(later(time, delay.notice_minutes)).min(last);
        // The same with an announcement: it is never further away than a new one would be.
        present.then(|| announced.map_or(fresh, |announced| announced.min(fresh)))
    };
    Progress {
        due_since: Some(due_since),
        open_since: Some(open_since),
        sessions_until: until(
            !situation.sessions.is_empty(),
            situation.progress.sessions_until,
            delay.sessions_minutes,
        ),
        jobs_until: until(!situation.jobs.is_empty(), situation.progress.jobs_until, delay.jobs_minutes),
    }
}

fn later(from: Timestamp, minutes: u32) -> Timestamp {
    from.checked_add(SignedDuration::from_mins(i64::from(minutes))).unwrap_or(Timestamp::MAX)
}

fn with_lock(settings: &Settings, situation: &Situation<'_>) -> Action {
    if !matches!(settings.strategy, Strategy::RebootLock(_)) {
        return Action::Restart;
    }
    match situation.lock {
        Lock::Held => Action::Restart,
        Lock::Asking { manager } => {
            Action::Wait { reasons: vec![Reason::AskingLock { manager: manager.clone() }], wake_at: None }
        }
        Lock::Refused { problem, ask_again_at } if *ask_again_at > situation.time => Action::Wait {
            reasons: vec![Reason::Lock { problem: problem.clone(), ask_again_at: *ask_again_at }],
            wake_at: Some(*ask_again_at),
        },
        Lock::NotAsked | Lock::Refused { .. } => Action::AskForLock,
    }
}

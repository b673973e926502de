//! From an event to the next record and what is to be done.

mod build;
mod changed;
mod request;
mod start;

use jiff::Timestamp;
use release_metadata::version::Version;
use thiserror::Error;

use crate::action::Action;
use crate::event::{Event, Permission};
use crate::history::{BadRelease, HistoryEntry, Outcome};
use crate::policy::Policy;
use crate::record::{Activity, BAD_KEPT, Failure, HISTORY_KEPT, Phase, Record, SlotDamage, Update, Wait, kept};

/// How long a restart may take before the machine is taken not to restart at all.
const REBOOT_PATIENCE: jiff::SignedDuration = jiff::SignedDuration::from_mins(10);
/// Shortest time between two looks at the repository by the device's own will.
const SHORTEST_WAIT: jiff::SignedDuration = jiff::SignedDuration::from_secs(2);
/// Failures in a row after which a release is taken to be at fault, and remembered as bad.
const GIVE_UP_AFTER: u32 = 5;

/// What the operator asks for is not possible now. The record is as it was.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Something is under way that must end first.
    #[error("release {version} is under way ({state}); cancel it first")]
    UnderWay {
        /// Of the update under way.
        version: Version,
        /// The phase's name.
        state: &'static str,
    },
    /// The machine is about to restart.
    #[error("the device is about to restart; ask again afterwards")]
    Restarting,
    /// The running release has not yet shown that it is healthy.
    #[error("release {0} is on trial; wait until it has been found healthy, or roll back")]
    OnTrial(Version),
    /// It is going on already.
    #[error("the device is looking for a release already")]
    Checking,
    /// There is nothing to stop.
    #[error("no update is under way")]
    Nothing,
    /// Only making an image can be paused.
    #[error("only the download of a release can be paused, and none is under way")]
    NotPausable,
    /// There is no staged release.
    #[error("no release is staged; start an update first")]
    NotStaged,
    /// It is staged.
    #[error("release {0} is built already; reboot to start it, or cancel it")]
    Staged(Version),
    /// The wanted version runs.
    #[error("release {0} is running already")]
    Running(Version),
    /// The other slot holds nothing that could start.
    #[error("there is no release to go back to: the other slot holds none that came up healthy")]
    NoOther,
    /// What would be done could not be written down before.
    #[error("{0}")]
    NotKept(String),
    /// No such bad release.
    #[error("release {0} is not remembered as bad")]
    NotBad(Version),
}

/// Takes an event. The record changes, and must be on disk before the actions are performed.
///
/// # Errors
/// When the operator asks for something that is not possible now; then nothing changed.
pub fn on_event(record: &mut Record, event: Event, now: Timestamp, policy: &Policy) -> Result<Vec<Action>, Refusal> {
    let mut machine = Machine { record, now, policy };
    match event {
        Event::Asked(request) => machine.asked(request),
        Event::Started(boot) => Ok(machine.started(&boot)),
        Event::Timer => Ok(machine.timer()),
        Event::Checked { operation, result } => Ok(machine.answered(operation, |machine| machine.checked(result))),
        Event::Progressed { operation, progress } => {
            Ok(machine.answered(operation, |machine| machine.progressed(progress)))
        }
        Event::Written { operation, result } => Ok(machine.answered(operation, |machine| machine.written(result))),
        Event::SlotDamaged { operation, places, bytes } => {
            Ok(machine.answered(operation, |machine| machine.slot_damaged(places, bytes)))
        }
        Event::Verified { operation, result } => Ok(machine.answered(operation, |machine| machine.verified(result))),
        Event::Preflighted { operation, result } => {
            Ok(machine.answered(operation, |machine| machine.preflighted(result)))
        }
        Event::Installed { operation, result } => Ok(machine.answered(operation, |machine| machine.installed(result))),
        Event::Scheduled(permission) => Ok(machine.scheduled(permission)),
        Event::ScheduleChanged => Ok(machine.schedule_changed()),
        Event::SettingsChanged => Ok(machine.settings_changed()),
        Event::MediumInserted => Ok(machine.medium_inserted()),
        Event::Blessed => Ok(machine.blessed()),
        Event::Unhealthy(found) => {
            if let Phase::Trial { failure, .. } = &mut machine.record.phase {
                *failure = Some(found);
            }
            Ok(Vec::new())
        }
    }
}

struct Machine<'m> {
    record: &'m mut Record,
    now: Timestamp,
    policy: &'m Policy,
}

impl Machine<'_> {
    /// Results of an operation that was stopped or replaced mean nothing any more.
    fn answered(&mut self, operation: u64, then: impl FnOnce(&mut Self) -> Vec<Action>) -> Vec<Action> {
        if operation == self.record.operation { then(self) } else { Vec::new() }
    }

    /// The number of a new long action: answers to all earlier ones are ignored from here on.
    fn next_operation(&mut self) -> u64 {
        self.record.operation = self.record.operation.wrapping_add(1);
        self.record.operation
    }

    fn timer(&mut self) -> Vec<Action> {
        let now = self.now;
        let due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        let tried = due(self.record.next_try) || self.next_try_is_absurd();
        match self.record.phase.clone() {
            Phase::Idle | Phase::Available { .. } if tried => self.check(None, false),
            Phase::Writing { update, activity: Activity::Waiting, .. } if tried => self.write(update),
            Phase::Blocked { update, .. } if tried => self.preflight(update),
            // The machine should have restarted long ago.
            Phase::Rebooting { update } if tried => self.stage(update),
            Phase::GoingBack { .. } if tried => self.idle(None),
            Phase::Staged { update, wait } => {
                let mut actions = if tried { self.check_while_staged(&update) } else { Vec::new() };
                if due(wait.and_then(|wait| wait.until)) {
                    self.record.phase = Phase::Staged { update: update.clone(), wait: None };
                    actions.push(Action::AskSchedule { version: update.offer.version });
                }
                actions
            }
            _ => Vec::new(),
        }
    }

    fn scheduled(&mut self, permission: Permission) -> Vec<Action> {
        let Phase::Staged { update, wait } = &mut self.record.phase else { return Vec::new() };
        match permission {
            Permission::Wait { reason, until } => {
                *wait = Some(Wait { reason: kept(&reason), until });
                Vec::new()
            }
            Permission::Now => {
                let update = update.clone();
                self.reboot(update)
            }
        }
    }

    fn reboot(&mut self, update: Update) -> Vec<Action> {
        // A check that runs besides is of no use any more.
        self.next_operation();
        // The boot loader prefers the newest release: for an older one, the running release must step back. It does so only
        // now, so that a power cut before this does not start an older release unasked.
        let older = update.offer.version < self.record.running;
        let demote = older.then_some(Action::Demote { version: self.record.running });
        self.record.phase = Phase::Rebooting { update };
        self.record.next_try = self.after(REBOOT_PATIENCE);
        demote.into_iter().chain([Action::Reboot]).collect()
    }

    /// A part of the slot that runs was found damaged.
    fn slot_damaged(&mut self, places: u32, bytes: u64) -> Vec<Action> {
        self.record.slot_damage = Some(SlotDamage { at: self.now, places, bytes });
        Vec::new()
    }

    /// The release has shown that it is healthy.
    fn blessed(&mut self) -> Vec<Action> {
        let Phase::Trial { update, .. } = &self.record.phase else { return Vec::new() };
        let update = update.clone();
        self.record.running = update.offer.version;
        if update.offer.version < update.from {
            // Whoever goes to an older release does not want to be taken back by the next check.
            self.record.pinned = Some(update.offer.version);
        }
        self.ended(&update, Outcome::Updated);
        self.record.failure = None;
        let mut actions = self.idle(None);
        // A device that was behind a barrier has further to go.
        self.record.next_try = self.policy.check_every.map(|_| self.now);
        actions.push(Action::CleanUp);
        actions
    }

    /// Nothing is under way; the next look comes in time.
    fn idle(&mut self, no_update: Option<String>) -> Vec<Action> {
        self.record.phase = Phase::Idle;
        self.record.no_update = no_update;
        self.record.next_try = self.policy.check_every.and_then(|every| self.after(every));
        Vec::new()
    }

    /// Notes a failure and when to try again. Answers how often it failed in a row.
    fn failed(&mut self, reason: &str) -> u32 {
        let times = self.record.failure.as_ref().map_or(0, |failure| failure.times).saturating_add(1);
        self.record.failure = Some(Failure { at: self.now, reason: kept(reason), times });
        self.record.next_try = self.after(self.policy.wait_after(times));
        times
    }

    fn ended(&mut self, update: &Update, outcome: Outcome) {
        let entry = HistoryEntry {
            at: self.now,
            from: update.from,
            to: update.offer.version,
            way: Some(update.way),
            downloaded: update.downloaded,
            medium: update.offer.medium.clone(),
            outcome,
        };
        self.remember(entry);
    }

    fn remember(&mut self, entry: HistoryEntry) {
        self.record.history.push(entry);
        let surplus = self.record.history.len().saturating_sub(HISTORY_KEPT);
        self.record.history.drain(..surplus);
    }

    fn mark_bad(&mut self, bad: BadRelease) {
        self.record.bad.retain(|known| known.version != bad.version);
        self.record.bad.push(bad);
        let surplus = self.record.bad.len().saturating_sub(BAD_KEPT);
        self.record.bad.drain(..surplus);
    }

    /// No wait is so long: the clock was ahead when it began, and has been set since.
    fn next_try_is_absurd(&self) -> bool {
        let longest = self.policy.check_every.into_iter().chain([self.policy.retry_at_most, REBOOT_PATIENCE]).max();
        let latest = longest.and_then(|longest| self.after(longest));
        self.record.next_try.zip(latest).is_some_and(|(next, latest)| next > latest)
    }

    /// Not at once: whatever is asked again has just answered.
    fn soon(&self) -> Timestamp {
        self.after(SHORTEST_WAIT).unwrap_or(self.now)
    }

    fn after(&self, wait: jiff::SignedDuration) -> Option<Timestamp> {
        self.now.checked_add(wait).ok()
    }
}

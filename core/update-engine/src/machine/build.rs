//! From a look at the repository to a staged release.

use jiff::SignedDuration;
use release_metadata::version::Version;

use super::{GIVE_UP_AFTER, Machine};
use crate::action::Action;
use crate::event::{Found, Problem, WriteProblem};
use crate::history::{BadRelease, Outcome};
use crate::offer::Offer;
use crate::policy::Building;
use crate::record::{Activity, Phase, Progress, Update, kept};

impl Machine<'_> {
    pub(super) fn check(&mut self, wanted: Option<Version>, then_build: bool) -> Vec<Action> {
        self.record.phase = Phase::Checking { wanted, then_build };
        self.record.next_try = None;
        vec![Action::Check { operation: self.next_operation(), wanted, staged: None }]
    }

    /// A staged release may wait for days: a newer one may come meanwhile, or this one be withdrawn.
    pub(super) fn check_while_staged(&mut self, update: &Update) -> Vec<Action> {
        self.record.next_try = self.policy.check_every.and_then(|every| self.after(every));
        let staged = Some(update.offer.version);
        vec![Action::Check { operation: self.next_operation(), wanted: None, staged }]
    }

    pub(super) fn checked(&mut self, result: Result<Found, Problem>) -> Vec<Action> {
        match self.record.phase.clone() {
            Phase::Checking { wanted, then_build } => self.checked_when_idle(result, wanted, then_build),
            Phase::Staged { update, .. } => self.checked_when_staged(result, &update),
            _ => Vec::new(),
        }
    }

    fn checked_when_idle(
        &mut self,
        result: Result<Found, Problem>,
        wanted: Option<Version>,
        then_build: bool,
    ) -> Vec<Action> {
        let offer = match result {
            Err(problem) => {
                self.record.phase = Phase::Idle;
                self.failed(&problem.reason);
                if self.policy.check_every.is_none() {
                    self.record.next_try = None;
                }
                return Vec::new();
            }
            Ok(found) => {
                self.record.last_check = Some(self.now);
                match found {
                    Found::Nothing(reason) | Found::StagedWithdrawn(reason) => {
                        self.record.failure = None;
                        return self.idle(Some(kept(&reason)));
                    }
                    Found::NothingBefore(time, reason) => {
                        self.record.failure = None;
                        self.idle(Some(kept(&reason)));
                        // The interval may be hours, and the release is there in minutes.
                        self.record.next_try = self.record.next_try.map(|next| next.min(time.max(self.soon())));
                        return Vec::new();
                    }
                    Found::Offer(offer) => offer,
                }
            }
        };
        if let Some(reason) = self.unwanted(&offer, wanted) {
            return self.idle(Some(reason));
        }
        let Some(way) = offer.ways.first().map(|offered| offered.way) else {
            self.idle(None);
            self.failed(&format!("release {} offers no way to get it; publish it again", offer.version));
            return Vec::new();
        };
        // A release that could not be built keeps its count of failures; another one starts anew.
        let asked = wanted.is_some() || then_build;
        let automatic = self.policy.build == Building::Automatic && self.record.declined != Some(offer.version);
        if asked || automatic {
            self.record.declined = None;
            let from = self.record.running;
            self.write(Update { offer, from, way, downloaded: 0 })
        } else {
            self.idle(None);
            self.record.failure = None;
            self.record.phase = Phase::Available { offer };
            Vec::new()
        }
    }

    /// Why a release that the repository offers is not taken.
    fn unwanted(&self, offer: &Offer, wanted: Option<Version>) -> Option<String> {
        let version = offer.version;
        if version == self.record.running {
            return Some(format!("release {version} is the newest"));
        }
        if wanted.is_some() {
            return None;
        }
        if version < self.record.running {
            return Some(format!("release {} is newer than any on offer", self.record.running));
        }
        if let Some(pinned) = self.record.pinned {
            return Some(format!("pinned to release {pinned}; release {version} is there"));
        }
        let bad = self.record.bad_release(version)?;
        Some(format!("release {version} is there, but was left behind: {}", bad.reason))
    }

    fn checked_when_staged(&mut self, result: Result<Found, Problem>, staged: &Update) -> Vec<Action> {
        match result {
            // The staged release is as good as it was.
            Err(_) | Ok(Found::Nothing(_) | Found::NothingBefore(..)) => Vec::new(),
            Ok(Found::StagedWithdrawn(reason)) => {
                let version = staged.offer.version;
                let reason = format!("release {version} was withdrawn: {reason}");
                self.ended(staged, Outcome::Failed { reason: kept(&reason) });
                self.idle(Some(kept(&reason)));
                vec![Action::RemoveEntry { version }, Action::CleanUp]
            }
            Ok(Found::Offer(offer)) => {
                let newer = offer.version > staged.offer.version && self.unwanted(&offer, None).is_none();
                match offer.ways.first() {
                    Some(offered) if newer && self.policy.build == Building::Automatic => {
                        let way = offered.way;
                        self.write(Update { offer, from: self.record.running, way, downloaded: 0 })
                    }
                    _ => Vec::new(),
                }
            }
        }
    }

    /// Begins to make the image, or goes on.
    pub(super) fn write(&mut self, update: Update) -> Vec<Action> {
        let operation = self.next_operation();
        let action = Action::Write { operation, offer: update.offer.clone(), way: update.way };
        self.record.next_try = None;
        self.record.no_update = None;
        self.record.phase = Phase::Writing { update, progress: Progress::default(), activity: Activity::Running };
        vec![action]
    }

    pub(super) fn progressed(&mut self, new: Progress) -> Vec<Action> {
        match &mut self.record.phase {
            Phase::Writing { progress, activity: Activity::Running, .. } => *progress = new,
            Phase::Verifying { checked, .. } => *checked = new.image,
            _ => {}
        }
        Vec::new()
    }

    pub(super) fn written(&mut self, result: Result<(), WriteProblem>) -> Vec<Action> {
        let Phase::Writing { update, progress, .. } = self.record.phase.clone() else { return Vec::new() };
        let update = Update { downloaded: update.downloaded.saturating_add(progress.downloaded), ..update };
        match result {
            Ok(()) => self.verify(update),
            Err(WriteProblem::Now(problem)) => {
                self.failed(&problem.reason);
                self.record.phase = Phase::Writing {
                    update,
                    progress: Progress { downloaded: 0, ..progress },
                    activity: Activity::Waiting,
                };
                Vec::new()
            }
            Err(WriteProblem::Way(problem)) => match update.offer.way_after(update.way) {
                Some(way) => self.write(Update { way, ..update }),
                None => self.give_up(&update, &problem.reason),
            },
        }
    }

    pub(super) fn verify(&mut self, update: Update) -> Vec<Action> {
        let action = Action::Verify { operation: self.next_operation(), offer: update.offer.clone() };
        self.record.next_try = None;
        self.record.phase = Phase::Verifying { update, checked: 0 };
        vec![action]
    }

    pub(super) fn verified(&mut self, result: Result<(), Problem>) -> Vec<Action> {
        let Phase::Verifying { update, .. } = self.record.phase.clone() else { return Vec::new() };
        match result {
            Ok(()) => self.preflight(update),
            Err(problem) => self.give_up(&update, &problem.reason),
        }
    }

    pub(super) fn preflight(&mut self, update: Update) -> Vec<Action> {
        let action = Action::Preflight { operation: self.next_operation(), offer: update.offer.clone() };
        self.record.next_try = None;
        self.record.phase = Phase::Preflight { update };
        vec![action]
    }

    pub(super) fn preflighted(&mut self, result: Result<(), Problem>) -> Vec<Action> {
        let Phase::Preflight { update } = self.record.phase.clone() else { return Vec::new() };
        match result {
            Ok(()) => {
                let action = Action::Install { operation: self.next_operation(), offer: update.offer.clone() };
                self.record.phase = Phase::Installing { update };
                vec![action]
            }
            Err(problem) => self.blocked(update, &problem),
        }
    }

    pub(super) fn installed(&mut self, result: Result<(), Problem>) -> Vec<Action> {
        let Phase::Installing { update } = self.record.phase.clone() else { return Vec::new() };
        match result {
            Ok(()) => {
                self.record.failure = None;
                self.stage(update)
            }
            Err(problem) => self.blocked(update, &problem),
        }
    }

    pub(super) fn stage(&mut self, update: Update) -> Vec<Action> {
        let version = update.offer.version;
        self.record.next_try = self.policy.check_every.and_then(|every| self.after(every));
        self.record.phase = Phase::Staged { update, wait: None };
        vec![Action::AskSchedule { version }]
    }

    fn blocked(&mut self, update: Update, problem: &Problem) -> Vec<Action> {
        self.failed(&problem.reason);
        self.record.phase = Phase::Blocked { update, reason: kept(&problem.reason) };
        Vec::new()
    }

    /// No way leads to this release at present. After too many attempts it is not tried any more.
    fn give_up(&mut self, update: &Update, reason: &str) -> Vec<Action> {
        let version = update.offer.version;
        self.ended(update, Outcome::Failed { reason: kept(reason) });
        self.record.phase = Phase::Idle;
        let times = self.failed(reason);
        if times >= GIVE_UP_AFTER {
            let reason = kept(&format!("it could not be built, {times} times in a row: {reason}"));
            self.mark_bad(BadRelease { version, since: self.now, reason, output: String::new() });
            self.record.failure = None;
            self.idle(None);
        } else if self.policy.check_every.is_none_or(|every| every <= SignedDuration::ZERO) {
            self.record.next_try = None;
        }
        vec![Action::CleanUp]
    }
}

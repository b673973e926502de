//! What a start of the driver means, after a boot or in the middle of one.

use super::Machine;
use crate::action::Action;
use crate::event::{Boot, EntryState};
use crate::history::{BadRelease, HistoryEntry, Outcome, TrialFailure};
use crate::record::{Activity, Phase, Update, kept};

impl Machine<'_> {
    pub(super) fn started(&mut self, boot: &Boot) -> Vec<Action> {
        let before = self.record.running;
        self.record.running = boot.version;
        if before != boot.version {
            // It was found in the other slot.
            self.record.slot_damage = None;
        }
        match self.record.phase.clone() {
            Phase::Idle | Phase::Available { .. } => {
                // Another release than the one written down: somebody chose it in the boot menu, or installed it from outside.
                if before != boot.version {
                    self.record.phase = Phase::Idle;
                }
                if self.record.next_try.is_none() || self.next_try_is_absurd() {
                    // The first look comes soon after a boot, not an interval later.
                    self.record.next_try = self.policy.check_every.map(|_| self.now);
                }
                Vec::new()
            }
            Phase::Checking { wanted, then_build } => self.check(wanted, then_build),
            Phase::Writing { update, activity: Activity::Paused, progress } => {
                self.record.phase = Phase::Writing { update, activity: Activity::Paused, progress };
                Vec::new()
            }
            Phase::Writing { update, .. } => {
                if boot.root_hash == update.offer.root_hash {
                    // It runs already: it was installed some other way.
                    return self.idle(None);
                }
                let way = update.offer.ways.first().map_or(update.way, |cheapest| {
                    // A way that failed before the restart has not become better.
                    if update.offer.ways.iter().any(|offered| offered.way == update.way) {
                        update.way
                    } else {
                        cheapest.way
                    }
                });
                self.write(Update { from: boot.version, way, ..update })
            }
            // What was done is done again: each of these can be repeated.
            Phase::Verifying { update, .. } | Phase::Preflight { update } | Phase::Blocked { update, .. } => {
                self.verify(Update { from: boot.version, ..update })
            }
            Phase::Installing { update }
            | Phase::Staged { update, .. }
            | Phase::Rebooting { update }
            | Phase::Trial { update, .. } => self.started_with_entry(boot, update),
            Phase::GoingBack { from, to } => {
                if boot.version == from {
                    self.failed(&format!("release {to} did not start, and the device is back in release {from}"));
                    self.idle(None);
                } else {
                    self.remember(HistoryEntry {
                        at: self.now,
                        from,
                        to: boot.version,
                        way: None,
                        downloaded: 0,
                        medium: None,
                        outcome: Outcome::WentBack,
                    });
                    let reason = "the operator went back from it".to_owned();
                    self.mark_bad(BadRelease { version: from, since: self.now, reason, output: String::new() });
                    self.idle(None);
                }
                Vec::new()
            }
        }
    }

    /// The release's boot entry may be there: is this its boot, is it still to come, or did it fail?
    fn started_with_entry(&mut self, boot: &Boot, update: Update) -> Vec<Action> {
        let entry = boot.entries.iter().find(|entry| entry.version == update.offer.version);
        let state = entry.map(|entry| entry.state);
        if boot.root_hash == update.offer.root_hash {
            self.record.next_try = None;
            let failure = match &self.record.phase {
                Phase::Trial { failure, .. } => failure.clone(),
                _ => None,
            };
            self.record.phase = Phase::Trial { update, failure: failure.or_else(|| boot.trial_failure.clone()) };
            // Blessed before the driver came to see it.
            return if state == Some(EntryState::Good) { self.blessed() } else { Vec::new() };
        }
        match state {
            Some(EntryState::Bad) => self.rolled_back(boot, &update),
            // It came up healthy once, and this is the older release again: the operator chose it in the boot menu.
            Some(EntryState::Good) if matches!(self.record.phase, Phase::Trial { .. }) => {
                self.ended(&update, Outcome::Updated);
                self.idle(None);
                vec![Action::CleanUp]
            }
            Some(EntryState::Good | EntryState::Trying { .. }) => self.stage(Update { from: boot.version, ..update }),
            None => self.verify(Update { from: boot.version, ..update }),
        }
    }

    fn rolled_back(&mut self, boot: &Boot, update: &Update) -> Vec<Action> {
        let version = update.offer.version;
        let noted = match &self.record.phase {
            Phase::Trial { failure, .. } => failure.clone(),
            _ => None,
        };
        let TrialFailure { reason, output } =
            noted.or_else(|| boot.trial_failure.clone()).unwrap_or_else(|| TrialFailure {
                reason: "it did not come up at all: neither its health check nor this device heard of it".to_owned(),
                output: String::new(),
            });
        let reason = kept(&reason);
        self.ended(update, Outcome::RolledBack { reason: reason.clone() });
        self.mark_bad(BadRelease { version, since: self.now, reason, output: kept(&output) });
        self.record.failure = None;
        self.idle(None);
        vec![Action::RemoveEntry { version }, Action::CleanUp]
    }
}

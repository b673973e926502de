//! What changes around an update: settings, media, and what a restart would interrupt.

use super::Machine;
use crate::action::Action;
use crate::record::{Activity, Phase};

impl Machine<'_> {
    /// Asks the schedule again. What was said before holds until it answers.
    pub(super) fn schedule_changed(&mut self) -> Vec<Action> {
        match &self.record.phase {
            Phase::Staged { update, .. } => vec![Action::AskSchedule { version: update.offer.version }],
            _ => Vec::new(),
        }
    }

    /// Takes over the new policy: the next look comes at once where one is due by it, because the place to look at may be another one.
    pub(super) fn settings_changed(&mut self) -> Vec<Action> {
        match &self.record.phase {
            Phase::Idle | Phase::Available { .. } => {
                self.record.next_try = self.policy.check_every.map(|_| self.now);
                Vec::new()
            }
            Phase::Staged { .. } => {
                self.record.next_try = self.policy.check_every.and_then(|every| self.after(every));
                self.schedule_changed()
            }
            // What was put off may work with the new settings.
            Phase::Writing { activity: Activity::Waiting, .. } | Phase::Blocked { .. } => {
                self.record.next_try = Some(self.now);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// Looks at the medium, or goes on with what was put off: it may have what was missing.
    pub(super) fn medium_inserted(&mut self) -> Vec<Action> {
        match self.record.phase.clone() {
            Phase::Idle | Phase::Available { .. } => self.check(None, false),
            // Whoever is looking may have passed it by.
            Phase::Checking { wanted, then_build } => self.check(wanted, then_build),
            Phase::Staged { update, .. } => self.check_while_staged(&update),
            Phase::Writing { update, activity: Activity::Waiting, .. } => self.write(update),
            _ => Vec::new(),
        }
    }
}

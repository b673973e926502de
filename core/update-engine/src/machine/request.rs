//! What the operator asks for.

use release_metadata::version::Version;

use super::{Machine, REBOOT_PATIENCE, Refusal};
use crate::action::Action;
use crate::event::Request;
use crate::history::Outcome;
use crate::record::{Activity, Phase};

impl Machine<'_> {
    pub(super) fn asked(&mut self, request: Request) -> Result<Vec<Action>, Refusal> {
        match request {
            Request::Check => self.asked_to_check(),
            Request::Start(version) => self.asked_to_start(version),
            Request::Pause => self.asked_to_pause(),
            Request::Cancel => self.asked_to_cancel(),
            Request::Reboot => match self.record.phase.clone() {
                Phase::Staged { update, .. } => Ok(self.reboot(update)),
                Phase::Rebooting { .. } | Phase::GoingBack { .. } => Err(Refusal::Restarting),
                _ => Err(Refusal::NotStaged),
            },
            Request::Rollback { to } => self.asked_to_roll_back(to),
            Request::Pin(version) => {
                self.nothing_under_way()?;
                self.record.pinned = Some(version);
                if matches!(self.record.phase, Phase::Available { .. }) {
                    self.idle(Some(format!("pinned to release {version}")));
                }
                Ok(Vec::new())
            }
            Request::Unpin => {
                self.record.pinned = None;
                Ok(Vec::new())
            }
            Request::Forgive(version) => {
                self.record.bad_release(version).ok_or(Refusal::NotBad(version))?;
                self.record.bad.retain(|bad| bad.version != version);
                Ok(Vec::new())
            }
        }
    }

    fn asked_to_check(&mut self) -> Result<Vec<Action>, Refusal> {
        match self.record.phase.clone() {
            Phase::Idle | Phase::Available { .. } => Ok(self.check(None, false)),
            Phase::Staged { update, .. } => Ok(self.check_while_staged(&update)),
            Phase::Checking { .. } => Err(Refusal::Checking),
            _ => Err(self.under_way()),
        }
    }

    fn asked_to_start(&mut self, version: Option<Version>) -> Result<Vec<Action>, Refusal> {
        if let Some(version) = version.filter(|version| *version == self.record.running) {
            return Err(Refusal::Running(version));
        }
        let other = |update: &crate::record::Update| version.is_some_and(|wanted| wanted != update.offer.version);
        match self.record.phase.clone() {
            Phase::Idle | Phase::Available { .. } if version.is_some() => Ok(self.check(version, true)),
            Phase::Available { offer } => match offer.ways.first().map(|offered| offered.way) {
                Some(way) => {
                    self.record.declined = None;
                    let from = self.record.running;
                    Ok(self.write(crate::record::Update { offer, from, way, downloaded: 0 }))
                }
                None => Ok(self.check(None, true)),
            },
            Phase::Idle => Ok(self.check(None, true)),
            Phase::Checking { .. } => Err(Refusal::Checking),
            Phase::Writing { activity: Activity::Running, .. } => Err(self.under_way()),
            Phase::Writing { update, .. } if !other(&update) => Ok(self.write(update)),
            Phase::Blocked { update, .. } if !other(&update) => Ok(self.preflight(update)),
            Phase::Staged { update, .. } if !other(&update) => Err(Refusal::Staged(update.offer.version)),
            _ => Err(self.under_way()),
        }
    }

    fn asked_to_pause(&mut self) -> Result<Vec<Action>, Refusal> {
        match &mut self.record.phase {
            Phase::Writing { activity, .. } if *activity != Activity::Paused => {
                *activity = Activity::Paused;
                self.record.next_try = None;
                self.next_operation();
                Ok(vec![Action::Stop])
            }
            _ => Err(Refusal::NotPausable),
        }
    }

    fn asked_to_cancel(&mut self) -> Result<Vec<Action>, Refusal> {
        let phase = self.record.phase.clone();
        let actions = match &phase {
            Phase::Idle => return Err(Refusal::Nothing),
            Phase::Rebooting { .. } | Phase::GoingBack { .. } => return Err(Refusal::Restarting),
            Phase::Trial { update, .. } => return Err(Refusal::OnTrial(update.offer.version)),
            Phase::Checking { .. } => vec![Action::Stop],
            Phase::Available { offer } => {
                self.record.declined = Some(offer.version);
                Vec::new()
            }
            Phase::Writing { .. } | Phase::Verifying { .. } | Phase::Preflight { .. } | Phase::Blocked { .. } => {
                vec![Action::Stop, Action::CleanUp]
            }
            Phase::Installing { update } | Phase::Staged { update, .. } => {
                vec![Action::Stop, Action::RemoveEntry { version: update.offer.version }, Action::CleanUp]
            }
        };
        if let Some(update) = phase.update() {
            self.record.declined = Some(update.offer.version);
            self.ended(update, Outcome::Cancelled);
        }
        self.next_operation();
        self.record.failure = None;
        self.idle(None);
        Ok(actions)
    }

    fn asked_to_roll_back(&mut self, to: Option<Version>) -> Result<Vec<Action>, Refusal> {
        let (from, to) = match &self.record.phase {
            Phase::Trial { update, .. } => (update.offer.version, to.unwrap_or(update.from)),
            Phase::Rebooting { .. } | Phase::GoingBack { .. } => return Err(Refusal::Restarting),
            Phase::Idle | Phase::Checking { .. } | Phase::Available { .. } => {
                (self.record.running, to.ok_or(Refusal::NoOther)?)
            }
            // The other slot is being overwritten, or has been.
            _ => return Err(self.under_way()),
        };
        self.next_operation();
        self.record.phase = Phase::GoingBack { from, to };
        self.record.next_try = self.after(REBOOT_PATIENCE);
        Ok(vec![Action::Stop, Action::Demote { version: from }, Action::Reboot])
    }

    fn nothing_under_way(&self) -> Result<(), Refusal> {
        match self.record.phase {
            Phase::Idle | Phase::Checking { .. } | Phase::Available { .. } => Ok(()),
            _ => Err(self.under_way()),
        }
    }

    fn under_way(&self) -> Refusal {
        match &self.record.phase {
            Phase::Rebooting { .. } | Phase::GoingBack { .. } => Refusal::Restarting,
            Phase::Trial { update, .. } => Refusal::OnTrial(update.offer.version),
            phase => match phase.update() {
                Some(update) => Refusal::UnderWay { version: update.offer.version, state: phase.name() },
                None => Refusal::Checking,
            },
        }
    }
}

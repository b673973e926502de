//! A model of a device: enough to say which release a boot would start, and whether its slot is whole.

use std::collections::BTreeMap;

use disk_layout::root_hash::RootHash;
use jiff::{SignedDuration, Timestamp};
use release_metadata::version::Version;
use update_engine::action::Action;
use update_engine::event::{Boot, Entry, EntryState, Event, Found, Permission, Problem, Request, WriteProblem};
use update_engine::history::TrialFailure;
use update_engine::machine::{Refusal, on_event};
use update_engine::offer::{Offer, OfferedWay, Way};
use update_engine::policy::Policy;
use update_engine::record::{Progress, Record};

/// Tries of a fresh boot entry.
pub const TRIES: u32 = 2;

#[derive(Debug, Clone)]
pub struct Device {
    pub now: Timestamp,
    pub policy: Policy,
    /// What is on disk: a power cut goes back to it.
    pub record: Record,
    /// What each slot holds; nothing while it is being written.
    pub slots: [Option<Version>; 2],
    /// Boot entries: tries left, tries done; nothing once good.
    pub entries: BTreeMap<Version, Option<(u32, u32)>>,
    pub running: Version,
    /// What the repository offers at present.
    pub newest: Version,
    /// Long actions that have not answered.
    pub pending: Vec<Action>,
    pub reboot_asked: bool,
    /// What the health check wrote down.
    pub trial_failure: Option<TrialFailure>,
}

pub fn version(text: &str) -> Version {
    text.parse().unwrap()
}

pub fn root_hash(version: Version) -> RootHash {
    let mut bytes = [0; 32];
    for (byte, character) in bytes.iter_mut().zip(version.to_string().bytes()) {
        *byte = character;
    }
    RootHash(bytes)
}

pub fn offer(version: Version) -> Offer {
    let way = |way, download_bytes| OfferedWay { way, download_bytes };
    Offer {
        version,
        root_hash: root_hash(version),
        image_bytes: 1000,
        ways: vec![way(Way::Patch, 10), way(Way::Chunks, 100), way(Way::Full, 1000)],
        medium: None,
    }
}

pub fn problem(text: &str) -> Problem {
    Problem { reason: text.to_owned() }
}

impl Device {
    pub fn new() -> Self {
        let first = version("1.0.0");
        let mut device = Self {
            now: "2026-11-21T12:00:00Z".parse().unwrap(),
            policy: Policy::default(),
            record: Record::new(first),
            slots: [Some(first), None],
            entries: BTreeMap::from([(first, None)]),
            running: first,
            newest: first,
            pending: Vec::new(),
            reboot_asked: false,
            trial_failure: None,
        };
        device.start();
        device
    }

    /// The driver starts and says what it finds.
    pub fn start(&mut self) {
        self.pending.clear();
        self.reboot_asked = false;
        let state = |counter: &Option<(u32, u32)>| match counter {
            None => EntryState::Good,
            Some((0, _)) => EntryState::Bad,
            Some((_, done)) => EntryState::Trying { done: *done },
        };
        let entries = self.entries.iter().map(|(version, counter)| Entry { version: *version, state: state(counter) });
        let boot = Boot {
            version: self.running,
            root_hash: root_hash(self.running),
            entries: entries.collect(),
            trial_failure: self.trial_failure.clone(),
        };
        self.send(Event::Started(boot)).unwrap();
    }

    /// Gives the machine an event, keeps the record as a driver does, and performs the short actions.
    pub fn send(&mut self, event: Event) -> Result<(), Refusal> {
        let mut record = self.record.clone();
        let before = record.clone();
        let result = on_event(&mut record, event, self.now, &self.policy);
        if result.is_err() {
            assert_eq!(record, before, "a refused request changes nothing");
        }
        let actions = result?;
        // What is kept must come back.
        assert_eq!(Record::parse(&record.to_json()).unwrap(), record);
        self.record = record;
        for action in actions {
            self.perform(action);
        }
        Ok(())
    }

    pub fn ask(&mut self, request: Request) -> Result<(), Refusal> {
        self.send(Event::Asked(request))
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Stop => self.pending.clear(),
            Action::RemoveEntry { version } => {
                assert_ne!(version, self.running, "the running release's boot entry is never taken away");
                self.entries.remove(&version);
            }
            Action::Demote { version } => {
                let done = self.entries.get(&version).copied().flatten().map_or(0, |(_, done)| done);
                self.entries.insert(version, Some((0, done)));
            }
            Action::Reboot => self.reboot_asked = true,
            Action::CleanUp => {}
            Action::Write { offer, operation, way } => {
                let inactive = self.inactive();
                if let Some(old) = self.slots[inactive].take() {
                    assert_ne!(old, self.running);
                    self.entries.remove(&old);
                }
                self.pending.push(Action::Write { offer, operation, way });
            }
            long => self.pending.push(long),
        }
    }

    pub fn inactive(&self) -> usize {
        usize::from(self.slots[0] == Some(self.running))
    }

    /// Answers the look at the repository that is under way.
    pub fn answer_check(&mut self, found: Found) {
        assert!(matches!(self.pending.pop(), Some(Action::Check { .. })), "no look is under way");
        let operation = self.record.operation;
        self.send(Event::Checked { operation, result: Ok(found) }).unwrap();
    }

    /// Answers the oldest long action as if it had gone well.
    pub fn succeed(&mut self) -> bool {
        if self.pending.is_empty() {
            return false;
        }
        let event = match self.pending.remove(0) {
            Action::Check { operation, wanted, .. } => {
                let found = match wanted.unwrap_or(self.newest) {
                    version if version == self.running => Found::Nothing("up to date".to_owned()),
                    version => Found::Offer(offer(version)),
                };
                Event::Checked { operation, result: Ok(found) }
            }
            Action::Write { operation, offer, .. } => {
                let inactive = self.inactive();
                self.slots[inactive] = Some(offer.version);
                let progress = Progress { image: 1000, downloaded: 10 };
                self.send(Event::Progressed { operation, progress }).unwrap();
                Event::Written { operation, result: Ok(()) }
            }
            Action::Verify { operation, offer } => {
                let whole = self.slots[self.inactive()] == Some(offer.version);
                Event::Verified { operation, result: if whole { Ok(()) } else { Err(problem("not the image")) } }
            }
            Action::Preflight { operation, .. } => Event::Preflighted { operation, result: Ok(()) },
            Action::Install { operation, offer } => {
                assert_eq!(self.slots[self.inactive()], Some(offer.version), "no boot entry for an incomplete slot");
                self.entries.insert(self.running, None);
                self.entries.insert(offer.version, Some((TRIES, 0)));
                Event::Installed { operation, result: Ok(()) }
            }
            Action::AskSchedule { .. } => Event::Scheduled(Permission::Now),
            short => unreachable!("{short:?} was performed at once"),
        };
        self.send(event).unwrap();
        true
    }

    /// Answers the oldest long action as if it had failed.
    pub fn fail(&mut self, way: bool) -> bool {
        if self.pending.is_empty() {
            return false;
        }
        let result = Err(problem("it did not work"));
        let event = match self.pending.remove(0) {
            Action::Check { operation, .. } => Event::Checked { operation, result: Err(problem("no network")) },
            Action::Write { operation, .. } => {
                let because = if way { WriteProblem::Way } else { WriteProblem::Now };
                Event::Written { operation, result: Err(because(problem("it did not work"))) }
            }
            Action::Verify { operation, .. } => Event::Verified { operation, result },
            Action::Preflight { operation, .. } => Event::Preflighted { operation, result },
            Action::Install { operation, .. } => Event::Installed { operation, result },
            Action::AskSchedule { .. } => Event::Scheduled(Permission::Wait {
                reason: "the window opens later".to_owned(),
                until: self.now.checked_add(SignedDuration::from_hours(1)).ok(),
            }),
            short => unreachable!("{short:?} was performed at once"),
        };
        self.send(event).unwrap();
        true
    }

    /// Switches the machine off and on, at this very moment.
    pub fn power_cycle(&mut self) {
        // As systemd-boot chooses: entries without tries last, then the newest.
        let mut order: Vec<(Version, Option<(u32, u32)>)> =
            self.entries.iter().map(|(version, counter)| (*version, *counter)).collect();
        order.sort_by_key(|(version, counter)| (matches!(counter, Some((0, _))), std::cmp::Reverse(*version)));
        let (chosen, counter) = *order.first().expect("something can start");
        if let Some((left, done)) = counter {
            self.entries.insert(chosen, Some((left.saturating_sub(1), done + 1)));
        }
        assert!(self.slots.contains(&Some(chosen)), "{chosen} was started from an incomplete slot: {self:?}");
        self.running = chosen;
        self.start();
    }

    /// The boot is found healthy.
    pub fn bless(&mut self) {
        self.entries.insert(self.running, None);
        self.trial_failure = None;
        self.send(Event::Blessed).unwrap();
    }

    /// The boot is found unhealthy, and the machine restarts if it was a trial.
    pub fn fail_health(&mut self) {
        let trial = self.entries.get(&self.running).is_some_and(Option::is_some);
        let failure = TrialFailure { reason: "50-photos failed".to_owned(), output: "no photos".to_owned() };
        self.send(Event::Unhealthy(failure.clone())).unwrap();
        if trial {
            self.trial_failure = Some(failure);
            self.power_cycle();
        }
    }

    /// Lets time pass until the machine wants to be called.
    pub fn wait(&mut self) {
        if let Some(at) = self.record.wake_at() {
            self.now = self.now.max(at);
            self.send(Event::Timer).unwrap();
        }
    }

    /// Whether whatever a boot could choose is whole.
    pub fn assert_bootable(&self) {
        for (entry, counter) in &self.entries {
            assert!(self.slots.contains(&Some(*entry)), "the boot entry {entry} {counter:?} has no slot: {self:?}");
        }
        assert!(self.entries.contains_key(&self.running));
    }
}

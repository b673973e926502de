//! Restart now, or wait: until when, and what people are told.

mod zones;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::{Strategy as Generator, any, prop_assert, proptest};
use update_schedule::decision::{Action, Decision, Lock, Progress, Reason, Request, Situation, decide};
use update_schedule::fleet_lock::{LockAddress, LockGroup};
use update_schedule::settings::{Delay, MaintenanceWindows, RebootLock, Settings, Strategy};
use update_schedule::windows::{Weekdays, Window, WindowLength};
use update_schedule::zone::Zone;
use zones::{time, zone};

/// A device over time: what it is told to do at each question.
struct Device {
    settings: Settings,
    zone: Zone,
    sessions: Vec<String>,
    jobs: Vec<String>,
    lock: Lock,
    progress: Progress,
}

impl Device {
    fn with(strategy: Strategy) -> Self {
        Self {
            settings: Settings { strategy, ..Settings::default() },
            zone: zone("Europe/Berlin"),
            sessions: Vec::new(),
            jobs: Vec::new(),
            lock: Lock::NotAsked,
            progress: Progress::default(),
        }
    }

    fn ask(&mut self, at: Timestamp, request: Request) -> Decision {
        let situation = Situation {
            time: at,
            zone: &self.zone,
            release: "1.4.0".parse().expect("a version"),
            request,
            sessions: &self.sessions,
            jobs: &self.jobs,
            lock: &self.lock,
            progress: self.progress,
        };
        let decision = decide(&self.settings, &situation);
        self.progress = decision.progress;
        decision
    }

    /// `restart`, `ask for lock`, or the reasons.
    fn at(&mut self, at: &str) -> String {
        let decision = self.ask(time(at), Request::None);
        self.sentences(&decision)
    }

    fn sentences(&self, decision: &Decision) -> String {
        match &decision.action {
            Action::Restart => "restart".to_owned(),
            Action::AskForLock => "ask for lock".to_owned(),
            Action::Wait { reasons, .. } => {
                reasons.iter().map(|reason| reason.sentence(&self.zone)).collect::<Vec<_>>().join("; ")
            }
        }
    }
}

fn saturday_night() -> Strategy {
    let window = Window {
        days: Weekdays::from_names(["Sat"]).expect("days"),
        start: "23:30".parse().expect("a time"),
        length: WindowLength::new(30).expect("a length"),
    };
    Strategy::Windows(MaintenanceWindows { time_zone: None, windows: vec![window] })
}

fn with_lock() -> Strategy {
    Strategy::RebootLock(RebootLock {
        url: LockAddress::new("https://hub.example.org").expect("a URL"),
        group: LockGroup::default(),
    })
}

fn wake(decision: &Decision) -> Option<Timestamp> {
    match &decision.action {
        Action::Wait { wake_at, .. } => *wake_at,
        Action::Restart | Action::AskForLock => None,
    }
}

#[test]
fn each_strategy_waits_for_its_own_reason() {
    assert_eq!(Device::with(Strategy::Immediate).at("2026-11-21T09:00Z"), "restart");
    assert_eq!(
        Device::with(Strategy::Manual).at("2026-11-21T09:00Z"),
        "updates are finished by hand on this device: restart it when it suits"
    );
    let mut windows = Device::with(saturday_night());
    assert_eq!(windows.at("2026-11-21T09:00Z"), "the next maintenance window opens at 2026-11-21 23:30 CET");
    assert_eq!(windows.at("2026-11-21T22:30Z"), "restart");
    let mut lock = Device::with(with_lock());
    assert_eq!(lock.at("2026-11-21T09:00Z"), "ask for lock");
    lock.lock = Lock::Refused { problem: "all slots are locked".to_owned(), ask_again_at: time("2026-11-21T09:01Z") };
    assert_eq!(
        lock.at("2026-11-21T09:00:30Z"),
        "the lock manager does not allow it yet: all slots are locked; asked again at 2026-11-21 10:01 CET"
    );
    assert_eq!(lock.at("2026-11-21T09:01Z"), "ask for lock");
    lock.lock = Lock::Held;
    assert_eq!(lock.at("2026-11-21T09:02Z"), "restart");
}

#[test]
fn the_operator_may_always_restart() {
    for strategy in [Strategy::Manual, saturday_night(), with_lock()] {
        let mut device = Device::with(strategy);
        device.sessions.push("alice".to_owned());
        assert_eq!(device.ask(time("2026-11-21T09:00Z"), Request::RestartNow).action, Action::Restart);
    }
}

#[test]
fn sessions_and_jobs_delay_up_to_their_limits() {
    let mut device = Device::with(Strategy::Immediate);
    device.sessions.push("alice".to_owned());
    device.jobs.extend(["backup".to_owned(), "pull of images".to_owned()]);
    let sessions = "alice is logged in; the device restarts at 2026-11-21 11:00 CET at the latest";
    let jobs = "backup and pull of images are running; the device restarts at 2026-11-21 16:00 CET at the latest";
    assert_eq!(device.at("2026-11-21T09:00Z"), format!("{sessions}; {jobs}"));
    assert_eq!(device.at("2026-11-21T10:00Z"), jobs);
    assert_eq!(device.at("2026-11-21T14:59:59Z"), jobs);
    assert_eq!(device.at("2026-11-21T15:00Z"), "restart");
    // When they are gone, nothing delays.
    let mut device = Device::with(Strategy::Immediate);
    device.sessions.push("alice".to_owned());
    assert_eq!(device.at("2026-11-21T09:00Z"), sessions);
    device.sessions.clear();
    assert_eq!(device.at("2026-11-21T09:00:01Z"), "restart");
}

#[test]
fn people_are_told_when_and_again() {
    let mut device = Device::with(Strategy::Immediate);
    device.sessions.push("alice".to_owned());
    let first = device.ask(time("2026-11-21T09:00Z"), Request::None);
    assert_eq!(
        first.notices[0].text,
        "Release 1.4.0 is installed. This device restarts at 2026-11-21 11:00 CET at the latest, or as soon as nobody is logged in. Save your work."
    );
    let mut now = time("2026-11-21T09:00Z");
    let mut told = vec![(now, first.notices[0].repetition)];
    let mut decision = first;
    while let Action::Wait { .. } = decision.action {
        now = wake(&decision).unwrap();
        decision = device.ask(now, Request::None);
        told.extend(decision.notices.first().map(|notice| (now, notice.repetition)));
    }
    let expected = ["09:00", "09:30", "09:45", "09:55", "09:59"].map(|clock| time(&format!("2026-11-21T{clock}Z")));
    assert_eq!(told.iter().map(|(at, _)| *at).collect::<Vec<_>>(), expected);
    assert_eq!(told.iter().map(|(_, repetition)| *repetition).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(now, time("2026-11-21T10:00Z"));
}

#[test]
fn a_session_that_outlasts_a_window_does_not_outlast_the_next() {
    let mut device = Device::with(saturday_night());
    device.sessions.push("alice".to_owned());
    // An hour of delay, and a window of half an hour.
    let opening = device.ask(time("2026-11-21T22:30Z"), Request::None);
    assert_eq!(
        device.sentences(&opening),
        "alice is logged in; the device restarts at 2026-11-22 00:30 CET at the latest"
    );
    assert_eq!(wake(&opening), Some(time("2026-11-21T22:30Z") + SignedDuration::from_mins(30)));
    assert_eq!(device.at("2026-11-21T23:00Z"), "the next maintenance window opens at 2026-11-28 23:30 CET");
    // A week later bob is there. He gets his notice, and no more.
    device.sessions = vec!["bob".to_owned()];
    assert_eq!(
        device.at("2026-11-28T22:30Z"),
        "bob is logged in; the device restarts at 2026-11-28 23:34 CET at the latest"
    );
    assert_eq!(device.at("2026-11-28T22:34Z"), "restart");
}

#[test]
fn the_lock_is_asked_for_only_when_nothing_else_delays() {
    let mut device = Device::with(with_lock());
    device.jobs.push("backup".to_owned());
    assert!(device.at("2026-11-21T09:00Z").starts_with("backup is running"));
    device.jobs.clear();
    assert_eq!(device.at("2026-11-21T09:10Z"), "ask for lock");
    // Whoever logs in now would keep the lock from others.
    device.lock = Lock::Held;
    device.sessions.push("alice".to_owned());
    assert_eq!(device.at("2026-11-21T09:11Z"), "restart");
}

#[test]
fn a_clock_that_is_put_back_does_not_make_the_delay_longer() {
    let mut device = Device::with(Strategy::Immediate);
    device.sessions.push("alice".to_owned());
    device.at("2036-01-01T00:00Z");
    assert_eq!(
        device.at("2026-11-21T09:00Z"),
        "alice is logged in; the device restarts at 2026-11-21 11:00 CET at the latest"
    );
}

#[test]
fn many_names_are_counted() {
    let zone = zone("UTC");
    let names: Vec<String> = ["a", "b", "c", "d", "e", "f", "g"].map(str::to_owned).to_vec();
    let audience = update_schedule::decision::Audience::Sessions;
    let reason = Reason::Delay { audience, names, until: time("2026-11-21T09:00Z") };
    assert_eq!(
        reason.sentence(&zone),
        "a, b, c, d, e and 2 more are logged in; the device restarts at 2026-11-21 09:00 UTC at the latest"
    );
}

#[derive(Debug, Clone)]
struct Step {
    seconds: i64,
    sessions: bool,
    jobs: bool,
}

fn steps() -> impl Generator<Value = Vec<Step>> {
    let step = (1..20_000i64, any::<bool>(), any::<bool>());
    proptest::collection::vec(step.prop_map(|(seconds, sessions, jobs)| Step { seconds, sessions, jobs }), 1..60)
}

proptest! {
    #[test]
    fn sessions_and_jobs_never_hold_a_device_beyond_its_limits(steps in steps(), sessions in 0..600u32, jobs in 0..600u32, notice in 0..60u32) {
        let mut device = Device::with(Strategy::Immediate);
        device.settings.delay = Delay { sessions_minutes: sessions, jobs_minutes: jobs, notice_minutes: notice };
        let mut now = time("2026-11-21T09:00Z");
        let longest = i64::from(sessions.max(jobs).max(notice) + notice) * 60;
        let last = now + SignedDuration::from_secs(longest);
        for step in steps {
            device.sessions = if step.sessions { vec!["alice".to_owned()] } else { Vec::new() };
            device.jobs = if step.jobs { vec!["backup".to_owned()] } else { Vec::new() };
            let next_event = now + SignedDuration::from_secs(step.seconds);
            while now < next_event {
                let decision = device.ask(now, Request::None);
                let Action::Wait { reasons, wake_at } = &decision.action else {
                    prop_assert!(decision.action == Action::Restart);
                    return Ok(());
                };
                prop_assert!(now < last, "{:?}", decision);
                prop_assert!(!reasons.is_empty() && reasons.iter().all(|reason| reason.until().is_some_and(|until| until > now)));
                prop_assert!(decision.notices.len() == reasons.len());
                let wake = wake_at.expect("time helps");
                prop_assert!(wake > now);
                now = wake.min(next_event);
            }
        }
    }

    #[test]
    fn waking_when_told_always_ends_in_a_restart(sessions in any::<bool>(), jobs in any::<bool>(), second in 0..1_000_000i64, notice in 0..30u32) {
        let mut device = Device::with(saturday_night());
        device.settings.delay.notice_minutes = notice.min(29);
        device.sessions = if sessions { vec!["alice".to_owned()] } else { Vec::new() };
        device.jobs = if jobs { vec!["backup".to_owned()] } else { Vec::new() };
        let mut now = time("2026-03-20T00:00Z") + SignedDuration::from_secs(second);
        for _ in 0..200 {
            let decision = device.ask(now, Request::None);
            if decision.action == Action::Restart {
                return Ok(());
            }
            now = wake(&decision).unwrap();
        }
        prop_assert!(false, "it never restarts");
    }
}

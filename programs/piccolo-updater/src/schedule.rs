//! May the machine restart now? And who is told, and asked.

mod lock;
mod zone;

use std::path::PathBuf;

use anyhow::Context;
use device_facts::FactsSource;
use jiff::{SignedDuration, Timestamp};
use release_metadata::version::Version;
use tracing::{info, warn};
use update_engine::event::Permission;
use update_schedule::decision::{Action, Audience, Lock, Notice, Progress, Request, Situation, decide};
use update_schedule::settings::Strategy;
use update_store::delay::DelayFile;

use crate::settings::{LoadedSettings, Standing};
use crate::watches::{Watched, Watches};

pub use lock::{LockAnswer, RebootLockKeeper};

/// What logind writes when somebody comes or goes.
const ACTIVITY: [&str; 2] = ["/run/systemd/sessions", "/run/systemd/inhibit"];
/// The clock may be set, and time zones change: whatever is far away is looked at again after this.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(24);

/// Answers when the machine may restart.
pub struct Scheduler {
    /// The reboot lock.
    pub lock: RebootLockKeeper,
    /// How far sessions and jobs have delayed the restart into a release.
    delay: Option<(Version, Progress)>,
    delay_file: DelayFile,
    /// What people were told last.
    told: Vec<Notice>,
    watches: Watches,
}

impl Scheduler {
    /// With what was kept below `state`.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn new(state: PathBuf, lock: RebootLockKeeper, watches: Watches) -> Self {
        Self { lock, delay: None, delay_file: DelayFile::below(&state), told: Vec::new(), watches }
    }

    /// What the schedule of the settings says about a restart into this release.
    ///
    /// # Errors
    /// When what must be kept cannot be kept.
    pub fn permission(&mut self, loaded: &LoadedSettings, release: Version) -> anyhow::Result<Permission> {
        let wait = |reason: String| Permission::Wait { reason, until: None };
        if let (Standing::Cautious, Some(problem)) = (loaded.standing, loaded.problems.first()) {
            let reason =
                format!("the settings of updates are not usable, so the device does not restart by itself: {problem}");
            return Ok(wait(reason));
        }
        let settings = &loaded.settings;
        let zone = match zone::of(&settings.strategy) {
            Ok(zone) => zone,
            Err(reason) => return Ok(wait(reason)),
        };
        // First, so that nobody who comes between this and the look goes unnoticed.
        for directory in ACTIVITY {
            self.watches.also(directory.as_ref(), Watched::Activity);
        }
        let progress = self.progress(release)?;
        let activity = FactsSource::new("/").activity().facts;
        let users = activity.users();
        let wanted = match &settings.strategy {
            Strategy::RebootLock(wanted) => Some(wanted),
            _ => None,
        };
        let now = Timestamp::now();
        let decided = |lock: &Lock| {
            let situation = Situation {
                time: now,
                zone: &zone,
                release,
                request: Request::None,
                sessions: &users,
                jobs: &activity.jobs,
                lock,
                progress,
            };
            decide(settings, &situation)
        };
        let mut decision = decided(&wanted.map_or(Lock::NotAsked, |wanted| self.lock.state(wanted)));
        if let (Action::AskForLock, Some(wanted)) = (&decision.action, wanted) {
            self.lock.ask(wanted, now)?;
            decision = decided(&self.lock.state(wanted));
        }
        self.keep_progress(release, decision.progress)?;
        self.tell(decision.notices, &activity.sessions);
        Ok(match decision.action {
            Action::Restart => Permission::Now,
            // Neither asked nor refused: an address that cannot be asked at all.
            Action::AskForLock => wait("the lock manager cannot be asked; see the log of piccolo-updater".to_owned()),
            Action::Wait { reasons, wake_at } => {
                let sentences: Vec<String> = reasons.iter().map(|reason| reason.sentence(&zone)).collect();
                let until = wake_at.map(|at| at.min(now.saturating_add(LONGEST_WAIT).unwrap_or(at)));
                Permission::Wait { reason: sentences.join("; "), until }
            }
        })
    }

    /// Nothing waits any more.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn forget_delay(&mut self) -> anyhow::Result<()> {
        self.delay = None;
        self.told.clear();
        Ok(self.delay_file.forget()?)
    }

    fn progress(&mut self, release: Version) -> anyhow::Result<Progress> {
        if let Some((_, progress)) = self.delay.filter(|(version, _)| *version == release) {
            return Ok(progress);
        }
        let progress = self.delay_file.progress(release)?;
        self.delay = Some((release, progress));
        Ok(progress)
    }

    /// On the disk, so that a restart of this program does not begin the delay anew.
    fn keep_progress(&mut self, release: Version, progress: Progress) -> anyhow::Result<()> {
        if self.delay != Some((release, progress)) {
            self.delay_file.keep(release, progress).context("the delay cannot be kept")?;
            self.delay = Some((release, progress));
        }
        Ok(())
    }

    /// People on their terminals, and whoever reads the log: a job has none.
    fn tell(&mut self, notices: Vec<Notice>, sessions: &[device_facts::activity::Session]) {
        for notice in notices.iter().filter(|notice| !self.told.contains(notice)) {
            info!("{}", notice.text);
            if notice.audience == Audience::Sessions {
                let reached = session_notices::tell("/dev".as_ref(), sessions, &notice.text);
                if reached.is_empty() {
                    warn!("nobody who is logged in has a terminal that could be written to");
                }
            }
        }
        self.told = notices;
    }
}

//! The owner of the record: takes events one by one, keeps the record, and has the actions performed.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use device_api::updates::{UpdateHistory, Updates};
use jiff::Timestamp;
use release_media::Medium;
use tracing::{debug, error, info, warn};
use update_engine::action::Action;
use update_engine::event::{EntryState, Event, Request};
use update_engine::machine::{Refusal, on_event};
use update_engine::record::{Phase, Record};
use update_schedule::settings::Strategy;
use update_slots::boot_entries::BootEntries;
use update_store::StoreError;
use update_store::record::RecordFile;

use crate::backlog::Backlog;
use crate::device::Device;
use crate::paths::Paths;
use crate::performer::Performer;
use crate::schedule::{LockAnswer, RebootLockKeeper, Scheduler};
use crate::settings::LoadedSettings;
use crate::status::{self, Surroundings};
use crate::watches::{Watched, Watches};

/// Longest sleep. Clocks may be set while the device waits, so it looks at them now and then.
const LONGEST_SLEEP: Duration = Duration::from_hours(6);

/// What the engine is told.
#[derive(Debug)]
pub enum Message {
    /// Something happened.
    Event(Event),
    /// The operator asks for something.
    Asked {
        /// What.
        request: Request,
        /// Where the answer goes.
        reply: tokio::sync::oneshot::Sender<Result<(), Refusal>>,
    },
    /// Something that is watched has changed.
    Changed(Watched),
    /// The lock manager answered, or did not.
    LockAnswered(LockAnswer),
    /// The operator wants the settings read again.
    Reload {
        /// Where the answer goes: everything that is wrong with the files.
        reply: tokio::sync::oneshot::Sender<Result<(), Vec<String>>>,
    },
    /// The service manager wants the updater to end.
    Stop,
}

/// What everybody may read.
#[derive(Debug, Clone)]
pub struct Published {
    /// Where updates stand.
    pub updates: Updates,
    /// What happened.
    pub history: UpdateHistory,
}

/// The latest documents.
pub type Board = Arc<RwLock<Published>>;

/// The owner of the record.
pub struct Engine {
    paths: Paths,
    device: Device,
    settings: LoadedSettings,
    file: RecordFile,
    record: Record,
    performer: Performer,
    watches: Watches,
    /// Media that are there.
    media: Vec<Medium>,
    /// Whether the running release's boot entry says that it came up healthy.
    healthy: bool,
    /// What waits while the record cannot be kept.
    backlog: Backlog,
    board: Board,
}

impl Engine {
    /// Reads the record and finds out what this start means.
    ///
    /// # Errors
    /// When the record cannot be read, or the boot entries cannot be read.
    pub fn start(
        paths: Paths,
        device: Device,
        settings: LoadedSettings,
        watches: Watches,
        mailbox: Sender<Message>,
    ) -> anyhow::Result<Self> {
        let file = RecordFile::below(&paths.state)?;
        let found = file.load(device.version)?;
        if let Some(problem) = found.put_aside {
            warn!("the record of updates could not be used, and was put aside: {problem}");
        }
        let record = found.record;
        let lock = RebootLockKeeper::load(&paths.state, device.machine_id.clone(), mailbox.clone())?;
        let surroundings = Surroundings { medium: None, lock: lock.ledger() };
        let published = Published {
            updates: status::updates(&record, &device, &settings, &surroundings),
            history: status::history(&record),
        };
        let scheduler = Scheduler::new(paths.state.clone(), lock, watches.clone());
        let performer = Performer::new(paths.clone(), device.clone(), settings.clone(), scheduler, mailbox);
        let board = Arc::new(RwLock::new(published));
        let media = Vec::new();
        let backlog = Backlog::default();
        let mut engine =
            Self { paths, device, settings, file, record, performer, watches, media, healthy: false, backlog, board };
        // This start comes before whoever blesses the boot entry, whom such names would mislead.
        match BootEntries::on(engine.paths.slots.esp()).remove_empty() {
            Ok(0) => {}
            Ok(count) => info!("removed {count} boot entries without a file, which a power cut had left"),
            Err(error) => warn!("boot entries without a file could not be removed: {error}"),
        }
        let boot = engine.device.boot(&engine.paths)?;
        engine.tell(Event::Started(boot))?;
        // Whoever was blessed before this program started is told so.
        engine.entries_changed()?;
        engine.media_changed()?;
        engine.settle_lock();
        // There is something to read also where nothing has changed.
        engine.publish();
        Ok(engine)
    }

    /// What everybody may read.
    pub fn published(&self) -> Board {
        Arc::clone(&self.board)
    }

    /// Runs until it is told to stop.
    ///
    /// # Errors
    /// When the boot entries cannot be read.
    pub fn run(&mut self, messages: &Receiver<Message>) -> anyhow::Result<()> {
        loop {
            match self.next(messages) {
                None if self.backlog.wait().is_some() => self.catch_up(),
                None => self.tell(Event::Timer)?,
                Some(Message::Event(event)) => self.tell(event)?,
                Some(Message::Asked { request, reply }) => {
                    let answer = self.ask(request)?;
                    // Whoever asked may be gone.
                    let _gone = reply.send(answer);
                }
                Some(Message::Changed(Watched::Entries)) => self.entries_changed()?,
                Some(Message::Changed(Watched::Media)) => self.media_changed()?,
                Some(Message::Changed(Watched::Activity)) => self.tell(Event::ScheduleChanged)?,
                Some(Message::LockAnswered(answer)) => {
                    if let Err(failure) = self.performer.scheduler.lock.answered(answer) {
                        error!("{failure:#}");
                    }
                    self.tell(Event::ScheduleChanged)?;
                    self.publish();
                }
                Some(Message::Reload { reply }) => {
                    let answer = self.reload()?;
                    // Whoever asked may be gone.
                    let _gone = reply.send(answer);
                }
                Some(Message::Stop) => {
                    self.performer.stop();
                    return Ok(());
                }
            }
            self.settle_lock();
        }
    }

    /// The next message, or nothing when the record wants to be looked at again.
    fn next(&self, messages: &Receiver<Message>) -> Option<Message> {
        if let Some(wait) = self.backlog.wait() {
            // Messages that keep coming must not keep it from being tried.
            return if wait.is_zero() { None } else { received(messages.recv_timeout(wait)) };
        }
        let now = Timestamp::now();
        let lock = self.performer.scheduler.lock.ledger().try_again_at().filter(|_| !self.restart_is_ahead());
        let Some(wake_at) = self.record.wake_at().into_iter().chain(lock).min() else {
            return messages.recv().ok().or(Some(Message::Stop));
        };
        let wait = Duration::try_from(wake_at.duration_since(now)).unwrap_or_default().min(LONGEST_SLEEP);
        received(messages.recv_timeout(wait))
    }

    /// Takes an event that nobody waits for an answer to. While the record cannot be kept, it waits.
    fn tell(&mut self, event: Event) -> anyhow::Result<()> {
        if self.backlog.wait().is_some() {
            self.backlog.push(event);
            return Ok(());
        }
        match self.take(event.clone())? {
            Err(Refusal::NotKept(_)) => self.backlog.push(event),
            Err(refusal) => debug!("{refusal}"),
            Ok(()) => {}
        }
        Ok(())
    }

    /// Takes what the operator asks for. It comes after all that waits.
    fn ask(&mut self, request: Request) -> anyhow::Result<Result<(), Refusal>> {
        if self.backlog.wait().is_some() {
            self.catch_up();
        }
        match self.backlog.reason() {
            Some(reason) => Ok(Err(Refusal::NotKept(reason.to_owned()))),
            None => self.take(Event::Asked(request)),
        }
    }

    /// Finds out whether the record can be kept again, and takes the events that waited for that.
    fn catch_up(&mut self) {
        if let Err(failure) = self.file.keep(&self.record) {
            self.not_kept(&failure);
            return;
        }
        if self.backlog.over() {
            info!("the record of updates can be kept again");
            self.publish();
        }
        while let Some(event) = self.backlog.pop() {
            match self.take(event.clone()) {
                Ok(Err(Refusal::NotKept(_))) => return self.backlog.put_back(event),
                Ok(Err(refusal)) => debug!("{refusal}"),
                Ok(Ok(())) => {}
                Err(failure) => error!("{failure:#}"),
            }
        }
    }

    /// Says that the record cannot be kept, and why.
    fn not_kept(&mut self, failure: &StoreError) -> Refusal {
        let (reason, first) = self.backlog.trouble(failure, Timestamp::now());
        if first {
            error!("{reason}");
        }
        self.publish();
        Refusal::NotKept(reason)
    }

    fn take(&mut self, event: Event) -> anyhow::Result<Result<(), Refusal>> {
        let silent = matches!(event, Event::Progressed { .. });
        let before = self.record.phase.name();
        let mut next = self.record.clone();
        let actions = match on_event(&mut next, event, Timestamp::now(), &self.settings.policy()) {
            Ok(actions) => actions,
            Err(refusal) => return Ok(Err(refusal)),
        };
        // Progress is not worth a write to the disk: how far the image is, is noted where it was flushed.
        if next != self.record {
            if !silent && let Err(failure) = self.file.keep(&next) {
                return Ok(Err(self.not_kept(&failure)));
            }
            self.record = next;
            self.publish();
        }
        if before != self.record.phase.name() {
            info!(state = self.record.phase.name(), "{}", self.message());
        }
        for action in actions {
            self.perform(action);
        }
        Ok(Ok(()))
    }

    fn perform(&mut self, action: Action) {
        debug!(?action, "performing");
        if let Err(failure) = self.performer.perform(action) {
            error!("{failure:#}");
        }
    }

    /// The entry of the running release has lost its counter: whoever takes it off has found the boot healthy.
    fn entries_changed(&mut self) -> anyhow::Result<()> {
        let boot = self.device.boot(&self.paths)?;
        let running = boot.entries.iter().find(|entry| entry.version == self.device.version);
        self.healthy = running.is_some_and(|entry| entry.state == EntryState::Good);
        if self.healthy {
            self.tell(Event::Blessed)?;
        }
        Ok(())
    }

    /// A medium came or went.
    fn media_changed(&mut self) -> anyhow::Result<()> {
        // The directory is there only as long as something is in it.
        for directory in self.paths.media.parent().into_iter().chain([self.paths.media.as_path()]) {
            self.watches.also(directory, Watched::Media);
        }
        let now = release_media::present(&self.paths.media);
        let before = std::mem::replace(&mut self.media, now);
        if before == self.media {
            return Ok(());
        }
        let inserted = self.media.iter().any(|medium| !before.contains(medium));
        if inserted && self.settings.takes_media() {
            self.tell(Event::MediumInserted)?;
        }
        self.publish();
        Ok(())
    }

    /// Reads the settings again. Where something is wrong, what held before holds.
    fn reload(&mut self) -> anyhow::Result<Result<(), Vec<String>>> {
        let took_media = self.settings.takes_media();
        let answer = self.settings.reload();
        self.performer.set(self.settings.clone());
        if answer.is_ok() {
            info!("the settings were read again");
            self.tell(Event::SettingsChanged)?;
            if !took_media && self.settings.takes_media() && !self.media.is_empty() {
                self.tell(Event::MediumInserted)?;
            }
        }
        self.publish();
        Ok(answer)
    }

    /// Gives the reboot lock back as soon as no restart is ahead and the running release is known to be healthy.
    fn settle_lock(&mut self) {
        let lock = &self.performer.scheduler.lock;
        if lock.ledger().claim().is_none() || !self.healthy || self.restart_is_ahead() {
            return;
        }
        if let Err(failure) = self.performer.scheduler.lock.give_back(Timestamp::now()) {
            error!("{failure:#}");
        }
    }

    /// Whether the reboot lock is needed, or may soon be.
    fn restart_is_ahead(&self) -> bool {
        match self.record.phase {
            Phase::Rebooting { .. } | Phase::Trial { .. } | Phase::GoingBack { .. } => true,
            Phase::Staged { .. } => matches!(self.settings.settings.strategy, Strategy::RebootLock(_)),
            _ => false,
        }
    }

    fn message(&self) -> String {
        self.board.read().map(|board| board.updates.message.clone()).unwrap_or_default()
    }

    fn publish(&self) {
        let medium = self.media.first().map(Medium::name);
        let surroundings = Surroundings { medium, lock: self.performer.scheduler.lock.ledger() };
        let mut published = Published {
            updates: status::updates(&self.record, &self.device, &self.settings, &surroundings),
            history: status::history(&self.record),
        };
        self.backlog.show(&mut published.updates);
        if let Ok(text) = serde_json::to_vec(&published.updates)
            && let Err(failure) = update_store::publish(&self.paths.status, &text)
        {
            warn!("{failure}: {}", failure.source);
        }
        if let Ok(mut board) = self.board.write() {
            *board = published;
        }
    }
}

fn received(message: Result<Message, RecvTimeoutError>) -> Option<Message> {
    match message {
        Ok(message) => Some(message),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => Some(Message::Stop),
    }
}

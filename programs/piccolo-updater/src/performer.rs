//! Has actions performed: short ones at once, long ones in a thread that answers with an event.

use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Context;
use host::cancel::Cancel;
use tracing::debug;
use update_engine::action::Action;
use update_engine::event::Event;
use update_slots::boot_entries::BootEntries;
use update_store::chunk_index::ChunkIndexes;
use update_store::release::ReleaseFile;
use update_store::resume::ResumeFile;
use update_store::trial::TrialFile;

use crate::device::Device;
use crate::engine::Message;
use crate::paths::Paths;
use crate::restart::restart;
use crate::schedule::Scheduler;
use crate::settings::LoadedSettings;
use crate::work::{Worker, check, install, write};

/// Performs what the engine decides.
pub struct Performer {
    /// Answers when the machine may restart.
    pub scheduler: Scheduler,
    worker: Worker,
    /// Cancels the long action under way.
    cancel: Cancel,
    /// Held by whoever reads the repository or writes the inactive slot: a long action that was stopped may take a moment to notice.
    turn: Arc<Mutex<()>>,
    mailbox: Sender<Message>,
}

impl Performer {
    /// For this device.
    pub fn new(
        paths: Paths,
        device: Device,
        settings: LoadedSettings,
        scheduler: Scheduler,
        mailbox: Sender<Message>,
    ) -> Self {
        let worker = Worker { paths, device, settings, cancel: Cancel::new(), mailbox: mailbox.clone() };
        Self { scheduler, worker, cancel: Cancel::new(), turn: Arc::default(), mailbox }
    }

    /// Takes other settings from here on. What is under way goes on with those that it began with.
    pub fn set(&mut self, settings: LoadedSettings) {
        self.worker.settings = settings;
    }

    /// Performs an action. What it comes to, if it is a long one, comes as an event.
    ///
    /// # Errors
    /// When a short action did not work.
    pub fn perform(&mut self, action: Action) -> anyhow::Result<()> {
        let entries = BootEntries::on(self.worker.paths.slots.esp());
        match action {
            Action::Check { operation, wanted, staged } => self.begin("check", move |worker| Event::Checked {
                operation,
                result: check::check(worker, wanted, staged),
            }),
            Action::Write { operation, offer, way } => self.begin("write", move |worker| Event::Written {
                operation,
                result: write::write(worker, operation, &offer, way),
            }),
            Action::Verify { operation, offer } => self.begin("verify", move |worker| Event::Verified {
                operation,
                result: install::verify(worker, operation, &offer),
            }),
            Action::Preflight { operation, offer } => self.begin("preflight", move |worker| Event::Preflighted {
                operation,
                result: install::preflight(worker, &offer),
            }),
            Action::Install { operation, offer } => self.begin("install", move |worker| Event::Installed {
                operation,
                result: install::install(worker, &offer),
            }),
            Action::AskSchedule { version } => {
                let permission = self.scheduler.permission(&self.worker.settings, version)?;
                // The engine that asks is the one that receives: it is there.
                let _received = self.mailbox.send(Message::Event(Event::Scheduled(permission)));
                Ok(())
            }
            Action::Stop => {
                self.stop();
                Ok(())
            }
            Action::RemoveEntry { version } => entries.remove(version).context("the boot entry cannot be removed"),
            Action::Demote { version } => entries.demote(version).context("the boot entry cannot be put behind"),
            Action::Reboot => restart(),
            Action::CleanUp => {
                let state = &self.worker.paths.state;
                ResumeFile::below(state).forget()?;
                TrialFile::below(state).forget()?;
                ReleaseFile::below(state).forget()?;
                ChunkIndexes::below(state).remove_all_but(self.worker.device.root_hash)?;
                self.scheduler.forget_delay()?;
                Ok(entries.remove_unfinished()?)
            }
        }
    }

    /// Ends the long action under way, as soon as it notices.
    pub fn stop(&mut self) {
        self.cancel.cancel();
    }

    fn begin(&mut self, name: &str, work: impl FnOnce(&Worker) -> Event + Send + 'static) -> anyhow::Result<()> {
        // Whatever still runs answers to nobody.
        self.cancel.cancel();
        self.cancel = Cancel::new();
        let worker = Worker { cancel: self.cancel.clone(), ..self.worker.clone() };
        let turn = Arc::clone(&self.turn);
        let run = move || {
            let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            if worker.cancel.is_cancelled() {
                return;
            }
            let event = work(&worker);
            debug!(?event, "done");
            // The engine ends only with the program.
            let _received = worker.mailbox.send(Message::Event(event));
        };
        thread::Builder::new().name(name.to_owned()).spawn(run).map(drop).context("no thread could be started")
    }
}

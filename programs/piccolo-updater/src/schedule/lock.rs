//! Runs the errands of the reboot lock, and keeps what must survive.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::sync::mpsc::Sender;
use std::thread;

use anyhow::Context;
use jiff::Timestamp;
use reboot_lock::{LockClient, LockClientSettings};
use tracing::{info, warn};
use update_schedule::decision::Lock;
use update_schedule::fleet_lock::{LockAddress, Operation, Outcome, Request, device_id};
use update_schedule::reboot_lock::{Errand, LockLedger};
use update_schedule::settings::RebootLock;
use update_store::claim::ClaimFile;

use crate::engine::Message;

/// What came of a request to the lock manager: its answer, or why there is none.
pub type LockAnswer = Result<Outcome, String>;

/// The reboot lock of this device.
pub struct RebootLockKeeper {
    ledger: LockLedger,
    file: ClaimFile,
    machine_id: String,
    mailbox: Sender<Message>,
}

impl RebootLockKeeper {
    /// With the claim that was kept below `state`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn load(state: &Path, machine_id: String, mailbox: Sender<Message>) -> anyhow::Result<Self> {
        let file = ClaimFile::below(state);
        Ok(Self { ledger: LockLedger::new(file.load()?), file, machine_id, mailbox })
    }

    /// Where the lock stands.
    pub fn ledger(&self) -> &LockLedger {
        &self.ledger
    }

    /// What is known of the lock that the settings want.
    pub fn state(&self, wanted: &RebootLock) -> Lock {
        self.ledger.lock(wanted)
    }

    /// Asks for leave to restart. The answer comes as a message.
    ///
    /// # Errors
    /// When the claim cannot be kept: then nothing is asked.
    pub fn ask(&mut self, wanted: &RebootLock, now: Timestamp) -> anyhow::Result<()> {
        let errand = self.ledger.ask(wanted, now);
        self.run(errand)
    }

    /// Gives the place back, if there may be one. The answer comes as a message.
    ///
    /// # Errors
    /// When no request can be made.
    pub fn give_back(&mut self, now: Timestamp) -> anyhow::Result<()> {
        let errand = self.ledger.give_back(now);
        self.run(errand)
    }

    /// Takes the answer.
    ///
    /// # Errors
    /// When what follows from it cannot be kept.
    pub fn answered(&mut self, answer: LockAnswer) -> anyhow::Result<()> {
        let operation = self.ledger.under_way();
        self.ledger.answered(answer, Timestamp::now(), random());
        match (self.ledger.refused(), operation) {
            (Some(refused), _) => {
                warn!("the reboot lock: {}; asked again at {}", refused.problem, refused.ask_again_at)
            }
            (None, Some(Operation::PreReboot)) => info!("the lock manager allows the restart"),
            (None, _) => info!("the reboot lock was given back"),
        }
        self.file.keep(self.ledger.claim()).context("the claim on the reboot lock cannot be kept")
    }

    fn run(&mut self, errand: Option<Errand>) -> anyhow::Result<()> {
        let Some(errand) = errand else { return Ok(()) };
        // Before the request: an answer that is lost may have been yes.
        let kept = self.file.keep(self.ledger.claim()).context("the claim on the reboot lock cannot be kept");
        let (machine_id, mailbox) = (self.machine_id.clone(), self.mailbox.clone());
        let work = move || {
            let answer = exchange(&errand, &machine_id);
            // The engine ends only with the program.
            let _received = mailbox.send(Message::LockAnswered(answer));
        };
        let started = kept.and_then(|()| {
            let thread = thread::Builder::new().name("reboot-lock".to_owned());
            thread.spawn(work).map(drop).context("no thread could be started")
        });
        if let Err(failure) = &started {
            self.ledger.answered(Err(format!("{failure:#}")), Timestamp::now(), random());
        }
        started
    }
}

fn exchange(errand: &Errand, machine_id: &str) -> LockAnswer {
    let id = device_id(machine_id).ok_or("this device has no machine id that a lock manager could know it by")?;
    let request = Request::new(&errand.group, &id).map_err(|error| error.to_string())?;
    client(&errand.url)?.ask(errand.operation, &request).map_err(|error| error.to_string())
}

fn client(url: &LockAddress) -> Result<LockClient, String> {
    LockClient::new(url, &LockClientSettings::default()).map_err(|error| error.to_string())
}

/// So that devices that were refused together do not come back together; nothing depends on it being hard to guess.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

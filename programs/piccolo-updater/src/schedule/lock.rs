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

#[cfg(test)]
mod tests {
    use super::RebootLockKeeper;
    use crate::engine::Message;
    use jiff::Timestamp;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::path::Path;
    use std::sync::mpsc::{self, Receiver};
    use std::thread::{self, JoinHandle};
    use update_schedule::decision::Lock;
    use update_schedule::fleet_lock::LockAddress;
    use update_schedule::settings::RebootLock;

    /// Takes one request for each of these answers, and gives what was asked and whether the claim was on the disk by then.
    fn manager(answers: Vec<&'static str>, state: &Path) -> (String, JoinHandle<Vec<(String, bool)>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/base", listener.local_addr().unwrap());
        let claim = state.join("reboot-lock.json");
        let serve = move || {
            let one = |answer: &str| {
                let mut connection = BufReader::new(listener.accept().unwrap().0);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    assert!(connection.read_line(&mut head).unwrap() > 0);
                }
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                let mut body = vec![0; length.parse().unwrap()];
                connection.read_exact(&mut body).unwrap();
                let on_disk = claim.exists();
                connection.into_inner().write_all(answer.as_bytes()).unwrap();
                (format!("{} {}", head.lines().next().unwrap(), String::from_utf8(body).unwrap()), on_disk)
            };
            answers.into_iter().map(one).collect()
        };
        (url, thread::spawn(serve))
    }

    fn take_answer(keeper: &mut RebootLockKeeper, messages: &Receiver<Message>) {
        let Ok(Message::LockAnswered(answer)) = messages.recv() else { panic!("an answer comes") };
        keeper.answered(answer).unwrap();
    }

    #[test]
    fn a_claim_outlives_a_lost_answer_and_a_power_cut_and_is_given_back() {
        const YES: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        let state = tempfile::tempdir().unwrap();
        let (url, requests) = manager(vec!["", YES, YES], state.path());
        let wanted = RebootLock { url: LockAddress::new(&url).unwrap(), group: Default::default() };
        let (mailbox, messages) = mpsc::channel();
        let machine_id = "0123456789abcdef0123456789abcdef\n".to_owned();
        let started = || RebootLockKeeper::load(state.path(), machine_id.clone(), mailbox.clone()).unwrap();

        let mut keeper = started();
        keeper.ask(&wanted, Timestamp::now()).unwrap();
        assert!(matches!(keeper.state(&wanted), Lock::Asking { .. }));
        take_answer(&mut keeper, &messages);
        assert!(matches!(keeper.state(&wanted), Lock::Refused { .. }), "nobody knows whether it was heard");
        keeper.ask(&wanted, Timestamp::now()).unwrap();
        take_answer(&mut keeper, &messages);
        assert_eq!(keeper.state(&wanted), Lock::Held);

        let mut keeper = started();
        keeper.give_back(Timestamp::now()).unwrap();
        take_answer(&mut keeper, &messages);
        assert!(started().ledger().claim().is_none(), "nothing is left to give back");

        let body = r#"{"client_params":{"group":"default","id":"583627a932274834a8ebd99f4ed41c0d"}}"#;
        let expected = ["pre-reboot", "pre-reboot", "steady-state"]
            .map(|operation| (format!("POST /base/v1/{operation} HTTP/1.1 {body}"), true));
        assert_eq!(requests.join().unwrap(), expected);
    }
}

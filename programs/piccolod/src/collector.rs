//! The owner of the state: reads the device's facts when somebody looks, again and again, and publishes what follows from them.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use device_api::UPDATES_STATUS_FILE;
use device_api::health::Health;
use device_api::system::{Identity, Vitals};
use device_api::updates::Updates;
use device_facts::{FactsError, FactsSource, Reading};
use device_status::facts::{BootFacts, StateFacts};
use device_status::health::health_checks;
use tokio::sync::{Notify, watch};
use tokio::task::spawn_blocking;
use tokio::time::{sleep_until, timeout};
use tracing::warn;

use crate::published::{Documents, Published};
use crate::stop::Stop;

/// How old what is published may be for whoever looks: a page that shows load feels alive. Nothing is read as long as nobody looks.
pub const PERIOD: Duration = Duration::from_secs(2);

/// How long a reader waits for a fresh reading before the last one has to do: a file of /sys can hang where a disk or firmware does.
const READING: Duration = Duration::from_secs(1);

/// What was published last, and how to ask for what is current.
#[derive(Debug, Clone)]
pub struct Latest {
    published: watch::Receiver<Published>,
    wanted: Arc<Notify>,
}

/// Different problems that are logged in one run; whoever wants more of them reads the first ones first.
const MAX_KNOWN_PROBLEMS: usize = 256;

/// Reads facts, publishes documents.
#[derive(Debug)]
pub struct Collector {
    reader: Reader,
    published: watch::Sender<Published>,
    wanted: Arc<Notify>,
}

/// What travels to the thread that reads.
#[derive(Debug)]
struct Reader {
    source: FactsSource,
    boot: BootFacts,
    /// Problems that were logged: a broken file is broken at every reading.
    known_problems: BTreeSet<String>,
}

impl Collector {
    /// Reads everything once, so that there is something to publish before the daemon says that it is ready.
    ///
    /// # Errors
    /// Only when the reading thread died.
    pub async fn start(source: FactsSource) -> anyhow::Result<(Self, Latest)> {
        let (reader, documents) = spawn_blocking(|| {
            let mut reader = Reader { boot: BootFacts::default(), source, known_problems: BTreeSet::new() };
            // Firmware variables are read once: they cannot change before the next boot, and some firmware is slow to answer.
            let boot = reader.source.boot();
            reader.boot = reader.facts_of(boot);
            let documents = reader.documents();
            (reader, documents)
        })
        .await
        .context("the thread that reads facts ended")?;
        let (published, receiver) = watch::channel(Published::first(random_run(), documents, Instant::now()));
        let wanted = Arc::new(Notify::new());
        Ok((Self { reader, published, wanted: Arc::clone(&wanted) }, Latest { published: receiver, wanted }))
    }

    /// Publishes whenever somebody wants it, until the daemon stops.
    pub async fn run(self, mut stop: Stop) {
        let Self { mut reader, published, wanted } = self;
        loop {
            let fresh_until = published.borrow().collected_at + PERIOD;
            let due = async {
                wanted.notified().await;
                sleep_until(fresh_until.into()).await;
            };
            tokio::select! {
                () = due => {}
                () = stop.wait() => return,
            }
            // A file of /sys can take long where a disk or firmware hangs; requests are answered meanwhile.
            let read = spawn_blocking(move || {
                let documents = reader.documents();
                (reader, documents)
            });
            let Ok((returned, documents)) = read.await else {
                warn!("the thread that reads facts ended; the watchdog will restart the daemon");
                return;
            };
            reader = returned;
            published.send_modify(|published| published.update(documents, Instant::now()));
        }
    }
}

impl Latest {
    /// What is current, or what was published last where reading takes too long.
    pub async fn current(&self) -> Published {
        let mut published = self.published.clone();
        if published.borrow_and_update().collected_at.elapsed() >= PERIOD {
            self.wanted.notify_one();
            // Neither a daemon that stops nor a reading that hangs keeps anybody waiting.
            let _late = timeout(READING, published.changed()).await;
        }
        published.borrow().clone()
    }

    /// Who wants to be told of what is published from here on, again and again: nothing is published while nobody does.
    pub fn follow(&self) -> Follower {
        Follower(self.clone())
    }

    /// The number of this run of the daemon.
    pub fn run(&self) -> u64 {
        self.published.borrow().run
    }
}

/// Follows what is published.
#[derive(Debug)]
pub struct Follower(Latest);

impl Follower {
    /// What was published last.
    pub fn latest(&mut self) -> Published {
        self.0.published.borrow_and_update().clone()
    }

    /// Waits for what comes next. An error means that the daemon stops.
    pub async fn next(&mut self) -> Result<(), watch::error::RecvError> {
        self.0.wanted.notify_one();
        self.0.published.changed().await
    }
}

impl Reader {
    fn documents(&mut self) -> Documents {
        let state: StateFacts = self.facts_of(self.source.state());
        let vitals = self.facts_of(self.source.vitals());
        Documents {
            identity: Identity::from_facts(env!("CARGO_PKG_VERSION"), &self.boot, &state),
            health: Health::from_checks(&health_checks(&self.boot, &state, &vitals)),
            vitals: Vitals::from(vitals),
            updates: self.updates(),
        }
    }

    /// What the updater published. A document of a newer updater that this daemon does not understand counts as none.
    fn updates(&mut self) -> Option<Updates> {
        let published = self.facts_of(self.source.published(UPDATES_STATUS_FILE))?;
        serde_json::from_slice(&published).ok()
    }

    /// The facts of a reading; problems not seen before are logged.
    fn facts_of<T>(&mut self, reading: Reading<T>) -> T {
        for problem in &reading.problems {
            let message = chain(problem);
            if self.known_problems.len() < MAX_KNOWN_PROBLEMS && !self.known_problems.contains(&message) {
                warn!("{message}");
                self.known_problems.insert(message);
            }
        }
        reading.facts
    }
}

fn chain(problem: &FactsError) -> String {
    match std::error::Error::source(problem) {
        Some(source) => format!("{problem}: {source}"),
        None => problem.to_string(),
    }
}

/// A number that no other run of the daemon has, good enough to tell runs apart.
fn random_run() -> u64 {
    RandomState::new().build_hasher().finish()
}

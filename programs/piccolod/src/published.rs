//! The state that handlers read: the latest document of each kind, and how often it changed.

use std::sync::Arc;
use std::time::Instant;

use device_api::event::EventId;
use device_api::health::Health;
use device_api::system::{Identity, System, Vitals};
use device_api::updates::Updates;

/// Everything the daemon knows, as of one moment.
#[derive(Debug, Clone)]
pub struct Published {
    /// Random number of this run of the daemon; event ids carry it.
    pub run: u64,
    /// What the device is.
    pub identity: Entry<Identity>,
    /// Whether it is well.
    pub health: Entry<Health>,
    /// Uptime, memory, load.
    pub vitals: Entry<Vitals>,
    /// Where updates stand; nothing where no updater runs. It is no part of the event stream.
    pub updates: Option<Arc<Updates>>,
    /// When this was read.
    pub collected_at: Instant,
}

/// A document and the number of the change that made it what it is.
#[derive(Debug)]
pub struct Entry<T> {
    /// Number of the change; one counter for all kinds.
    pub sequence: u64,
    /// The document.
    pub document: Arc<T>,
}

impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        Self { sequence: self.sequence, document: Arc::clone(&self.document) }
    }
}

/// The documents of one moment, before they are compared with those of the moment before.
#[derive(Debug)]
pub struct Documents {
    /// What the device is.
    pub identity: Identity,
    /// Whether it is well.
    pub health: Health,
    /// Uptime, memory, load.
    pub vitals: Vitals,
    /// Where updates stand.
    pub updates: Option<Updates>,
}

impl Published {
    /// The first state of a run.
    pub fn first(run: u64, documents: Documents, now: Instant) -> Self {
        Self {
            run,
            identity: Entry { sequence: 1, document: Arc::new(documents.identity) },
            health: Entry { sequence: 2, document: Arc::new(documents.health) },
            vitals: Entry { sequence: 3, document: Arc::new(documents.vitals) },
            updates: documents.updates.map(Arc::new),
            collected_at: now,
        }
    }

    /// Takes over what changed, counting each change.
    pub fn update(&mut self, documents: Documents, now: Instant) {
        let mut sequence = self.sequence();
        self.identity.replace(documents.identity, &mut sequence);
        self.health.replace(documents.health, &mut sequence);
        self.vitals.replace(documents.vitals, &mut sequence);
        if self.updates.as_deref() != documents.updates.as_ref() {
            self.updates = documents.updates.map(Arc::new);
        }
        self.collected_at = now;
    }

    /// Number of the latest change.
    pub fn sequence(&self) -> u64 {
        self.identity.sequence.max(self.health.sequence).max(self.vitals.sequence)
    }

    /// The system document.
    pub fn system(&self) -> System {
        System { identity: (*self.identity.document).clone(), vitals: *self.vitals.document }
    }

    /// Id of the event that tells of change `sequence`.
    pub fn event_id(&self, sequence: u64) -> EventId {
        EventId { run: self.run, sequence }
    }
}

impl<T: PartialEq> Entry<T> {
    fn replace(&mut self, document: T, sequence: &mut u64) {
        if *self.document != document {
            *sequence += 1;
            *self = Self { sequence: *sequence, document: Arc::new(document) };
        }
    }
}

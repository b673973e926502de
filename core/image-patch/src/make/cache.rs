//! What one patch found out and another needs again.

use super::align::Run;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Remembers how parts of images were aligned. Patches to one release from several older ones have most of that in common: a
/// file that changed in the newest release only is the same in all older ones.
///
/// What is remembered follows from the bytes alone, so a patch is the same with any cache. A release takes a few MiB of memory.
#[derive(Debug, Default)]
pub struct Cache {
    aligned: Mutex<HashMap<Key, Arc<Vec<Vec<Run>>>>>,
    found: AtomicU64,
}

type Key = [u8; 32];

impl Cache {
    /// Nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many parts were known and not aligned again.
    #[must_use]
    pub fn found(&self) -> u64 {
        self.found.load(Ordering::Relaxed)
    }

    /// The runs of the targets over the candidates: remembered, or made now.
    pub(crate) fn runs(
        &self,
        targets: &[Vec<u8>],
        candidates: &[u8],
        make: impl FnOnce() -> Vec<Vec<Run>>,
    ) -> Arc<Vec<Vec<Run>>> {
        let key = key(targets, candidates);
        if let Some(known) = self.aligned.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            self.found.fetch_add(1, Ordering::Relaxed);
            return Arc::clone(known);
        }
        let made = Arc::new(make());
        self.aligned.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&made));
        made
    }
}

/// Names everything that an alignment follows from.
fn key(targets: &[Vec<u8>], candidates: &[u8]) -> Key {
    let mut hash = Sha256::new();
    hash.update((targets.len() as u64).to_le_bytes());
    for bytes in targets.iter().map(Vec::as_slice).chain([candidates]) {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    hash.finalize().into()
}

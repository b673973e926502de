//! Hashes of a step's inputs.

use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::fmt;

/// SHA-256 over the labelled inputs of a step.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepKey([u8; 32]);

impl StepKey {
    /// The hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for StepKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for StepKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for StepKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Collects the inputs of one step. Labels and lengths are hashed too, so that no two different lists of inputs look alike.
#[derive(Clone, Debug)]
pub struct KeyBuilder(Sha256);

impl KeyBuilder {
    /// Starts the key of a step. `revision` changes whenever the code of the step changes what it makes of the same inputs.
    #[must_use]
    pub fn new(step: &str, revision: u32) -> Self {
        Self(Sha256::new()).input("step", step.as_bytes()).input("revision", &revision.to_le_bytes())
    }

    /// Adds an input.
    #[must_use]
    pub fn input(mut self, label: &str, value: &[u8]) -> Self {
        for part in [label.as_bytes(), value] {
            self.0.update((part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
        self
    }

    /// The key.
    #[must_use]
    pub fn finish(self) -> StepKey {
        StepKey(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::KeyBuilder;

    #[test]
    fn where_one_input_ends_matters() {
        let one = KeyBuilder::new("s", 1).input("a", b"bc").finish();
        let two = KeyBuilder::new("s", 1).input("ab", b"c").finish();
        assert_ne!(one, two);
    }

    #[test]
    fn the_revision_of_a_step_is_an_input() {
        assert_ne!(KeyBuilder::new("s", 1).finish(), KeyBuilder::new("s", 2).finish());
        assert_eq!(KeyBuilder::new("s", 1).finish(), KeyBuilder::new("s", 1).finish());
    }
}

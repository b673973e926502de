//! The update graph of the Cincinnati protocol, `/v1/graph`, as Fedora CoreOS uses it.

mod build;
mod check;
mod choose;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use build::{BuildError, Payloads, from_updates};
pub use choose::{Choice, choose, dead_end};

/// Largest graph read, in bytes.
pub const MAXIMUM_BYTES: usize = 16 << 20;
/// Most releases in a graph.
pub const MAXIMUM_NODES: usize = 4096;
/// Most edges in a graph.
pub const MAXIMUM_EDGES: usize = 1 << 20;
/// Most keys of metadata of a release.
pub const MAXIMUM_METADATA: usize = 64;

/// Keys of a release's metadata, and the one value of [`key::SCHEME`] that we write.
pub mod key {
    /// What the payload is: [`CHECKSUM`].
    pub const SCHEME: &str = "org.fedoraproject.coreos.scheme";
    /// The payload is the hash of what is installed.
    pub const CHECKSUM: &str = "checksum";
    /// Place of the release among all of the stream, the oldest 0.
    pub const AGE_INDEX: &str = "org.fedoraproject.coreos.releases.age_index";
    /// `true` for a barrier.
    pub const BARRIER: &str = "org.fedoraproject.coreos.updates.barrier";
    /// Why it is one.
    pub const BARRIER_REASON: &str = "org.fedoraproject.coreos.updates.barrier_reason";
    /// `true` for a dead end.
    pub const DEAD_END: &str = "org.fedoraproject.coreos.updates.deadend";
    /// Why it is one.
    pub const DEAD_END_REASON: &str = "org.fedoraproject.coreos.updates.deadend_reason";
    /// `true` for a release that is rolled out.
    pub const ROLLOUT: &str = "org.fedoraproject.coreos.updates.rollout";
    /// How long the rollout takes, in minutes.
    pub const DURATION_MINUTES: &str = "org.fedoraproject.coreos.updates.duration_minutes";
    /// When it starts, in seconds since 1970.
    pub const START_EPOCH: &str = "org.fedoraproject.coreos.updates.start_epoch";
    /// The share of the fleet at its start, 0 to 1.
    pub const START_VALUE: &str = "org.fedoraproject.coreos.updates.start_value";
}

/// Releases and the updates between them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Graph {
    /// The releases. Their versions are unique.
    pub nodes: Vec<Node>,
    /// Updates, from the first to the second, as places in `nodes`. Each once, and never in a circle.
    #[serde(default)]
    pub edges: Vec<(usize, usize)>,
}

/// A release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its version. Servers for other systems have versions of other forms.
    pub version: String,
    /// What it says about itself, see [`key`].
    pub metadata: BTreeMap<String, String>,
    /// What is installed: the root hash, of ours.
    pub payload: String,
}

/// Why a text is not an update graph.
#[derive(Debug, Error)]
pub enum GraphError {
    /// Above a limit.
    #[error(
        "the update graph is larger than {} MiB, {MAXIMUM_NODES} releases, {MAXIMUM_EDGES} updates or {MAXIMUM_METADATA} keys of metadata",
        MAXIMUM_BYTES >> 20
    )]
    TooLarge,
    /// Not the JSON of a graph.
    #[error("the update graph is malformed")]
    Syntax(#[from] serde_json::Error),
    /// A version that is empty, too long or not fit to be shown.
    #[error(
        "release number {index} of the update graph has no usable version or payload: each is text of 1 to 256 visible characters, a payload may be empty"
    )]
    Name {
        /// Place of the release.
        index: usize,
    },
    /// Two releases with one version.
    #[error("the update graph has two releases {0}")]
    Twice(String),
    /// An update from or to something that is not there.
    #[error("the update graph has an update from release number {from} to number {to}, and only {nodes} releases")]
    Dangling {
        /// Its start.
        from: usize,
        /// Its end.
        to: usize,
        /// How many there are.
        nodes: usize,
    },
    /// An update that is listed again.
    #[error("the update graph lists the update from {from} to {to} twice")]
    EdgeTwice {
        /// Version of its start.
        from: String,
        /// Version of its end.
        to: String,
    },
    /// Updates that lead back to where they started.
    #[error("the updates of the graph lead in a circle through {0}")]
    Circle(String),
}

impl Graph {
    /// Reads a graph.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, GraphError> {
        if text.len() > MAXIMUM_BYTES {
            return Err(GraphError::TooLarge);
        }
        let graph: Self = serde_json::from_str(text)?;
        graph.check()?;
        Ok(graph)
    }

    /// Writes it, indented as Fedora CoreOS's server does. Equal graphs give equal bytes.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("invariant: the keys of a graph are text")
    }

    /// Whether it is within the limits, with unique versions and no dangling, doubled or circular updates.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(&self) -> Result<(), GraphError> {
        check::check(self)
    }
}

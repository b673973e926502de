//! The graph that a server answers with.

use std::collections::BTreeMap;

use jiff::Timestamp;
use release_metadata::share::Share;
use release_metadata::updates::{ReleaseEntry, Rollout, Updates};
use release_metadata::version::Version;
use release_metadata::{Architecture, RootHash};
use thiserror::Error;

use crate::cincinnati::{Graph, MAXIMUM_EDGES, Node, key};
use crate::next::releases_for;
use crate::policy::{self, Facts};

/// Root hashes of the releases for one architecture: what a client finds itself by.
pub type Payloads = BTreeMap<Version, RootHash>;

/// Why no graph can be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BuildError {
    /// A release's root hash is not known.
    #[error("the root hash of {version} for {architecture} is not known; its release.json has it")]
    Payload {
        /// The release.
        version: Version,
        /// The architecture.
        architecture: Architecture,
    },
    /// More updates than a client reads.
    #[error(
        "the stream would have more than {MAXIMUM_EDGES} updates between its releases; end the rollouts of old releases"
    )]
    TooManyEdges,
}

/// The whole graph of a stream for one architecture, as if every rollout were complete. [`Graph::throttled`] makes it the graph for one client.
///
/// # Errors
/// When a root hash is missing, or the graph would be larger than clients read.
pub fn from_updates(updates: &Updates, architecture: Architecture, payloads: &Payloads) -> Result<Graph, BuildError> {
    let releases = releases_for(updates, architecture);
    let nodes = releases.iter().map(|release| {
        let version = release.version;
        let payload = payloads.get(&version).ok_or(BuildError::Payload { version, architecture })?;
        let age = updates.releases.partition_point(|other| other.version < version);
        Ok(Node { version: version.to_string(), metadata: metadata(release, age), payload: payload.to_string() })
    });
    let graph = Graph { nodes: nodes.collect::<Result<_, BuildError>>()?, edges: Vec::new() };
    let edges = graph.edges_by_policy().ok_or(BuildError::TooManyEdges)?;
    Ok(Graph { edges, ..graph })
}

fn metadata(release: &ReleaseEntry, age: usize) -> BTreeMap<String, String> {
    let facts = Facts::of(release);
    let truth = || "true".to_owned();
    let barrier = release.barrier.iter().filter(|_| facts.barrier);
    let barrier =
        barrier.flat_map(|barrier| [(key::BARRIER, truth()), (key::BARRIER_REASON, barrier.reason.to_string())]);
    let dead_end = release
        .dead_end
        .iter()
        .flat_map(|dead_end| [(key::DEAD_END, truth()), (key::DEAD_END_REASON, dead_end.reason.to_string())]);
    let rollout = release.rollout.iter().filter(|_| facts.rolled_out).flat_map(|rollout| {
        let duration = rollout.duration_minutes.map(|minutes| (key::DURATION_MINUTES, minutes.to_string()));
        [
            (key::ROLLOUT, truth()),
            (key::START_EPOCH, rollout.start.as_second().to_string()),
            (key::START_VALUE, rollout.initial_share.get().to_string()),
        ]
        .into_iter()
        .chain(duration)
    });
    [(key::SCHEME, key::CHECKSUM.to_owned()), (key::AGE_INDEX, age.to_string())]
        .into_iter()
        .chain(barrier)
        .chain(dead_end)
        .chain(rollout)
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

impl Node {
    /// What the policy must know of it.
    #[must_use]
    pub fn facts(&self) -> Facts {
        Facts {
            rolled_out: self.metadata.contains_key(key::ROLLOUT),
            barrier: self.metadata.contains_key(key::BARRIER),
            dead_end: self.metadata.get(key::DEAD_END).is_some_and(|value| value == "true"),
        }
    }

    /// Its rollout, where it has one. What is missing or unreadable is 0 for start and share and nothing for the duration, as
    /// Fedora CoreOS's policy engine takes it.
    #[must_use]
    pub fn rollout(&self) -> Option<Rollout> {
        let value = |name: &str| self.metadata.get(name);
        value(key::ROLLOUT)?;
        let start = value(key::START_EPOCH).and_then(|epoch| epoch.parse().ok()).unwrap_or(0);
        let share = value(key::START_VALUE).and_then(|share| share.parse().ok()).unwrap_or(0.0);
        Some(Rollout {
            start: Timestamp::from_second(start).unwrap_or(Timestamp::UNIX_EPOCH),
            initial_share: Share::new(share).unwrap_or(Share::NONE),
            duration_minutes: value(key::DURATION_MINUTES).and_then(|minutes| minutes.parse().ok()),
        })
    }
}

impl Graph {
    /// The updates that the policy allows between its releases, which must be in the order of their age; nothing if there are more
    /// than [`MAXIMUM_EDGES`].
    #[must_use]
    pub fn edges_by_policy(&self) -> Option<Vec<(usize, usize)>> {
        let facts: Vec<Facts> = self.nodes.iter().map(Node::facts).collect();
        let mut edges = Vec::new();
        for from in 0..facts.len() {
            edges.extend(policy::targets(&facts, from).map(|to| (from, to)));
            if edges.len() > MAXIMUM_EDGES {
                return None;
            }
        }
        Some(edges)
    }

    /// The graph for one client: without updates to releases whose rollout has not reached it, and without updates from dead ends.
    #[must_use]
    pub fn throttled(&self, wariness: Share, time: Timestamp) -> Self {
        let open = |node: &Node| node.rollout().is_none_or(|rollout| policy::has_reached(&rollout, wariness, time));
        let open: Vec<bool> = self.nodes.iter().map(open).collect();
        let leads_on: Vec<bool> = self.nodes.iter().map(|node| !node.facts().dead_end).collect();
        let kept = |(from, to): &(usize, usize)| open.get(*to) == Some(&true) && leads_on.get(*from) == Some(&true);
        Self { nodes: self.nodes.clone(), edges: self.edges.iter().copied().filter(kept).collect() }
    }
}

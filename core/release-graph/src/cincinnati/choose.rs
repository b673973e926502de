//! What a client does with a server's graph.

use std::collections::BTreeMap;

use release_metadata::RootHash;
use release_metadata::version::Version;

use crate::cincinnati::{Graph, Node, key};

/// What a client takes from a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice<'a> {
    /// The graph does not have what the device runs.
    UnknownCurrent,
    /// No update leads away; the reason, where the server gives one.
    DeadEnd(Option<&'a str>),
    /// No update at this time.
    Nothing,
    /// This release.
    Update(&'a Node),
}

/// The release that a device takes: of those that updates lead to from what it runs, the youngest (by age index) that it does not refuse. A release
/// that is older than what the device runs is never taken, and one that is bad or newer than the pin neither.
///
/// The device finds itself by its root hash. A graph is not signed, so the answer is a hint: the signed `updates.json` decides.
#[must_use]
pub fn choose<'a>(
    graph: &'a Graph,
    current: RootHash,
    bad: &BTreeMap<Version, String>,
    pin: Option<Version>,
) -> Choice<'a> {
    let payload = current.to_string();
    let runs =
        |node: &Node| node.payload == payload && node.metadata.get(key::SCHEME).is_some_and(|s| s == key::CHECKSUM);
    let Some((place, running)) = graph.nodes.iter().enumerate().find(|(_, node)| runs(node)) else {
        return Choice::UnknownCurrent;
    };
    if running.facts().dead_end {
        return Choice::DeadEnd(dead_end(running));
    }
    let Ok(version) = running.version.parse::<Version>() else { return Choice::UnknownCurrent };
    let wanted = |node: &Node| {
        let target = node.version.parse::<Version>().ok();
        target
            .is_some_and(|target| target > version && !bad.contains_key(&target) && pin.is_none_or(|pin| target <= pin))
    };
    let targets = graph.edges.iter().filter(|(from, _)| *from == place).filter_map(|(_, to)| graph.nodes.get(*to));
    match targets.filter(|node| wanted(node)).max_by_key(|node| age(node)) {
        Some(node) => Choice::Update(node),
        None => Choice::Nothing,
    }
}

/// Why a release is a dead end, where it is one and says so.
#[must_use]
pub fn dead_end(node: &Node) -> Option<&str> {
    node.metadata.get(key::DEAD_END_REASON).map(String::as_str).filter(|_| node.facts().dead_end)
}

/// A release without an age is older than all that have one.
fn age(node: &Node) -> Option<u64> {
    node.metadata.get(key::AGE_INDEX).and_then(|age| age.parse().ok())
}

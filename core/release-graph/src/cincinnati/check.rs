//! What a graph must keep to.

use std::collections::BTreeSet;

use crate::cincinnati::{Graph, GraphError, MAXIMUM_EDGES, MAXIMUM_METADATA, MAXIMUM_NODES, Node};

pub(super) fn check(graph: &Graph) -> Result<(), GraphError> {
    let many_keys = |node: &Node| node.metadata.len() > MAXIMUM_METADATA;
    if graph.nodes.len() > MAXIMUM_NODES || graph.edges.len() > MAXIMUM_EDGES || graph.nodes.iter().any(many_keys) {
        return Err(GraphError::TooLarge);
    }
    let mut versions = BTreeSet::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        if !is_name(&node.version) || !(node.payload.is_empty() || is_name(&node.payload)) {
            return Err(GraphError::Name { index });
        }
        if !versions.insert(&node.version) {
            return Err(GraphError::Twice(node.version.clone()));
        }
    }
    edges(graph)
}

fn is_name(text: &str) -> bool {
    (1..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn edges(graph: &Graph) -> Result<(), GraphError> {
    let nodes = graph.nodes.len();
    if let Some((from, to)) = graph.edges.iter().copied().find(|(from, to)| *from >= nodes || *to >= nodes) {
        return Err(GraphError::Dangling { from, to, nodes });
    }
    let mut sorted = graph.edges.clone();
    sorted.sort_unstable();
    if let Some([(from, to), _]) = sorted.array_windows().find(|[edge, next]| edge == next) {
        let name = |index: usize| graph.nodes.get(index).map(|node| node.version.clone()).unwrap_or_default();
        return Err(GraphError::EdgeTwice { from: name(*from), to: name(*to) });
    }
    match node_in_circle(nodes, &sorted).and_then(|index| graph.nodes.get(index)) {
        Some(node) => Err(GraphError::Circle(node.version.clone())),
        None => Ok(()),
    }
}

/// Takes away nodes that nothing leads to until none is left (Kahn's algorithm); where some are left, one of them lies in a circle or behind it.
/// `sorted` is in order, so the edges of a node lie together.
fn node_in_circle(nodes: usize, sorted: &[(usize, usize)]) -> Option<usize> {
    let mut incoming = vec![0usize; nodes];
    for (_, to) in sorted {
        if let Some(count) = incoming.get_mut(*to) {
            *count += 1;
        }
    }
    let mut free: Vec<usize> = (0..nodes).filter(|index| incoming.get(*index) == Some(&0)).collect();
    let mut taken = 0;
    while let Some(node) = free.pop() {
        taken += 1;
        let first = sorted.partition_point(|(from, _)| *from < node);
        for (_, to) in sorted.iter().skip(first).take_while(|(from, _)| *from == node) {
            if let Some(count) = incoming.get_mut(*to) {
                *count -= 1;
                if *count == 0 {
                    free.push(*to);
                }
            }
        }
    }
    if taken == nodes { None } else { incoming.iter().position(|count| *count > 0) }
}

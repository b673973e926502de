//! Graphs that anybody may have written.

use std::collections::BTreeMap;

use proptest::prelude::{prop_assert, proptest};
use release_graph::cincinnati::{Choice, Graph, GraphError, choose};
use release_metadata::RootHash;

/// A graph of releases `1.0.0`, `1.1.0`, … with these edges; release n has the root hash nnnn….
fn text(nodes: usize, edges: &str) -> String {
    let nodes: Vec<String> = (0..nodes)
        .map(|n| {
            let payload = format!("{n:x}").repeat(64);
            format!(
                "{{\"version\": \"1.{n}.0\", \"metadata\": {{\"org.fedoraproject.coreos.scheme\": \"checksum\", \
                 \"org.fedoraproject.coreos.releases.age_index\": \"{n}\"}}, \"payload\": \"{payload}\"}}"
            )
        })
        .collect();
    format!("{{\"nodes\": [{}], \"edges\": {edges}}}", nodes.join(","))
}

fn problem(nodes: usize, edges: &str) -> String {
    Graph::parse(&text(nodes, edges)).expect_err("refused").to_string()
}

#[test]
fn circles_and_dangling_updates_are_refused() {
    assert_eq!(problem(3, "[[0,1],[1,2],[2,0]]"), "the updates of the graph lead in a circle through 1.0.0");
    assert_eq!(problem(2, "[[1,1]]"), "the updates of the graph lead in a circle through 1.1.0");
    assert_eq!(
        problem(2, "[[0,2]]"),
        "the update graph has an update from release number 0 to number 2, and only 2 releases"
    );
    assert_eq!(problem(2, "[[0,1],[0,1]]"), "the update graph lists the update from 1.0.0 to 1.1.0 twice");
    assert!(Graph::parse(&text(2, "[[0,-1]]")).is_err());
    assert!(Graph::parse(&text(2, "[[0]]")).is_err());
    assert!(Graph::parse(&text(3, "[[0,1],[0,2],[1,2]]")).is_ok());
}

#[test]
fn names_that_cannot_be_shown_are_refused() {
    for bad in ["\"\"", "\"1.0.0\\n\"", "\"\\u001b[2J\"", "\"1 0\""] {
        let text = text(1, "[]").replace("\"1.0.0\"", bad);
        assert!(matches!(Graph::parse(&text), Err(GraphError::Name { index: 0 })), "{bad}");
    }
    let twice = text(2, "[]").replace("1.1.0", "1.0.0");
    assert_eq!(Graph::parse(&twice).unwrap_err().to_string(), "the update graph has two releases 1.0.0");
}

#[test]
fn limits_come_before_work() {
    let many = (0..4097)
        .map(|n| format!("{{\"version\":\"{n}\",\"metadata\":{{}},\"payload\":\"\"}}"))
        .collect::<Vec<_>>()
        .join(",");
    assert!(matches!(Graph::parse(&format!("{{\"nodes\":[{many}],\"edges\":[]}}")), Err(GraphError::TooLarge)));
    let keys = (0..65).map(|n| format!("\"{n}\":\"\"")).collect::<Vec<_>>().join(",");
    let node = format!("{{\"nodes\":[{{\"version\":\"1\",\"metadata\":{{{keys}}},\"payload\":\"\"}}]}}");
    assert!(matches!(Graph::parse(&node), Err(GraphError::TooLarge)));
    assert!(matches!(Graph::parse(&" ".repeat((16 << 20) + 1)), Err(GraphError::TooLarge)));
}

#[test]
fn a_client_takes_the_youngest_release_that_it_does_not_refuse() {
    let graph = Graph::parse(&text(4, "[[0,2],[0,1],[0,3],[1,2]]")).unwrap();
    let hash = |n: u8| RootHash([n << 4 | n; 32]);
    let version = |choice: Choice<'_>| match choice {
        Choice::Update(node) => node.version.clone(),
        other => format!("{other:?}"),
    };
    let none = BTreeMap::new();
    assert_eq!(version(choose(&graph, hash(0), &none, None)), "1.3.0");
    assert_eq!(version(choose(&graph, hash(0), &none, "1.2.5".parse().ok())), "1.2.0");
    let bad = BTreeMap::from([("1.3.0".parse().unwrap(), "it hung".to_owned())]);
    assert_eq!(version(choose(&graph, hash(0), &bad, None)), "1.2.0");
    assert_eq!(choose(&graph, hash(3), &none, None), Choice::Nothing);
    assert_eq!(choose(&graph, hash(9), &none, None), Choice::UnknownCurrent);
    // A server that leads down is not followed.
    let down = Graph::parse(&text(2, "[[1,0]]")).unwrap();
    assert_eq!(choose(&down, hash(1), &none, None), Choice::Nothing);
}

#[test]
fn a_client_shows_why_it_is_in_a_dead_end() {
    let said = "\"org.fedoraproject.coreos.updates.deadend\": \"true\", \"org.fedoraproject.coreos.updates.deadend_reason\": \"see issue 215\", ";
    let dead = text(2, "[[0,1]]").replacen("\"metadata\": {", &format!("\"metadata\": {{{said}"), 1);
    let graph = Graph::parse(&dead).unwrap();
    assert_eq!(choose(&graph, RootHash([0; 32]), &BTreeMap::new(), None), Choice::DeadEnd(Some("see issue 215")));
}

proptest! {
    #[test]
    fn edges_in_one_direction_never_make_a_circle(pairs in proptest::collection::btree_set((0..12usize, 0..12usize), 0..40)) {
        let edges: Vec<String> = pairs.iter().filter(|(a, b)| a < b).map(|(a, b)| format!("[{a},{b}]")).collect();
        let edges = format!("[{}]", edges.join(","));
        prop_assert!(Graph::parse(&text(12, &edges)).is_ok());
    }

    #[test]
    fn an_edge_back_along_a_path_always_makes_one(path in proptest::sample::subsequence((0..12usize).collect::<Vec<_>>(), 2..12)) {
        let mut edges: Vec<String> = path.windows(2).map(|pair| format!("[{},{}]", pair[0], pair[1])).collect();
        edges.push(format!("[{},{}]", path[path.len() - 1], path[0]));
        let refused = Graph::parse(&text(12, &format!("[{}]", edges.join(","))));
        prop_assert!(matches!(refused, Err(GraphError::Circle(_))));
    }
}

#[test]
fn the_reference_shows_a_graph_byte_for_byte() {
    let reference = include_str!("../../../docs/reference/update-graph.md");
    let example = reference.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let graph = Graph::parse(example).unwrap();
    assert_eq!(graph.to_json() + "\n", example);
    assert_eq!(graph.edges_by_policy().unwrap(), graph.edges);
}

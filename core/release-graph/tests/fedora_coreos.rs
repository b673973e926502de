//! The same answers as Fedora CoreOS on its own data.
//!
//! Three witnesses: a graph that its server answered with; answers worked out by hand from its published rules; and a second implementation of
//! those rules, below, of another shape than ours, asked about every release at many times and degrees of wariness.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use release_graph::cincinnati::{Graph, Node, key};
use release_metadata::share::Share;
use serde_json::Value;

const TESTING_2023: &str = include_str!("fedora-coreos/testing-2023-11-20.json");
const TESTING_2024: &str = include_str!("fedora-coreos/testing-2024-10-29.json");
const STABLE_2020: &str = include_str!("fedora-coreos/stable-2020-01-31.json");
const NEXT_2022: &str = include_str!("fedora-coreos/next-2022-11-02.json");
const TESTING_RELEASES: &str = include_str!("fedora-coreos/testing-releases.txt");
const RESPONSE: &str = include_str!("fedora-coreos/response.json");

/// A stream of Fedora CoreOS: its releases by age, with what it says about each.
struct Stream {
    releases: Vec<(String, Value)>,
}

impl Stream {
    fn read(updates: &str, others: &str) -> Self {
        let updates: Value = serde_json::from_str(updates).expect("the data is JSON");
        let listed = updates["releases"].as_array().expect("a list of releases").iter();
        let mut releases: BTreeMap<Vec<u64>, (String, Value)> = BTreeMap::new();
        let listed =
            listed.map(|release| (release["version"].as_str().expect("a version"), release["metadata"].clone()));
        for (version, metadata) in others.lines().map(|version| (version, Value::Null)).chain(listed) {
            let numbers = version.split('.').map(|number| number.parse().expect("a number")).collect();
            releases.insert(numbers, (version.to_owned(), metadata));
        }
        Self { releases: releases.into_values().collect() }
    }

    /// What a server of Fedora CoreOS would call these releases.
    fn graph(&self) -> Graph {
        let nodes = self.releases.iter().enumerate().map(|(age, (version, said))| {
            let mut metadata =
                BTreeMap::from([(key::AGE_INDEX, age.to_string()), (key::SCHEME, "checksum".to_owned())]);
            if said.get("barrier").is_some() {
                metadata.insert(key::BARRIER, "true".to_owned());
            }
            if said.get("deadend").is_some() {
                metadata.insert(key::DEAD_END, "true".to_owned());
            }
            if let Some(rollout) = said.get("rollout") {
                metadata.insert(key::ROLLOUT, "true".to_owned());
                let names = [
                    (key::START_EPOCH, "start_epoch"),
                    (key::START_VALUE, "start_percentage"),
                    (key::DURATION_MINUTES, "duration_minutes"),
                ];
                let values =
                    names.iter().filter_map(|(key, name)| rollout.get(name).map(|value| (*key, value.to_string())));
                metadata.extend(values);
            }
            let metadata = metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
            Node { version: version.clone(), metadata, payload: format!("payload-{age}") }
        });
        let graph = Graph { nodes: nodes.collect(), edges: Vec::new() };
        let edges = graph.edges_by_policy().expect("few edges");
        Graph { edges, ..graph }
    }

    /// The second implementation. A device climbs over the releases in the order of their age: it remembers the last one that it may take, and
    /// stops behind the first barrier.
    fn by_the_published_rules(&self, from: &str, wariness: f64, now: i64) -> Option<&str> {
        let place = self.releases.iter().position(|(version, _)| version == from)?;
        if self.releases[place].1.get("deadend").is_some() {
            return None;
        }
        let mut best = None;
        for (version, said) in &self.releases[place + 1..] {
            let rollout = said.get("rollout");
            let is_barrier = said.get("barrier").is_some();
            let open = match rollout {
                Some(rollout) => wariness <= share(rollout, now),
                None => is_barrier,
            };
            if open {
                best = Some(version.as_str());
            }
            if is_barrier {
                break;
            }
        }
        best
    }
}

/// The share of a rollout by its published description: nobody before the start, then from the start value evenly to everybody.
fn share(rollout: &Value, now: i64) -> f64 {
    let start = rollout.get("start_epoch").and_then(Value::as_i64).unwrap_or(0);
    let initial = rollout.get("start_percentage").and_then(Value::as_f64).unwrap_or(0.0);
    if now < start {
        return 0.0;
    }
    match rollout.get("duration_minutes").and_then(Value::as_i64) {
        Some(minutes) if now > start + minutes * 60 => 1.0,
        Some(minutes) => initial + (1.0 - initial) / (minutes * 60) as f64 * (now - start) as f64,
        None => initial,
    }
}

/// What our graph leads a device to: the youngest of the releases that are open to it.
fn next<'a>(graph: &'a Graph, from: &str, wariness: f64, now: i64) -> Option<&'a str> {
    let place = graph.nodes.iter().position(|node| node.version == from)?;
    let share = Share::new(wariness).expect("a share");
    let throttled = graph.throttled(share, Timestamp::from_second(now).expect("a time"));
    let youngest = throttled.edges.iter().filter(|(from, _)| *from == place).map(|(_, to)| *to).max()?;
    graph.nodes.get(youngest).map(|node| node.version.as_str())
}

#[test]
fn the_edges_are_those_of_a_real_answer() {
    let answer = Graph::parse(RESPONSE).unwrap();
    let ours: BTreeSet<_> = answer.edges_by_policy().unwrap().into_iter().collect();
    assert_eq!(ours, answer.edges.iter().copied().collect());
    let text: Value = serde_json::from_str(&answer.to_json()).unwrap();
    assert_eq!(text, serde_json::from_str::<Value>(RESPONSE).unwrap());
}

#[test]
fn answers_worked_out_by_hand() {
    let start = 1_700_528_400;
    let testing = Stream::read(TESTING_2023, TESTING_RELEASES).graph();
    for (from, wariness, now, expected) in [
        // A dead end leads nowhere.
        ("30.20190716.1", 0.0, start, None),
        // From barrier to barrier, whatever comes later.
        ("30.20191014.1", 0.5, start, Some("31.20200517.2.0")),
        ("34.20211031.2.0", 0.5, start, Some("35.20211029.2.0")),
        ("35.20211119.2.0", 0.5, start, Some("36.20220505.2.0")),
        ("36.20221030.2.1", 1.0, start, Some("36.20221030.2.3")),
        ("36.20221030.2.3", 1.0, start, Some("37.20230322.2.0")),
        ("37.20221225.2.2", 0.0, start, Some("37.20230322.2.0")),
        ("37.20230322.2.0", 0.5, start, Some("38.20231014.2.0")),
        // Behind the last barrier: the rollout of two days, or the one before it that is complete.
        ("38.20231014.2.0", 0.5, start - 1, Some("39.20231101.2.1")),
        ("38.20231014.2.0", 0.5, start + 86_399, Some("39.20231101.2.1")),
        ("38.20231014.2.0", 0.5, start + 86_400, Some("39.20231119.2.0")),
        ("38.20231014.2.0", 0.51, start + 86_400, Some("39.20231101.2.1")),
        ("38.20231014.2.0", 1.0, start + 172_801, Some("39.20231119.2.0")),
        ("39.20231101.2.1", 0.5, start + 3600, None),
        ("39.20231101.2.1", 0.02, start + 3600, Some("39.20231119.2.0")),
        // A canary does not even wait for the start.
        ("39.20231101.2.1", 0.0, start - 1_000_000, Some("39.20231119.2.0")),
        ("39.20231119.2.0", 0.0, start + 1_000_000, None),
        // Not in the graph.
        ("39.20231119.2.9", 0.0, start, None),
    ] {
        assert_eq!(next(&testing, from, wariness, now), expected, "{from} {wariness} {now}");
    }
    // A barrier that is rolled out itself.
    let later = Stream::read(TESTING_2024, TESTING_RELEASES).graph();
    assert_eq!(next(&later, "40.20240701.2.0", 1.0, 1_730_219_400), Some("40.20241019.2.0"));
    assert_eq!(next(&later, "40.20241019.2.0", 1.0, 1_730_219_400), None);
    assert_eq!(next(&later, "40.20241019.2.0", 0.25, 1_730_219_400 + 43_200), Some("41.20241027.2.0"));
    // Two rollouts under way at once.
    let next_stream = Stream::read(NEXT_2022, "").graph();
    assert_eq!(next(&next_stream, "36.20220906.1.0", 0.2, 1_667_419_200), Some("37.20221021.1.1"));
    assert_eq!(next(&next_stream, "36.20220906.1.0", 0.9, 1_667_419_200), Some("37.20221021.1.0"));
    assert_eq!(next(&next_stream, "36.20220906.1.0", 0.2, 1_667_419_200 + 86_400), Some("37.20221031.1.0"));
    assert_eq!(
        next(&Stream::read(STABLE_2020, "").graph(), "31.20200113.3.1", 0.75, 1_580_738_400 + 194_400),
        Some("31.20200118.3.0")
    );
}

#[test]
fn every_release_gets_the_answer_of_the_published_rules() {
    let mut compared = 0;
    for (updates, others) in
        [(TESTING_2023, TESTING_RELEASES), (TESTING_2024, TESTING_RELEASES), (STABLE_2020, ""), (NEXT_2022, "")]
    {
        let stream = Stream::read(updates, others);
        let graph = stream.graph();
        graph.check().unwrap();
        let starts = stream.releases.iter().filter_map(|(_, said)| said["rollout"]["start_epoch"].as_i64());
        let moments: Vec<i64> = starts
            .flat_map(|start| {
                [-86_400, -1, 0, 1, 3600, 43_200, 86_399, 86_400, 129_600, 172_800, 172_801, 400_000]
                    .map(|after| start + after)
            })
            .collect();
        for (version, _) in &stream.releases {
            for now in &moments {
                for wariness in [0.0, 0.000_001, 0.1, 0.25, 0.5, 0.75, 0.999, 1.0] {
                    let expected = stream.by_the_published_rules(version, wariness, *now);
                    assert_eq!(next(&graph, version, wariness, *now), expected, "{version} {wariness} {now}");
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 10_000, "{compared}");
}

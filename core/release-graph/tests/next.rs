//! Answers from a stream's document.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};
use release_graph::cincinnati::{self, Choice, Graph, Payloads, choose};
use release_graph::next::{Device, next};
use release_graph::request::{Downgrade, Granted, request};
use release_metadata::share::Share;
use release_metadata::updates::{Barrier, DeadEnd, ReleaseEntry, Rollout, Updates, Withdrawal};
use release_metadata::version::Version;
use release_metadata::{Architecture, RootHash};

const REFERENCE: &str = include_str!("../../../docs/reference/release-metadata.md");

fn version(text: &str) -> Version {
    text.parse().expect("a version")
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// The example of the reference: 1.2.0 is a dead end, 1.3.0 a barrier, 1.3.1 withdrawn, 1.4.0 rolled out.
fn example() -> Updates {
    let text = REFERENCE.split("```json\n").nth(1).and_then(|rest| rest.split("```").next());
    Updates::parse(text.expect("an example")).expect("the example is right")
}

fn device(current: &str) -> Device {
    Device {
        stream: "stable".parse().expect("a stream"),
        architecture: Architecture::X86_64,
        current: version(current),
        wariness: Share::new(0.5).expect("a share"),
        pin: None,
        bad: BTreeMap::new(),
    }
}

/// What is done, then every reason, as a person reads it.
fn said(updates: &Updates, device: &Device, at: &str) -> Vec<String> {
    let answer = next(updates, device, time(at)).expect("the same stream");
    let next = answer.next.map_or("stay".to_owned(), |version| format!("take {version}"));
    std::iter::once(next).chain(answer.refusals.iter().map(ToString::to_string)).collect()
}

#[test]
fn every_no_has_a_reason_a_person_can_read() {
    let mut updates = example();
    let during = "2026-11-21T08:00:00Z";
    let reached = "the rollout of 1.4.0 reaches this device at about 2026-11-22T04:44:13Z";
    assert_eq!(
        said(&updates, &device("1.2.0"), during),
        [
            "stay",
            "1.2.0 is a dead end, no update leads away from it: Its updater cannot read patches: write a new image to the disk, see https://example.org/1.2.0"
        ]
    );
    assert_eq!(
        said(&updates, &device("1.3.0"), during),
        ["stay", reached, "1.3.1 was withdrawn: Does not start on machines with one core"]
    );
    assert_eq!(said(&updates, &device("1.3.1"), during), ["stay", reached]);
    assert_eq!(said(&updates, &device("1.3.1"), "2026-11-23T08:00:00Z"), ["take 1.4.0"]);
    assert_eq!(said(&updates, &device("1.4.0"), during), ["stay", "1.4.0 is the newest release of stable"]);
    assert_eq!(
        said(&updates, &device("1.3.9"), during),
        [
            "stay",
            "this device runs 1.3.9, which is no release of stable for x86-64; ask for a release by its version to move to it"
        ]
    );
    let pinned = Device { pin: Some(version("1.3.1")), ..device("1.3.1") };
    assert_eq!(said(&updates, &pinned, during), ["stay", "1.4.0 is newer than 1.3.1, which this device is pinned to"]);
    let bad = Device {
        bad: BTreeMap::from([(version("1.4.0"), "check network.sh: no gateway".to_owned())]),
        ..device("1.3.1")
    };
    assert_eq!(
        said(&updates, &bad, "2027-01-01T00:00:00Z"),
        ["stay", "1.4.0 was tried on this device and did not come up healthy: check network.sh: no gateway"]
    );
    updates.releases[0].dead_end = None;
    assert_eq!(
        said(&updates, &device("1.2.0"), during),
        [
            "take 1.3.0",
            "1.3.0 is a barrier and comes before 1.4.0: Moves the settings of the network to their new place",
            "1.3.1 was withdrawn: Does not start on machines with one core"
        ]
    );
    updates.releases[2].withdrawn = None;
    updates.releases[2].rollout = None;
    updates.releases[3].rollout =
        Some(Rollout { duration_minutes: None, ..updates.releases[3].rollout.clone().unwrap() });
    assert_eq!(
        said(&updates, &device("1.3.0"), during),
        ["stay", "the rollout of 1.4.0 is paused and has not reached this device", "1.3.1 is not rolled out"]
    );
    updates.releases[3].architectures = vec![Architecture::Arm64];
    assert_eq!(said(&updates, &device("1.3.1"), during), ["stay", "1.4.0 does not exist for x86-64"]);
}

#[test]
fn the_answer_changes_at_the_time_it_says() {
    let updates = example();
    let before = next(&updates, &device("1.3.1"), time("2026-11-21T05:00:00Z")).unwrap();
    let then = before.ask_again_at().unwrap();
    assert_eq!(next(&updates, &device("1.3.1"), then).unwrap().next, Some(version("1.4.0")));
    let earlier = Timestamp::from_second(then.as_second() - 1).unwrap();
    assert_eq!(next(&updates, &device("1.3.1"), earlier).unwrap().next, None);
}

#[test]
fn a_list_of_another_stream_is_refused() {
    let testing = Device { stream: "testing".parse().unwrap(), ..device("1.3.1") };
    let refused = next(&example(), &testing, time("2026-11-21T05:00:00Z")).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the list of releases is of stream stable, and this device follows testing; get the list of testing"
    );
}

#[test]
fn an_operator_may_ask_for_a_release() {
    let mut updates = example();
    updates.releases[0].dead_end = None;
    let ask = |updates: &Updates, from: &str, to: &str, downgrade| {
        request(updates, &device(from), version(to), downgrade)
            .expect("the same stream")
            .map_err(|refusal| refusal.to_string())
    };
    let granted = |to: &str| Ok(Granted { version: version(to), barriers_undone: Vec::new() });
    // Rollouts do not count, and what the device runs need not be of the stream.
    assert_eq!(ask(&updates, "1.3.0", "1.4.0", Downgrade::Refused), granted("1.4.0"));
    assert_eq!(ask(&updates, "1.4.0~dev.7", "1.4.0", Downgrade::Refused), granted("1.4.0"));
    let barrier = "1.3.0 is a barrier and comes before 1.4.0: Moves the settings of the network to their new place";
    assert_eq!(ask(&updates, "1.2.0", "1.4.0", Downgrade::Asked), Err(barrier.to_owned()));
    assert_eq!(ask(&updates, "1.2.5", "1.4.0", Downgrade::Asked), Err(barrier.to_owned()));
    let older = "1.2.0 is older than 1.4.0, which this device runs; a downgrade must be asked for";
    assert_eq!(ask(&updates, "1.4.0", "1.2.0", Downgrade::Refused), Err(older.to_owned()));
    assert_eq!(
        ask(&updates, "1.4.0", "1.2.0", Downgrade::Asked),
        Ok(Granted { version: version("1.2.0"), barriers_undone: vec![version("1.3.0")] })
    );
    assert_eq!(ask(&updates, "1.4.0", "1.3.0", Downgrade::Asked), granted("1.3.0"));
    let withdrawn = "1.3.1 was withdrawn: Does not start on machines with one core";
    assert_eq!(ask(&updates, "1.3.0", "1.3.1", Downgrade::Asked), Err(withdrawn.to_owned()));
    assert_eq!(ask(&updates, "1.3.0", "1.9.0", Downgrade::Asked), Err("stable has no release 1.9.0".to_owned()));
    assert_eq!(ask(&updates, "1.4.0", "1.4.0", Downgrade::Asked), Err("this device runs 1.4.0 already".to_owned()));
    let dead_end = ask(&example(), "1.2.0", "1.3.0", Downgrade::Asked).unwrap_err();
    assert!(dead_end.starts_with("1.2.0 is a dead end"), "{dead_end}");
}

#[test]
fn a_graph_that_no_client_would_read_is_not_made() {
    let release = |index| entry_of(index, Some((0, 4, None)), 9, 9);
    let many = Updates { releases: (0..1500).map(release).collect(), ..example() };
    let hashes: Payloads = many.releases.iter().map(|release| (release.version, RootHash([0; 32]))).collect();
    let refused = cincinnati::from_updates(&many, Architecture::X86_64, &hashes).unwrap_err();
    assert!(refused.to_string().contains("end the rollouts of old releases"), "{refused}");
    let refused = cincinnati::from_updates(&example(), Architecture::Arm64, &Payloads::new()).unwrap_err();
    assert_eq!(refused.to_string(), "the root hash of 1.3.0 for arm64 is not known; its release.json has it");
}

fn entries() -> impl Strategy<Value = Vec<ReleaseEntry>> {
    let rollout = (0..4000i64, 0..=4u8, any::<Option<u8>>());
    let entry = (proptest::option::weighted(0.7, rollout), 0..12u8, 0..4u8);
    proptest::collection::vec(entry, 1..12).prop_map(|drawn| {
        drawn
            .into_iter()
            .enumerate()
            .map(|(index, (rollout, kind, architectures))| entry_of(index, rollout, kind, architectures))
            .collect()
    })
}

fn entry_of(index: usize, rollout: Option<(i64, u8, Option<u8>)>, kind: u8, architectures: u8) -> ReleaseEntry {
    let reason = || "because".parse().expect("a reason");
    let dead_end = (kind == 3).then(|| DeadEnd { reason: reason() });
    ReleaseEntry {
        version: version(&format!("1.{index}.0")),
        date: Timestamp::UNIX_EPOCH,
        architectures: match architectures {
            0 => vec![Architecture::Arm64],
            1 => vec![Architecture::X86_64],
            _ => vec![Architecture::Arm64, Architecture::X86_64],
        },
        rollout: rollout.filter(|_| dead_end.is_none()).map(|(start, quarters, minutes)| Rollout {
            start: Timestamp::from_second(start).expect("a time"),
            initial_share: Share::new(f64::from(quarters) / 4.0).expect("a share"),
            duration_minutes: minutes.map(|minutes| u32::from(minutes) + 1),
        }),
        barrier: (kind < 2).then(|| Barrier { reason: reason() }),
        withdrawn: (kind == 2).then(|| Withdrawal { reason: reason() }),
        dead_end,
    }
}

fn updates() -> impl Strategy<Value = Updates> {
    entries().prop_map(|releases| Updates {
        format: release_metadata::updates::FORMAT,
        stream: "stable".parse().expect("a stream"),
        updated: Timestamp::UNIX_EPOCH,
        releases,
    })
}

/// A root hash for every release, and the version of each.
fn payloads(updates: &Updates) -> Payloads {
    let hash = |index: usize| RootHash(std::array::from_fn(|_| u8::try_from(index).expect("few releases")));
    updates.releases.iter().enumerate().map(|(index, release)| (release.version, hash(index))).collect()
}

proptest! {
    #[test]
    fn following_next_passes_every_barrier_and_only_goes_up(
        updates in updates(), start in 0..12usize, wariness in 0.0..=1.0f64, seconds in 0..30_000i64, step in 0..20_000i64,
    ) {
        prop_assert!(updates.to_json().is_ok());
        let start = start % updates.releases.len();
        let mut device = Device { wariness: Share::new(wariness).unwrap(), ..device(&format!("1.{start}.0")) };
        let exists = |release: &&ReleaseEntry| release.architectures.contains(&device.architecture) && release.withdrawn.is_none();
        let barriers: Vec<Version> = updates.releases.iter().filter(exists).filter(|r| r.barrier.is_some()).map(|r| r.version).collect();
        let mut visited = vec![device.current];
        let mut now = seconds;
        for _ in 0..=updates.releases.len() {
            let Some(step_to) = next(&updates, &device, Timestamp::from_second(now).unwrap()).unwrap().next else { break };
            prop_assert!(step_to > device.current);
            device.current = step_to;
            visited.push(step_to);
            now += step;
        }
        prop_assert!(visited.len() <= updates.releases.len());
        let (first, last) = (visited[0], *visited.last().unwrap());
        let skipped = barriers.iter().find(|barrier| **barrier > first && **barrier < last && !visited.contains(barrier));
        prop_assert_eq!(skipped, None, "{:?}", visited);
    }

    #[test]
    fn the_document_and_the_graph_say_the_same(updates in updates(), wariness in 0.0..=1.0f64, seconds in 0..30_000i64) {
        let wariness = Share::new(wariness).unwrap();
        let now = Timestamp::from_second(seconds).unwrap();
        let payloads = payloads(&updates);
        let graph = cincinnati::from_updates(&updates, Architecture::X86_64, &payloads).unwrap();
        let graph = Graph::parse(&graph.to_json()).unwrap().throttled(wariness, now);
        for release in &updates.releases {
            let device = Device { wariness, current: release.version, ..device("1.0.0") };
            let answer = next(&updates, &device, now).unwrap();
            let chosen = match choose(&graph, payloads[&release.version], &BTreeMap::new(), None) {
                Choice::Update(node) => Some(node.version.parse::<Version>().unwrap()),
                Choice::UnknownCurrent | Choice::DeadEnd(_) | Choice::Nothing => None,
            };
            prop_assert_eq!(answer.next, chosen);
            prop_assert!(answer.next.is_some() || !answer.refusals.is_empty());
        }
    }

    #[test]
    fn a_bad_or_pinned_release_is_never_taken(updates in updates(), bad in 0..12usize, pin in 0..12usize) {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let bad = version(&format!("1.{bad}.0"));
        let pin = version(&format!("1.{pin}.0"));
        for release in &updates.releases {
            let device = Device { current: release.version, pin: Some(pin), bad: BTreeMap::from([(bad, String::new())]), wariness: Share::NONE, ..device("1.0.0") };
            let taken = next(&updates, &device, now).unwrap().next;
            prop_assert!(taken.is_none_or(|taken| taken != bad && taken <= pin));
        }
    }
}

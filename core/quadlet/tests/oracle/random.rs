//! Random apps: where we have no objection, the generator has none, and the other way round.

use crate::generator::{app, errors, generate};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use quadlet::keys;
use quadlet::names::service_name;
use quadlet::unit_kind::UnitKind;
use std::collections::BTreeMap;

/// Lines that bring units together or go wrong in some kinds.
const LINES: &[&str] = &[
    "Image=registry.example/a:1",
    "Image=a.image",
    "Image=a.build",
    "Pod=a.pod",
    "Volume=a.volume:/data",
    "Volume=/srv:/srv:ro",
    "Network=a.network",
    "Network=a.container",
    "Mount=type=volume,source=a.volume,target=/m",
    "Mount=type=tmpfs,target=/t",
    "Driver=image",
    "ImageTag=localhost/a",
    "SetWorkingDirectory=unit",
    "Yaml=/a.yaml",
    "Subnet=10.1.0.0/16",
    "Gateway=10.1.0.1",
    "ServiceName=same",
    "Exec=sh -c \"a \\\n  b\"",
    "# comment",
    "",
    "[Unit]",
    "[Service]",
    "[Container]",
    "Description=x",
    "Restart=always",
    "After=a.service",
];

fn line() -> impl Strategy<Value = String> {
    let examples: Vec<String> = UnitKind::ALL
        .into_iter()
        .flat_map(|kind| keys::of_kind(kind).iter().map(|key| format!("{}={}", key.name, key.example)))
        .collect();
    prop_oneof![select(LINES).prop_map(str::to_owned), select(LINES).prop_map(str::to_owned), select(examples)]
}

/// A unit that is mostly right: what its kind needs, and a few lines.
fn unit() -> impl Strategy<Value = (String, String)> {
    let name = (select(vec!["a", "b"]), select(UnitKind::ALL.to_vec()));
    (name, vec(line(), 0..4), any::<bool>()).prop_map(|((stem, kind), lines, complete)| {
        let needed = if complete {
            crate::samples::unit_with(kind, "PodmanArgs", &["--x"])
        } else {
            format!("[{}]\n", kind.section())
        };
        (format!("{stem}.{kind}"), needed + &lines.join("\n") + "\n")
    })
}

/// Our objections may be errors that only show when the service starts, which the generator does not look for.
#[test]
fn the_generator_accepts_what_we_accept_and_we_refuse_what_it_refuses() {
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let (mut accepted, mut refused) = (0, 0);
    let apps = vec(prop_oneof![unit(), unit(), Just(("a.pod".to_owned(), "[Pod]\n".to_owned()))], 1..4);
    for _ in 0..200 {
        let tree = apps.new_tree(&mut runner).unwrap();
        let files: BTreeMap<String, String> = proptest::strategy::ValueTree::current(&tree).into_iter().collect();
        let (answer, ours) = (generate(&files), errors(&files));
        if answer.accepted {
            accepted += 1;
        } else {
            refused += 1;
            assert!(!ours.is_empty(), "we have no objection, the generator says:\n{}\n{files:#?}", answer.complaints);
        }
        if ours.is_empty() {
            let mut names: Vec<String> = app(&files).units().iter().map(service_name).collect();
            names.sort();
            assert_eq!(names, answer.services.keys().cloned().collect::<Vec<_>>(), "{files:#?}");
        }
    }
    // Both happened often enough to mean something.
    assert!(accepted > 20 && refused > 20, "{accepted} accepted, {refused} refused");
}

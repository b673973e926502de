//! Which roles are asked for a file, and in which order.

use signed_metadata::error::MetadataError;
use signed_metadata::publish::target_file;
use signed_metadata::role::TARGETS;

use crate::repository::{Device, Repository};

/// From, to, patterns, terminating.
type Delegation = (&'static str, &'static str, &'static [&'static str], bool);

fn repository(delegations: &[Delegation]) -> (Device, Repository) {
    let mut repository = Repository::new();
    let device = Device::new(&repository);
    for (from, to, paths, terminating) in delegations {
        repository.delegate(from, to, paths, *terminating);
    }
    let roles: Vec<String> = repository.targets.keys().cloned().collect();
    for role in roles {
        repository.publish_targets(&role);
    }
    repository.publish_snapshot();
    (device, repository)
}

const ALL: &[&str] = &["*"];

#[test]
fn roles_are_asked_depth_first_in_the_order_they_are_listed() {
    let graphs: [(&[Delegation], &[&str]); 12] = [
        (&[(TARGETS, "A", ALL, false)], &["A"]),
        (&[(TARGETS, "A", ALL, false), (TARGETS, "B", ALL, false)], &["A", "B"]),
        (&[(TARGETS, "A", ALL, false), (TARGETS, "B", ALL, false), ("B", "C", ALL, false)], &["A", "B", "C"]),
        (
            &[(TARGETS, "A", ALL, false), (TARGETS, "B", ALL, false), ("A", "C", ALL, false), ("A", "D", ALL, false)],
            &["A", "C", "D", "B"],
        ),
        (
            &[(TARGETS, "A", ALL, false), (TARGETS, "B", ALL, false), ("A", "C", ALL, false), ("C", "D", ALL, false)],
            &["A", "C", "D", "B"],
        ),
        (
            &[(TARGETS, "A", ALL, false), (TARGETS, "B", ALL, false), ("A", "C", ALL, true), ("A", "D", ALL, false)],
            &["A", "C"],
        ),
        (
            &[(TARGETS, "A", ALL, false), (TARGETS, "B", ALL, false), ("A", "C", ALL, true), ("C", "D", ALL, false)],
            &["A", "C", "D"],
        ),
        (&[(TARGETS, "A", &["*.py"], false), (TARGETS, "B", ALL, false), ("A", "C", ALL, false)], &["B"]),
        (
            &[
                (TARGETS, "A", ALL, false),
                (TARGETS, "B", ALL, false),
                ("A", "C", &["*.py"], false),
                ("C", "D", ALL, false),
            ],
            &["A", "B"],
        ),
        (
            &[
                (TARGETS, "A", ALL, false),
                (TARGETS, "B", ALL, false),
                ("B", "C", ALL, false),
                ("C", "D", ALL, false),
                ("D", "B", ALL, false),
            ],
            &["A", "B", "C", "D"],
        ),
        (
            &[(TARGETS, "A", ALL, false), (TARGETS, "B", ALL, false), ("B", "C", ALL, false), ("A", "C", ALL, false)],
            &["A", "C", "B"],
        ),
        (
            &[
                (TARGETS, "A", ALL, false),
                (TARGETS, "B", ALL, false),
                ("B", "C", ALL, false),
                ("A", "C", &["*.py"], false),
            ],
            &["A", "B", "C"],
        ),
    ];
    for (delegations, order) in graphs {
        let (mut device, mut repository) = repository(delegations);
        let error = device.find(&mut repository, "missing").unwrap_err();
        assert_eq!(error, MetadataError::NoTarget { path: "missing".to_owned() });
        let expected: Vec<String> = order.iter().map(|role| format!("1.{role}.json")).collect();
        assert_eq!(repository.asked[4..], expected, "{delegations:?}");
    }
}

#[test]
fn only_the_roles_that_a_file_is_delegated_to_can_vouch_for_it() {
    let (mut device, mut repository) = repository(&[
        (TARGETS, "A", &["*.doc", "*.md"], false),
        (TARGETS, "B", &["releases/*/*"], false),
        ("B", "C", &["releases/x/*"], false),
        ("B", "D", &["releases/y/*.zip"], false),
    ]);
    let files = [
        (TARGETS, "file"),
        ("A", "README.md"),
        ("C", "releases/x/x1"),
        ("D", "releases/y/y1.zip"),
        ("D", "releases/z/z1.zip"),
    ];
    for (role, path) in files {
        let role = repository.targets.get_mut(role).unwrap();
        role.targets.insert(path.to_owned(), target_file(path.as_bytes()));
        role.common.version = 2;
    }
    for role in [TARGETS, "A", "C", "D"] {
        repository.publish_targets(role);
    }
    repository.publish_snapshot();
    for path in ["file", "README.md", "releases/x/x1", "releases/y/y1.zip"] {
        assert_eq!(device.find(&mut repository, path), Ok(target_file(path.as_bytes())), "{path}");
    }
    assert!(device.find(&mut repository, "releases/z/z1.zip").is_err());
}

#[test]
fn unusual_names_of_roles_stay_file_names() {
    for (role, file) in [("?", "%3F"), ("#", "%23"), ("/role", "%2Frole"), ("../role", "..%2Frole")] {
        let (mut device, mut repository) = repository(&[(TARGETS, role, ALL, false)]);
        assert!(device.find(&mut repository, "missing").is_err());
        assert_eq!(repository.asked.last(), Some(&format!("1.{file}.json")));
        assert!(device.store.0.contains_key(&format!("{file}.json")), "{role}");
    }
}

#[test]
fn a_chain_of_roles_does_not_lead_on_for_ever() {
    let names: Vec<String> = (0..100).map(|number| format!("role-{number}")).collect();
    let mut repository = Repository::new();
    let mut device = Device::new(&repository);
    let mut from = TARGETS.to_owned();
    for name in &names {
        repository.delegate(&from, name, ALL, false);
        from.clone_from(name);
    }
    let roles: Vec<String> = repository.targets.keys().cloned().collect();
    roles.iter().for_each(|role| repository.publish_targets(role));
    repository.publish_snapshot();
    assert!(device.find(&mut repository, "missing").is_err());
    assert!(repository.asked.len() < 40, "{}", repository.asked.len());
}

#[test]
fn a_role_signed_by_somebody_else_is_refused() {
    let (mut device, mut repository) = repository(&[(TARGETS, "stable", ALL, true)]);
    repository.signers.insert("stable".to_owned(), vec![8]);
    repository.targets.get_mut("stable").unwrap().common.version = 2;
    repository.publish_targets("stable");
    repository.publish_snapshot();
    let error = device.find(&mut repository, "any").unwrap_err();
    assert!(matches!(error, MetadataError::NotSigned { delegator, .. } if delegator == TARGETS));
}

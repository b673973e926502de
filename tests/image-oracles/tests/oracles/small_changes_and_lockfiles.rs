//! Promises: a small change is a small build; a lockfile means exactly these packages, without a network.

use package_lock::digest::Sha256Digest;
use serde_json::Value;
use std::fs;
use std::time::Instant;

use crate::checkout::{Build, Checkout, Workshop};
use crate::image::text;
use crate::{listing, oracle};

/// A file that the recipe adds, in the checkout and in the image.
const ADDED: [&str; 2] = ["os/tree/usr/lib/piccolo/added-by-a-test", "/usr/lib/piccolo/added-by-a-test"];

#[test]
fn a_changed_file_rebuilds_the_image_step_only_and_gets_into_the_image() {
    let workshop = Workshop::new();
    let checkout = Checkout::new(&workshop, "checkout", "022");
    fs::write(checkout.root.join(ADDED[0]), "first").unwrap();
    let build = checkout.build();
    let plan = Build { more: vec!["--dry-run"], ..checkout.build() };
    let first = build.succeed();
    let cached = ["packages: cached", "base tree: cached", "image: cached"];
    assert_eq!(states(&plan.succeed()), cached, "all is there, so nothing is to do");
    let listed_first = listing_of(&build);

    fs::write(checkout.root.join(ADDED[0]), "second").unwrap();
    assert_eq!(states(&plan.succeed()), ["packages: cached", "base tree: cached", "image: needed"]);
    let start = Instant::now();
    let second = build.succeed();
    println!("after a change of one file: {:.1} s", start.elapsed().as_secs_f64());
    assert_eq!(states(&plan.succeed()), cached);
    assert_ne!(text(&first, "/root/hash"), text(&second, "/root/hash"));
    let listed_second = listing_of(&build);
    let changed: Vec<_> =
        listed_second.keys().filter(|path| listed_second.get(*path) != listed_first.get(*path)).collect();
    assert_eq!(changed, [ADDED[1]], "the change, and nothing else");
    assert_eq!(listed_first.len(), listed_second.len());
}

#[test]
fn a_lockfile_that_does_not_answer_the_recipe_is_refused_with_what_to_do() {
    let workshop = Workshop::new();
    let checkout = Checkout::new(&workshop, "checkout", "022");
    let layer = checkout.root.join("more.yaml");
    fs::write(&layer, "packages:\n  include:\n    - htop\n").unwrap();
    let layers = format!("{}:{}", checkout.build().layers, layer.display());
    let other_packages = Build { layers, ..checkout.build() };
    assert_refused(&other_packages, 5, "lock", &["lock.json", "run piccolo lock"]);

    let missing = Build { lockfile: checkout.root.join("nowhere.lock.json"), ..checkout.build() };
    assert_refused(&missing, 5, "lock", &["nowhere.lock.json", "is not there", "run piccolo lock"]);

    let cut_off = checkout.root.join("cut-off.lock.json");
    let whole = fs::read(checkout.root.join("lock.json")).unwrap();
    fs::write(&cut_off, &whole[..whole.len() / 2]).unwrap();
    let damaged = Build { lockfile: cut_off, ..checkout.build() };
    assert_refused(&damaged, 5, "lock", &["cut-off.lock.json", "run piccolo lock"]);
}

#[test]
fn a_package_with_another_hash_than_the_lockfiles_is_not_taken() {
    let workshop = Workshop::new();
    let checkout = Checkout::new(&workshop, "checkout", "022");
    let mut lockfile = checkout.lockfile();
    let package = lockfile.packages.first_mut().expect("a lockfile names packages");
    package.sha256 = Sha256Digest::of(b"something else");
    let name = package.name.clone();
    fs::write(checkout.root.join("lock.json"), lockfile.to_text()).unwrap();
    assert_refused(&checkout.build(), 6, "unavailable", &[&name]);
}

/// Runs the build, which must end with this exit code and kind, say each of these words, and leave no image.
#[track_caller]
fn assert_refused(build: &Build<'_>, code: i32, kind: &str, words: &[&str]) {
    let output = build.attempt();
    let said = oracle::text_of(&output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    let last = said.lines().last().unwrap_or_default();
    let error: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!(text(&error, "/error/kind"), kind, "{said}");
    let missing = words.iter().find(|word| !error["error"]["causes"].to_string().contains(**word));
    assert_eq!(missing, None, "{said}");
    assert!(!build.image().disk.exists());
}

/// The steps of a plan and their states.
fn states(plan: &Value) -> Vec<String> {
    let steps = plan["steps"].as_array().unwrap_or_else(|| panic!("no steps in {plan}"));
    steps.iter().map(|step| format!("{}: {}", text(step, "/name"), text(step, "/state"))).collect()
}

fn listing_of(build: &Build<'_>) -> listing::Listing {
    let (tree, blobs) = build.image().root_tree();
    listing::of_tree(&tree, &blobs)
}

//! How a lockfile is laid out as text.

use crate::lockfile::{LockedPackage, LockedSuite, Lockfile};
use serde::Serialize;

/// The whole file. The layout is ours because one field per line makes a thousand packages 12,000 lines, and one package per
/// line makes a change hard to read.
pub(crate) fn write(lockfile: &Lockfile) -> String {
    let suites: Vec<String> = lockfile.suites.iter().map(suite).collect();
    let packages: Vec<String> = lockfile.packages.iter().map(package).collect();
    format!(
        "{{\n  \"format\": {},\n  \"request\": {},\n  \"architecture\": {},\n  \"provided\": {},\n  \"suites\": [{}],\n  \
         \"packages\": [{}]\n}}\n",
        lockfile.format,
        json(&lockfile.request),
        json(&lockfile.architecture),
        json(&lockfile.provided),
        list(&suites),
        list(&packages),
    )
}

fn list(items: &[String]) -> String {
    if items.is_empty() { String::new() } else { format!("\n{}\n  ", items.join(",\n")) }
}

fn suite(suite: &LockedSuite) -> String {
    let indices: Vec<String> = suite
        .indices
        .iter()
        .map(|index| {
            format!("        {{ \"component\": {}, \"sha256\": {} }}", json(&index.component), json(&index.sha256))
        })
        .collect();
    let indices = if indices.is_empty() { String::new() } else { format!("\n{}\n      ", indices.join(",\n")) };
    format!(
        "    {{ \"archive\": {}, \"suite\": {}, \"date\": {},\n      \"release_sha256\": {},\n      \"indices\": [{indices}] }}",
        json(&suite.archive),
        json(&suite.suite),
        json(&suite.date),
        json(&suite.release_sha256),
    )
}

fn package(package: &LockedPackage) -> String {
    let essential = if package.essential { ", \"essential\": true" } else { "" };
    format!(
        "    {{ \"name\": {}, \"version\": {}, \"architecture\": {},\n      \"source\": {}, \"source_version\": {}{essential},\n      \
         \"archive\": {}, \"suite\": {}, \"component\": {},\n      \"path\": {},\n      \"size\": {}, \"sha256\": {} }}",
        json(&package.name),
        json(&package.version),
        json(&package.architecture),
        json(&package.source),
        json(&package.source_version),
        json(&package.archive),
        json(&package.suite),
        json(&package.component),
        json(&package.path),
        package.size,
        json(&package.sha256),
    )
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("invariant: texts and lists of texts are always JSON")
}

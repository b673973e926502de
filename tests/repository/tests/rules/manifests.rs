//! What every crate says about itself.

use crate::no_violations;
use repository::crates::{self, Room};
use repository::files::text;

#[test]
fn a_crate_is_named_as_its_folder() {
    const EMPTY_WORDS: [&str; 6] = ["base", "common", "helpers", "misc", "shared", "utils"];
    let mut violations = Vec::new();
    for member in crates::all() {
        let folder = member.folder();
        if folder.rsplit('/').next() != Some(member.name.as_str()) {
            violations.push(format!("{folder} holds the crate {}", member.name));
        }
        if member.name.split('-').any(|word| EMPTY_WORDS.contains(&word)) {
            violations.push(format!("{folder}: the name says nothing"));
        }
        if Room::of(&folder).is_none() {
            violations.push(format!("{folder} is in no room of the house"));
        }
    }
    no_violations("folder name = crate name, and it says the thing:", &violations);
}

#[test]
fn a_crate_describes_itself_and_takes_the_workspaces_lints_and_licence() {
    let mut violations = Vec::new();
    for member in crates::all() {
        let manifest = format!("{}/Cargo.toml", member.folder());
        if !text(&manifest).contains("[lints]\nworkspace = true\n") {
            violations.push(format!("{manifest}: add [lints] workspace = true"));
        }
        if member.description.as_ref().is_none_or(|description| description.trim().is_empty()) {
            violations.push(format!("{manifest}: add a description"));
        }
        if member.license.as_deref() != Some("Apache-2.0") {
            violations.push(format!("{manifest}: add license.workspace = true"));
        }
        if member.publish.as_ref().is_none_or(|registries| !registries.is_empty()) {
            violations.push(format!("{manifest}: add publish.workspace = true"));
        }
    }
    no_violations("what every manifest has:", &violations);
}

#[test]
fn dependencies_come_from_the_workspaces_table_with_exact_versions() {
    let mut violations = Vec::new();
    for member in crates::all() {
        let manifest = format!("{}/Cargo.toml", member.folder());
        violations.extend(own_dependencies(&text(&manifest)).map(|line| format!("{manifest}: {line}")));
        for dependency in member.dependencies.iter().filter(|dependency| dependency.path.is_none()) {
            if !dependency.requirement.starts_with('=') {
                violations.push(format!("{} {}: pin it with =", dependency.name, dependency.requirement));
            }
        }
    }
    violations.dedup();
    no_violations("write `NAME = { workspace = true }`, and the version into the root manifest:", &violations);
}

/// The lines of a manifest that name a dependency without leaving its version to the workspace.
fn own_dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    let mut in_dependencies = false;
    manifest.lines().filter(move |line| {
        if line.starts_with('[') {
            in_dependencies = line.contains("dependencies");
            // `[dependencies.NAME]` spreads one dependency over lines.
            return line.contains("dependencies.");
        }
        let entry = in_dependencies && !line.trim().is_empty() && !line.starts_with('#');
        entry && !line.contains("workspace = true")
    })
}

#[test]
fn a_version_of_its_own_is_noticed() {
    let manifest = "[dependencies]\n# why\na = { workspace = true }\nb.workspace = true\nc = \"1\"\n\n[lints]\nworkspace = true\n\n\
                    [dev-dependencies.d]\nversion = \"2\"\n";
    let found: Vec<&str> = own_dependencies(manifest).collect();
    assert_eq!(found, ["c = \"1\"", "[dev-dependencies.d]", "version = \"2\""]);
}

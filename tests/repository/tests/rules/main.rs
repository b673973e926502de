//! The rules of this repository. ARCHITECTURE.md and CONTRIBUTING.md say why.

mod arrows;
mod documents;
mod fuzz_targets;
mod machine_names;
mod manifests;
mod purity;
mod recipes;
mod source_files;

/// Fails with every violation at once, and with what to do about them.
fn no_violations(rule: &str, violations: &[String]) {
    assert!(violations.is_empty(), "{rule}\n  {}\n", violations.join("\n  "));
}

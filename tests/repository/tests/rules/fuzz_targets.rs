//! Every fuzz target can be built.

use crate::no_violations;
use repository::files::{text, tracked_with_ending};

const MANIFEST: &str = "fuzz/Cargo.toml";

#[test]
fn the_fuzz_manifest_names_every_target() {
    let manifest = text(MANIFEST);
    let sources = tracked_with_ending(&[".rs"]);
    let targets: Vec<&str> =
        sources.iter().filter_map(|path| path.strip_prefix("fuzz/fuzz_targets/")?.strip_suffix(".rs")).collect();
    let named: Vec<&str> = manifest.split("[[bin]]").skip(1).filter_map(|entry| value(entry, "name")).collect();
    let paths: Vec<&str> = manifest.split("[[bin]]").skip(1).filter_map(|entry| value(entry, "path")).collect();

    let mut violations = Vec::new();
    for target in &targets {
        if !named.contains(target) || !paths.contains(&format!("fuzz_targets/{target}.rs").as_str()) {
            violations.push(format!("fuzz/fuzz_targets/{target}.rs has no [[bin]] in {MANIFEST}"));
        }
    }
    for name in named.iter().filter(|name| !targets.contains(name)) {
        violations.push(format!("{MANIFEST} names {name}, but fuzz/fuzz_targets/{name}.rs is not there"));
    }
    no_violations("targets and manifest must fit:", &violations);
}

fn value<'a>(entry: &'a str, key: &str) -> Option<&'a str> {
    entry.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_prefix("= \"")?.strip_suffix('"'))
}

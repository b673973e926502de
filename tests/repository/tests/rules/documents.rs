//! Documents that do not point into the void.

use crate::no_violations;
use repository::files::{exists, text, tracked, tracked_with_ending};
use repository::markdown::{anchors, code_blocks, code_spans, links, prose};

#[test]
fn paths_named_in_the_architecture_exist() {
    let tracked = tracked();
    let mut violations = Vec::new();
    for (number, line) in prose(&text("ARCHITECTURE.md")) {
        for span in code_spans(line) {
            let is_path = span.contains('/') && !span.starts_with('/') && !span.contains([' ', '…', '<']);
            if is_path && !exists(&tracked, span) {
                violations.push(format!("ARCHITECTURE.md:{number}: {span}"));
            }
        }
    }
    no_violations("these paths are not in the repository:", &violations);
}

#[test]
fn every_crate_is_on_the_map() {
    let map = text("ARCHITECTURE.md");
    let missing: Vec<String> = repository::crates::all()
        .iter()
        .map(repository::crates::Crate::folder)
        .filter(|folder| !map.contains(&format!("`{folder}`")) && !map.contains(&format!("`{folder}/`")))
        .collect();
    no_violations("ARCHITECTURE.md does not mention:", &missing);
}

#[test]
fn relative_links_lead_somewhere() {
    let tracked = tracked();
    let mut violations = Vec::new();
    for document in tracked_with_ending(&[".md"]) {
        for (number, line) in prose(&text(&document)) {
            for target in
                links(line).into_iter().filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
            {
                if let Some(problem) = problem_of_link(&tracked, &document, target) {
                    violations.push(format!("{document}:{number}: {target}: {problem}"));
                }
            }
        }
    }
    no_violations("these links are broken:", &violations);
}

#[test]
fn documents_named_in_sources_exist() {
    let tracked = tracked();
    let mut violations = Vec::new();
    for path in tracked_with_ending(&[".rs", ".toml", ".yaml"]) {
        for (number, line) in text(&path).lines().enumerate() {
            for name in documents_named(line).filter(|name| !exists(&tracked, name)) {
                violations.push(format!("{path}:{}: {name}", number + 1));
            }
        }
    }
    no_violations("sources refer to documents that are not there:", &violations);
}

/// Words of the form `docs/….md`.
fn documents_named(line: &str) -> impl Iterator<Item = &str> {
    let part_of_path = |character: char| character.is_ascii_alphanumeric() || "/._-".contains(character);
    line.split(move |character| !part_of_path(character))
        .map(|word| word.trim_end_matches('.'))
        .filter(|word| word.starts_with("docs/") && word.ends_with(".md"))
}

fn problem_of_link(tracked: &[String], document: &str, target: &str) -> Option<&'static str> {
    let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let file = if path.is_empty() { document.to_owned() } else { resolve(document, path) };
    if !exists(tracked, &file) {
        return Some("no such file");
    }
    match anchor {
        Some(anchor) if !anchors(&text(&file)).iter().any(|have| have == anchor) => Some("no such heading"),
        _ => None,
    }
}

/// A link's path from the root of the repository; what leads out of it stays as it is and is not found.
fn resolve(document: &str, path: &str) -> String {
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if !parts.is_empty() => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

#[test]
fn the_readme_starts_with_the_two_commands() {
    let readme = text("README.md");
    let (_, code) = code_blocks(&readme, "sh").into_iter().next().expect("the README shows commands");
    let commands: Vec<&str> = code.lines().map(|line| line.split('#').next().unwrap_or_default().trim()).collect();
    assert_eq!(commands, ["cargo xtask demo", "cargo xtask test"]);
    let before = readme.split("```").next().unwrap_or_default();
    assert!(before.lines().filter(|line| !line.is_empty()).count() <= 1, "only the title comes before the commands");
}

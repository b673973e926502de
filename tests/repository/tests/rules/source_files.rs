//! How long files are, and what does not belong in them.

use crate::no_violations;
use repository::files::{text, tracked_with_ending};

/// A file longer than this is split by noun.
const LONGEST: usize = 700;
const SOURCES: [&str; 6] = [".rs", ".css", ".html", ".js", ".py", ".sh"];

#[test]
fn no_source_file_is_too_long() {
    let mut sizes: Vec<(usize, String)> =
        tracked_with_ending(&SOURCES).into_iter().map(|path| (text(&path).lines().count(), path)).collect();
    sizes.sort();
    let percentile = |percent: usize| sizes[(sizes.len() - 1) * percent / 100].0;
    println!("{} source files: median {} lines, 90th percentile {}", sizes.len(), percentile(50), percentile(90));
    let too_long: Vec<String> = sizes
        .iter()
        .filter(|(lines, _)| *lines > LONGEST)
        .map(|(lines, path)| format!("{path}: {lines} lines"))
        .collect();
    no_violations(&format!("split these by noun; the longest file allowed has {LONGEST} lines:"), &too_long);
}

#[test]
fn nothing_is_left_undone_or_switched_off() {
    // Written in two parts, because this file is a source file too.
    let marks = [
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("db", "g!("),
        concat!("#[ign", "ore"),
        concat!("#![al", "low("),
    ];
    let mut violations = Vec::new();
    for path in tracked_with_ending(&[".rs"]) {
        for (number, line) in text(&path).lines().enumerate() {
            for mark in marks.iter().filter(|mark| line.contains(**mark)) {
                violations.push(format!("{path}:{}: {mark}", number + 1));
            }
        }
    }
    no_violations("finish, repair or remove these:", &violations);
}

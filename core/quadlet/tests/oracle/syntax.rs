//! Lines, continuations and words, read as the generator reads them.

use crate::generator::{app, generate};
use proptest::collection::vec;
use proptest::prelude::Strategy;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use quadlet::unit_file::UnitFile;
use quadlet::words::{WordError, WordSyntax, split};
use std::collections::BTreeMap;

/// Random texts, the same in each run.
fn samples(strategy: impl Strategy<Value = String>, count: usize) -> Vec<String> {
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    (0..count).map(|_| strategy.new_tree(&mut runner).expect("a sample").current()).collect()
}

const LINES: &[&str] = &[
    "Label=a=1",
    "  Label = b=2  ",
    "PodmanArgs=--x \\",
    "PodmanArgs=--y\\",
    "\tPodmanArgs =\\",
    "   more \\",
    "Label=more",
    "\\",
    " \\ ",
    "# comment \\",
    " ; comment",
    "",
    "   ",
    "[Unit]",
    "[Volume]",
    "Description=something \\\\",
    "Copy=yes\r",
];

#[test]
fn values_are_joined_as_the_generator_joins_them() {
    let texts = samples(vec(select(LINES), 0..8).prop_map(|lines| lines.join("\n")), 400);
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for (index, text) in texts.into_iter().enumerate() {
        let text = format!("[Volume]\n{text}\n");
        if UnitFile::parse(text.as_bytes()).is_ok() {
            files.insert(format!("v{index}.volume"), text);
        }
    }
    // Keys of the wrong section are refused after they have been read.
    files.retain(|_, text| {
        let file = UnitFile::parse(text.as_bytes()).unwrap();
        file.entries_of("Volume").all(|entry| entry.key != "Description") && file.entries_of("Unit").next().is_none()
    });
    assert!(files.len() > 50, "{}", files.len());
    let answer = generate(&files);
    assert!(answer.accepted, "{}", answer.complaints);
    for unit in app(&files).units() {
        let ours: Vec<(String, String)> =
            unit.file.entries_of("Volume").map(|entry| (entry.key.clone(), entry.value.clone())).collect();
        let service = &answer.services[&format!("{}-volume.service", unit.stem())];
        let section = service.lines().skip_while(|line| *line != "[X-Volume]").skip(1);
        let entries = section.take_while(|line| !line.starts_with('[')).filter(|line| !line.starts_with(['#', ';']));
        let theirs: Vec<(String, String)> = entries
            .filter_map(|line| line.split_once('='))
            // It keeps the spaces before a continuation that brought nothing.
            .map(|(key, value)| (key.to_owned(), value.trim_end().to_owned()))
            .collect();
        assert_eq!(ours, theirs, "{:?}", files[&unit.name]);
    }
}

const PIECES: &[&str] = &[
    "a",
    "b c",
    "\"",
    "'",
    "\\",
    "\\\\",
    "\\n",
    "\\x41",
    "\\x4",
    "\\u00e9",
    "\\U0001F600",
    "\\101",
    "\\s",
    "\\q",
    "\\\"",
    " ",
    "=",
    "%h",
    "$X",
    "é",
    "\t",
    "\"x y\"",
    "'p \"q\"'",
];

#[test]
fn words_are_split_as_the_generator_splits_them() {
    let values = samples(vec(select(PIECES), 1..7).prop_map(|pieces| pieces.concat()), 600);
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for (index, value) in values.iter().enumerate() {
        let text = format!("[Volume]\nPodmanArgs={value}\n");
        if UnitFile::parse(text.as_bytes()).is_ok_and(|file| file.last("Volume", "PodmanArgs").is_some()) {
            files.insert(format!("v{index}.volume"), text);
        }
    }
    let answer = generate(&files);
    assert!(answer.accepted, "{}", answer.complaints);
    let mut split_without_objection = 0;
    for unit in app(&files).units() {
        let service = &answer.services[&format!("{}-volume.service", unit.stem())];
        let command = service.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
        // The generator writes the words for systemd, whose rules are the same.
        let command = split(command, WordSyntax::Escaped).unwrap();
        let words: Vec<&str> = command.iter().map(|word| word.text.as_str()).collect();
        let theirs = &words[4..words.len() - 1];
        let entry = unit.file.last("Volume", "PodmanArgs").unwrap();
        match split(&entry.value, WordSyntax::Escaped) {
            Ok(ours) => {
                split_without_objection += 1;
                assert_eq!(ours.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), theirs, "{}", entry.value);
            }
            Err(WordError::UnknownEscape { .. }) => assert!(theirs.is_empty(), "{} gives {theirs:?}", entry.value),
            // It closes the quote by itself; who wrote it hardly meant that.
            Err(WordError::OpenQuote { .. } | WordError::EmptyWord { .. }) => {}
        }
    }
    assert!(split_without_objection > 100, "{split_without_objection}");
}

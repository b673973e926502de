//! What differs between two versions.

use proptest::collection::vec;
use proptest::prelude::{prop_assert_eq, proptest};
use proptest::sample::select;
use quadlet::difference::{Change, difference};
use std::collections::BTreeMap;

fn version(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn added_removed_and_changed_files_are_shown_as_patch_reads_them() {
    let old = version(&[("a.volume", "[Volume]\n"), ("b.volume", "[Volume]\nCopy=no\n"), ("c.pod", "[Pod]\n")]);
    let new = version(&[("b.volume", "[Volume]\nCopy=yes"), ("c.pod", "[Pod]\n"), ("d.pod", "[Pod]\n")]);
    let found = difference(&old, &new);
    let expected = [
        ("a.volume", Change::Removed, "--- a/a.volume\n+++ /dev/null\n@@ -1 +0,0 @@\n-[Volume]\n"),
        (
            "b.volume",
            Change::Changed,
            "--- a/b.volume\n+++ b/b.volume\n@@ -1,2 +1,2 @@\n [Volume]\n-Copy=no\n+Copy=yes\n\\ No newline at end of file\n",
        ),
        ("d.pod", Change::Added, "--- /dev/null\n+++ b/d.pod\n@@ -0,0 +1 @@\n+[Pod]\n"),
    ];
    assert_eq!(found.len(), expected.len());
    for (found, (file, change, text)) in found.iter().zip(expected) {
        assert_eq!((found.file.as_str(), found.change, found.text.as_str()), (file, change, text));
    }
    assert_eq!(difference(&new, &new), []);
}

/// The new text, from the old one and a unified difference.
fn apply(old: &str, patch: &str) -> String {
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let (mut new, mut next) = (String::new(), 0);
    let lines: Vec<&str> = patch.split_inclusive('\n').skip(2).collect();
    for line in lines {
        if let Some(header) = line.strip_prefix("@@ -") {
            let range = header.split(' ').next().unwrap_or_default();
            let (start, count) = range.split_once(',').unwrap_or((range, "1"));
            // A hunk without old lines stands behind the line that it names.
            let start = start.parse::<usize>().expect("a line number") - usize::from(count != "0");
            new.extend(old[next..start].iter().copied());
            next = start;
        } else if let Some(added) = line.strip_prefix('+') {
            new.push_str(added);
        } else if line.starts_with('-') || line.starts_with(' ') {
            if line.starts_with(' ') {
                new.push_str(old[next]);
            }
            next += 1;
        }
    }
    new.extend(old[next..].iter().copied());
    new
}

proptest! {
    #[test]
    fn the_old_version_and_the_difference_give_the_new_one(
        old in vec(select(vec!["a\n", "b\n", "c\n", "\n"]), 0..40),
        new in vec(select(vec!["a\n", "b\n", "c\n", "\n"]), 0..40),
    ) {
        let (old, new) = (old.concat(), new.concat());
        let found = difference(&version(&[("f", &old)]), &version(&[("f", &new)]));
        let patched = found.first().map_or(old.clone(), |found| apply(&old, &found.text));
        prop_assert_eq!(patched, new);
    }
}

//! The audit log through restarts, power cuts and hostile hands.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use access::audit::query::Query;
use access::audit::{Action, Actor, Draft, Outcome};
use access_store::audit_log::{AuditLog, PARTS_KEPT, Verdict};
use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, proptest};

const NOON: Timestamp = Timestamp::constant(1_795_262_400, 0);

fn draft(action: Action) -> Draft {
    Draft { actor: Actor::Nobody, address: None, action, outcome: Outcome::Refused }
}

fn open(directory: &Path) -> AuditLog {
    AuditLog::open(directory, NOON).unwrap()
}

fn kinds(log: &AuditLog) -> Vec<&'static str> {
    let mut entries = log.query(&Query::default()).unwrap();
    entries.reverse();
    entries.iter().map(|entry| entry.draft.action.kind()).collect()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn assert_whole(log: &AuditLog) {
    assert!(matches!(log.verify().unwrap(), Verdict::Whole { .. }), "{:?}", log.verify());
}

#[test]
fn entries_stay_over_restarts_in_files_for_nobody_else() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit");
    let mut log = open(&path);
    log.append(&draft(Action::TokenFailed), NOON).unwrap();
    let end = log.end();
    drop(log);
    let log = open(&path);
    assert_eq!(kinds(&log), ["started", "token-failed", "started"]);
    assert_eq!(log.end().next, end.next + 1);
    assert_whole(&log);
    let names: Vec<_> = files(&path).iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["00000000000000000001.log"]);
    assert_eq!(fs::metadata(files(&path)[0].clone()).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn the_log_goes_on_in_parts_and_the_oldest_goes() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = open(directory.path());
    // Parts are filled without waiting for the disk: what matters here are names and links.
    for part in 0..PARTS_KEPT + 2 {
        fill(directory.path());
        drop(log);
        log = open(directory.path());
        log.append(&draft(Action::TokenFailed), NOON).unwrap();
        assert_whole(&log);
        assert_eq!(files(directory.path()).len(), (part + 2).min(PARTS_KEPT));
    }
    let Verdict::Whole { first, end } = log.verify().unwrap() else { panic!("whole") };
    assert!(first > 1 && end.next > first);
    assert_eq!(log.query(&Query { before: Some(first + 1), ..Query::default() }).unwrap().len(), 1);
}

/// Fills the last part, but for the room of a line or two.
fn fill(directory: &Path) {
    let path = files(directory).pop().unwrap();
    let text = fs::read(&path).unwrap();
    let part = access::audit::chain::Part::read(&text).unwrap();
    let (mut chain, mut added) = (part.end, Vec::new());
    while text.len() + added.len() < access::audit::chain::PART_LIMIT - 300 {
        let (line, next) = chain.line(&draft(Action::TokenFailed), NOON);
        added.extend(line.into_bytes());
        chain = next;
    }
    OpenOptions::new().append(true).open(path).unwrap().write_all(&added).unwrap();
}

#[test]
fn what_a_power_cut_left_of_an_entry_is_cut_off_with_a_note() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    let path = &files(directory.path())[0];
    OpenOptions::new().append(true).open(path).unwrap().write_all(&[0; 77]).unwrap();
    let log = open(directory.path());
    assert_eq!(kinds(&log), ["started", "tail-cut", "started"]);
    let note = &log.query(&Query { action: Some("tail-cut".to_owned()), ..Query::default() }).unwrap()[0];
    assert_eq!(note.draft.action, Action::TailCut { bytes: 77 });
    assert_whole(&log);
}

#[test]
fn a_log_that_was_changed_says_so_and_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = open(directory.path());
    for _ in 0..3 {
        log.append(&draft(Action::TokenFailed), NOON).unwrap();
    }
    let path = files(directory.path())[0].clone();
    let changed = fs::read_to_string(&path).unwrap().replacen("token-failed", "pairing-failed", 1);
    fs::write(&path, &changed).unwrap();
    assert_eq!(log.verify().unwrap(), Verdict::Broken { at: 2 });
    drop(log);
    let log = open(directory.path());
    assert_eq!(kinds(&log), ["started", "broken", "started"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), changed, "what was found is kept");
    assert!(matches!(log.verify().unwrap(), Verdict::Broken { at: 2 }));
}

#[test]
fn parts_that_are_none_are_put_aside() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    for damage in ["", "garbage\n", "piccolo-audit 1 7 x\n"] {
        let path = files(directory.path()).into_iter().rfind(|path| path.extension().unwrap() == "log").unwrap();
        fs::write(&path, damage).unwrap();
        let log = open(directory.path());
        assert_eq!(kinds(&log), ["broken", "started"]);
        assert_whole(&log);
    }
    assert!(files(directory.path()).len() <= 3);
}

#[test]
fn an_entry_that_was_not_written_whole_is_not_there() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = open(directory.path());
    // What a write that failed left behind is overwritten by the next one.
    OpenOptions::new().append(true).open(&files(directory.path())[0]).unwrap().write_all(&[b'x'; 700]).unwrap();
    log.append(&draft(Action::TokenFailed), NOON).unwrap();
    assert_whole(&log);
    drop(log);
    assert_eq!(kinds(&open(directory.path())), ["started", "token-failed", "started"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_in_the_directory_the_log_opens_and_goes_on(
        cut in any::<usize>(), garbage in vec(any::<u8>(), 0..300), other in vec(any::<u8>(), 0..300), number in 0_u64..12
    ) {
        let directory = tempfile::tempdir().unwrap();
        let mut log = open(directory.path());
        for _ in 0..5 {
            log.append(&draft(Action::TokenFailed), NOON).unwrap();
        }
        drop(log);
        let path = &files(directory.path())[0];
        let mut bytes = fs::read(path).unwrap();
        bytes.truncate(cut % (bytes.len() + 1));
        bytes.extend(garbage);
        fs::write(path, bytes).unwrap();
        if number > 1 {
            let path = directory.path().join(format!("{number:020}.log"));
            fs::write(&path, other).unwrap();
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let mut log = open(directory.path());
        log.append(&draft(Action::TokenFailed), NOON).unwrap();
        let newest = log.query(&Query { limit: Some(2), ..Query::default() }).unwrap();
        assert_eq!(newest.iter().map(|entry| entry.draft.action.kind()).collect::<Vec<_>>(), ["token-failed", "started"]);
        let end = log.end();
        drop(log);
        assert_eq!(open(directory.path()).end().next, end.next + 1);
    }
}

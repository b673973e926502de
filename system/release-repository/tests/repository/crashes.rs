//! Publishing that stops anywhere leaves the old repository or the new one.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use release_repository::directory::Directory;
use release_repository::keys::FileKey;
use release_repository::repository::{Repository, RepositoryError};
use release_repository::storage::{Readable, Storage, StorageError, Tag, Watch, When};
use signed_metadata::signed::Signer;

use crate::sample::{STREAMS, Sample, copy_tree, now, stream, whole_releases};

/// A directory whose writer dies before the n-th write, having left the first half of that file under the temporary name that real writes
/// use.
#[derive(Debug)]
struct Dying {
    inner: Directory,
    writes_left: Arc<AtomicUsize>,
}

impl Dying {
    fn step(&self, name: &str) -> Result<(), StorageError> {
        let left = self.writes_left.load(Ordering::SeqCst);
        if left == 0 {
            let unfinished = format!("{name}.unfinished");
            self.inner.put(&unfinished, b"{\"signatures\": [", When::Always)?;
            return Err(StorageError::Cancelled { name: name.to_owned() });
        }
        self.writes_left.store(left - 1, Ordering::SeqCst);
        Ok(())
    }
}

impl Storage for Dying {
    fn read(&self, name: &str, limit: u64) -> Result<Option<(Vec<u8>, Tag)>, StorageError> {
        self.inner.read(name, limit)
    }

    fn open(&self, name: &str) -> Result<Option<Readable>, StorageError> {
        self.inner.open(name)
    }

    fn size(&self, name: &str) -> Result<Option<u64>, StorageError> {
        self.inner.size(name)
    }

    fn put(&self, name: &str, bytes: &[u8], when: When<'_>) -> Result<(), StorageError> {
        self.step(name)?;
        self.inner.put(name, bytes, when)
    }

    fn put_file(&self, name: &str, from: &Path, watch: &mut Watch<'_>) -> Result<(), StorageError> {
        self.step(name)?;
        self.inner.put_file(name, from, watch)
    }

    fn place(&self) -> String {
        self.inner.place()
    }
}

/// Does a change again and again on copies of a repository, dying one write later each time, until it comes to its end. `check` sees what every
/// death left; then the change is done again, and has to come to its end. Answers how many writes it takes.
fn at_every_write(
    prepare: impl Fn(&Sample),
    change: impl Fn(&Sample, &Repository) -> Result<(), RepositoryError>,
    check: impl Fn(&Sample, bool),
) -> usize {
    for writes in 0..100 {
        let sample = Sample::new();
        prepare(&sample);
        let dying = |writes| {
            let storage = Dying { inner: sample.storage(), writes_left: Arc::new(AtomicUsize::new(writes)) };
            sample.open_on(Box::new(storage)).unwrap()
        };
        let done = change(&sample, &dying(writes)).is_ok();
        check(&sample, done);
        if done {
            return writes;
        }
        change(&sample, &dying(1000)).unwrap();
        check(&sample, true);
    }
    panic!("the change never came to its end");
}

#[test]
fn a_release_is_public_whole_or_not_at_all() {
    let writes = at_every_write(
        |sample| sample.publish("stable", "1.0.0").unwrap(),
        |sample, repository| sample.publish_on(repository, "stable", "2.0.0"),
        |sample, done| {
            let mut reader = sample.read_directory("repository", now()).unwrap();
            let seen = whole_releases(&mut reader, "stable").unwrap();
            let expected: &[&str] = if done { &["1.0.0", "2.0.0"] } else { &["1.0.0"] };
            assert_eq!(seen, expected);
        },
    );
    // Two images, two documents, the stream, the snapshot, the timestamp.
    assert_eq!(writes, 7);
}

#[test]
fn a_key_is_replaced_without_a_moment_that_locks_devices_out() {
    for role in ["root", "targets", "snapshot", "timestamp", "stable"] {
        let writes = at_every_write(
            |sample| {
                sample.publish("stable", "1.0.0").unwrap();
                // This device has trusted the old keys.
                sample.read_directory("repository", now()).unwrap();
            },
            |sample, repository| {
                let path = sample.path("keys").join("new.key");
                let key = if path.exists() { FileKey::read(&path) } else { FileKey::make(&path) }.unwrap();
                let mut edit = repository.edit();
                edit.rotate(role, key.key())?;
                repository.commit(edit, &sample.keys().keyring(), now()).map(|_| ())
            },
            |sample, _| {
                let mut known = sample.read_directory("repository", now()).unwrap();
                assert_eq!(whole_releases(&mut known, "stable").unwrap(), ["1.0.0"], "{role}");
                std::fs::remove_dir_all(sample.path("device")).unwrap();
                let mut fresh = sample.read_directory("repository", now()).unwrap();
                assert_eq!(whole_releases(&mut fresh, "stable").unwrap(), ["1.0.0"], "{role}");
            },
        );
        assert!((1..=5).contains(&writes), "{role}: {writes}");
    }
}

#[test]
fn after_a_rotation_the_old_key_is_worth_nothing() {
    for role in ["root", "targets", "snapshot", "timestamp", "stable"] {
        let sample = Sample::new();
        let old = sample.path("keys").join(format!("{role}.key"));
        let key = FileKey::make(&sample.path("keys").join("new.key")).unwrap();
        let repository = sample.open();
        let mut edit = repository.edit();
        edit.rotate(role, key.key()).unwrap();
        repository.commit(edit, &sample.keys().keyring(), now()).unwrap();
        drop(repository);
        std::fs::remove_file(old).unwrap();
        // Everything can be signed without it, so nobody needs it …
        let repository = sample.open();
        let mut edit = repository.edit();
        ["root", "targets", "snapshot", "timestamp", "stable"].iter().for_each(|role| edit.renew(role));
        repository.commit(edit, &sample.keys().keyring(), now()).unwrap();
        // … and what is there verifies, also for a device that begins with the first root.
        let mut reader = sample.read_directory("repository", now()).unwrap();
        assert!(reader.updates(&stream("stable")).is_ok(), "{role}");
    }
}

#[test]
fn a_new_repository_is_there_whole_or_can_be_made_again() {
    for writes in 0..100 {
        let mut sample = Sample::keys_only();
        let dying = Dying { inner: sample.storage(), writes_left: Arc::new(AtomicUsize::new(writes)) };
        let made = sample.init(&dying);
        drop(dying);
        let done = made.is_ok();
        sample.root = made.unwrap_or_else(|_| sample.init(&sample.storage()).unwrap());
        let mut reader = sample.read_directory("repository", now()).unwrap();
        for name in STREAMS {
            assert!(whole_releases(&mut reader, name).unwrap().is_empty());
        }
        if done {
            return;
        }
    }
    panic!("the repository was never made");
}

#[test]
fn a_second_publisher_is_stopped_before_it_writes_over_the_first() {
    let sample = Sample::new();
    let _first = sample.open();
    let second = Directory::open(&sample.path("repository"));
    assert!(matches!(second, Err(StorageError::Changed { .. })));
}

#[test]
fn a_publisher_does_not_build_on_a_repository_that_was_set_back() {
    let sample = Sample::new();
    let before = sample.path("before");
    copy_tree(&sample.path("repository"), &before);
    sample.publish("stable", "1.0.0").unwrap();
    drop(sample.open());
    std::fs::remove_dir_all(sample.path("repository")).unwrap();
    copy_tree(&before, &sample.path("repository"));
    let refused = sample.open_on(Box::new(sample.storage()));
    assert!(matches!(refused, Err(RepositoryError::Refused(_))), "{refused:?}");
}

#[test]
fn what_a_killed_publisher_left_is_cleared_by_the_next_one_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let chunks = directory.path().join("targets/releases/1.0.0/x86-64/chunks");
    std::fs::create_dir_all(&chunks).unwrap();
    let [left, kept, outside] = [".unfinished-a1b2c3", "0000.pack", ".unfinished-linked"].map(|name| chunks.join(name));
    let elsewhere = tempfile::tempdir().unwrap();
    let theirs = elsewhere.path().join(".unfinished-theirs");
    for path in [&left, &kept, &theirs] {
        std::fs::write(path, b"bytes").unwrap();
    }
    std::os::unix::fs::symlink(elsewhere.path(), &outside).unwrap();
    let beside = directory.path().join(".unfinished-work-of-somebody-else");
    std::fs::write(&beside, b"bytes").unwrap();
    drop(Directory::open(directory.path()).unwrap());
    assert!(!left.exists());
    assert!(kept.exists() && theirs.exists() && beside.exists());
}

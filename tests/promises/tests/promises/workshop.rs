//! What the tests of a run share because making it takes long and gives the same each time: keys, plain releases, and repositories that
//! hold nothing but plain releases. No test changes it: they work on copies.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use crate::operator::piccolo;

/// The files of a repository that are not made once and for all. What points to everything else comes last.
const CHANGING: [&str; 2] = [".lock", "timestamp.json"];

/// A directory that lives as long as the run, in cargo's target directory.
pub struct Workshop {
    place: PathBuf,
    builds: Once,
    repositories: Once,
    /// Another run of the same build of the tests waits.
    _lock: File,
}

/// Things that are made once each, whoever wants them first.
type Once = Mutex<HashMap<String, Arc<OnceLock<PathBuf>>>>;

/// The one of this run.
pub fn workshop() -> &'static Workshop {
    static WORKSHOP: LazyLock<Workshop> = LazyLock::new(Workshop::new);
    &WORKSHOP
}

impl Workshop {
    fn new() -> Self {
        let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let lock = File::create(parent.join("workshop.lock")).unwrap();
        lock.lock().unwrap();
        let place = parent.join("workshop");
        // What an earlier run left was made by other programs.
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(place.join("builds")).unwrap();
        fs::create_dir_all(place.join("repositories")).unwrap();
        piccolo(&place, ["release", "init", "--stream", "testing"]);
        Self { place, builds: Once::default(), repositories: Once::default(), _lock: lock }
    }

    /// Where there is room for what a test makes.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// The keys that all releases trust.
    pub fn keys(&self) -> PathBuf {
        self.place.join("keys")
    }

    /// A repository without releases.
    pub fn empty_repository(&self) -> PathBuf {
        self.place.join("repository")
    }

    /// The directory of a build, which `make` makes if nobody has.
    pub fn build(&self, name: &str, make: impl FnOnce(&Path)) -> PathBuf {
        once(&self.builds, name, self.place.join("builds").join(name), make)
    }

    /// The directory of a repository, which `make` makes if nobody has.
    pub fn repository(&self, name: &str, make: impl FnOnce(&Path)) -> PathBuf {
        once(&self.repositories, name, self.place.join("repositories").join(name), make)
    }
}

fn once(things: &Once, name: &str, path: PathBuf, make: impl FnOnce(&Path)) -> PathBuf {
    let thing = Arc::clone(things.lock().unwrap_or_else(PoisonError::into_inner).entry(name.to_owned()).or_default());
    let make = || {
        make(&path);
        path.clone()
    };
    thing.get_or_init(make).clone()
}

/// Copies a directory, so that changes to the copy are its own.
pub fn copy(from: &Path, to: &Path) {
    walk(from, to, &mut |from, to| {
        fs::copy(from, to).unwrap();
    });
}

/// Brings a repository to what another one is; whoever reads it meanwhile sees the old one or the new one. What never changes is linked.
pub fn bring(from: &Path, to: &Path) {
    let mut pointers = Vec::new();
    walk(from, to, &mut |from, to| {
        if CHANGING.iter().any(|name| from.file_name().is_some_and(|file| file == *name)) {
            pointers.push((from.to_owned(), to.to_owned()));
        } else if !to.exists() {
            fs::hard_link(from, to).unwrap();
        }
    });
    for (from, to) in pointers {
        let new = to.with_extension("new");
        fs::copy(from, &new).unwrap();
        fs::rename(new, to).unwrap();
    }
}

/// Makes the directories, and tells of each file where it is and where it belongs.
fn walk(from: &Path, to: &Path, file: &mut dyn FnMut(&Path, &Path)) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() { walk(&from, &to, file) } else { file(&from, &to) }
    }
}

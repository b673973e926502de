//! The UKIs on the ESP.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use disk_layout::boot_entry::{BootEntry, BootEntryError};
use release_metadata::digest::Sha256Digest;
use release_metadata::version::Version;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::uki_writer::UkiWriter;
use crate::{DeviceError, fault};

/// Files looked at in the directory of UKIs.
const MAXIMUM_FILES: usize = 1024;
/// What must stay free on the ESP: directories grow, and firmware keeps its own things there.
const RESERVE: u64 = 1 << 20;
/// Ending of a UKI that is not whole yet. Boot loaders look for `.efi` only.
const UNFINISHED: &str = ".part";

/// The directory on the ESP in which boot loaders look for UKIs (UAPI.1, "Type #2").
#[derive(Debug, Clone)]
pub struct BootEntries {
    directory: PathBuf,
}

/// A UKI that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundEntry {
    /// Version and counter.
    pub entry: BootEntry,
    /// Its file.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
}

/// Boot entries could not be read or changed.
#[derive(Debug, Error)]
pub enum BootEntriesError {
    /// A file could not be read or written.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The version cannot be in a name.
    #[error(transparent)]
    Name(#[from] BootEntryError),
    /// There is no such entry.
    #[error("there is no boot entry of release {version} in {}", directory.display())]
    Missing {
        /// The release.
        version: Version,
        /// The directory.
        directory: PathBuf,
    },
    /// The running release has no entry: taking away the others would leave nothing to start.
    #[error(
        "the running release {version} has no boot entry in {}, so the other one is the only one that can start, \
         and it is not overwritten; boot the release that the boot menu offers, or install again",
        directory.display()
    )]
    RunningMissing {
        /// The release.
        version: Version,
        /// The directory.
        directory: PathBuf,
    },
    /// The ESP is full.
    #[error(
        "the EFI system partition has {available} bytes free and the kernel of the new release needs {needed}; files that are \
         not Piccolo's take {foreign} bytes there: remove what is not needed"
    )]
    NoRoom {
        /// Bytes free.
        available: u64,
        /// Bytes needed.
        needed: u64,
        /// Bytes of other files.
        foreign: u64,
    },
    /// The UKI is another one.
    #[error("{} is not the kernel image of the release: its SHA-256 is {found}, not {expected}", path.display())]
    OtherImage {
        /// The file.
        path: PathBuf,
        /// Of the release.
        expected: Sha256Digest,
        /// Of the file.
        found: Sha256Digest,
    },
}

impl BootEntries {
    /// Those on an ESP that is mounted at `esp`.
    #[must_use]
    pub fn on(esp: &Path) -> Self {
        Self { directory: esp.join("EFI/Linux") }
    }

    /// Every UKI with a name of ours, in the order in which the boot loader prefers them. Other files are not looked at; nor are empty ones, which
    /// a power cut in the middle of a rename leaves under the new name: the boot loader passes over them.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn list(&self) -> Result<Vec<FoundEntry>, BootEntriesError> {
        let mut found = Vec::new();
        for file in self.files()? {
            let name = file.file_name();
            let Some(entry) = name.to_str().and_then(|name| name.parse::<BootEntry>().ok()) else { continue };
            let path = file.path();
            let size = file.metadata().map_err(fault("reading the size of", &path))?.len();
            if size == 0 {
                continue;
            }
            found.push(FoundEntry { entry, path, size });
        }
        found.sort_by(|one, other| one.entry.boot_order(&other.entry));
        Ok(found)
    }

    /// The entry of a release.
    ///
    /// # Errors
    /// When there is none, or the directory cannot be read.
    pub fn of(&self, version: Version) -> Result<FoundEntry, BootEntriesError> {
        let text = version.to_string();
        let found = self.list()?.into_iter().find(|found| found.entry.version() == text);
        found.ok_or_else(|| BootEntriesError::Missing { version, directory: self.directory.clone() })
    }

    /// Takes away every entry of ours but those of the running release, and unfinished UKIs of releases other than `next`. After
    /// this, nothing points to the inactive slot.
    ///
    /// # Errors
    /// When the running release has no entry, or a file cannot be removed.
    pub fn remove_all_but(&self, running: Version, next: Version) -> Result<(), BootEntriesError> {
        let entries = self.list()?;
        let text = running.to_string();
        if !entries.iter().any(|found| found.entry.version() == text) {
            return Err(BootEntriesError::RunningMissing { version: running, directory: self.directory.clone() });
        }
        let others = entries.into_iter().filter(|found| found.entry.version() != text).map(|found| found.path);
        let kept = self.unfinished(next);
        let unfinished = self.all_unfinished()?.into_iter().filter(|path| *path != kept);
        self.remove_files(others.chain(unfinished))
    }

    /// Takes away every unfinished UKI.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn remove_unfinished(&self) -> Result<(), BootEntriesError> {
        self.remove_files(self.all_unfinished()?.into_iter())
    }

    /// Takes away names of ours without a file, which a power cut in the middle of a rename leaves, and gives how many there were. While
    /// `piccolo_1.1.0.efi` is one, `systemd-bless-boot` takes `piccolo_1.1.0+2-1.efi` for good already, and leaves its counter where it is.
    ///
    /// # Errors
    /// When the directory cannot be read, or a file cannot be removed.
    pub fn remove_empty(&self) -> Result<usize, BootEntriesError> {
        let is_empty = |file: &fs::DirEntry| file.metadata().is_ok_and(|metadata| metadata.len() == 0);
        let is_ours = |path: &Path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.parse::<BootEntry>().is_ok()
        };
        let files = self.files()?.into_iter().filter(is_empty).map(|file| file.path());
        let empty: Vec<PathBuf> = files.filter(|path| is_ours(path)).collect();
        let count = empty.len();
        if count > 0 {
            self.remove_files(empty.into_iter())?;
        }
        Ok(count)
    }

    fn all_unfinished(&self) -> Result<Vec<PathBuf>, BootEntriesError> {
        let is_unfinished = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let is_empty = || path.metadata().is_ok_and(|metadata| metadata.len() == 0);
            name.starts_with("piccolo_") && name.ends_with(UNFINISHED)
                || name.parse::<BootEntry>().is_ok() && is_empty()
        };
        Ok(self.files()?.into_iter().map(|file| file.path()).filter(is_unfinished).collect())
    }

    fn remove_files(&self, paths: impl Iterator<Item = PathBuf>) -> Result<(), BootEntriesError> {
        for path in paths {
            fs::remove_file(&path).map_err(fault("removing", &path))?;
        }
        self.sync()
    }

    /// Takes away the entries of a release, finished or not. None is no error.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn remove(&self, version: Version) -> Result<(), BootEntriesError> {
        let text = version.to_string();
        let entries = self.list()?.into_iter().filter(|found| found.entry.version() == text).map(|found| found.path);
        for path in entries.chain([self.unfinished(version)]) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(fault("removing", &path)(error).into());
                }
                _ => {}
            }
        }
        self.sync()
    }

    /// Begins the UKI of a release, under a name that nothing starts.
    ///
    /// # Errors
    /// When there is not enough room, or the file cannot be made.
    pub fn begin(&self, version: Version, size: u64) -> Result<UkiWriter, BootEntriesError> {
        let path = self.unfinished(version);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fault("removing", &path)(error).into()),
            _ => {}
        }
        self.check_room(version, size)?;
        let file =
            File::options().read(true).write(true).create_new(true).open(&path).map_err(fault("making", &path))?;
        Ok(UkiWriter::over(file, path))
    }

    /// Reads the unfinished UKI of a release back and compares it.
    ///
    /// # Errors
    /// When it is not there, cannot be read or is another one.
    pub fn check_unfinished(&self, version: Version, expected: Sha256Digest) -> Result<(), BootEntriesError> {
        check(&self.unfinished(version), expected)
    }

    /// Gives the UKI of a release its name, with `tries` tries. The running release loses the counter it may still have: of two releases
    /// without tries left the newer one would be started, and this one is known to run.
    ///
    /// # Errors
    /// When there is no unfinished UKI with this hash, or it cannot be renamed.
    pub fn install(
        &self,
        version: Version,
        expected: Sha256Digest,
        tries: u32,
        running: Version,
    ) -> Result<(), BootEntriesError> {
        let unfinished = self.unfinished(version);
        check(&unfinished, expected)?;
        self.bless(running)?;
        self.rename(&unfinished, &BootEntry::fresh(&version.to_string(), tries)?)
    }

    /// Takes the counter off an entry: it is good.
    ///
    /// # Errors
    /// When there is no entry, or it cannot be renamed.
    pub fn bless(&self, version: Version) -> Result<(), BootEntriesError> {
        let found = self.of(version)?;
        if found.entry.counter().is_none() { Ok(()) } else { self.rename(&found.path, &found.entry.blessed()) }
    }

    /// Takes all tries from an entry: the boot loader prefers any other.
    ///
    /// # Errors
    /// When there is no entry, or it cannot be renamed.
    pub fn demote(&self, version: Version) -> Result<(), BootEntriesError> {
        let found = self.of(version)?;
        self.rename(&found.path, &found.entry.demoted())
    }

    /// Where the UKI of a release is while it has no name that starts.
    #[must_use]
    pub fn unfinished(&self, version: Version) -> PathBuf {
        self.directory.join(format!("piccolo_{version}{UNFINISHED}"))
    }

    fn rename(&self, from: &Path, to: &BootEntry) -> Result<(), BootEntriesError> {
        let to = self.directory.join(to.to_string());
        fs::rename(from, &to).map_err(fault("renaming", from))?;
        self.sync()
    }

    /// Whether the UKI of a release, of so many bytes, has room here, in the place of what is there of it already. Asked before anything is
    /// downloaded, it spares people a long wait for a refusal.
    ///
    /// # Errors
    /// When there is not enough room, or nobody can say.
    pub fn check_room(&self, version: Version, size: u64) -> Result<(), BootEntriesError> {
        let statistics = rustix::fs::statvfs(&self.directory)
            .map_err(io::Error::from)
            .map_err(fault("measuring", &self.directory))?;
        let begun = fs::metadata(self.unfinished(version)).map_or(0, |metadata| metadata.len());
        if begun >= size {
            // All of it is there: nothing is written any more.
            return Ok(());
        }
        let available = statistics.f_bavail.saturating_mul(statistics.f_frsize).saturating_add(begun);
        let needed = size.saturating_add(RESERVE);
        if available >= needed {
            return Ok(());
        }
        let capacity = statistics.f_blocks.saturating_mul(statistics.f_frsize);
        let ours: u64 = self.list()?.iter().map(|found| found.size).sum();
        let foreign = capacity.saturating_sub(available).saturating_sub(ours);
        Err(BootEntriesError::NoRoom { available, needed, foreign })
    }

    fn files(&self) -> Result<Vec<fs::DirEntry>, BootEntriesError> {
        let listing = fs::read_dir(&self.directory).map_err(fault("listing", &self.directory))?;
        let files: io::Result<Vec<_>> = listing.take(MAXIMUM_FILES).collect();
        Ok(files.map_err(fault("listing", &self.directory))?)
    }

    /// FAT has no journal: everything goes to the disk for good, before anything else is changed.
    ///
    /// Linux' FAT does not flush the disk's cache at `syncfs`, which only hands everything to the disk; it does at `fsync` of a directory
    /// (`fat_file_fsync` in `fs/fat/file.c`).
    fn sync(&self) -> Result<(), BootEntriesError> {
        let directory = File::open(&self.directory).map_err(fault("opening", &self.directory))?;
        rustix::fs::syncfs(&directory).map_err(io::Error::from).map_err(fault("flushing", &self.directory))?;
        Ok(directory.sync_all().map_err(fault("flushing", &self.directory))?)
    }
}

fn check(path: &Path, expected: Sha256Digest) -> Result<(), BootEntriesError> {
    let mut file = File::open(path).map_err(fault("opening", path))?;
    let _only_advice = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(fault("reading", path))? {
            0 => break,
            length => hash.update(&buffer[..length]),
        }
    }
    let found = Sha256Digest(hash.finalize().into());
    if found == expected {
        Ok(())
    } else {
        Err(BootEntriesError::OtherImage { path: path.to_owned(), expected, found })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::path::Path;

    use release_metadata::digest::Sha256Digest;
    use release_metadata::version::Version;
    use sha2::{Digest, Sha256};
    use tempfile::TempDir;

    use super::{BootEntries, BootEntriesError};

    fn esp(names: &[&str]) -> (TempDir, BootEntries) {
        let esp = tempfile::tempdir().unwrap();
        let directory = esp.path().join("EFI/Linux");
        fs::create_dir_all(&directory).unwrap();
        names.iter().for_each(|name| fs::write(directory.join(name), name).unwrap());
        let entries = BootEntries::on(esp.path());
        (esp, entries)
    }

    fn names(esp: &Path) -> Vec<String> {
        let listing = fs::read_dir(esp.join("EFI/Linux")).unwrap();
        let mut names: Vec<_> = listing.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    fn hash(bytes: &[u8]) -> Sha256Digest {
        Sha256Digest(Sha256::digest(bytes).into())
    }

    #[test]
    fn a_uki_gets_its_name_only_when_it_is_whole_and_the_right_one() {
        let (esp, entries) = esp(&["piccolo_1.0.0+2-1.efi", "other.efi"]);
        let next = version("1.1.0");
        let mut writer = entries.begin(next, 3).unwrap();
        writer.write_all(b"uki").unwrap();
        assert_eq!(names(esp.path()), ["other.efi", "piccolo_1.0.0+2-1.efi", "piccolo_1.1.0.part"]);
        assert!(matches!(writer.finish(hash(b"ukj")), Err(BootEntriesError::OtherImage { .. })));
        assert!(matches!(
            entries.install(next, hash(b"ukj"), 3, version("1.0.0")),
            Err(BootEntriesError::OtherImage { .. })
        ));
        entries.install(next, hash(b"uki"), 3, version("1.0.0")).unwrap();
        assert_eq!(names(esp.path()), ["other.efi", "piccolo_1.0.0.efi", "piccolo_1.1.0+3-0.efi"]);
        let order: Vec<_> = entries.list().unwrap().iter().map(|found| found.entry.to_string()).collect();
        assert_eq!(order, ["piccolo_1.1.0+3-0.efi", "piccolo_1.0.0.efi"]);
    }

    #[test]
    fn a_name_without_a_file_is_no_entry() {
        // What a power cut leaves of a rename: the new name is there, and still empty.
        let (esp, entries) = esp(&["piccolo_1.0.0.efi", "piccolo_1.1.0.part"]);
        fs::write(esp.path().join("EFI/Linux/piccolo_1.1.0+3-0.efi"), b"").unwrap();
        assert!(matches!(entries.of(version("1.1.0")), Err(BootEntriesError::Missing { .. })));
        let whole = hash(b"piccolo_1.1.0.part");
        entries.install(version("1.1.0"), whole, 3, version("1.0.0")).unwrap();
        assert_eq!(names(esp.path()), ["piccolo_1.0.0.efi", "piccolo_1.1.0+3-0.efi"]);
        assert!(entries.of(version("1.1.0")).is_ok());

        fs::write(esp.path().join("EFI/Linux/piccolo_1.2.0+3-0.efi"), b"").unwrap();
        entries.remove_unfinished().unwrap();
        assert_eq!(names(esp.path()), ["piccolo_1.0.0.efi", "piccolo_1.1.0+3-0.efi"]);

        for name in ["piccolo_1.1.0.efi", "empty.efi", "piccolo_1.2.0.part"] {
            fs::write(esp.path().join("EFI/Linux").join(name), b"").unwrap();
        }
        assert_eq!(entries.remove_empty().unwrap(), 1);
        assert_eq!(
            names(esp.path()),
            ["empty.efi", "piccolo_1.0.0.efi", "piccolo_1.1.0+3-0.efi", "piccolo_1.2.0.part"],
            "what is not ours stays, and so does what was begun"
        );
        assert_eq!(entries.remove_empty().unwrap(), 0);
    }

    #[test]
    fn before_the_inactive_slot_is_written_nothing_points_to_it() {
        let names_before = [
            "piccolo_1.0.0.efi",
            "piccolo_0.9.0.efi",
            "piccolo_0.8.0+0-3.efi",
            "piccolo_1.1.0.part",
            "piccolo_1.2.0.part",
            "other.efi",
        ];
        let (esp, entries) = esp(&names_before);
        entries.remove_all_but(version("1.0.0"), version("1.2.0")).unwrap();
        assert_eq!(names(esp.path()), ["other.efi", "piccolo_1.0.0.efi", "piccolo_1.2.0.part"]);
    }

    #[test]
    fn the_last_entry_that_can_start_is_never_taken_away() {
        let (esp, entries) = esp(&["piccolo_0.9.0.efi"]);
        let error = entries.remove_all_but(version("1.0.0"), version("1.2.0")).unwrap_err();
        assert!(matches!(error, BootEntriesError::RunningMissing { .. }), "{error}");
        assert_eq!(names(esp.path()), ["piccolo_0.9.0.efi"]);
    }

    #[test]
    fn a_demoted_entry_goes_behind_and_a_blessed_one_comes_back() {
        let (esp, entries) = esp(&["piccolo_1.1.0.efi", "piccolo_1.0.0.efi"]);
        entries.demote(version("1.1.0")).unwrap();
        assert_eq!(names(esp.path()), ["piccolo_1.0.0.efi", "piccolo_1.1.0+0-0.efi"]);
        assert_eq!(entries.list().unwrap()[0].entry.version(), "1.0.0");
        entries.bless(version("1.1.0")).unwrap();
        assert_eq!(names(esp.path()), ["piccolo_1.0.0.efi", "piccolo_1.1.0.efi"]);
        assert!(matches!(entries.demote(version("3.0.0")), Err(BootEntriesError::Missing { .. })));
    }

    #[test]
    fn an_esp_without_room_is_refused_before_anything_is_written() {
        let (esp, entries) = esp(&["piccolo_1.0.0.efi"]);
        let error = entries.begin(version("1.1.0"), u64::MAX / 2).unwrap_err();
        assert!(matches!(error, BootEntriesError::NoRoom { .. }), "{error}");
        assert!(entries.check_room(version("1.1.0"), u64::MAX / 2).is_err());
        entries.check_room(version("1.1.0"), 1).unwrap();
        let whole = entries.unfinished(version("1.1.0"));
        // One with a hole: no disk of ours has room for it.
        fs::File::create(&whole).unwrap().set_len(1 << 43).unwrap();
        entries.check_room(version("1.1.0"), 1 << 43).unwrap();
        fs::remove_file(&whole).unwrap();
        assert_eq!(names(esp.path()), ["piccolo_1.0.0.efi"]);
    }

    #[test]
    fn removing_what_is_not_there_is_no_error() {
        let (esp, entries) = esp(&["piccolo_1.0.0.efi", "piccolo_1.1.0+1-2.efi", "piccolo_1.1.0.part"]);
        entries.remove(version("1.1.0")).unwrap();
        entries.remove(version("1.1.0")).unwrap();
        assert_eq!(names(esp.path()), ["piccolo_1.0.0.efi"]);
    }
}

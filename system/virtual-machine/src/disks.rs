//! The machine's disks: overlays (qcow2) that hold only what the guest changed.

use crate::settings::{DiskContents, ExtraDisk, MachineSettings};
use host::cancel::Cancel;
use host::invocation::{HostError, Invocation};
use host::program::Program;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The system disk's place in the firmware's boot order.
const SYSTEM_BOOT_INDEX: u16 = 10;
/// Longest serial number of a virtio disk, in bytes (virtio 1.2 §5.2.6).
const MAXIMUM_NAME: usize = 20;

/// A disk as QEMU gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Its serial number in the guest, and its name in QEMU.
    pub name: String,
    /// The overlay.
    pub overlay: PathBuf,
    /// Its place in the boot order, or not started from.
    pub boot_index: Option<u16>,
    /// Where what is done to it is logged, if it is.
    pub write_log: Option<PathBuf>,
}

/// Why there are no disks for the machine.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The image is not there or cannot be read.
    #[error("the disk image {path} cannot be read")]
    Image {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The image cannot be a disk.
    #[error("{path} is not a raw disk image: its size, {size} bytes, is not a multiple of 512")]
    NotADisk {
        /// Which.
        path: PathBuf,
        /// Its size.
        size: u64,
    },
    /// The image is not what the kept machine was made from.
    #[error(
        "{image} has changed since the machine in {directory} was made from it; remove that directory to begin anew"
    )]
    ImageChanged {
        /// Which.
        image: PathBuf,
        /// The machine's directory.
        directory: PathBuf,
    },
    /// A disk's name cannot be a serial number.
    #[error("{0:?} cannot name a disk: use 1 to 20 ASCII letters, digits and dashes, each name once")]
    Name(String),
    /// What the overlay was made from could not be noted.
    #[error("{path} could not be written or read")]
    Note {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The log of writes could not be begun.
    #[error("the log of the disk's writes, {path}, cannot be begun")]
    WriteLog {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The overlay could not be made.
    #[error(transparent)]
    Program(#[from] HostError),
}

/// What an overlay was made from. When that changes, the overlay's blocks make no sense any more.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Backing {
    image: PathBuf,
    size: u64,
    modified_seconds: i64,
    modified_nanoseconds: i64,
}

/// Makes the overlays that are not there yet, and gives the disks in the order in which the guest sees them.
///
/// # Errors
/// When an image cannot be read, is not a disk, or has changed under a kept overlay.
pub fn prepare(settings: &MachineSettings, directory: &Path, cancel: &Cancel) -> Result<Vec<Disk>, DiskError> {
    let system = ExtraDisk {
        name: "system".into(),
        contents: DiskContents::SameAs(settings.image.clone()),
        before_system: false,
        boot_index: Some(SYSTEM_BOOT_INDEX),
    };
    let (before, after): (Vec<_>, Vec<_>) = settings.extra_disks.iter().partition(|disk| disk.before_system);
    let mut disks: Vec<Disk> = Vec::new();
    for disk in before.into_iter().chain([&system]).chain(after) {
        let fits = (1..=MAXIMUM_NAME).contains(&disk.name.len())
            && disk.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !fits || disks.iter().any(|known| known.name == disk.name) {
            return Err(DiskError::Name(disk.name.clone()));
        }
        let size = if disk.name == system.name { settings.disk_size } else { None };
        let overlay = directory.join(format!("{}.qcow2", disk.name));
        prepare_overlay(&overlay, disk, size, directory, cancel)?;
        let write_log = if disk.name == system.name { settings.write_log.as_deref() } else { None };
        let write_log = write_log.map(begin_write_log).transpose()?;
        disks.push(Disk { name: disk.name.clone(), overlay, boot_index: disk.boot_index, write_log });
    }
    Ok(disks)
}

/// Makes an empty log, as QEMU wants one to be there; gives its absolute path.
fn begin_write_log(path: &Path) -> Result<PathBuf, DiskError> {
    let begun = fs::File::create(path).and_then(|_| std::path::absolute(path));
    begun.map_err(|source| DiskError::WriteLog { path: path.to_owned(), source })
}

fn prepare_overlay(
    overlay: &Path,
    disk: &ExtraDisk,
    size: Option<u64>,
    directory: &Path,
    cancel: &Cancel,
) -> Result<(), DiskError> {
    let create = Invocation::new(Program::QemuImg).arguments(["create", "-q", "-f", "qcow2"]);
    let image = match &disk.contents {
        DiskContents::Blank(_) if overlay.exists() => return Ok(()),
        DiskContents::Blank(bytes) => {
            create.argument(overlay).argument(bytes.to_string()).run(cancel)?;
            return Ok(());
        }
        DiskContents::SameAs(image) => image,
    };
    let backing = Backing::of(image)?;
    let note = directory.join(format!("{}.backing.json", disk.name));
    let note_error = |source| DiskError::Note { path: note.clone(), source };
    if overlay.exists() {
        let noted = fs::read(&note).map_err(note_error)?;
        let same = serde_json::from_slice::<Backing>(&noted).is_ok_and(|noted| noted == backing);
        if !same {
            return Err(DiskError::ImageChanged { image: backing.image, directory: directory.to_owned() });
        }
        return Ok(());
    }
    // The backing format is said, not guessed: a guest could otherwise write a qcow2 header into its raw disk and have QEMU open
    // files of the host through it.
    let create = create.argument("-b").argument(&backing.image).arguments(["-F", "raw"]).argument(overlay);
    // Never smaller than the image: a disk that ends before its partitions do is another disk.
    create.argument(size.unwrap_or(0).max(backing.size).to_string()).run(cancel)?;
    let text = serde_json::to_vec(&backing).map_err(|source| note_error(source.into()))?;
    fs::write(&note, text).map_err(note_error)
}

impl Backing {
    fn of(image: &Path) -> Result<Self, DiskError> {
        let image_error = |source| DiskError::Image { path: image.to_owned(), source };
        let path = fs::canonicalize(image).map_err(image_error)?;
        let metadata = path.metadata().map_err(image_error)?;
        if !metadata.is_file() {
            return Err(image_error(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file")));
        }
        let size = metadata.len();
        if size == 0 || size % 512 != 0 {
            return Err(DiskError::NotADisk { path, size });
        }
        Ok(Self { image: path, size, modified_seconds: metadata.mtime(), modified_nanoseconds: metadata.mtime_nsec() })
    }
}

#[cfg(test)]
mod tests {
    use super::{DiskError, prepare};
    use crate::settings::{DiskContents, ExtraDisk, MachineSettings};
    use host::cancel::Cancel;
    use host::invocation::Invocation;
    use host::program::Program;
    use serde_json::Value;
    use std::fs;
    use std::path::Path;

    fn image(directory: &Path) -> MachineSettings {
        let image = directory.join("disk.raw");
        fs::write(&image, vec![7; 1 << 20]).unwrap();
        MachineSettings::of_image(image)
    }

    fn virtual_size(overlay: &Path) -> u64 {
        let output = Invocation::new(Program::QemuImg)
            .arguments(["info", "--output=json"])
            .argument(overlay)
            .run(&Cancel::new());
        let information: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
        information["virtual-size"].as_u64().unwrap()
    }

    #[test]
    fn the_overlay_is_as_large_as_asked_and_never_smaller_than_the_image() {
        let directory = tempfile::tempdir().unwrap();
        for (asked, seen) in [(None, 1 << 20), (Some(512), 1 << 20), (Some(4 << 20), 4 << 20)] {
            let state = tempfile::tempdir().unwrap();
            let settings = MachineSettings { disk_size: asked, ..image(directory.path()) };
            let disks = prepare(&settings, state.path(), &Cancel::new()).unwrap();
            assert_eq!(virtual_size(&disks[0].overlay), seen);
        }
    }

    #[test]
    fn an_image_that_changed_under_its_overlay_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let settings = image(directory.path());
        prepare(&settings, directory.path(), &Cancel::new()).unwrap();
        prepare(&settings, directory.path(), &Cancel::new()).unwrap();
        fs::write(&settings.image, vec![8; 2 << 20]).unwrap();
        let error = prepare(&settings, directory.path(), &Cancel::new()).unwrap_err();
        assert!(matches!(error, DiskError::ImageChanged { .. }), "{error}");
    }

    #[test]
    fn disks_come_in_the_order_of_the_guest() {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = image(directory.path());
        let extra = |name: &str, before_system| ExtraDisk {
            name: name.into(),
            contents: DiskContents::Blank(1 << 20),
            before_system,
            boot_index: None,
        };
        settings.extra_disks = vec![extra("last", false), extra("first", true)];
        let disks = prepare(&settings, directory.path(), &Cancel::new()).unwrap();
        let names: Vec<&str> = disks.iter().map(|disk| disk.name.as_str()).collect();
        assert_eq!(names, ["first", "system", "last"]);
        settings.extra_disks = vec![extra("system", false)];
        assert!(matches!(prepare(&settings, directory.path(), &Cancel::new()), Err(DiskError::Name(_))));
    }

    #[test]
    fn what_is_not_a_disk_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("text");
        fs::write(&path, "hello").unwrap();
        let error = prepare(&MachineSettings::of_image(path), directory.path(), &Cancel::new()).unwrap_err();
        assert!(matches!(error, DiskError::NotADisk { size: 5, .. }), "{error}");
    }
}

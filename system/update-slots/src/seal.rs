//! From a root image on the disk to a slot that can be started.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use disk_layout::root_hash::RootHash;
use image_files::sparse::Watch;
use image_files::verity::{VerityError, VeritySettings, hash_file};
use release_metadata::release::RootImage;
use rustix::fs::{Advice, fadvise};
use thiserror::Error;
use verity_tree::digest::{Salt, SaltTooLong};

use crate::{DeviceError, fault};

/// The inactive slot does not hold the release.
#[derive(Debug, Error)]
pub enum SealError {
    /// A partition could not be read or written.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The image could not be read or hashed.
    #[error("the root image in {} cannot be hashed", path.display())]
    Hash {
        /// The partition.
        path: PathBuf,
        /// Why.
        source: VerityError,
    },
    /// The salt of the release is longer than dm-verity takes.
    #[error(transparent)]
    Salt(#[from] SaltTooLong),
    /// What lies on the disk is not the release.
    #[error("the root image in {} has the root hash {found}, not {expected}; it has to be written again", path.display())]
    OtherImage {
        /// The partition.
        path: PathBuf,
        /// The hash of the release.
        expected: RootHash,
        /// The hash of what is there.
        found: RootHash,
    },
    /// The verity partition is too small.
    #[error("{} has {available} bytes and the hash tree {needed}: this device cannot take the release", path.display())]
    TooSmall {
        /// The partition.
        path: PathBuf,
        /// Its size in bytes.
        available: u64,
        /// Size of the tree in bytes.
        needed: u64,
    },
    /// The disk gives back other bytes than it was given.
    #[error("{} does not keep what is written to it; the disk may be failing", path.display())]
    Forgetful {
        /// The partition.
        path: PathBuf,
    },
}

/// Reads the image back from the disk, compares it with its root hash, and writes the hash tree. `progress` is told bytes done and total.
///
/// # Errors
/// When the image is another one, or the disk fails; or it was cancelled.
pub fn seal(
    root: &Path,
    verity: &Path,
    image: &RootImage,
    progress: &mut dyn FnMut(u64, u64),
    cancelled: &AtomicBool,
) -> Result<(), SealError> {
    let data = File::open(root).map_err(fault("opening", root))?;
    // What counts is what the disk holds, not what memory remembers.
    let _only_advice = fadvise(&data, 0, std::num::NonZeroU64::new(image.size), Advice::DontNeed);
    let _only_advice = fadvise(&data, 0, None, Advice::Sequential);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let settings =
        VeritySettings { salt: Salt::new(image.verity.salt.bytes())?, uuid: *image.verity.uuid.as_bytes(), threads };
    let mut watch = Watch { progress, cancelled };
    let tree = hash_file(&data, image.size, &settings, &mut watch)
        .map_err(|source| SealError::Hash { path: root.to_owned(), source })?;
    if tree.root_hash() != image.root_hash {
        let (expected, found) = (image.root_hash, tree.root_hash());
        return Err(SealError::OtherImage { path: root.to_owned(), expected, found });
    }
    write_tree(verity, tree.bytes())
}

fn write_tree(path: &Path, tree: &[u8]) -> Result<(), SealError> {
    use std::io::{Seek, SeekFrom};

    let mut file = File::options().read(true).write(true).open(path).map_err(fault("opening", path))?;
    let available = file.seek(SeekFrom::End(0)).map_err(fault("reading the size of", path))?;
    let needed = tree.len() as u64;
    if available < needed {
        return Err(SealError::TooSmall { path: path.to_owned(), available, needed });
    }
    file.write_all_at(tree, 0).map_err(fault("writing", path))?;
    file.sync_data().map_err(fault("flushing", path))?;
    let _only_advice = fadvise(&file, 0, None, Advice::DontNeed);
    let mut back = vec![0; 1 << 16];
    for (offset, expected) in (0..).step_by(back.len()).zip(tree.chunks(back.len())) {
        let back = &mut back[..expected.len()];
        file.read_exact_at(back, offset).map_err(fault("reading", path))?;
        if back != expected {
            return Err(SealError::Forgetful { path: path.to_owned() });
        }
    }
    Ok(())
}

//! Disk images: made under a temporary name and renamed when they are whole; opened for inspection

mod window;

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use disk_layout::gpt::{self, EncodeError, GptReading, Partition, ReadError, SectorSize};
use disk_layout::plan::{DiskPlan, PlanError};
use disk_layout::root_hash::RootHash;
use disk_layout::slot::PartitionRole;
use tempfile::TempPath;
use thiserror::Error;

pub use window::Window;

use crate::sparse::{self, CopyError, CopyRange, Watch};

/// A disk image that is being made. Dropped before [`NewDisk::finish`], it leaves nothing behind.
#[derive(Debug)]
pub struct NewDisk {
    plan: DiskPlan,
    file: Arc<File>,
    unfinished: TempPath,
    path: PathBuf,
}

/// Whether a finished image must survive a power failure right after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The kernel writes it back when it likes: quick, right for what can be built again.
    Cached,
    /// On the disk before `finish` returns.
    Synced,
}

/// A disk image could not be made or opened.
#[derive(Debug, Error)]
pub enum DiskError {
    /// A file could not be opened, made, sized, written or renamed.
    #[error("{action} {} did not work", path.display())]
    File {
        /// What was tried, as "creating" or "opening".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it did not work.
        source: io::Error,
    },
    /// What is to go in does not fit, or has no place.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A part could not be copied into its partition.
    #[error("copying {} into partition {role} did not work", path.display())]
    Copy {
        /// The partition.
        role: PartitionRole,
        /// The file that holds the part.
        path: PathBuf,
        /// Why it did not work.
        source: CopyError,
    },
    /// The planned table cannot be written.
    #[error("the partition table of {} cannot be written", path.display())]
    Encode {
        /// The image.
        path: PathBuf,
        /// Why.
        source: EncodeError,
    },
    /// The file has no partition table.
    #[error("{} is not a disk image", path.display())]
    NoTable {
        /// The image.
        path: PathBuf,
        /// What is wrong with it.
        source: ReadError,
    },
}

impl NewDisk {
    /// Starts an image that will be at `path`: a sparse file of the planned size beside it, under a temporary name.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(path: &Path, plan: DiskPlan) -> Result<Self, DiskError> {
        let fault = |source| DiskError::File { action: "creating a disk image beside", path: path.to_owned(), source };
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let (file, unfinished) = tempfile::Builder::new()
            .prefix(".disk-")
            .suffix(".unfinished")
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(directory)
            .map_err(fault)?
            .into_parts();
        file.set_len(plan.disk_bytes).map_err(fault)?;
        Ok(Self { plan, file: Arc::new(file), unfinished, path: path.to_owned() })
    }

    /// The planned layout.
    pub fn plan(&self) -> &DiskPlan {
        &self.plan
    }

    /// A partition to write into. It is one hole at first, so first writes may skip zeros.
    ///
    /// # Errors
    /// When the plan has no such partition.
    pub fn window(&self, role: PartitionRole) -> Result<Window, DiskError> {
        let partition = self.plan.partition(role)?;
        Ok(Window {
            file: Arc::clone(&self.file),
            label: role.label().to_owned(),
            start: partition.offset,
            length: partition.size,
            position: 0,
        })
    }

    /// Copies a finished part into its partition, holes kept. The partition must not have been written before.
    ///
    /// # Errors
    /// When the part does not fit (the message names the recipe setting to raise), cannot be copied, or it was cancelled.
    pub fn copy_part(&self, role: PartitionRole, part: &Path, watch: &mut Watch<'_>) -> Result<(), DiskError> {
        let fault = |source| DiskError::File { action: "opening", path: part.to_owned(), source };
        let source = File::open(part).map_err(fault)?;
        let length = source.metadata().map_err(fault)?.len();
        self.plan.check_fits(role, length)?;
        let range = CopyRange { source_offset: 0, target_offset: self.plan.partition(role)?.offset, length };
        sparse::copy(&source, &self.file, range, watch).map_err(|source| DiskError::Copy {
            role,
            path: part.to_owned(),
            source,
        })
    }

    /// Writes the partition table, whose slot A is named by `root_hash`, and gives the image its name, replacing what had it.
    ///
    /// # Errors
    /// When writing or renaming does not work; then there is no image, and what had its name still has it.
    pub fn finish(self, root_hash: &RootHash, durability: Durability) -> Result<(), DiskError> {
        let Self { plan, file, unfinished, path } = self;
        let fault = |action| {
            let path = path.clone();
            move |source| DiskError::File { action, path, source }
        };
        let table = plan.table(root_hash).encode();
        let table = table.map_err(|source| DiskError::Encode { path: path.clone(), source })?;
        file.write_all_at(&table.primary, 0).map_err(fault("writing the partition table of"))?;
        file.write_all_at(&table.backup, table.backup_offset).map_err(fault("writing the partition table of"))?;
        if durability == Durability::Synced {
            file.sync_all().map_err(fault("writing back"))?;
        }
        let directory = unfinished.parent().map(Path::to_owned);
        unfinished.persist(&path).map_err(|error| fault("renaming the finished image to")(error.error))?;
        if let (Durability::Synced, Some(directory)) = (durability, directory) {
            // The name is in the directory, which is a file of its own.
            File::open(directory).and_then(|directory| directory.sync_all()).map_err(fault("writing back"))?;
        }
        Ok(())
    }
}

/// An image or disk that exists, opened for reading only.
#[derive(Debug)]
pub struct ExistingDisk {
    file: Arc<File>,
    reading: GptReading,
}

impl ExistingDisk {
    /// Opens an image and reads its partition table. Without `sector_size`, both are tried.
    ///
    /// # Errors
    /// When it cannot be opened or has no usable partition table.
    pub fn open(path: &Path, sector_size: Option<SectorSize>) -> Result<Self, DiskError> {
        let mut file =
            File::open(path).map_err(|source| DiskError::File { action: "opening", path: path.to_owned(), source })?;
        let reading =
            gpt::read(&mut file, sector_size).map_err(|source| DiskError::NoTable { path: path.to_owned(), source })?;
        Ok(Self { file: Arc::new(file), reading })
    }

    /// The partition table, and what is unusual about it.
    pub fn reading(&self) -> &GptReading {
        &self.reading
    }

    /// The contents of a partition of this disk.
    pub fn window(&self, partition: &Partition) -> Window {
        let sector_size = self.reading.table.sector_size;
        Window {
            file: Arc::clone(&self.file),
            label: partition.label.clone(),
            start: partition.offset(sector_size),
            length: partition.size(sector_size),
            position: 0,
        }
    }

    /// The contents of the first partition with this role's label, if there is one.
    pub fn window_of_role(&self, role: PartitionRole) -> Option<Window> {
        self.reading.table.by_label(role.label()).map(|partition| self.window(partition))
    }
}

//! The EFI system partition as a FAT32 file system: made whole, and read

mod read;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use disk_layout::gpt::SectorSize;
use hadris_fat::format::{FatFormatOptions, FatTypeSelection, FatVolumeFormatter};
use hadris_fat::time::{FatDateTime, StaticTimeProvider};
use hadris_fat::{FatDir, FatVolume, FatVolumeWriteExt};
use thiserror::Error;

pub use read::{EspEntry, EspReadError, list, read_file};

use crate::sparse::{Cancelled, Watch};

const CHUNK: usize = 1 << 20;

/// What is at a path of the ESP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EspNode {
    /// A directory. Those above a file need not be named.
    Directory,
    /// A file with these bytes.
    Bytes(Vec<u8>),
    /// A file with the bytes of this file.
    File(PathBuf),
}

/// An ESP to be made. Equal values give equal bytes.
#[derive(Debug, Clone, Copy)]
pub struct EspImage<'a> {
    /// The size of the partition in bytes; FAT32 needs at least 33 MiB (260 MiB with 4096-byte sectors).
    pub size: u64,
    /// The sector size of the disk it is for.
    pub sector_size: SectorSize,
    /// The serial number of the file system.
    pub volume_id: u32,
    /// The time of everything in it, in seconds since 1970 (UTC). FAT knows 1980 to 2107 in steps of two seconds.
    pub timestamp: i64,
    /// What is in it, by path without a leading slash: `EFI/Linux/piccolo_1.0.0+3-0.efi`.
    pub nodes: &'a BTreeMap<String, EspNode>,
}

/// The ESP could not be made.
#[derive(Debug, Error)]
pub enum EspError {
    /// A path with empty components, `.` or `..`.
    #[error("{0:?} is not a path for the EFI system partition; write it like EFI/BOOT/BOOTX64.EFI")]
    Path(String),
    /// What goes in is larger than the partition.
    #[error(
        "{content} bytes do not fit into an EFI system partition of {size} bytes; raise image.sizes.esp in the recipe"
    )]
    Full {
        /// Bytes of all files.
        content: u64,
        /// Bytes of the partition.
        size: u64,
    },
    /// A file that shall go in could not be read.
    #[error("{} could not be read for the EFI system partition", path.display())]
    Source {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file system could not be made.
    #[error("no FAT32 file system can be made in {size} bytes with {sector_size}-byte sectors")]
    Format {
        /// Bytes of the partition.
        size: u64,
        /// Bytes of a sector.
        sector_size: u64,
        /// Why.
        source: hadris_fat::Error,
    },
    /// The target cannot be read from its start.
    #[error("the place for the EFI system partition cannot be read from its start")]
    Rewind(#[source] io::Error),
    /// A file or directory could not be written.
    #[error("{path} could not be written into the EFI system partition")]
    Write {
        /// Its path in the ESP.
        path: String,
        /// Why.
        source: hadris_fat::Error,
    },
    /// Somebody wanted it to end.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Makes the file system in `target`, which must hold only zeros (a hole) and be at least `image.size` long.
/// Only what is used gets written.
///
/// # Errors
/// When the contents do not fit or cannot be read, the target cannot be written, or it was cancelled.
pub fn make<T: Read + Write + Seek>(
    target: &mut T,
    image: &EspImage<'_>,
    watch: &mut Watch<'_>,
) -> Result<(), EspError> {
    let total = content_bytes(image)?;
    if total > image.size {
        return Err(EspError::Full { content: total, size: image.size });
    }
    let target = format(target, image)?;
    // The library wants a clock that lives as long as the program: a few bytes for every ESP made.
    let clock: &'static StaticTimeProvider = Box::leak(Box::new(StaticTimeProvider(fat_time(image.timestamp))));
    let volume =
        FatVolume::builder(target).time_provider(clock).open().map_err(|source| format_error(image, source))?;

    let mut filler = Filler { image, volume: &volume, total, done: 0, watch };
    for (path, node) in image.nodes {
        filler.add(path, node)?;
    }
    volume.sync().map_err(|source| format_error(image, source))
}

/// The bytes of all files, known before anything is written.
fn content_bytes(image: &EspImage<'_>) -> Result<u64, EspError> {
    image.nodes.values().try_fold(0_u64, |sum, node| {
        let length = match node {
            EspNode::Directory => 0,
            EspNode::Bytes(bytes) => bytes.len() as u64,
            EspNode::File(path) => {
                path.metadata().map_err(|source| EspError::Source { path: path.clone(), source })?.len()
            }
        };
        Ok(sum.saturating_add(length))
    })
}

fn format<'t, T: Read + Write + Seek>(target: &'t mut T, image: &EspImage<'_>) -> Result<&'t mut T, EspError> {
    let sector_size = match image.sector_size {
        SectorSize::Bytes512 => hadris_fat::format::SectorSize::S512,
        SectorSize::Bytes4096 => hadris_fat::format::SectorSize::S4096,
    };
    let options = FatFormatOptions::new(image.size)
        .fat_type(FatTypeSelection::Fat32)
        .sector_size(sector_size)
        .sectors_per_cluster(sectors_per_cluster(image))
        .volume_id(image.volume_id);
    let volume = FatVolumeFormatter::format(target, options).map_err(|source| format_error(image, source))?;
    let target = volume.into_inner();
    target.rewind().map_err(EspError::Rewind)?;
    Ok(target)
}

/// Clusters of 4096 bytes, smaller in a small partition: FAT32 is told from FAT16 by having at least 65525 of them.
fn sectors_per_cluster(image: &EspImage<'_>) -> u8 {
    const LEAST_CLUSTERS: u64 = 65_525 + 1024;
    let sector = image.sector_size.bytes();
    let fitting = [8_u8, 4, 2].into_iter().find(|sectors| {
        let cluster = u64::from(*sectors) * sector;
        cluster <= 4096 && image.size / cluster >= LEAST_CLUSTERS
    });
    fitting.unwrap_or(1)
}

fn format_error(image: &EspImage<'_>, source: hadris_fat::Error) -> EspError {
    EspError::Format { size: image.size, sector_size: image.sector_size.bytes(), source }
}

fn fat_time(timestamp: i64) -> FatDateTime {
    // Beyond what can be said, the nearest that can.
    let Ok(instant) = jiff::Timestamp::from_second(timestamp) else { return FatDateTime::EPOCH };
    let time = instant.to_zoned(jiff::tz::TimeZone::UTC).datetime();
    if time.year() < 1980 {
        return FatDateTime::EPOCH;
    }
    let field = |value: i8| value.unsigned_abs();
    FatDateTime::new(
        time.year().unsigned_abs(),
        field(time.month()),
        field(time.day()),
        field(time.hour()),
        field(time.minute()),
        field(time.second()),
    )
}

/// Where the bytes of a file come from.
struct Content<'c> {
    reader: &'c mut dyn Read,
    from: &'c Path,
}

impl Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, EspError> {
        loop {
            match self.reader.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map_err(|source| EspError::Source { path: self.from.to_owned(), source }),
            }
        }
    }
}

struct Filler<'v, 'w, 'p, T: Seek> {
    image: &'v EspImage<'v>,
    volume: &'v FatVolume<T>,
    total: u64,
    done: u64,
    watch: &'w mut Watch<'p>,
}

impl<'v, T: Read + Write + Seek> Filler<'v, '_, '_, T> {
    fn add(&mut self, path: &str, node: &EspNode) -> Result<(), EspError> {
        let components: Vec<&str> = path.split('/').collect();
        if components.iter().any(|component| matches!(*component, "" | "." | "..")) {
            return Err(EspError::Path(path.to_owned()));
        }
        let (name, above) = components.split_last().ok_or_else(|| EspError::Path(path.to_owned()))?;
        let mut directory = self.volume.root_dir();
        for component in above {
            directory = self.directory(&directory, component, path)?;
        }
        match node {
            EspNode::Directory => self.directory(&directory, name, path).map(|_| ()),
            EspNode::Bytes(bytes) => {
                let mut content = Content { reader: &mut bytes.as_slice(), from: Path::new(path) };
                self.file(&directory, name, path, &mut content)
            }
            EspNode::File(from) => {
                let file = File::open(from).map_err(|source| EspError::Source { path: from.clone(), source })?;
                self.file(&directory, name, path, &mut Content { reader: &mut &file, from })
            }
        }
    }

    fn directory(&self, parent: &FatDir<'v, T>, name: &str, path: &str) -> Result<FatDir<'v, T>, EspError> {
        let fault = |source| self.write_error(path, source);
        match parent.find(name).map_err(fault)? {
            Some(_) => parent.open_dir(name).map_err(fault),
            None => self.volume.create_dir(parent, name).map_err(fault),
        }
    }

    fn file(
        &mut self,
        directory: &FatDir<'_, T>,
        name: &str,
        path: &str,
        content: &mut Content<'_>,
    ) -> Result<(), EspError> {
        let entry = self.volume.create_file(directory, name).map_err(|source| self.write_error(path, source))?;
        let mut writer = self.volume.write_file(&entry).map_err(|source| self.write_error(path, source))?;
        let mut chunk = vec![0; CHUNK];
        loop {
            self.watch.advance(self.done, self.total)?;
            let length = content.read(&mut chunk)?;
            if length == 0 {
                return writer.finish().map_err(|source| self.write_error(path, source));
            }
            let mut rest = &chunk[..length];
            while !rest.is_empty() {
                let written = writer.write(rest).map_err(|source| self.write_error(path, source))?;
                rest = rest.get(written..).unwrap_or_default();
            }
            self.done = self.done.saturating_add(length as u64);
        }
    }

    fn write_error(&self, path: &str, source: hadris_fat::Error) -> EspError {
        match source {
            hadris_fat::Error::NoFreeSpace => EspError::Full { content: self.total, size: self.image.size },
            source => EspError::Write { path: path.to_owned(), source },
        }
    }
}

//! A FAT32 file system as firmware reads it (Microsoft's "FAT: General Overview of On-Disk Format", version 1.03).
//!
//! Firmware uses the first copy of the table and knows nothing of what another driver had in mind: there is no journal to replay and nothing
//! is repaired.

use std::collections::HashSet;
use std::io;
use std::ops::Range;

use thiserror::Error;

use crate::SECTOR;
use crate::contents::{Content, Contents};
use crate::disk::Disk;

/// Bytes of a directory entry.
const ENTRY: usize = 32;
/// Attributes of an entry that holds a part of a long name.
const LONG_NAME: u8 = 0x0f;
const DIRECTORY: u8 = 0x10;
const VOLUME_LABEL: u8 = 0x08;
/// Values of the table from here on end a chain.
const END_OF_CHAIN: u32 = 0x0fff_fff8;
/// Clusters of a directory that are looked at.
const MOST_DIRECTORY_CLUSTERS: usize = 1024;

/// A file system on a disk.
#[derive(Debug, Clone, Copy)]
pub struct FatVolume<'d> {
    disk: &'d Disk,
    contents: &'d Contents,
    /// The first sector of the first table.
    table: u64,
    /// The first sector of cluster 2.
    data: u64,
    sectors_per_cluster: u64,
    clusters: u32,
    root: u32,
}

/// A file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FatEntry {
    /// Its long name, or its short one when that is all there is.
    pub name: String,
    /// Whether it is a directory.
    pub is_directory: bool,
    /// The first of its clusters; 0 when it has none.
    pub first_cluster: u32,
    /// Its size in bytes; 0 for a directory.
    pub size: u32,
}

/// Firmware would not find a file.
#[derive(Debug, Error)]
pub enum FatError {
    /// The disk cannot be read.
    #[error("the file system cannot be read")]
    Read(#[from] io::Error),
    /// The first sector describes no FAT32 that is used here.
    #[error("the partition holds no FAT32 file system with sectors of 512 bytes")]
    NoVolume,
    /// There is no such file.
    #[error("the EFI system partition has no {0}")]
    Missing(String),
    /// The clusters of a file do not lead to its end.
    #[error("the clusters of {name} are damaged: number {index} is followed by {next:#x}")]
    Chain {
        /// The file.
        name: String,
        /// How many clusters are before the damage.
        index: usize,
        /// What the table says there.
        next: u32,
    },
}

impl<'d> FatVolume<'d> {
    /// The file system in these sectors.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(disk: &'d Disk, contents: &'d Contents, partition: Range<u64>) -> Result<Self, FatError> {
        let boot = disk.sectors(partition.clone()).first().ok_or(FatError::NoVolume)?;
        let boot = contents.read(*boot)?;
        let u16_at = |offset: usize| u64::from(u16::from_le_bytes([boot[offset], boot[offset + 1]]));
        let u32_at = |offset: usize| u32::from_le_bytes(std::array::from_fn(|index| boot[offset + index]));
        let sectors_per_cluster = u64::from(boot[13]);
        let (reserved, tables, table_sectors) = (u16_at(14), u64::from(boot[16]), u64::from(u32_at(36)));
        let total = u64::from(u32_at(32));
        let data = reserved + tables * table_sectors;
        let sane = boot[510..] == [0x55, 0xaa]
            && u16_at(11) == SECTOR
            && sectors_per_cluster.is_power_of_two()
            && u16_at(17) == 0
            && table_sectors > 0
            && data < total
            && total <= partition.end - partition.start;
        if !sane {
            return Err(FatError::NoVolume);
        }
        let clusters = u32::try_from((total - data) / sectors_per_cluster).map_err(|_| FatError::NoVolume)?;
        Ok(Self {
            disk,
            contents,
            table: partition.start + reserved,
            data: partition.start + data,
            sectors_per_cluster,
            clusters,
            root: u32_at(44),
        })
    }

    /// What is in a directory, by its path without a leading slash; in the root when the path is empty.
    ///
    /// # Errors
    /// When there is no such directory, or it is damaged.
    pub fn directory(&self, path: &str) -> Result<Vec<FatEntry>, FatError> {
        let mut entries = self.entries("the root directory", self.root)?;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let found = find(entries, name).filter(|entry| entry.is_directory);
            let found = found.ok_or_else(|| FatError::Missing(path.to_owned()))?;
            entries = self.entries(path, found.first_cluster)?;
        }
        Ok(entries)
    }

    /// A file, by its path.
    ///
    /// # Errors
    /// When there is none, or a directory above it is damaged.
    pub fn file(&self, path: &str) -> Result<FatEntry, FatError> {
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let found = find(self.directory(above)?, name).filter(|entry| !entry.is_directory);
        found.ok_or_else(|| FatError::Missing(path.to_owned()))
    }

    /// What the sectors of a file contain, as many as its size says; the last one may have something behind the file's end.
    ///
    /// # Errors
    /// When its clusters do not lead to its end.
    pub fn content(&self, file: &FatEntry) -> Result<Vec<Content>, FatError> {
        let sectors = u64::from(file.size).div_ceil(SECTOR);
        let count = usize::try_from(sectors.div_ceil(self.sectors_per_cluster)).unwrap_or(usize::MAX);
        let mut content = Vec::new();
        for cluster in self.chain(&file.name, file.first_cluster, count)? {
            content.extend_from_slice(self.disk.sectors(self.cluster(cluster)));
        }
        content.truncate(usize::try_from(sectors).unwrap_or(usize::MAX));
        Ok(content)
    }

    fn entries(&self, name: &str, first_cluster: u32) -> Result<Vec<FatEntry>, FatError> {
        let mut bytes = Vec::new();
        for cluster in self.chain_to_end(name, first_cluster)? {
            for content in self.disk.sectors(self.cluster(cluster)) {
                bytes.extend_from_slice(&self.contents.read(*content)?);
            }
        }
        Ok(parse_directory(&bytes))
    }

    /// The first `count` clusters of a chain, which must go at least as far.
    fn chain(&self, name: &str, first: u32, count: usize) -> Result<Vec<u32>, FatError> {
        let mut chain = Vec::new();
        let mut links = Links { volume: self, sector: None };
        let mut next = first;
        while chain.len() < count {
            if !self.is_cluster(next) {
                return Err(FatError::Chain { name: name.to_owned(), index: chain.len(), next });
            }
            chain.push(next);
            next = links.after(next)?;
        }
        Ok(chain)
    }

    /// All clusters of a chain, up to its end.
    fn chain_to_end(&self, name: &str, first: u32) -> Result<Vec<u32>, FatError> {
        let mut chain = Vec::new();
        let mut seen = HashSet::new();
        let mut links = Links { volume: self, sector: None };
        let mut next = first;
        while next < END_OF_CHAIN {
            if !self.is_cluster(next) || !seen.insert(next) || chain.len() == MOST_DIRECTORY_CLUSTERS {
                return Err(FatError::Chain { name: name.to_owned(), index: chain.len(), next });
            }
            chain.push(next);
            next = links.after(next)?;
        }
        Ok(chain)
    }

    fn is_cluster(&self, number: u32) -> bool {
        (2..self.clusters.saturating_add(2)).contains(&number)
    }

    fn cluster(&self, number: u32) -> Range<u64> {
        let first = self.data + u64::from(number - 2) * self.sectors_per_cluster;
        first..first + self.sectors_per_cluster
    }
}

/// Follows chains through the table, and keeps the sector of the table that it read last.
struct Links<'v, 'd> {
    volume: &'v FatVolume<'d>,
    sector: Option<(u64, [u8; SECTOR as usize])>,
}

impl Links<'_, '_> {
    fn after(&mut self, cluster: u32) -> Result<u32, FatError> {
        let offset = u64::from(cluster) * 4;
        let number = self.volume.table + offset / SECTOR;
        let bytes = match self.sector {
            Some((known, bytes)) if known == number => bytes,
            _ => {
                let content = self.volume.disk.sectors(number..number + 1).first().ok_or(FatError::NoVolume)?;
                self.volume.contents.read(*content)?
            }
        };
        self.sector = Some((number, bytes));
        let start = (offset % SECTOR) as usize;
        // The upper four bits are no part of the number.
        Ok(u32::from_le_bytes(std::array::from_fn(|index| bytes[start + index])) & 0x0fff_ffff)
    }
}

fn find(entries: Vec<FatEntry>, name: &str) -> Option<FatEntry> {
    entries.into_iter().find(|entry| entry.name.eq_ignore_ascii_case(name))
}

/// The entries in the bytes of a directory.
fn parse_directory(bytes: &[u8]) -> Vec<FatEntry> {
    let mut found = Vec::new();
    let mut long = LongName::default();
    for entry in bytes.chunks_exact(ENTRY) {
        match (entry[0], entry[11]) {
            (0, _) => break,
            (0xe5, _) => long = LongName::default(),
            (_, LONG_NAME) => long.add(entry),
            (_, attributes) if attributes & VOLUME_LABEL != 0 => long = LongName::default(),
            (_, attributes) => {
                let u16_at = |offset: usize| u32::from(u16::from_le_bytes([entry[offset], entry[offset + 1]]));
                let name = std::mem::take(&mut long).of(entry).unwrap_or_else(|| short_name(entry));
                let is_directory = attributes & DIRECTORY != 0;
                let size = u32::from_le_bytes([entry[28], entry[29], entry[30], entry[31]]);
                found.push(FatEntry { name, is_directory, first_cluster: u16_at(20) << 16 | u16_at(26), size });
            }
        }
    }
    found
}

/// The parts of a long name, which stand before the entry, the last part first.
#[derive(Debug, Default)]
struct LongName {
    units: Vec<u16>,
    /// The number of the part that was read last; the next one must be one less.
    number: u8,
    checksum: u8,
}

impl LongName {
    fn add(&mut self, entry: &[u8]) {
        let number = entry[0] & 0x3f;
        if entry[0] & 0x40 != 0 {
            *self = Self { number: number + 1, checksum: entry[13], units: Vec::new() };
        }
        if number == 0 || number + 1 != self.number || entry[13] != self.checksum {
            *self = Self::default();
            return;
        }
        let parts = [&entry[1..11], &entry[14..26], &entry[28..32]].concat();
        let units = parts.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
        self.units.splice(0..0, units);
        self.number = number;
    }

    /// The name, if it is whole and belongs to this entry.
    fn of(self, entry: &[u8]) -> Option<String> {
        let sum = entry[..11].iter().fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
        let whole = self.number == 1 && self.checksum == sum;
        let units = self.units.into_iter().take_while(|unit| *unit != 0);
        whole.then(|| char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
    }
}

fn short_name(entry: &[u8]) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    let (base, extension) = (text(&entry[..8]), text(&entry[8..11]));
    if extension.is_empty() { base } else { format!("{base}.{extension}") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::AtomicBool;

    use disk_layout::gpt::SectorSize;
    use image_files::esp::{EspImage, EspNode, list, make};
    use image_files::sparse::Watch;
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::{FatVolume, parse_directory};
    use crate::SECTOR;
    use crate::contents::Contents;
    use crate::disk::Disk;

    const SIZE: u64 = 34 << 20;

    #[test]
    fn reads_what_the_builder_writes() {
        let uki: Vec<u8> = (0_u32..100_001).flat_map(u32::to_le_bytes).collect();
        let files = [
            ("EFI/BOOT/BOOTX64.EFI", vec![7; 5000]),
            ("EFI/Linux/piccolo_1.0.0+3-0.efi", uki.clone()),
            ("EFI/Linux/piccolo_1.10.0~dev.1-and-a-name-of-more-than-three-parts.efi", vec![1]),
            ("loader/loader.conf", b"timeout 0\n".to_vec()),
            ("loader/nothing", vec![]),
        ];
        let nodes: BTreeMap<String, EspNode> =
            files.iter().map(|(path, bytes)| ((*path).to_owned(), EspNode::Bytes(bytes.clone()))).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.set_len(SIZE).unwrap();
        let image =
            EspImage { size: SIZE, sector_size: SectorSize::Bytes512, volume_id: 7, timestamp: 0, nodes: &nodes };
        let cancelled = AtomicBool::new(false);
        make(&mut file, &image, &mut Watch { progress: &mut |_, _| {}, cancelled: &cancelled }).unwrap();
        let listed = list(&mut file).unwrap();

        let mut contents = Contents::default();
        let source = contents.add_source(file);
        let disk = Disk::beginning_like(&mut contents, source, SIZE / SECTOR).unwrap();
        let volume = FatVolume::open(&disk, &contents, 0..disk.length()).unwrap();
        for entry in listed.iter().filter(|entry| !entry.is_directory) {
            assert_eq!(u64::from(volume.file(&entry.path).unwrap().size), entry.size, "{}", entry.path);
        }
        for (path, bytes) in files {
            let sectors = volume.content(&volume.file(path).unwrap()).unwrap();
            let mut read: Vec<u8> = sectors.iter().flat_map(|content| contents.read(*content).unwrap()).collect();
            read.truncate(bytes.len());
            assert_eq!(read, bytes, "{path}");
        }
        assert!(volume.file("EFI/Linux/other.efi").is_err());
        let names: Vec<String> = volume.directory("EFI").unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, [".", "..", "BOOT", "Linux"]);
    }

    #[test]
    fn an_entry_whose_long_name_is_gone_has_its_short_one() {
        let mut short = [b' '; 32];
        short[..11].copy_from_slice(b"PICCOL~1EFI");
        short[11..].fill(0);
        assert_eq!(parse_directory(&short)[0].name, "PICCOL~1.EFI");
        let mut orphan = [0; 32];
        (orphan[0], orphan[11]) = (0x42, 0x0f);
        assert_eq!(parse_directory(&[orphan, short].concat())[0].name, "PICCOL~1.EFI");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_directory(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let found = parse_directory(&bytes);
            prop_assert_eq!(found.len() <= bytes.len() / 32, true);
        }
    }
}

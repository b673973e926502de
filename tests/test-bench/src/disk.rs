//! The disk of a machine that is off, as the guest sees it: the image with what the machine has written.

use disk_layout::gpt::{self, SectorSize};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::process::Command;

/// Size of a sector, in bytes.
const SECTOR: u64 = 512;
/// Bytes at the beginning of a disk that hold its partition table: protective MBR, header, 128 entries.
const TABLE: u64 = 34 * SECTOR;

/// A disk that no machine is using.
#[derive(Debug)]
pub struct IdleDisk {
    overlay: PathBuf,
}

/// Where a partition is on its disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionExtent {
    /// Its first byte.
    pub start: u64,
    /// How many bytes it has.
    pub length: u64,
}

impl IdleDisk {
    pub(crate) fn new(overlay: PathBuf) -> Self {
        Self { overlay }
    }

    /// Where the partition with this label is.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn partition(&self, label: &str) -> PartitionExtent {
        let mut table = Front { bytes: self.read(0, TABLE), position: 0 };
        let reading = gpt::read(&mut table, Some(SectorSize::Bytes512)).expect("the disk has a partition table");
        let Some(partition) = reading.table.by_label(label) else {
            let labels: Vec<&str> = reading.table.partitions.iter().map(|partition| partition.label.as_str()).collect();
            panic!("no partition is named {label:?}; there are {labels:?}");
        };
        PartitionExtent { start: partition.offset(SectorSize::Bytes512), length: partition.size(SectorSize::Bytes512) }
    }

    /// Reads bytes.
    ///
    /// # Panics
    /// When they are not on the disk.
    #[must_use]
    #[track_caller]
    pub fn read(&self, offset: u64, length: u64) -> Vec<u8> {
        let printed = self.qemu_io(&format!("read -v {offset} {length}"));
        let bytes = parse_dump(&printed);
        assert_eq!(bytes.len() as u64, length, "qemu-io printed something else: {printed}");
        bytes
    }

    /// Writes bytes.
    ///
    /// # Panics
    /// When they would not be on the disk.
    #[track_caller]
    pub fn write(&self, offset: u64, bytes: &[u8]) {
        let mut pattern = tempfile::NamedTempFile::new().expect("a temporary file can be made");
        pattern.write_all(bytes).expect("a temporary file can be written");
        self.qemu_io(&format!("write -s {} {offset} {}", pattern.path().display(), bytes.len()));
    }

    /// Flips every bit of one byte, and gives what it was.
    ///
    /// # Panics
    /// When it is not on the disk.
    #[track_caller]
    pub fn flip_byte(&self, offset: u64) -> u8 {
        let before = self.read(offset, 1)[0];
        self.write(offset, &[!before]);
        before
    }

    #[track_caller]
    fn qemu_io(&self, command: &str) -> String {
        #[expect(clippy::disallowed_methods, reason = "a tool of the tests, which the product does not run")]
        let output = Command::new("qemu-io").args(["-f", "qcow2", "-c", command]).arg(&self.overlay).output();
        let output =
            output.unwrap_or_else(|error| panic!("qemu-io (Debian package qemu-utils) did not start: {error}"));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "qemu-io {command:?} failed: {text}{complaint}");
        text
    }
}

/// The first bytes of a disk that is longer than any table says; behind them are zeros.
struct Front {
    bytes: Vec<u8>,
    position: u64,
}

/// As long as no disk of a test is.
const LONGEST_DISK: u64 = 1 << 40;

impl Read for Front {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for byte in buffer.iter_mut() {
            let index = usize::try_from(self.position).unwrap_or(usize::MAX);
            *byte = self.bytes.get(index).copied().unwrap_or_default();
            self.position += 1;
        }
        Ok(buffer.len())
    }
}

impl Seek for Front {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (base, offset) = match to {
            SeekFrom::Start(position) => (position, 0),
            SeekFrom::End(offset) => (LONGEST_DISK, offset),
            SeekFrom::Current(offset) => (self.position, offset),
        };
        self.position = base.checked_add_signed(offset).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// The bytes in what `read -v` of qemu-io prints: `00000010:  de ad be ef ...  ....`, 16 in a line.
fn parse_dump(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in text.lines() {
        let Some((offset, rest)) = line.split_once(':') else { continue };
        if offset.len() < 8 || !offset.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            continue;
        }
        let columns = rest.split_whitespace().take(16);
        bytes.extend(columns.map_while(|column| u8::from_str_radix(column, 16).ok().filter(|_| column.len() == 2)));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::IdleDisk;
    use std::process::Command;

    fn disk(directory: &tempfile::TempDir) -> IdleDisk {
        let overlay = directory.path().join("disk.qcow2");
        #[expect(clippy::disallowed_methods, reason = "a tool of the tests, which the product does not run")]
        let status = Command::new("qemu-img").args(["create", "-q", "-f", "qcow2"]).arg(&overlay).arg("1M").status();
        assert!(status.unwrap().success(), "qemu-img (Debian package qemu-utils) failed");
        IdleDisk::new(overlay)
    }

    #[test]
    fn what_was_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let disk = disk(&directory);
        let bytes: Vec<u8> = (0..=255).cycle().take(5000).collect();
        disk.write(12_345, &bytes);
        assert_eq!(disk.read(12_345, 5000), bytes);
        assert_eq!(disk.read(12_344, 1), [0]);
    }

    #[test]
    fn a_flipped_byte_is_the_only_one() {
        let directory = tempfile::tempdir().unwrap();
        let disk = disk(&directory);
        disk.write(0, b"abc");
        assert_eq!(disk.flip_byte(1), b'b');
        assert_eq!(disk.read(0, 3), [b'a', !b'b', b'c']);
    }
}

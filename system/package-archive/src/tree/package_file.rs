//! Package files (deb(5)): an ar archive of a control archive and a data archive.

use flate2::read::GzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::Stream;
use package_lock::deb_archive::{HEADER_LENGTH, MAGIC, MemberHeader, MemberHeaderError};
use package_lock::dpkg_database::{ControlFile, MAXIMUM_CONTROL, PackageControl, PackageControlError};
use package_lock::lockfile::LockedPackage;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Most memory the xz decoder may take: Debian's largest dictionaries are 64 MiB.
const XZ_MEMORY: u64 = 256 * 1024 * 1024;
/// Compressed bytes read at a time.
const READ_BUFFER: usize = 256 * 1024;
/// Most members looked at; a package has three.
const MAXIMUM_MEMBERS: usize = 16;

/// Why a package file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PackageFileError {
    /// Reading failed, or what was read is damaged.
    #[error("it is damaged, or reading it failed")]
    Read(#[from] io::Error),
    /// Not an ar archive.
    #[error(transparent)]
    Archive(#[from] MemberHeaderError),
    /// A member is not there.
    #[error("it has no member {0}")]
    Missing(&'static str),
    /// A compression that is not known.
    #[error("its member {0} is compressed in an unknown way; known are xz, zst, gz and none")]
    Compression(String),
    /// What it says of itself makes no sense.
    #[error("what it says of itself cannot be used")]
    Control(#[from] PackageControlError),
}

/// A package file, its control archive read.
#[derive(Debug)]
pub(crate) struct PackageFile {
    pub(crate) path: PathBuf,
    /// Bytes of the file.
    pub(crate) size: u64,
    pub(crate) control: PackageControl,
    data: Member,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    offset: u64,
    length: u64,
    compression: Compression,
}

#[derive(Clone, Copy, Debug)]
enum Compression {
    None,
    Gzip,
    Xz,
    Zstandard,
}

impl PackageFile {
    pub(crate) fn open(path: PathBuf, locked: &LockedPackage) -> Result<Self, PackageFileError> {
        let (control, data) = members(&File::open(&path)?)?;
        let control = read_control(&path, control, locked)?;
        Ok(Self { path, size: locked.size, control, data })
    }

    /// The data archive, decompressed: a tar archive of the package's files.
    pub(crate) fn data(&self) -> io::Result<Box<dyn Read + Send>> {
        decompressed(&self.path, self.data)
    }
}

/// Finds the two archives within the package file.
fn members(file: &File) -> Result<(Member, Member), PackageFileError> {
    let mut start = [0; MAGIC.len()];
    file.read_exact_at(&mut start, 0)?;
    if start != *MAGIC {
        return Err(MemberHeaderError.into());
    }
    let end = file.metadata()?.len();
    let (mut control, mut data) = (None, None);
    let mut position = MAGIC.len() as u64;
    for _ in 0..MAXIMUM_MEMBERS {
        if position >= end {
            break;
        }
        let mut header = [0; HEADER_LENGTH];
        file.read_exact_at(&mut header, position)?;
        let header = MemberHeader::parse(&header)?;
        let offset = position + HEADER_LENGTH as u64;
        position = header.next(offset).filter(|_| end - offset >= header.length).ok_or(MemberHeaderError)?;
        for (name, slot) in [("control.tar", &mut control), ("data.tar", &mut data)] {
            if let Some(suffix) = header.name.strip_prefix(name) {
                *slot = Some(Member { offset, length: header.length, compression: compression(suffix, &header.name)? });
            }
        }
    }
    Ok((control.ok_or(PackageFileError::Missing("control.tar"))?, data.ok_or(PackageFileError::Missing("data.tar"))?))
}

fn compression(suffix: &str, name: &str) -> Result<Compression, PackageFileError> {
    match suffix {
        "" => Ok(Compression::None),
        ".gz" => Ok(Compression::Gzip),
        ".xz" => Ok(Compression::Xz),
        ".zst" => Ok(Compression::Zstandard),
        _ => Err(PackageFileError::Compression(name.to_owned())),
    }
}

fn decompressed(path: &Path, member: Member) -> io::Result<Box<dyn Read + Send>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(member.offset))?;
    let member_bytes: Take<File> = file.take(member.length);
    Ok(match member.compression {
        Compression::None => Box::new(member_bytes),
        Compression::Gzip => Box::new(GzDecoder::new(member_bytes)),
        Compression::Xz => {
            let decoder = Stream::new_stream_decoder(XZ_MEMORY, 0).map_err(io::Error::other)?;
            Box::new(XzDecoder::new_stream(BufReader::with_capacity(READ_BUFFER, member_bytes), decoder))
        }
        Compression::Zstandard => Box::new(zstd::stream::read::Decoder::new(member_bytes)?),
    })
}

fn read_control(path: &Path, member: Member, locked: &LockedPackage) -> Result<PackageControl, PackageFileError> {
    let mut archive = tar::Archive::new(decompressed(path, member)?.take(MAXIMUM_CONTROL));
    let mut files = BTreeMap::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
        let executable = entry.header().mode()? & 0o100 != 0;
        let mut contents = Vec::new();
        entry.read_to_end(&mut contents)?;
        files.insert(name, ControlFile { executable, contents });
    }
    Ok(PackageControl::from_files(locked, files)?)
}

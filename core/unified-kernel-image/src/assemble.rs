//! What goes into an image, and laying it out.

use std::borrow::Cow;
use std::collections::BTreeSet;

use thiserror::Error;

use crate::assembled::{Assembled, PlacedSection};
use crate::linux::LinuxImage;
use crate::pe::{HeaderLayout, PeError, PeImage};
use crate::profile::{Profile, ProfileError};
use crate::sbat::{self, SbatError};
use crate::section::{Section, SectionName};
use crate::stub::{ImageHead, NX_COMPATIBLE};

/// Most profiles that systemd-stub counts (`UNIFIED_PROFILES_MAX`).
const MAX_PROFILES: usize = 256;

/// The parts of a unified kernel image. Optional parts that are absent or empty get no section, as an empty section means nothing
/// to the stub.
#[derive(Debug, Clone)]
pub struct UnifiedKernelImage<'a> {
    /// systemd-stub of the image's architecture (`linuxx64.efi.stub`).
    pub stub: &'a [u8],
    /// The text of `os-release`, shown in the boot menu and used to sort images.
    pub os_release: &'a [u8],
    /// Kernel command line, without a final newline.
    pub command_line: &'a str,
    /// Device tree.
    pub device_tree: Option<&'a [u8]>,
    /// The kernel's release as `uname -r` prints it; [`LinuxImage::release`] of the same kernel.
    pub uname: Option<&'a str>,
    /// Splash screen, a BMP file.
    pub splash: Option<&'a [u8]>,
    /// Public key, as PEM, of the PCR signatures.
    pub pcr_public_key: Option<&'a [u8]>,
    /// The kernel.
    pub linux: &'a [u8],
    /// The initrd, already in one piece.
    pub initrd: Option<&'a [u8]>,
    /// CPU microcode as a cpio archive.
    pub microcode: Option<&'a [u8]>,
    /// SBAT lines of the image's own components, added to the stub's and the kernel's.
    pub sbat: Vec<&'a str>,
    /// Signatures of expected PCR values that hold for every profile without its own.
    pub pcr_signature: Option<&'a [u8]>,
    /// The profiles; none means one profile that has no name.
    pub profiles: Vec<Profile<'a>>,
}

/// Why an image cannot be assembled.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AssembleError {
    /// The stub is not a PE image.
    #[error("the stub cannot be read")]
    Stub(#[from] PeError),
    /// The stub is a PE image that cannot be extended.
    #[error("the stub cannot be extended because {0}; use the file as the systemd-boot-efi package ships it")]
    UnsuitableStub(&'static str),
    /// Each section takes 40 bytes in the headers, which cannot grow.
    #[error(
        "section {name} finds no room in the stub's headers, which hold {room} sections; drop a profile or a section, \
         or use a stub with larger headers"
    )]
    NoHeaderRoom {
        /// The first section that does not fit.
        name: SectionName,
        /// Sections that the headers hold, the stub's own included.
        room: usize,
    },
    /// The merged `.sbat` would run into the stub's next section.
    #[error("the SBAT lines take {size} bytes and the stub has room for {room}; use fewer or shorter lines")]
    SbatTooLong {
        /// Bytes needed.
        size: u32,
        /// Bytes there are.
        room: u32,
    },
    /// Over 4 GiB.
    #[error("the image would be larger than 4 GiB, which the PE format cannot express; make the initrd smaller")]
    TooLarge,
    /// No kernel.
    #[error("the kernel is empty")]
    NoLinux,
    /// The kernel starts like a PE image and is none.
    #[error("the kernel cannot be read as a PE image")]
    Linux(#[source] PeError),
    /// A command line is empty or has control characters.
    #[error("the kernel command line must be one line of printable text: {command_line:?}")]
    CommandLine {
        /// As given.
        command_line: String,
    },
    /// A command line is longer than the kernel takes.
    #[error("the kernel command line has {len} bytes; this kernel takes {limit}")]
    CommandLineTooLong {
        /// Bytes given.
        len: usize,
        /// Bytes the kernel takes.
        limit: u32,
    },
    /// Too many profiles.
    #[error("the image has {count} profiles; systemd-stub knows {MAX_PROFILES}")]
    TooManyProfiles {
        /// Profiles given.
        count: usize,
    },
    /// A profile cannot be written.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// SBAT lines cannot be merged.
    #[error(transparent)]
    Sbat(#[from] SbatError),
}

impl<'a> UnifiedKernelImage<'a> {
    /// Lays the image out. The result borrows the contents and is written with [`Assembled::write_to`].
    ///
    /// The bytes depend on nothing but the parts.
    ///
    /// # Errors
    /// [`AssembleError`], which names the part at fault.
    pub fn assemble(&self) -> Result<Assembled<'a>, AssembleError> {
        let mut head = ImageHead::from_stub(self.stub)?;
        let mut placed = Vec::new();
        for section in self.sections()? {
            if section.name == SectionName::Sbat && head.replace_sbat(&section.content)? {
                continue;
            }
            let header = head.add_section(section.name, section.content.len())?;
            placed.push(PlacedSection { header, content: section.content });
        }
        if !self.linux_is_nx_compatible()? {
            head.clear_nx_compatible();
        }
        Ok(Assembled::new(head, placed))
    }

    /// The sections of the image in file order: `.sbat`, which lies among the stub's own, the base sections as ukify(1) orders them,
    /// then the profiles. This is also what the measurements are predicted from, before there is a signature of them to put in.
    ///
    /// # Errors
    /// [`AssembleError`] for parts that cannot be written.
    pub fn sections(&self) -> Result<Vec<Section<'a>>, AssembleError> {
        self.check()?;
        let base = [
            (SectionName::OsRelease, Some(self.os_release)),
            (SectionName::CommandLine, Some(self.command_line.as_bytes())),
            (SectionName::DeviceTree, self.device_tree),
            (SectionName::Uname, self.uname.map(str::as_bytes)),
            (SectionName::Splash, self.splash),
            (SectionName::PcrPublicKey, self.pcr_public_key),
            (SectionName::Linux, Some(self.linux)),
            (SectionName::Initrd, self.initrd),
            (SectionName::Microcode, self.microcode),
            (SectionName::PcrSignature, self.pcr_signature),
        ];
        let mut of_profiles = Vec::new();
        for profile in &self.profiles {
            of_profiles.extend(profile.sections()?);
        }
        let mut sections = vec![Section { name: SectionName::Sbat, content: Cow::Owned(self.merged_sbat()?) }];
        for (name, content) in base {
            if let Some(content) = content.filter(|content| !content.is_empty()) {
                sections.push(Section::borrowed(name, content));
            }
        }
        sections.extend(of_profiles);
        Ok(sections)
    }

    fn check(&self) -> Result<(), AssembleError> {
        if self.linux.is_empty() {
            return Err(AssembleError::NoLinux);
        }
        // Other architectures' kernels have no such header; their limit is not known here.
        let limit = LinuxImage::parse(self.linux).ok().map(|linux| linux.command_line_limit);
        let of_profiles = self.profiles.iter().filter_map(|profile| profile.command_line);
        for command_line in of_profiles.chain([self.command_line]) {
            check_command_line(command_line, limit)?;
        }
        if self.profiles.len() > MAX_PROFILES {
            return Err(AssembleError::TooManyProfiles { count: self.profiles.len() });
        }
        let mut ids = BTreeSet::new();
        match self.profiles.iter().find(|profile| !ids.insert(profile.id)) {
            Some(twice) => Err(ProfileError::DuplicateId { id: twice.id.to_owned() }.into()),
            None => Ok(()),
        }
    }

    fn merged_sbat(&self) -> Result<Vec<u8>, AssembleError> {
        let linux = self.linux_as_pe()?;
        let stub = PeImage::parse(self.stub)?;
        let name = SectionName::Sbat.as_str();
        let of_stub = stub.section(name).map(|section| stub.content(section));
        let of_linux = linux.as_ref().and_then(|linux| Some(linux.content(linux.section(name)?)));
        Ok(sbat::merge(of_stub, of_linux, &self.sbat)?)
    }

    fn linux_is_nx_compatible(&self) -> Result<bool, AssembleError> {
        let Some(linux) = self.linux_as_pe()? else {
            return Ok(true);
        };
        let flags = linux.optional_u16(HeaderLayout::DLL_CHARACTERISTICS).map_err(AssembleError::Linux)?;
        Ok(flags & NX_COMPATIBLE != 0)
    }

    fn linux_as_pe(&self) -> Result<Option<PeImage<'a>>, AssembleError> {
        if !self.linux.starts_with(b"MZ") {
            return Ok(None);
        }
        PeImage::parse(self.linux).map(Some).map_err(AssembleError::Linux)
    }
}

/// The stub turns control characters into spaces, so what was written and measured would not be what the kernel sees.
fn check_command_line(command_line: &str, limit: Option<u32>) -> Result<(), AssembleError> {
    if command_line.trim().is_empty() || command_line.contains(char::is_control) {
        return Err(AssembleError::CommandLine { command_line: command_line.to_owned() });
    }
    match limit {
        Some(limit) if command_line.len() > limit as usize => {
            Err(AssembleError::CommandLineTooLong { len: command_line.len(), limit })
        }
        _ => Ok(()),
    }
}

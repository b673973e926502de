//! The header of an x86 Linux kernel image (bzImage).
//!
//! Fields and offsets are those of "The Linux/x86 Boot Protocol" (`Documentation/arch/x86/boot.rst`). Input is hostile.

use thiserror::Error;

/// Offset that the header's version pointer counts from, in bytes.
const SETUP_START: usize = 0x200;

/// Longest version string that is looked at, in bytes, as ukify does.
const MAX_VERSION: usize = 128;

/// What a kernel's header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinuxImage<'a> {
    /// The release, as `uname -r` prints it.
    pub release: &'a str,
    /// The whole version string: release, builder, build number and date.
    pub version: &'a str,
    /// Boot protocol, such as `(2, 15)`.
    pub boot_protocol: (u8, u8),
    /// Longest command line the kernel takes, in bytes without the final NUL.
    pub command_line_limit: u32,
}

/// Why a kernel's header cannot be read.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum LinuxError {
    /// No `HdrS` at 0x202.
    #[error("not an x86 Linux kernel image (bzImage): there is no boot protocol header")]
    NotBzImage,
    /// Protocol before 2.06 has no command line limit, and no such kernel starts from UEFI.
    #[error("the kernel speaks boot protocol {major}.{minor:02}; 2.06 or later is needed")]
    OldProtocol {
        /// Major version.
        major: u8,
        /// Minor version.
        minor: u8,
    },
    /// The version string is absent, unterminated or not text.
    #[error("the kernel image has no readable version string")]
    NoVersion,
}

impl<'a> LinuxImage<'a> {
    /// Reads the header of a bzImage.
    ///
    /// # Errors
    /// [`LinuxError`] for anything that is not a bzImage with a version string.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, LinuxError> {
        if bytes.get(0x202..0x206) != Some(b"HdrS".as_slice()) {
            return Err(LinuxError::NotBzImage);
        }
        let [minor, major] = field(bytes, 0x206)?;
        if (major, minor) < (2, 6) {
            return Err(LinuxError::OldProtocol { major, minor });
        }
        let version = version_string(bytes)?;
        Ok(Self {
            release: release_of(version)?,
            version,
            boot_protocol: (major, minor),
            command_line_limit: u32::from_le_bytes(field(bytes, 0x238)?),
        })
    }
}

fn version_string(bytes: &[u8]) -> Result<&str, LinuxError> {
    let pointer = usize::from(u16::from_le_bytes(field(bytes, 0x20e)?));
    // The string lies in the setup code, which a header with 0 sectors means to be 4 sectors long.
    let [sectors] = field(bytes, 0x1f1)?;
    let setup_size = usize::from(if sectors == 0 { 4 } else { sectors }) * 512;
    if pointer == 0 || pointer >= setup_size {
        return Err(LinuxError::NoVersion);
    }
    let rest = bytes.get(SETUP_START + pointer..).ok_or(LinuxError::NoVersion)?;
    let len = rest.iter().take(MAX_VERSION).position(|byte| *byte == 0).ok_or(LinuxError::NoVersion)?;
    std::str::from_utf8(&rest[..len]).map_err(|_not_utf8| LinuxError::NoVersion)
}

/// The release is the first word; it becomes a directory name under `/usr/lib/modules`, so nothing else may be in it.
fn release_of(version: &str) -> Result<&str, LinuxError> {
    let release = version.split(' ').next().unwrap_or_default();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".+-_~".contains(&byte);
    let starts_with_digit = release.starts_with(|first: char| first.is_ascii_digit());
    if starts_with_digit && release.bytes().all(is_plain) { Ok(release) } else { Err(LinuxError::NoVersion) }
}

fn field<const N: usize>(bytes: &[u8], offset: usize) -> Result<[u8; N], LinuxError> {
    bytes.get(offset..).and_then(|rest| rest.first_chunk()).copied().ok_or(LinuxError::NotBzImage)
}

#[cfg(test)]
mod tests {
    use super::{LinuxError, LinuxImage};

    /// The header fields and version string of Debian's 6.12.117+deb13-cloud-amd64, with nothing around them.
    fn recorded_header() -> Vec<u8> {
        let mut image = vec![0; 0x5000];
        image[0x1f1] = 0x27;
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x206..0x208].copy_from_slice(&0x020f_u16.to_le_bytes());
        image[0x20e..0x210].copy_from_slice(&0x4300_u16.to_le_bytes());
        image[0x238..0x23c].copy_from_slice(&2047_u32.to_le_bytes());
        let version =
            b"6.12.117+deb13-cloud-amd64 (debian-kernel@lists.debian.org) #1 SMP PREEMPT_DYNAMIC Debian 6.12.117-1\0";
        image[0x4500..0x4500 + version.len()].copy_from_slice(version);
        image
    }

    #[test]
    fn the_release_is_the_first_word_of_the_version() {
        let image = recorded_header();
        let linux = LinuxImage::parse(&image).unwrap();
        assert_eq!(linux.release, "6.12.117+deb13-cloud-amd64");
        assert_eq!(linux.boot_protocol, (2, 15));
        assert_eq!(linux.command_line_limit, 2047);
    }

    #[test]
    fn a_version_pointer_outside_the_setup_code_is_refused() {
        let mut image = recorded_header();
        image[0x20e..0x210].copy_from_slice(&0xffff_u16.to_le_bytes());
        assert_eq!(LinuxImage::parse(&image), Err(LinuxError::NoVersion));
    }

    #[test]
    fn a_release_that_climbs_out_of_its_directory_is_refused() {
        let mut image = recorded_header();
        image[0x4500..0x4507].copy_from_slice(b"6./../x");
        assert_eq!(LinuxImage::parse(&image), Err(LinuxError::NoVersion));
    }

    #[test]
    fn an_unterminated_version_is_refused() {
        let mut image = recorded_header();
        image[0x4500..].fill(b'6');
        assert_eq!(LinuxImage::parse(&image), Err(LinuxError::NoVersion));
    }

    #[test]
    fn anything_else_is_not_a_bz_image() {
        assert_eq!(LinuxImage::parse(b"MZ"), Err(LinuxError::NotBzImage));
    }
}

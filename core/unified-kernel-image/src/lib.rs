//! Assembles and reads unified kernel images (UKIs): PE files made from systemd-stub, with the kernel, the initrd, the
//! command line and the rest of what a boot needs as further sections.
//!
//! [`UnifiedKernelImage::assemble`] lays one out, [`PeImage::parse`] reads one that may be hostile, [`LinuxImage::parse`]
//! reads a kernel's boot protocol header. What the firmware's TPM will measure of an image is predicted by the
//! `measured-boot` crate from the [`Section`]s that both the assembler and the reader hand out.
//!
//! Follows the [UKI specification](https://uapi-group.org/specifications/specs/unified_kernel_image/) and systemd-stub(7)
//! of systemd 257.

mod assemble;
mod assembled;
mod describe;
mod linux;
mod pe;
mod profile;
mod sbat;
mod section;
mod stub;

pub use assemble::{AssembleError, UnifiedKernelImage};
pub use assembled::{Assembled, PlacedSection};
pub use describe::{ImageDescription, SectionDescription};
pub use linux::{LinuxError, LinuxImage};
pub use pe::{PeError, PeImage, PeSection};
pub use profile::{Profile, ProfileError};
pub use sbat::SbatError;
pub use section::{Section, SectionName};

//! Makes and applies patches: from the root image in a device's active slot to another release's, and the same for the unified
//! kernel image (UKI). The format is `docs/reference/patch-format.md`.
//!
//! [`make::make`] takes sources and the wanted output and returns the patch's bytes. A patch is a header and independent frames
//! of about a mebibyte of output. [`apply::Applier::make`] turns one frame's code into checked output; it reads sources by
//! offset and keeps nothing, so frames can be made in any order, on several threads, and again after a cut.
//!
//! - For the **root image** the source is the old root image.
//! - For the **UKI** the sources are the *new* root image, complete by then, and the old UKI, in this order.
//!
//! # Applying
//! ```
//! use image_patch::apply::{Applier, FrameBuffer, FrameError, Written};
//! use image_patch::format::Header;
//! use image_patch::frames::FrameSet;
//! use image_patch::make::{Input, Watch, make};
//! use image_patch::source::ReadAt;
//! use std::sync::atomic::AtomicBool;
//! use verity_tree::digest::Salt;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let old: Vec<u8> = (0..200_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
//! # let mut new = old.clone();
//! # new[70_000..70_020].fill(7);
//! let salt = Salt::new([0xa5; 32])?;
//! let watch = Watch { progress: &|_, _| {}, cancelled: &AtomicBool::new(false), threads: 2 };
//! let patch = make(&Input { sources: &[&old], output: &new, salt: &salt }, &watch)?;
//! # let header_sha256: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(&patch[..Header::length(&patch)?]).into();
//!
//! // On the device. The header's length and SHA-256 are in the release's signed metadata.
//! let header = Header::parse(&patch, &header_sha256)?;
//! let sources: [&dyn ReadAt; 1] = [&old]; // the active slot, read through its dm-verity device
//! let applier = Applier::new(&header, &sources)?;
//! let mut done = FrameSet::new(&header); // or FrameSet::from_bytes(&header, &kept) to go on after a cut
//! let mut slot = vec![0; header.output as usize]; // the inactive slot
//! let mut buffer = FrameBuffer::default();
//! for needed in done.missing(&header) {
//!     // Ask the server for `needed.coded`; what comes in order can be used as it comes.
//!     for number in needed.frames {
//!         let frame = &header.frames[number];
//!         let coded = &patch[frame.coded.start as usize..frame.coded.end as usize];
//!         match applier.make(number, coded, Written { output: &slot, done: &done }, &mut buffer) {
//!             Ok(()) => {
//!                 slot[frame.output.start as usize..frame.output.end as usize].copy_from_slice(buffer.output());
//!                 // `buffer.blocks()` are the leaves of the verity tree: nothing is hashed twice.
//!                 done.insert(number); // keep `done.to_bytes()` once the slot was flushed
//!             }
//!             // The old slot is damaged, or these bytes are not what was made: fetch `frame.output` as chunks, write
//!             // them to the slot, insert the frame, and go on. After `Waiting`, try again when the others are done.
//!             Err(FrameError::Source { .. } | FrameError::Waiting { .. } | FrameError::Digest) => {}
//!             Err(error) => return Err(error.into()),
//!         }
//!     }
//! }
//! assert!(done.is_complete() && slot == new);
//! # Ok(())
//! # }
//! ```
//!
//! Memory: a [`apply::FrameBuffer`] has at most 16 MiB, and the caller holds one frame's code, at most 4 MiB.

pub mod apply;
pub mod digest;
pub mod format;
mod frame;
pub mod frames;
pub mod make;
mod model;
mod operation;
mod range_coder;
pub mod source;
mod window;

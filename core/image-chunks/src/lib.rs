//! Root images as content-defined chunks: the way to a new image from any starting point.
//!
//! The publisher cuts the image into chunks, compresses each and writes them into packs ([`make::make`]); what comes out is an
//! [`index::Index`], shipped whole or as a [`difference`] to an older one. The device finds out which chunks it has already
//! ([`seed::SeedChunks`]), learns what it must download ([`plan::Plan`]), and assembles the image from front to back
//! ([`apply::Assembly`]), checking every chunk by its hash.
//!
//! Another implementation finds everything in `docs/reference/chunk-format.md`.

pub mod apply;
mod codec;
pub mod cut;
pub mod difference;
pub mod digest;
mod history;
pub mod index;
pub mod make;
pub mod parallel;
pub mod plan;
pub mod seed;
pub mod source;

/// Size of a block in bytes. An image is whole blocks, and blocks of zeros belong to no chunk.
pub const BLOCK_SIZE: u64 = 4096;

/// Bytes of a section. No chunk goes across a multiple of this offset, so that sections are cut and compressed independently of each
/// other, on all cores.
pub const SECTION_SIZE: u64 = 4 << 20;

/// Most bytes of the image that a chunk is compressed with: those before it, up to a multiple of [`HISTORY_STEP`].
pub const HISTORY_SIZE: u64 = 8 << 20;

/// All chunks that first occur between two multiples of this offset have the same history.
pub const HISTORY_STEP: u64 = 1 << 20;

/// The largest image in bytes.
pub const MAXIMUM_IMAGE: u64 = 16 << 30;

//! The chunks that the device has already: in its active slot.

use crate::cut::{Average, Cutter, Piece};
use crate::digest::ChunkDigest;
use crate::index::Index;
use crate::parallel::{Cancelled, Work, each_section};
use crate::source::ReadAt;
use crate::{BLOCK_SIZE, MAXIMUM_IMAGE};
use std::ops::Range;

/// Most chunks that are remembered of a seed; more are forgotten, and cost download.
const MAXIMUM_CHUNKS: usize = 1 << 19;

/// Which chunks a seed has, and where. Only a hint: what is read there is checked by its hash when it is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeedChunks {
    /// Ordered, each digest once.
    chunks: Vec<(ChunkDigest, u64)>,
}

/// The work was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cutting the active slot was cancelled")]
pub struct CutCancelled;

impl From<Cancelled> for CutCancelled {
    fn from(_: Cancelled) -> Self {
        Self
    }
}

impl SeedChunks {
    /// Nothing: everything is downloaded.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// What the index of the release in the slot says: for a slot whose root hash is that release's.
    #[must_use]
    pub fn of_index(index: &Index) -> Self {
        let places = (0..).zip(&index.content().chunks);
        Self::new(places.map(|(number, chunk)| (chunk.digest, index.first_offset(number))).collect())
    }

    /// What is found by cutting the slot, as the new image was cut. Blocks that cannot be read are left out.
    ///
    /// # Errors
    /// Only when it was cancelled.
    pub fn of_image(image: &dyn ReadAt, average: Average, work: &mut Work<'_>) -> Result<Self, CutCancelled> {
        let cutter = Cutter::new(average);
        let mut chunks = Vec::new();
        let size = image.length().min(MAXIMUM_IMAGE);
        each_section::<_, CutCancelled>(
            size,
            work,
            |range| Ok(section_chunks(image, &cutter, range)),
            |section: Vec<_>| {
                let room = MAXIMUM_CHUNKS - chunks.len();
                chunks.extend(section.into_iter().take(room));
                Ok(())
            },
        )?;
        Ok(Self::new(chunks))
    }

    /// Where a chunk lies in the seed.
    #[must_use]
    pub fn find(&self, digest: &ChunkDigest) -> Option<u64> {
        let found = self.chunks.binary_search_by_key(digest, |(digest, _)| *digest).ok()?;
        self.chunks.get(found).map(|(_, offset)| *offset)
    }

    fn new(mut chunks: Vec<(ChunkDigest, u64)>) -> Self {
        chunks.sort_unstable();
        chunks.dedup_by_key(|(digest, _)| *digest);
        chunks.shrink_to_fit();
        Self { chunks }
    }
}

fn section_chunks(image: &dyn ReadAt, cutter: &Cutter, range: Range<u64>) -> Vec<(ChunkDigest, u64)> {
    let mut section = vec![0; (range.end - range.start) as usize];
    if image.read_exact_at(range.start, &mut section).is_err() {
        read_what_is_readable(image, range.start, &mut section);
    }
    let pieces = cutter.cut(&section).into_iter();
    pieces
        .filter_map(|piece| match piece {
            Piece::Chunk(chunk) => Some((ChunkDigest::of(&section[chunk.clone()]), range.start + chunk.start as u64)),
            Piece::Zero(_) => None,
        })
        .collect()
}

/// Leaves zeros where a block cannot be read. A chunk with such a hole is not what anybody looks for.
fn read_what_is_readable(image: &dyn ReadAt, start: u64, section: &mut [u8]) {
    for (offset, block) in (start..).step_by(BLOCK_SIZE as usize).zip(section.chunks_mut(BLOCK_SIZE as usize)) {
        if image.read_exact_at(offset, block).is_err() {
            block.fill(0);
        }
    }
}

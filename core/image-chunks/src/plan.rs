//! What is taken from the seed and what is downloaded, known before anything starts.

use crate::index::{Index, PackRange, Place};
use crate::seed::SeedChunks;
use std::ops::Range;

/// Most bytes of one request, which the device holds in memory.
pub const MAXIMUM_REQUEST: u64 = 4 << 20;

/// Where a chunk comes from at its first place. One word per chunk, because there are hundreds of thousands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Source(u64);

impl Source {
    const PACK: Self = Self(u64::MAX);
    const NOT_WANTED: Self = Self(u64::MAX - 1);
}

/// Where a chunk comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The seed, at this offset.
    Seed(u64),
    /// A pack, within one of [`Plan::requests`].
    Pack,
    /// Not within the ranges that were asked for. Where it occurs again it is copied from its first place in the image.
    Elsewhere,
}

/// Why ranges of the image cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ranges of the image to make are not in order, or go beyond its {image_size} bytes")]
pub struct RangesError {
    /// Size of the image in bytes.
    pub image_size: u64,
}

/// How an image, or ranges of it, are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    ranges: Vec<Range<u64>>,
    sources: Vec<Source>,
    requests: Vec<PackRange>,
    download: u64,
}

impl Plan {
    /// Plans the whole image.
    #[must_use]
    pub fn whole(index: &Index, seed: &SeedChunks, request_cost: u32) -> Self {
        Self::checked(index, seed, std::iter::once(0..index.image_size()).collect(), request_cost)
    }

    /// Plans ranges of the image, in order and without overlaps: what an interrupted run did not finish, or what a patch could
    /// not make. All bytes before a range must be in the output when it is made.
    ///
    /// A request costs as much as `request_cost` bytes: where fewer lie between two chunks that are needed, they are
    /// fetched along.
    ///
    /// # Errors
    /// When the ranges are not in order or go beyond the image.
    pub fn ranges(
        index: &Index,
        seed: &SeedChunks,
        ranges: Vec<Range<u64>>,
        request_cost: u32,
    ) -> Result<Self, RangesError> {
        let mut end = 0;
        for range in &ranges {
            if range.start < end || range.end < range.start || range.end > index.image_size() {
                return Err(RangesError { image_size: index.image_size() });
            }
            end = range.end;
        }
        Ok(Self::checked(index, seed, ranges, request_cost))
    }

    /// The ranges of the image that it makes.
    #[must_use]
    pub fn image_ranges(&self) -> &[Range<u64>] {
        &self.ranges
    }

    /// What will be fetched, in this order: the ranges ascend.
    #[must_use]
    pub fn requests(&self) -> &[PackRange] {
        &self.requests
    }

    /// Bytes of all requests.
    #[must_use]
    pub fn download(&self) -> u64 {
        self.download
    }

    /// Where a chunk comes from.
    #[must_use]
    pub fn origin(&self, number: u32) -> Origin {
        match self.sources.get(number as usize).copied().unwrap_or(Source::NOT_WANTED) {
            Source::PACK => Origin::Pack,
            Source::NOT_WANTED => Origin::Elsewhere,
            Source(offset) => Origin::Seed(offset),
        }
    }

    fn checked(index: &Index, seed: &SeedChunks, ranges: Vec<Range<u64>>, request_cost: u32) -> Self {
        let mut sources = vec![Source::NOT_WANTED; index.content().chunks.len()];
        for (place, _) in places_within(index, &ranges) {
            let Place::Chunk { offset, number } = place else { continue };
            let chunk = index.chunk(number);
            let source = &mut sources[number as usize];
            match seed.find(&chunk.digest) {
                Some(offset) if offset < Source::NOT_WANTED.0 => *source = Source(offset),
                _ if offset == index.first_offset(number) => *source = Source::PACK,
                // It is in the output already.
                _ => {}
            }
        }
        let requests = requests(index, &sources, request_cost.into());
        let download = requests.iter().map(|request| request.length).sum();
        Self { ranges, sources, requests, download }
    }
}

/// The places that reach into the ranges, each with the part of the image to make there.
pub(crate) fn places_within<'a>(
    index: &'a Index,
    ranges: &'a [Range<u64>],
) -> impl Iterator<Item = (Place, Range<u64>)> + 'a {
    let mut from = 0;
    index.places().flat_map(move |place| {
        let here = match place {
            Place::Zero { offset, length } => offset..offset + length,
            Place::Chunk { offset, number } => offset..offset + u64::from(index.chunk(number).length),
        };
        while ranges.get(from).is_some_and(|range| range.end <= here.start) {
            from += 1;
        }
        let reached = ranges[from..].iter().take_while({
            let end = here.end;
            move |range| range.start < end
        });
        reached.filter_map(move |range| {
            let part = range.start.max(here.start)..range.end.min(here.end);
            (!part.is_empty()).then_some((place, part))
        })
    })
}

/// Merges what is needed into requests.
fn requests(index: &Index, sources: &[Source], request_cost: u64) -> Vec<PackRange> {
    let mut requests: Vec<PackRange> = Vec::new();
    let mut first = 0;
    for (pack, count) in index.content().packs.iter().enumerate() {
        let base = index.packed_offset(first);
        for number in (first..first + count).filter(|number| sources[*number as usize] == Source::PACK) {
            let (start, end) = (index.packed_offset(number) - base, index.packed_offset(number + 1) - base);
            match requests.last_mut() {
                Some(last) if last.pack == pack && joins(last, &(start..end), request_cost) => {
                    last.length = end - last.offset;
                }
                _ => requests.push(PackRange { pack, offset: start, length: end - start }),
            }
        }
        first += count;
    }
    requests
}

fn joins(last: &PackRange, next: &Range<u64>, request_cost: u64) -> bool {
    let gap = next.start - (last.offset + last.length);
    (gap == 0 || gap < request_cost) && next.end - last.offset <= MAXIMUM_REQUEST
}

//! An index as a difference to an older one.
//!
//! Most of an index is hashes, which nothing compresses; but most of them are in the older index too.

use crate::codec::Fields;
use crate::index::MAXIMUM_BYTES;
use sha2::{Digest, Sha256};
use zstd::zstd_safe::{CCtx, CParameter, DCtx, compress_bound, get_error_name};

const MAGIC: &[u8; 8] = b"PICCHDIF";
const VERSION: u32 = 1;
/// zstd's level. An index is small, and made once.
const LEVEL: i32 = 19;

/// Why a difference was not made or does not apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DifferenceError {
    /// Something else, or cut off.
    #[error("this is not a whole difference of chunk indexes; fetch the index itself")]
    Format,
    /// Made by a newer version of the publisher.
    #[error(
        "the difference of chunk indexes has version {found}, and this device reads version {VERSION}; fetch the index itself"
    )]
    Version {
        /// What it says.
        found: u32,
    },
    /// It starts from another index.
    #[error("the difference of chunk indexes starts from another index; fetch the index itself")]
    Start,
    /// What came out is not what the difference names.
    #[error("the difference of chunk indexes is damaged; fetch the index itself")]
    Damaged,
    /// An index is larger than any can be.
    #[error("the chunk index is larger than {MAXIMUM_BYTES} bytes")]
    TooLarge,
    /// The compressor did not work.
    #[error("the difference could not be compressed: {reason}")]
    Compress {
        /// What zstd says.
        reason: &'static str,
    },
}

/// Makes the difference between two indexes, given as bytes. The same indexes give the same bytes.
///
/// # Errors
/// When an index is too large, or zstd has no memory.
pub fn make(old: &[u8], new: &[u8]) -> Result<Vec<u8>, DifferenceError> {
    if old.len() > MAXIMUM_BYTES || new.len() > MAXIMUM_BYTES {
        return Err(DifferenceError::TooLarge);
    }
    let failed = |code| DifferenceError::Compress { reason: get_error_name(code) };
    let mut context = CCtx::create();
    let window = (old.len() + new.len()).next_power_of_two().trailing_zeros().clamp(10, 27);
    let parameters = [
        CParameter::CompressionLevel(LEVEL),
        CParameter::WindowLog(window),
        CParameter::EnableLongDistanceMatching(true),
        CParameter::DictIdFlag(false),
    ];
    for parameter in parameters {
        context.set_parameter(parameter).map_err(failed)?;
    }
    context.ref_prefix(old).map_err(failed)?;
    let mut frame = Vec::with_capacity(compress_bound(new.len()));
    context.compress2(&mut frame, new).map_err(failed)?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend((new.len() as u32).to_le_bytes());
    bytes.extend(Sha256::digest(old));
    bytes.extend(Sha256::digest(new));
    bytes.extend(frame);
    Ok(bytes)
}

/// Makes the new index from the old one, exactly.
///
/// # Errors
/// When the difference is damaged or starts from another index: fetch the index itself.
pub fn apply(old: &[u8], difference: &[u8]) -> Result<Vec<u8>, DifferenceError> {
    let mut fields = Fields(difference);
    let header = read_header(&mut fields).ok_or(DifferenceError::Format)??;
    if old.len() > MAXIMUM_BYTES || Sha256::digest(old)[..] != header.old {
        return Err(DifferenceError::Start);
    }
    let mut new = Vec::with_capacity(header.length);
    let mut context = DCtx::create();
    context.ref_prefix(old).map_err(|_| DifferenceError::Damaged)?;
    context.decompress(&mut new, fields.0).map_err(|_| DifferenceError::Damaged)?;
    let exact = new.len() == header.length && Sha256::digest(&new)[..] == header.new;
    exact.then_some(new).ok_or(DifferenceError::Damaged)
}

struct Header {
    length: usize,
    old: [u8; 32],
    new: [u8; 32],
}

/// Nothing if it is no header; an error if it is one that we do not read.
fn read_header(fields: &mut Fields<'_>) -> Option<Result<Header, DifferenceError>> {
    (fields.array()? == *MAGIC).then_some(())?;
    let found = fields.word()?;
    if found != VERSION {
        return Some(Err(DifferenceError::Version { found }));
    }
    let length = usize::try_from(fields.word()?).ok()?;
    if length > MAXIMUM_BYTES {
        return Some(Err(DifferenceError::TooLarge));
    }
    Some(Ok(Header { length, old: fields.array()?, new: fields.array()? }))
}

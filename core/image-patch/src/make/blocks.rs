//! Whole blocks that are zero, or somewhere in the source already.

use crate::operation::{Kind, Operation};
use crate::source::ReadAt;
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

/// Blocks are those of the file system: 4096 bytes.
pub(crate) const BLOCK: u64 = 4096;
/// Blocks hashed at once.
const BATCH: u64 = 256;
/// Stands for a block of zeros.
const ZEROS: u64 = 0;

/// A hash of 64 bits: equal blocks are compared before they count as equal.
fn hash(block: &[u8]) -> u64 {
    let mut lanes = [0x9e37_79b9_7f4a_7c15_u64, 0xd6e8_feb8_6659_fd93, 0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db];
    let mut any = 0;
    let (words, _) = block.as_chunks::<8>();
    for four in words.chunks(4) {
        for (lane, word) in lanes.iter_mut().zip(four) {
            let word = u64::from_le_bytes(*word);
            any |= word;
            *lane = (*lane ^ word).wrapping_mul(0x9fb2_1c65_1e98_df25).rotate_left(29);
        }
    }
    if any == 0 {
        return ZEROS;
    }
    let mixed =
        lanes.iter().fold(0_u64, |mixed, lane| (mixed ^ lane).wrapping_mul(0xc2b2_ae3d_27d4_eb4f).rotate_left(32));
    mixed.max(1)
}

/// Hashes every whole block on `threads` threads.
pub(crate) fn hashes(image: &dyn ReadAt, threads: usize, cancelled: &AtomicBool) -> io::Result<Vec<u64>> {
    let blocks = image.length() / BLOCK;
    let mut all = vec![0; blocks as usize];
    let share = (blocks.div_ceil(threads.max(1) as u64)).max(1) as usize;
    std::thread::scope(|scope| {
        let workers: Vec<_> = all
            .chunks_mut(share)
            .enumerate()
            .map(|(index, hashes)| {
                scope.spawn(move || hash_run(image, (index * share) as u64 * BLOCK, hashes, cancelled))
            })
            .collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into())))
    })?;
    Ok(all)
}

fn hash_run(image: &dyn ReadAt, mut offset: u64, hashes: &mut [u64], cancelled: &AtomicBool) -> io::Result<()> {
    let mut buffer = vec![0; (BATCH * BLOCK) as usize];
    for batch in hashes.chunks_mut(BATCH as usize) {
        if cancelled.load(Ordering::Relaxed) {
            return Ok(());
        }
        let bytes = &mut buffer[..batch.len() * BLOCK as usize];
        image.read_exact_at(offset, bytes)?;
        for (hashed, block) in batch.iter_mut().zip(bytes.chunks(BLOCK as usize)) {
            *hashed = hash(block);
        }
        offset += bytes.len() as u64;
    }
    Ok(())
}

/// Runs of the output that are zeros, or equal to a run of the source or of earlier output. What lies between them is new.
///
/// A run goes on where the run before it went on, else where the same block was before, else at the first place that has it.
pub(crate) fn runs(old: &[u64], new: &[u64], old_length: u64) -> Vec<(u64, Operation)> {
    let mut places: HashMap<u64, u64> = HashMap::with_capacity(old.len());
    for (index, hash) in old.iter().enumerate() {
        places.entry(*hash).or_insert(index as u64 * BLOCK);
    }
    let mut written: HashMap<u64, u64> = HashMap::new();
    let mut runs: Vec<(u64, Operation)> = Vec::new();
    let mut distance = 0_i64;
    for (index, hash) in new.iter().enumerate() {
        let position = index as u64 * BLOCK;
        let (kind, source) = if *hash == ZEROS {
            (Kind::Zero, 0)
        } else {
            let has = |source: i64| {
                let block = u64::try_from(source).ok().filter(|source| source.is_multiple_of(BLOCK))? / BLOCK;
                (old.get(usize::try_from(block).ok()?) == Some(hash)).then_some(block * BLOCK)
            };
            let found = has(position as i64 + distance)
                .or_else(|| has(position as i64))
                .or_else(|| places.get(hash).copied())
                .or_else(|| written.get(hash).map(|written| old_length + written));
            let Some(source) = found else {
                written.entry(*hash).or_insert(position);
                continue;
            };
            distance = source as i64 - position as i64;
            (Kind::Copy, source)
        };
        match runs.last_mut() {
            Some((start, run))
                if *start + run.length == position
                    && run.kind == kind
                    && (kind == Kind::Zero || run.source + run.length == source) =>
            {
                run.length += BLOCK;
            }
            _ => runs.push((position, Operation { kind, length: BLOCK, source })),
        }
    }
    runs
}

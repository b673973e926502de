//! Reads ahead: frames take many short pieces from the same place, and a call for each would cost more than the bytes.

use crate::source::ReadAt;
use std::io;

/// Bytes read at once.
const AHEAD: usize = 128 << 10;
/// Pieces from this length on are read directly.
const DIRECT: usize = 16 << 10;
/// Windows kept, for frames that take from several places in turns.
const WINDOWS: usize = 4;

#[derive(Debug, Default)]
struct Kept {
    source: usize,
    offset: u64,
    bytes: Vec<u8>,
}

/// The windows read last, and which comes next to be forgotten.
#[derive(Debug, Default)]
pub(crate) struct Window {
    kept: [Kept; WINDOWS],
    next: usize,
}

impl Window {
    /// Forgets what was read: it may be of another patch.
    pub(crate) fn forget(&mut self) {
        self.kept.iter_mut().for_each(|kept| kept.bytes.clear());
    }

    /// Reads from `source`, which is number `index` and has `length` bytes.
    pub(crate) fn read(
        &mut self,
        index: usize,
        source: &dyn ReadAt,
        length: u64,
        offset: u64,
        bytes: &mut [u8],
    ) -> io::Result<()> {
        if bytes.len() >= DIRECT {
            return source.read_exact_at(offset, bytes);
        }
        let within = |kept: &Kept| {
            let from = usize::try_from(offset.checked_sub(kept.offset)?).ok()?;
            (kept.source == index).then_some(())?;
            kept.bytes.get(from..from.checked_add(bytes.len())?).map(|_| from)
        };
        if let Some((kept, from)) = self.kept.iter().find_map(|kept| Some((kept, within(kept)?))) {
            bytes.copy_from_slice(&kept.bytes[from..][..bytes.len()]);
            return Ok(());
        }
        let kept = &mut self.kept[self.next];
        self.next = (self.next + 1) % WINDOWS;
        // Pieces that follow may begin a little before this one.
        let start = offset.saturating_sub(AHEAD as u64 / 8) / 4096 * 4096;
        let end = (start + AHEAD as u64).max(offset + bytes.len() as u64).min(length);
        kept.source = index;
        kept.offset = start;
        kept.bytes.resize(usize::try_from(end - start).unwrap_or(AHEAD), 0);
        if let Err(error) = source.read_exact_at(start, &mut kept.bytes) {
            kept.bytes.clear();
            // A damaged block beside the piece does not concern it.
            return source.read_exact_at(offset, bytes).map_err(|_| error);
        }
        bytes.copy_from_slice(&kept.bytes[(offset - start) as usize..][..bytes.len()]);
        Ok(())
    }
}

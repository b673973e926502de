//! Every disk that a power cut can leave.
//!
//! What was written before a flush that has ended is on the medium. Of what was written since, any part may be: a disk with a cache brings
//! sectors to the medium in the order it likes, whole or not at all, but never an older write of a sector over a newer one. So what a power
//! cut leaves is what was flushed, and any set of pieces of what was not. Where there are few pieces, all sets are looked at; where there are
//! many, the telling ones: all but one, only one, none, and sets drawn by lot.

use std::ops::Range;

use crate::disk::{Disk, Undo};
use crate::write_log::{Operation, Write};

/// Of so many pieces every set is looked at: 256 of 8.
const EXHAUSTED: usize = 8;
/// Sets drawn by lot where there are more pieces.
const DRAWN: u64 = 32;
/// Sets drawn by lot of all pieces, those that do not count included.
const DRAWN_OF_ALL: u64 = 2;
/// A single piece is left out or in at most so often between two flushes; evenly spread where there are more.
const MOST_SINGLE: usize = 2048;
/// A write of up to so many sectors is cut after any of them.
const CUT_EVERYWHERE: usize = 64;
/// A longer one is cut into so many parts.
const PARTS: usize = 8;

/// When power failed, and what it left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cut {
    /// So many operations of the log had been done.
    pub operations: usize,
    /// What was left of the writes that no flush had brought to the medium.
    pub left: Left,
}

/// What was left of the writes since the last flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Left {
    /// All of them.
    Everything,
    /// Of the pieces that count, those whose bits are set; all that does not count.
    These(u16),
    /// All but one of the pieces that count.
    AllBut(usize),
    /// Of the pieces that count, this one only.
    Only(usize),
    /// None of the pieces that count.
    Nothing,
    /// Of the pieces that count, those that were drawn in this round.
    Drawn(u64),
    /// Of all pieces, those that were drawn in this round.
    DrawnOfAll(u64),
}

/// A part of a write that may be lost alone.
struct Piece<'l> {
    write: &'l Write,
    sectors: Range<usize>,
    /// Its number among those that count, if it does.
    number: Option<usize>,
}

/// Plays a log onto the disk as it was when the log was begun, and shows every disk that a power cut can leave after any of the operations of
/// `range`. `counts` says whether a write matters to whoever looks: others are not lost one by one. In the end the disk is what the log up to
/// the end of `range` makes of it.
pub fn for_each_power_cut(
    disk: &mut Disk,
    log: &[Operation],
    range: Range<usize>,
    counts: impl Fn(&Write) -> bool,
    mut look: impl FnMut(&Disk, Cut),
) {
    let mut undo = Undo::default();
    let mut pending = Vec::new();
    for (index, operation) in log.iter().enumerate().take(range.end) {
        match operation {
            Operation::Write(write) => {
                disk.write(write.first, &write.contents, &mut undo);
                pending.push(write);
                if range.contains(&index) {
                    look(disk, Cut { operations: index + 1, left: Left::Everything });
                }
            }
            Operation::Flush => {
                if range.contains(&index) {
                    look_at_losses(disk, undo, &pending, index, &counts, &mut look);
                }
                undo = Undo::default();
                pending.clear();
            }
        }
    }
    look_at_losses(disk, undo, &pending, range.end, &counts, &mut look);
}

/// Shows what is left when some of the pending writes are lost, and makes the disk whole again.
fn look_at_losses(
    disk: &mut Disk,
    undo: Undo,
    pending: &[&Write],
    operations: usize,
    counts: &impl Fn(&Write) -> bool,
    look: &mut impl FnMut(&Disk, Cut),
) {
    disk.take_back(undo);
    let pieces = pieces(pending, counts);
    let counting = pieces.iter().filter(|piece| piece.number.is_some()).count();
    for left in losses(counting, pending.is_empty()) {
        let mut undo = Undo::default();
        for (position, piece) in pieces.iter().enumerate() {
            if piece.write.durable || left.has(operations, position, piece.number) {
                piece.put(disk, &mut undo);
            }
        }
        look(disk, Cut { operations, left });
        disk.take_back(undo);
    }
    for write in pending {
        disk.write(write.first, &write.contents, &mut Undo::default());
    }
}

fn pieces<'l>(pending: &[&'l Write], counts: &impl Fn(&Write) -> bool) -> Vec<Piece<'l>> {
    let mut pieces = Vec::new();
    let mut numbers = 0..;
    for &write in pending {
        let sectors = write.contents.len();
        let (counted, length) = match sectors {
            _ if !counts(write) => (false, sectors),
            0..=CUT_EVERYWHERE => (true, 1),
            _ => (true, sectors.div_ceil(PARTS)),
        };
        for start in (0..sectors).step_by(length.max(1)) {
            let number = if counted { numbers.next() } else { None };
            pieces.push(Piece { write, sectors: start..sectors.min(start + length), number });
        }
    }
    pieces
}

/// The losses to look at when so many pieces count.
fn losses(counting: usize, nothing_pending: bool) -> Vec<Left> {
    if nothing_pending {
        return Vec::new();
    }
    let mut losses: Vec<Left> = (0..DRAWN_OF_ALL).map(Left::DrawnOfAll).collect();
    if counting <= EXHAUSTED {
        // All of them is what was seen before the flush.
        losses.extend((0..(1_u16 << counting) - 1).map(Left::These));
    } else {
        let single = (0..counting).step_by(counting.div_ceil(MOST_SINGLE));
        losses.push(Left::Nothing);
        losses.extend(single.flat_map(|number| [Left::AllBut(number), Left::Only(number)]));
        losses.extend((0..DRAWN).map(Left::Drawn));
    }
    losses
}

impl Left {
    /// Whether a piece is left: the one at this position of all, which may have a number among those that count.
    fn has(self, operations: usize, position: usize, number: Option<usize>) -> bool {
        let Some(number) = number else {
            return match self {
                Self::DrawnOfAll(round) => drawn([operations as u64, round, position as u64]),
                _ => true,
            };
        };
        match self {
            Self::Everything => true,
            Self::These(bits) => bits >> number & 1 == 1,
            Self::AllBut(lost) => number != lost,
            Self::Only(kept) => number == kept,
            Self::Nothing => false,
            Self::Drawn(round) => drawn([operations as u64, DRAWN_OF_ALL + round, position as u64]),
            Self::DrawnOfAll(round) => drawn([operations as u64, round, position as u64]),
        }
    }
}

/// The same lot every time: one bit of a mix of the numbers (the finaliser of SplitMix64).
fn drawn(numbers: [u64; 3]) -> bool {
    let mixed = numbers.into_iter().fold(0_u64, |state, number| {
        let mut mixed = state.wrapping_add(number).wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    });
    mixed & 1 == 1
}

impl Piece<'_> {
    fn put(&self, disk: &mut Disk, undo: &mut Undo) {
        let first = self.write.first + self.sectors.start as u64;
        disk.write(first, &self.write.contents[self.sectors.clone()], undo);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::{Read, Write as _};

    use proptest::prelude::{Strategy, prop_assert_eq, prop_oneof, proptest};

    use super::{EXHAUSTED, Left, for_each_power_cut};
    use crate::SECTOR;
    use crate::contents::{Content, Contents};
    use crate::disk::Disk;
    use crate::write_log::{Operation, Write};

    const SECTORS: u64 = 6;

    /// The contents of sectors full of 0, 1, 2 …
    fn alphabet(contents: &mut Contents) -> Vec<Content> {
        let mut file = tempfile::tempfile().unwrap();
        (0..100_u8).for_each(|byte| file.write_all(&[byte; SECTOR as usize]).unwrap());
        let source = contents.add_source(file);
        contents.number(source, 0, 100).unwrap()
    }

    fn blank(contents: &mut Contents) -> Disk {
        let source = contents.add_source(tempfile::tempfile().unwrap());
        Disk::beginning_like(contents, source, SECTORS).unwrap()
    }

    fn letters(disk: &Disk, contents: &Contents) -> Vec<u8> {
        let mut bytes = Vec::new();
        disk.reader(contents).read_to_end(&mut bytes).unwrap();
        bytes.chunks(SECTOR as usize).map(|sector| sector[0]).collect()
    }

    /// A log in letters: writes of some sectors from one on, and flushes.
    fn log() -> impl Strategy<Value = Vec<Option<(u64, Vec<u8>)>>> {
        let write = (0..SECTORS - 1, proptest::collection::vec(1_u8..100, 1..3));
        proptest::collection::vec(prop_oneof![3 => write.prop_map(Some), 1 => proptest::strategy::Just(None)], 0..10)
    }

    /// Everything that a power cut can leave, said in another way: after each operation, each set of sector writes since the last flush.
    fn expected(log: &[Option<(u64, Vec<u8>)>]) -> Option<BTreeSet<Vec<u8>>> {
        let mut flushed = vec![0_u8; SECTORS as usize];
        let mut pending: Vec<(usize, u8)> = Vec::new();
        let mut all = BTreeSet::new();
        for operation in log {
            match operation {
                Some((first, letters)) => {
                    pending.extend((*first as usize..).zip(letters.iter().copied()));
                }
                None => pending.drain(..).for_each(|(sector, letter)| flushed[sector] = letter),
            }
            if pending.len() > EXHAUSTED {
                return None;
            }
            for set in 0..1_u32 << pending.len() {
                let mut disk = flushed.clone();
                let kept = pending.iter().enumerate().filter(|(index, _)| set >> index & 1 == 1);
                kept.for_each(|(_, (sector, letter))| disk[*sector] = *letter);
                all.insert(disk);
            }
        }
        Some(all)
    }

    proptest! {
        #[test]
        fn where_little_is_pending_everything_is_seen_that_can_be_left_and_nothing_else(log in log()) {
            let mut contents = Contents::default();
            let alphabet = alphabet(&mut contents);
            let mut disk = blank(&mut contents);
            let operations: Vec<Operation> = log.iter().map(|operation| match operation {
                None => Operation::Flush,
                Some((first, letters)) => {
                    let contents = letters.iter().map(|letter| alphabet[usize::from(*letter)]).collect();
                    Operation::Write(Write { first: *first, contents, durable: false })
                }
            }).collect();
            let mut seen = BTreeSet::new();
            for_each_power_cut(&mut disk, &operations, 0..operations.len(), |_| true, |disk, _| {
                seen.insert(letters(disk, &contents));
            });
            // A log without writes shows nothing.
            if let Some(expected) = expected(&log).filter(|_| log.iter().any(Option::is_some)) {
                prop_assert_eq!(seen, expected);
            }
        }
    }

    #[test]
    fn of_many_pieces_each_is_lost_alone_and_left_alone_and_the_same_are_drawn_every_time() {
        let mut contents = Contents::default();
        let alphabet = alphabet(&mut contents);
        let write = |first: u64, letter: usize| {
            Operation::Write(Write { first, contents: vec![alphabet[letter]; 5], durable: false })
        };
        let log = [write(0, 1), write(1, 2), Operation::Flush];
        let mut runs = (0..2).map(|_| {
            let mut disk = blank(&mut contents);
            let mut seen = Vec::new();
            for_each_power_cut(
                &mut disk,
                &log,
                0..log.len(),
                |_| true,
                |disk, cut| {
                    seen.push((cut, letters(disk, &contents)));
                },
            );
            assert_eq!(letters(&disk, &contents), [1, 2, 2, 2, 2, 2]);
            seen
        });
        let (one, other) = (runs.next().unwrap(), runs.next().unwrap());
        assert_eq!(one, other);
        let of = |left: Left| one.iter().find(|(cut, _)| cut.left == left).unwrap().1.clone();
        assert_eq!(of(Left::Nothing), [0; 6]);
        assert_eq!(of(Left::AllBut(0)), [0, 2, 2, 2, 2, 2]);
        assert_eq!(of(Left::AllBut(5)), [1, 1, 2, 2, 2, 2]);
        assert_eq!(of(Left::Only(9)), [0, 0, 0, 0, 0, 2]);
    }

    #[test]
    fn what_was_written_through_is_not_lost_and_what_was_flushed_neither() {
        let mut contents = Contents::default();
        let alphabet = alphabet(&mut contents);
        let mut disk = blank(&mut contents);
        let write = |first, letter: usize, durable| {
            Operation::Write(Write { first, contents: vec![alphabet[letter]], durable })
        };
        let log = [write(0, 1, false), Operation::Flush, write(1, 2, true), write(2, 3, false)];
        let mut seen = BTreeSet::new();
        for_each_power_cut(
            &mut disk,
            &log,
            2..4,
            |_| true,
            |disk, cut| {
                assert!(cut.operations > 2);
                seen.insert(letters(disk, &contents));
            },
        );
        assert_eq!(seen, BTreeSet::from([vec![1, 2, 0, 0, 0, 0], vec![1, 2, 3, 0, 0, 0]]));
    }
}

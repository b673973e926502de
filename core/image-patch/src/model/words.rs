//! The model of words that differ from old ones.
//!
//! What changes in binaries changes alike: a symbol that moved is mentioned in many places, a structure that grew shifts many
//! offsets by the same amount. So the model predicts the difference of a word of four bytes from what became of the same old word
//! before, from what happened in the same column of a table, and from the differences seen last.

use super::tree;
use crate::range_coder::{BitCoder, Probability};

const EXACT_BITS: u32 = 16;
const NEAR_BITS: u32 = 14;
/// Words whose differences are kept: 64 bytes are the longest row looked for.
const HISTORY: usize = 32;
const RECENT: usize = 4;
/// Rows of tables, in words: ELF relocations, members of BTF types, symbols and other pairs, and longer ones.
const ROWS: [usize; 6] = [6, 3, 2, 1, 4, 16];
/// Experts that can propose a difference.
const EXPERTS: usize = 3 + ROWS.len() + RECENT;
const SURE: u8 = 15;

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    key: u32,
    difference: u32,
    /// How often it was right since it was last wrong.
    right: u8,
}

/// Learns how words change.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    same: Vec<Probability>,
    same_row: Vec<Probability>,
    hits: [[Probability; 4]; EXPERTS],
    byte_same: [Probability; 64],
    bytes: Vec<Probability>,
    exact: Vec<Known>,
    near: Vec<Known>,
    close: Vec<Known>,
    recent: [u32; RECENT],
    history: [u32; HISTORY],
    at: usize,
    /// Which of the last words changed: the lowest bit is the last.
    changed: u32,
    quiet: usize,
}

impl Default for Words {
    fn default() -> Self {
        Self {
            same_row: vec![Probability::guess(62_000); 1 << 12],
            same: vec![Probability::guess(62_000); 5 * 64 * 4],
            hits: [[Probability::default(); 4]; EXPERTS],
            byte_same: [Probability::default(); 64],
            bytes: vec![Probability::default(); 8 * 256],
            exact: vec![Known::default(); 1 << EXACT_BITS],
            close: vec![Known::default(); 1 << NEAR_BITS],
            near: vec![Known::default(); 1 << NEAR_BITS],
            recent: [0; RECENT],
            history: [0; HISTORY],
            at: 0,
            changed: 0,
            quiet: 0,
        }
    }
}

fn slot(key: u32, bits: u32) -> usize {
    (key.wrapping_mul(0x9e37_79b1) >> (32 - bits)) as usize
}

impl Words {
    /// Forgets the columns: the next word does not follow the last one.
    pub(crate) fn start_run(&mut self) {
        self.history = [0; HISTORY];
        self.changed = 0;
    }

    fn before(&self, words: usize) -> u32 {
        self.history[self.at.wrapping_sub(words) % HISTORY]
    }

    /// Has the processor fetch what is known of a word that comes soon: the table is larger than what is next to the processor, and waiting for it
    /// takes a third of the time otherwise. Changes nothing.
    #[inline]
    pub(crate) fn expect(&self, old: u32) {
        std::hint::black_box(self.exact[slot(old, EXACT_BITS)].right);
    }

    /// Codes a word of the output that stands where `old` stood.
    #[inline]
    pub(crate) fn code<C: BitCoder>(&mut self, coder: &mut C, old: u32, new: u32) -> u32 {
        let exact = self.exact[slot(old, EXACT_BITS)];
        let known = exact.key == old && exact.right > 0;
        let state = match (known, exact.difference == 0, exact.right > 3) {
            (false, ..) => 0,
            (true, true, false) => 1,
            (true, true, true) => 2,
            (true, false, false) => 3,
            (true, false, true) => 4,
        };
        let changed = |words: usize| (self.changed >> (words - 1)) as usize & 1;
        let columns = ROWS.iter().fold(0, |columns, row| (columns << 1) | changed(*row));
        let quiet = match self.quiet {
            0..8 => 0,
            8..32 => 1,
            32..128 => 2,
            _ => 3,
        };
        let same = self.same(coder, (state * 64 + columns) * 4 + quiet, (self.rows() << 3) | state, old == new);
        let difference = if same {
            self.quiet += 1;
            0
        } else {
            self.quiet = 0;
            self.changed(coder, old, new, if known { exact } else { Known::default() })
        };
        self.learn(old, difference);
        old.wrapping_add(difference)
    }

    /// Whether the words above this one changed: in the last four rows of a long table, and in the last three of a short one.
    fn rows(&self) -> usize {
        let changed = |words: usize| (self.changed >> (words - 1)) as usize & 1;
        (1..4)
            .fold(0, |rows, row| (rows << 3) | changed(6 * row) | (changed(3 * row) << 1) | (changed(6 * row + 6) << 2))
    }

    /// Codes whether a word is the old one, by two opinions, of which the surer counts more.
    fn same<C: BitCoder>(&mut self, coder: &mut C, near: usize, table: usize, same: bool) -> bool {
        let (first, second) = (&mut self.same[near], &mut self.same_row[table]);
        // At most 2^14 + 64: sums of products with chances stay below 2^32.
        let weight = |chance: u32| (chance as i32 - 32_768).unsigned_abs().pow(2) / 65_536 + 64;
        let (one, other) = (weight(first.one()), weight(second.one()));
        let chance = (first.one() * one + second.one() * other) / (one + other);
        let same = coder.bit_with(chance, same);
        first.learn(same);
        second.learn(same);
        same
    }

    fn changed<C: BitCoder>(&mut self, coder: &mut C, old: u32, new: u32, exact: Known) -> u32 {
        let wanted = new.wrapping_sub(old);
        let proposed = self.proposals(old, exact);
        for expert in 0..EXPERTS {
            let difference = proposed[expert];
            if difference == 0 || proposed[..expert].contains(&difference) {
                continue;
            }
            let votes = proposed[expert + 1..].iter().filter(|other| **other == difference).count().min(3);
            if coder.bit(&mut self.hits[expert][votes], wanted == difference) {
                return difference;
            }
        }
        self.bytes(coder, old, new).wrapping_sub(old)
    }

    /// What the experts propose, the best first; zero means nothing.
    fn proposals(&self, old: u32, exact: Known) -> [u32; EXPERTS] {
        let known = |table: &[Known], key: u32| {
            let entry = table[slot(key, NEAR_BITS)];
            if entry.key == key { entry.difference } else { 0 }
        };
        let [first, second, third, fourth] = self.recent;
        let [row, columns @ ..] = ROWS.map(|row| self.before(row));
        let [a, b, c, d, e] = columns;
        let (close, near) = (known(&self.close, old >> 4), known(&self.near, old >> 8));
        [exact.difference, close, a, b, c, d, e, near, row, first, second, third, fourth]
    }

    fn bytes<C: BitCoder>(&mut self, coder: &mut C, old: u32, new: u32) -> u32 {
        let (old, new) = (old.to_le_bytes(), new.to_le_bytes());
        let mut made = [0; 4];
        let mut seen = 0;
        for index in 0..4 {
            let wanted = new[index].wrapping_sub(old[index]);
            let difference = self.byte(coder, index, seen, wanted);
            seen = (seen << 1) | usize::from(difference != 0);
            made[index] = old[index].wrapping_add(difference);
        }
        u32::from_le_bytes(made)
    }

    fn byte<C: BitCoder>(&mut self, coder: &mut C, index: usize, seen: usize, wanted: u8) -> u8 {
        if coder.bit(&mut self.byte_same[(index << 3) | (seen & 7)], wanted == 0) {
            return 0;
        }
        let context = index | usize::from(seen != 0) << 2;
        tree(coder, &mut self.bytes[context << 8..][..256], 8, u32::from(wanted)) as u8
    }

    /// Codes a byte at the edge of a run, where there is no whole word.
    pub(crate) fn edge<C: BitCoder>(&mut self, coder: &mut C, old: u8, new: u8) -> u8 {
        old.wrapping_add(self.byte(coder, 0, 7, new.wrapping_sub(old)))
    }

    fn learn(&mut self, old: u32, difference: u32) {
        self.history[self.at % HISTORY] = difference;
        self.at = self.at.wrapping_add(1);
        self.changed = (self.changed << 1) | u32::from(difference != 0);
        update(&mut self.exact[slot(old, EXACT_BITS)], old, difference);
        if difference == 0 {
            return;
        }
        update(&mut self.near[slot(old >> 8, NEAR_BITS)], old >> 8, difference);
        update(&mut self.close[slot(old >> 4, NEAR_BITS)], old >> 4, difference);
        let found = self.recent.iter().position(|recent| *recent == difference).unwrap_or(RECENT - 1);
        self.recent.copy_within(0..found, 1);
        self.recent[0] = difference;
    }
}

fn update(known: &mut Known, key: u32, difference: u32) {
    if known.key == key && known.difference == difference {
        known.right = (known.right + 1).min(SURE);
    } else if known.key == key && known.right > 2 {
        known.right = 1;
    } else {
        *known = Known { key, difference, right: 1 };
    }
}

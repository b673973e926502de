//! From aligned runs to operations.

use super::align::Run;
use super::units::Unit;
use crate::operation::{Kind, Operation};

/// Equal bytes from this many on are copied; fewer are cheaper as differences that are none.
const COPIED: usize = 768;
/// Zeros from this many on are an operation of their own.
const ZEROED: usize = 96;
/// Fewer new bytes are not looked at for what they are like.
const STORED: usize = 192;

/// The operations that make a target, of which `runs` were aligned with `source`.
pub(crate) fn operations(
    position: u64,
    target: &[u8],
    runs: &[Run],
    source: &[u8],
    unit: &Unit,
) -> Vec<(u64, Operation)> {
    let mut made = Pieces { position, unit, operations: Vec::new() };
    for run in runs {
        match run.source {
            Some(from) => made.resembling(run.start, &target[run.start..run.end], &source[from..], from),
            None => made.new_bytes(run.start, &target[run.start..run.end]),
        }
    }
    made.operations
}

struct Pieces<'a> {
    position: u64,
    unit: &'a Unit,
    operations: Vec<(u64, Operation)>,
}

impl Pieces<'_> {
    /// A run with a source: long equal parts are copied.
    fn resembling(&mut self, start: usize, new: &[u8], old: &[u8], from: usize) {
        let mut differing = 0;
        let mut at = 0;
        while at < new.len() {
            let equal = new[at..].iter().zip(&old[at..]).take_while(|(new, old)| new == old).count();
            if equal >= COPIED || (equal > 0 && at + equal == new.len() && at == differing) {
                self.push(Kind::Difference, start + differing, at - differing, from + differing);
                self.push(Kind::Copy, start + at, equal, from + at);
                differing = at + equal;
            }
            at += equal.max(1);
        }
        self.push(Kind::Difference, start + differing, new.len() - differing, from + differing);
    }

    fn new_bytes(&mut self, start: usize, new: &[u8]) {
        let mut begun = 0;
        let mut at = 0;
        while at < new.len() {
            let zeros = new[at..].iter().take_while(|byte| **byte == 0).count();
            if zeros >= ZEROED {
                self.unlike(start + begun, &new[begun..at]);
                self.push(Kind::Zero, start + at, zeros, 0);
                begun = at + zeros;
            }
            at += zeros.max(1);
        }
        self.unlike(start + begun, &new[begun..]);
    }

    fn unlike(&mut self, start: usize, new: &[u8]) {
        // Compressed data and signatures: nothing can be learned from them, and coding would take time.
        let kind = if new.len() >= STORED && is_noise(new) { Kind::Stored } else { Kind::Literal };
        self.push(kind, start, new.len(), 0);
    }

    /// Appends an operation, in parts where its source lies in several candidates.
    fn push(&mut self, kind: Kind, mut start: usize, mut length: usize, mut from: usize) {
        while length > 0 {
            let (source, without_gap) = if kind.has_source() { self.unit.address(from as u64) } else { (0, u64::MAX) };
            let now = length.min(usize::try_from(without_gap).unwrap_or(usize::MAX)).max(1);
            let operation = Operation { kind, length: now as u64, source };
            self.operations.push((self.position + start as u64, operation));
            (start, length, from) = (start + now, length - now, from + now);
        }
    }
}

/// Whether bytes look like chance, as compressed data and signatures do: coding them byte by byte gains less than a hundredth.
fn is_noise(bytes: &[u8]) -> bool {
    let mut counts = [0_u32; 256];
    bytes.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let length = bytes.len() as f64;
    let bits: f64 = counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) * (length / f64::from(*count)).log2())
        .sum();
    // A sample of chance has less entropy than chance by this much.
    let missing = 255.0 / (2.0 * std::f64::consts::LN_2);
    bits + missing > 7.75 * length
}

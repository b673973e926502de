//! All sizes at a glance: a row per pair, a column per tool

use super::peers::Peer;
use std::collections::BTreeMap;
use std::fmt;

/// A tool of the summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    /// Our patches.
    Ours,
    /// Our chunks.
    Chunks,
    /// Somebody else's.
    Peer(Peer),
}

impl Column {
    fn name(self) -> &'static str {
        match self {
            Self::Ours => "patch",
            Self::Chunks => "chunks",
            Self::Peer(peer) => peer.short_name(),
        }
    }
}

/// Sizes in bytes, or why there is none.
#[derive(Debug, Default)]
pub struct Summary {
    pairs: Vec<String>,
    cells: BTreeMap<(usize, Column), Result<u64, String>>,
}

impl Summary {
    /// Puts a value into the row of a pair.
    pub fn add(&mut self, pair: &str, column: Column, size: Result<u64, String>) {
        if self.pairs.last().is_none_or(|last| last != pair) {
            self.pairs.push(pair.to_owned());
        }
        self.cells.insert((self.pairs.len() - 1, column), size);
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut columns: Vec<Column> = self.cells.keys().map(|(_, column)| *column).collect();
        columns.sort_unstable();
        columns.dedup();
        write!(formatter, "{:<17}", "MB")?;
        columns.iter().try_for_each(|column| write!(formatter, " {:>9}", column.name()))?;
        writeln!(formatter)?;
        let mut notes: Vec<&str> = Vec::new();
        for (row, pair) in self.pairs.iter().enumerate() {
            write!(formatter, "{pair:<17}")?;
            for column in &columns {
                let cell = match self.cells.get(&(row, *column)) {
                    Some(Ok(bytes)) => format!("{:.3}", *bytes as f64 / 1e6),
                    Some(Err(reason)) => {
                        let known = notes.iter().position(|note| note == reason);
                        let number = known.unwrap_or_else(|| {
                            notes.push(reason);
                            notes.len() - 1
                        });
                        format!("({})", number + 1)
                    }
                    None => "-".to_owned(),
                };
                write!(formatter, " {cell:>9}")?;
            }
            writeln!(formatter)?;
        }
        (1..).zip(notes).try_for_each(|(number, note)| writeln!(formatter, "({number}) {note}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Column, Summary};
    use crate::update::peers::Peer;

    #[test]
    fn a_cell_without_a_figure_has_a_reason() {
        let mut summary = Summary::default();
        summary.add("trixie curl", Column::Ours, Ok(29_000));
        summary.add("trixie curl", Column::Peer(Peer::Bsdiff), Err("too little memory".to_owned()));
        summary.add("trixie month", Column::Ours, Ok(18_000_000));
        let text = summary.to_string();
        assert!(text.contains("trixie curl           0.029       (1)\n"), "{text}");
        assert!(text.contains("trixie month         18.000         -\n(1) too little memory\n"), "{text}");
    }
}

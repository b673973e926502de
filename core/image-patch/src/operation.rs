//! What a frame is made of.

/// How the next bytes of the output come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As they are in the source.
    Copy,
    /// Like those in the source, word by word, with what differs coded.
    Difference,
    /// New, coded with what was learned from the bytes before them.
    Literal,
    /// New and not compressible: stored.
    Stored,
    /// Zeros.
    Zero,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [Self::Copy, Self::Difference, Self::Literal, Self::Stored, Self::Zero];

    /// Whether it reads a source.
    pub(crate) fn has_source(self) -> bool {
        matches!(self, Self::Copy | Self::Difference)
    }

    pub(crate) fn number(self) -> usize {
        match self {
            Self::Copy => 0,
            Self::Difference => 1,
            Self::Literal => 2,
            Self::Stored => 3,
            Self::Zero => 4,
        }
    }
}

/// A run of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) kind: Kind,
    /// Number of bytes, at least one.
    pub(crate) length: u64,
    /// Address of the first byte it reads, where the kind has a source: the sources one behind the other, then the output.
    pub(crate) source: u64,
}

//! HTTP byte ranges (RFC 9110, section 14): what a request asks for, and what an answer says it is.

use std::fmt;

use thiserror::Error;

/// Most ranges of one request that are answered; more than a client has any use for is refused, because each costs a header.
pub const MAXIMUM_RANGES: usize = 64;

/// Bytes of a file, from `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// Offset of the first byte.
    pub first: u64,
    /// Offset of the last byte; not before the first.
    pub last: u64,
}

/// What a `Range` header means for a file of known size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requested {
    /// The whole file: there is no usable header, and the specification has it ignored.
    Whole,
    /// These parts, all within the file, at least one.
    Parts(Vec<ByteRange>),
    /// Nothing of the file: answered with 416.
    Unsatisfiable,
}

impl ByteRange {
    /// How many bytes it is.
    #[must_use]
    pub fn length(self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }

    /// The header of a request for it.
    #[must_use]
    pub fn request_header(self) -> String {
        format!("bytes={}-{}", self.first, self.last)
    }

    /// The `Content-Range` header of an answer that has it, of a file of `size` bytes.
    #[must_use]
    pub fn content_range(self, size: u64) -> String {
        format!("bytes {}-{}/{size}", self.first, self.last)
    }
}

/// What a `Range` header asks of a file of `size` bytes. Ranges that lie behind its end are left out; more than [`MAXIMUM_RANGES`], or
/// ranges that overlap and together are more than the file, are answered as if they were not there.
#[must_use]
pub fn requested(header: &str, size: u64) -> Requested {
    let Some(list) = header.strip_prefix("bytes=") else { return Requested::Whole };
    let mut parts = Vec::new();
    let mut total: u64 = 0;
    for (index, item) in list.split(',').enumerate() {
        let Some(wanted) = one(item.trim_matches([' ', '\t']), size).filter(|_| index < MAXIMUM_RANGES) else {
            return Requested::Whole;
        };
        if let Some(part) = wanted {
            total = total.saturating_add(part.length());
            parts.push(part);
        }
    }
    match parts.len() {
        0 => Requested::Unsatisfiable,
        count if count > 1 && total > size => Requested::Whole,
        _ => Requested::Parts(parts),
    }
}

/// One range; nothing inside when the file has no such bytes, nothing at all when it is none.
fn one(item: &str, size: u64) -> Option<Option<ByteRange>> {
    let (first, last) = item.split_once('-')?;
    if first.is_empty() {
        let suffix = number(last)?.min(size);
        return Some((suffix > 0).then(|| ByteRange { first: size - suffix, last: size - 1 }));
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return None;
    }
    Some((first < size).then(|| ByteRange { first, last: last.min(size - 1) }))
}

/// The `Content-Range` of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentRange {
    /// These bytes of a file whose size may be unknown.
    Part(ByteRange, Option<u64>),
    /// None of them: the file has this size (with status 416).
    Unsatisfied(u64),
}

/// The header is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a Content-Range header is `bytes FIRST-LAST/SIZE`")]
pub struct ContentRangeError;

impl std::str::FromStr for ContentRange {
    type Err = ContentRangeError;

    fn from_str(text: &str) -> Result<Self, ContentRangeError> {
        parse_content_range(text).ok_or(ContentRangeError)
    }
}

fn parse_content_range(text: &str) -> Option<ContentRange> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    if range == "*" {
        return number(size).map(ContentRange::Unsatisfied);
    }
    let (first, last) = range.split_once('-')?;
    let range = ByteRange { first: number(first)?, last: number(last)? };
    let size = if size == "*" { None } else { Some(number(size)?) };
    let good = range.first <= range.last && size.is_none_or(|size| range.last < size);
    good.then_some(ContentRange::Part(range, size))
}

impl fmt::Display for ContentRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Part(range, Some(size)) => write!(formatter, "bytes {}-{}/{size}", range.first, range.last),
            Self::Part(range, None) => write!(formatter, "bytes {}-{}/*", range.first, range.last),
            Self::Unsatisfied(size) => write!(formatter, "bytes */{size}"),
        }
    }
}

/// Digits and nothing else; `parse` alone would take a plus sign.
fn number(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::{ByteRange, ContentRange, Requested, requested};

    fn parts(header: &str, size: u64) -> Vec<(u64, u64)> {
        match requested(header, size) {
            Requested::Parts(parts) => parts.iter().map(|part| (part.first, part.last)).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn the_examples_of_the_specification() {
        assert_eq!(parts("bytes=0-499", 10_000), [(0, 499)]);
        assert_eq!(parts("bytes=-500", 10_000), [(9_500, 9_999)]);
        assert_eq!(parts("bytes=9500-", 10_000), [(9_500, 9_999)]);
        assert_eq!(parts("bytes=0-0,-1", 10_000), [(0, 0), (9_999, 9_999)]);
        assert_eq!(parts("bytes= 0-999, 4500-5499, -1000", 10_000), [(0, 999), (4_500, 5_499), (9_000, 9_999)]);
        assert_eq!(parts("bytes=-500", 100), [(0, 99)]);
    }

    #[test]
    fn what_is_no_range_is_ignored_and_what_is_not_there_is_refused() {
        for header in
            ["", "bytes", "bytes=", "bytes=a-b", "bytes=5-4", "items=0-1", "bytes=+1-2", "bytes=1-2-3", "bytes=--1"]
        {
            assert_eq!(requested(header, 100), Requested::Whole, "{header}");
        }
        assert_eq!(requested("bytes=100-", 100), Requested::Unsatisfiable);
        assert_eq!(requested("bytes=-0", 100), Requested::Unsatisfiable);
        assert_eq!(requested("bytes=0-", 0), Requested::Unsatisfiable);
        assert_eq!(requested("bytes=-5", 0), Requested::Unsatisfiable);
    }

    #[test]
    fn many_or_overlapping_ranges_do_not_make_an_answer_larger_than_the_file() {
        let many = format!("bytes={}", ["0-0"; 65].join(","));
        assert_eq!(requested(&many, 1000), Requested::Whole);
        assert_eq!(requested("bytes=0-,0-", 1000), Requested::Whole);
    }

    proptest! {
        #[test]
        fn any_header_gives_parts_within_the_file(header in "bytes=[-0-9, ]{0,40}", size in any::<u64>()) {
            if let Requested::Parts(parts) = requested(&header, size) {
                prop_assert!(!parts.is_empty());
                for part in parts {
                    prop_assert!(part.first <= part.last && part.last < size);
                }
            }
        }

        #[test]
        fn a_content_range_is_what_was_written(first in any::<u64>(), last in any::<u64>(), size in any::<u64>()) {
            let range = ByteRange { first, last };
            let valid = first <= last && last < size;
            let parsed = range.content_range(size).parse::<ContentRange>();
            prop_assert_eq!(parsed, if valid { Ok(ContentRange::Part(range, Some(size))) } else { Err(super::ContentRangeError) });
        }

        #[test]
        fn any_text_is_a_content_range_or_refused(text in ".{0,60}") {
            if let Ok(range) = text.parse::<ContentRange>() {
                prop_assert_eq!(range.to_string().parse::<ContentRange>(), Ok(range));
            }
        }
    }
}

//! An image that is laid out and can be written, hashed and signed.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::pe::PeSection;
use crate::stub::{ImageHead, MAX_FILE_ALIGNMENT};

/// Source of padding, which is always shorter than the file alignment.
static ZEROES: [u8; MAX_FILE_ALIGNMENT] = [0; MAX_FILE_ALIGNMENT];

/// A complete image. Large contents are borrowed from the parts it was made of, so it costs little more memory than the stub.
pub struct Assembled<'a> {
    head: ImageHead,
    payload: Vec<PlacedSection<'a>>,
}

/// A payload section with its place in the file and in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedSection<'a> {
    /// Name and place.
    pub header: PeSection,
    /// Content without padding.
    pub content: Cow<'a, [u8]>,
}

impl<'a> Assembled<'a> {
    pub(crate) fn new(head: ImageHead, payload: Vec<PlacedSection<'a>>) -> Self {
        let mut assembled = Self { head, payload };
        assembled.head.set_checksum(0);
        let checksum = checksum(assembled.chunks());
        assembled.head.set_checksum(checksum);
        assembled
    }

    /// Length of the file in bytes.
    pub fn size(&self) -> u64 {
        self.chunks().map(|chunk| chunk.len() as u64).sum()
    }

    /// The sections that were added to the stub's, in file order.
    pub fn payload(&self) -> &[PlacedSection<'a>] {
        &self.payload
    }

    /// Writes the file in chunks of whole sections; `out` need not be buffered.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        self.chunks().try_for_each(|chunk| out.write_all(chunk))
    }

    /// The file as one vector.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for chunk in self.chunks() {
            bytes.extend_from_slice(chunk);
        }
        bytes
    }

    /// The file in pieces, in order.
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        [self.head.bytes()].into_iter().chain(self.payload_chunks())
    }

    /// The pieces that an Authenticode signature covers: the file without the checksum and without the directory entry of the
    /// certificate table ("Windows Authenticode Portable Executable Signature Format", section "Calculating the PE Image Hash").
    /// The file's length is a multiple of eight, so no padding is added to them.
    pub fn authenticode_chunks(&self) -> impl Iterator<Item = &[u8]> {
        let head = self.head.bytes();
        let checksum = self.checksum_field();
        let directory = self.certificate_directory();
        [&head[..checksum], &head[checksum + 4..directory], &head[directory + 8..]]
            .into_iter()
            .chain(self.payload_chunks())
    }

    /// Where the checksum stands, four bytes; it changes when a certificate table is appended.
    pub fn checksum_field(&self) -> usize {
        self.head.checksum_field()
    }

    /// Where file offset and size of the certificate table stand, four bytes each, zero in this unsigned image.
    pub fn certificate_directory(&self) -> usize {
        self.head.certificate_directory()
    }

    fn payload_chunks(&self) -> impl Iterator<Item = &[u8]> {
        self.payload.iter().flat_map(|section| {
            let padding = section.header.file_size as usize - section.content.len();
            [section.content.as_ref(), &ZEROES[..padding]]
        })
    }
}

/// The checksum of the PE format: the ones' complement sum of all 16-bit words, plus the length of the file.
fn checksum<'c>(chunks: impl Iterator<Item = &'c [u8]>) -> u32 {
    let mut sum: u64 = 0;
    let mut len: u64 = 0;
    for chunk in chunks {
        // A chunk that starts at an odd offset has its bytes' places swapped within each word.
        let odd = len % 2;
        let mut words = chunk.chunks_exact(2);
        let whole: u64 = words.by_ref().map(|word| u64::from(u16::from_le_bytes([word[0], word[1]]))).sum();
        let last = words.remainder().first().map_or(0, |byte| u64::from(*byte));
        // In ones' complement arithmetic, swapping the bytes of a sum is multiplying it by 256.
        sum += fold(whole + last) << (8 * odd);
        len += chunk.len() as u64;
    }
    (fold(sum) + len) as u32
}

fn fold(mut sum: u64) -> u64 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::checksum;

    #[test]
    fn the_checksum_does_not_depend_on_how_the_file_is_cut() {
        let bytes: Vec<u8> = (0..4099_u32).map(|index| (index * 7 % 251) as u8).collect();
        let whole = checksum([bytes.as_slice()].into_iter());
        for cut in [1, 2, 511, 1000, 4098] {
            let (front, back) = bytes.split_at(cut);
            assert_eq!(checksum([front, back].into_iter()), whole, "cut at {cut}");
        }
    }
}

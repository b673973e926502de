//! Which parts of an image belong to which file, where the image is an EROFS that is read here.

use crate::source::ReadAt;
use erofs_image::read::{ImagePlace, read_tree};
use file_tree::content::{BlobId, Extent, ReadBlob};
use file_tree::tree::Kind;
use std::collections::HashMap;
use std::io;
use std::ops::Range;

/// The files of an image that have blocks of their own, and where.
#[derive(Debug, Default)]
pub(crate) struct FileMap {
    /// Ranges in the image and the files' names, by start; they do not overlap.
    files: Vec<(Range<u64>, String)>,
    by_path: HashMap<String, usize>,
    by_pattern: HashMap<String, usize>,
}

struct Blob<'a>(&'a dyn ReadAt);

impl ReadBlob for Blob<'_> {
    fn read_exact_at(&self, _: BlobId, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(offset, buffer)
    }
}

impl FileMap {
    /// Reads the map of an image; anything but an EROFS without compression has an empty one.
    pub(crate) fn read(image: &dyn ReadAt) -> Self {
        let place = ImagePlace { blob: BlobId(0), offset: 0, length: image.length() };
        let Ok(tree) = read_tree(&place, &Blob(image)) else { return Self::default() };
        let mut files = Vec::new();
        for (path, inode) in tree.walk() {
            let Kind::File(content) = &tree.inode(inode).kind else { continue };
            for extent in content.extents() {
                let Extent::Blob { offset, length, .. } = extent else { continue };
                // What lies behind its inode shares its block with others.
                if offset.is_multiple_of(4096) {
                    files.push((*offset..offset + length, path.to_string()));
                }
            }
        }
        files.sort_by(|one, other| (one.0.start, &one.1).cmp(&(other.0.start, &other.1)));
        let mut end = 0;
        files.retain(|(range, _)| {
            let apart = range.start >= end;
            end = if apart { range.end } else { end };
            apart
        });
        let mut map = Self { files, ..Self::default() };
        for (index, (_, path)) in map.files.iter().enumerate() {
            map.by_path.entry(path.clone()).or_insert(index);
            map.by_pattern.entry(pattern(path)).or_insert(index);
        }
        map
    }

    /// The file that has the byte at `offset`, with its range.
    pub(crate) fn at(&self, offset: u64) -> Option<&(Range<u64>, String)> {
        let index = self.files.partition_point(|(range, _)| range.start <= offset).checked_sub(1)?;
        self.files.get(index).filter(|(range, _)| offset < range.end.next_multiple_of(4096))
    }

    /// Start of the first file behind `offset`.
    pub(crate) fn next_start(&self, offset: u64) -> Option<u64> {
        let index = self.files.partition_point(|(range, _)| range.start <= offset);
        self.files.get(index).map(|(range, _)| range.start)
    }

    /// Where the file of this name is, or of one that differs only in its version.
    pub(crate) fn named(&self, path: &str) -> Option<Range<u64>> {
        let index = self.by_path.get(path).or_else(|| self.by_pattern.get(&pattern(path)))?;
        self.files.get(*index).map(|(range, _)| range.clone())
    }

    /// End of the part before the first file: superblock, inodes, directories, and what is kept with them.
    pub(crate) fn metadata_end(&self) -> Option<u64> {
        self.files.first().map(|(range, _)| range.start)
    }
}

/// A path without its version numbers.
fn pattern(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    for part in path.chars() {
        if part.is_ascii_digit() {
            if !pattern.ends_with('#') {
                pattern.push('#');
            }
        } else {
            pattern.push(part);
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::pattern;

    #[test]
    fn a_module_of_another_kernel_has_the_same_pattern() {
        let of = |version: &str| pattern(&format!("/usr/lib/modules/{version}+deb13-amd64/kernel/fs/ext4.ko"));
        assert_eq!(of("6.12.99"), of("6.12.107"));
        assert_ne!(of("6.12.99"), of("6.12"));
    }
}

//! Directory contents: sorted entries in blocks, each block its entries first and their names behind.

use crate::BLOCK_SIZE;
use crate::format::{DIRENT_LENGTH, u16_at, u64_at};
use file_tree::tree::{InodeId, Kind};
use std::collections::BTreeMap;

/// A name as it goes into a directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<'t> {
    pub(crate) name: &'t [u8],
    pub(crate) inode: InodeId,
}

/// All names of a directory in the order the kernel's binary search expects: by bytes, `.` and `..` among the others.
pub(crate) fn sorted_names<'t>(
    names: &'t BTreeMap<Vec<u8>, InodeId>,
    itself: InodeId,
    parent: InodeId,
) -> Vec<Name<'t>> {
    let mut sorted = Vec::with_capacity(names.len() + 2);
    sorted.push(Name { name: b".", inode: itself });
    sorted.push(Name { name: b"..", inode: parent });
    sorted.extend(names.iter().map(|(name, inode)| Name { name, inode: *inode }));
    sorted.sort_by_key(|entry| entry.name);
    sorted
}

/// How many of `names` fill the next block, and how many bytes of it they need.
fn next_block(names: &[Name<'_>]) -> (usize, usize) {
    let mut used = 0;
    for (count, entry) in names.iter().enumerate() {
        let more = DIRENT_LENGTH + entry.name.len();
        if used + more > BLOCK_SIZE as usize {
            return (count, used);
        }
        used += more;
    }
    (names.len(), used)
}

/// Size of the directory in bytes: whole blocks, and what the last one needs.
pub(crate) fn size(mut names: &[Name<'_>]) -> u64 {
    let mut size = 0;
    while !names.is_empty() {
        let (count, used) = next_block(names);
        names = &names[count..];
        size += if names.is_empty() { used as u64 } else { BLOCK_SIZE };
    }
    size
}

/// The directory's bytes; `target` gives the inode number and kind of each name.
pub(crate) fn encode(mut names: &[Name<'_>], target: impl Fn(InodeId) -> (u64, u8)) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !names.is_empty() {
        let (count, _) = next_block(names);
        let (block, rest) = names.split_at(count);
        let mut name_offset = count * DIRENT_LENGTH;
        for entry in block {
            let (number, kind) = target(entry.inode);
            bytes.extend(number.to_le_bytes());
            // Below the block size.
            bytes.extend((name_offset as u16).to_le_bytes());
            bytes.extend([kind, 0]);
            name_offset += entry.name.len();
        }
        for entry in block {
            bytes.extend(entry.name);
        }
        if !rest.is_empty() {
            bytes.resize(bytes.len().next_multiple_of(BLOCK_SIZE as usize), 0);
        }
        names = rest;
    }
    bytes
}

/// The file type byte of a directory entry (`EROFS_FT_*`, the kernel's generic `FT_*`).
pub(crate) fn type_code(kind: &Kind) -> u8 {
    match kind {
        Kind::File(_) => 1,
        Kind::Directory(_) => 2,
        Kind::CharacterDevice(_) => 3,
        Kind::BlockDevice(_) => 4,
        Kind::Fifo => 5,
        Kind::Socket => 6,
        Kind::Symlink(_) => 7,
    }
}

/// Calls `each` with the name and inode number of every entry of one block, `.` and `..` included. Answers nothing when the block is not
/// a directory block.
pub(crate) fn decode_block<E>(
    block: &[u8],
    mut each: impl FnMut(&[u8], u64) -> Result<(), E>,
) -> Option<Result<(), E>> {
    if block.len() < DIRENT_LENGTH {
        return None;
    }
    let names_start = usize::from(u16_at(block, 8));
    if names_start < DIRENT_LENGTH || names_start % DIRENT_LENGTH != 0 || names_start > block.len() {
        return None;
    }
    let count = names_start / DIRENT_LENGTH;
    let offset = |index: usize| usize::from(u16_at(block, index * DIRENT_LENGTH + 8));
    for index in 0..count {
        let start = offset(index);
        let end = if index + 1 < count { offset(index + 1) } else { block.len() };
        let mut name = block.get(start..end)?;
        if index + 1 == count {
            // The last name ends with the block or at the first zero byte.
            name = name.split(|byte| *byte == 0).next()?;
        }
        if name.is_empty() {
            return None;
        }
        if let Err(error) = each(name, u64_at(block, index * DIRENT_LENGTH)) {
            return Some(Err(error));
        }
    }
    Some(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::{decode_block, encode, size, sorted_names};
    use file_tree::tree::FileTree;
    use std::collections::BTreeMap;

    #[test]
    fn names_before_the_dots_come_first() {
        let root = FileTree::new().root();
        let names = BTreeMap::from([(b"-".to_vec(), root), (b"a".to_vec(), root), (b"..a".to_vec(), root)]);
        let sorted = sorted_names(&names, root, root);
        let order: Vec<_> = sorted.iter().map(|entry| entry.name).collect();
        assert_eq!(order, [b"-".as_slice(), b".", b"..", b"..a", b"a"]);
    }

    #[test]
    fn the_size_is_that_of_the_bytes_for_any_number_of_names() {
        let root = FileTree::new().root();
        for count in [0, 1, 15, 16, 100, 300] {
            let names: BTreeMap<_, _> = (0..count)
                .map(|index| (format!("{index:0>width$}", width = 1 + index % 255).into_bytes(), root))
                .collect();
            let sorted = sorted_names(&names, root, root);
            let bytes = encode(&sorted, |_| (7, 1));
            assert_eq!(bytes.len() as u64, size(&sorted), "{count}");
            let mut found = Vec::new();
            for block in bytes.chunks(4096) {
                let result = decode_block(block, |name, _| {
                    found.push(name.to_vec());
                    Ok::<(), ()>(())
                });
                assert_eq!(result, Some(Ok(())));
            }
            assert_eq!(found, sorted.iter().map(|entry| entry.name.to_vec()).collect::<Vec<_>>());
        }
    }
}

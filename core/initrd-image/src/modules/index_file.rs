//! kmod's binary index, version 2.1: a radix trie from keys to values, written for libkmod's reader.
//!
//! All integers are 32 bits, most significant byte first. The file starts with magic, version and the root's offset. A node is
//! `[prefix NUL] [first last offset…] [count (priority value NUL)…]`, each part present when the flag in the offset that leads to
//! the node says so. A node comes before its children, each of them with all below it, as depmod writes them since kmod 34
//! (earlier versions write children first; readers do not mind).

use std::collections::BTreeMap;

const MAGIC: u32 = 0xB007_F457;
const VERSION: u32 = 0x0002_0001;
const HAS_PREFIX: u32 = 0x8000_0000;
const HAS_VALUES: u32 = 0x4000_0000;
const HAS_CHILDREN: u32 = 0x2000_0000;
/// Offsets share their word with the flags.
const MAXIMUM_OFFSET: usize = 0x0FFF_FFFF;

/// An index being built.
#[derive(Debug, Default)]
pub(crate) struct IndexFile {
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    prefix: Vec<u8>,
    children: BTreeMap<u8, Node>,
    values: Vec<(u32, String)>,
}

impl IndexFile {
    /// Adds a value to a key. Values of a key are kept by ascending priority, a later one before an earlier one of the same
    /// priority. Key and value must be ASCII without NUL; the caller checks that.
    pub(crate) fn insert(&mut self, key: &str, value: &str, priority: u32) {
        let mut node = &mut self.root;
        let mut rest = key.as_bytes();
        loop {
            let shared = node.prefix.iter().zip(rest).take_while(|(one, other)| one == other).count();
            if shared < node.prefix.len() {
                node.split(shared);
            }
            rest = &rest[shared..];
            let Some((first, behind)) = rest.split_first() else { break };
            if !node.children.contains_key(first) {
                node.children.insert(*first, Node { prefix: behind.to_vec(), ..Node::default() });
            }
            node = node.children.get_mut(first).expect("the child was put there just now");
            rest = behind;
        }
        let position = node.values.partition_point(|(other, _)| *other < priority);
        node.values.insert(position, (priority, value.to_owned()));
    }

    /// The file's bytes, or nothing when it would outgrow its offsets.
    pub(crate) fn to_bytes(&self) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        for word in [MAGIC, VERSION, 0] {
            out.extend(word.to_be_bytes());
        }
        let root = self.root.write(&mut out)?;
        out[8..12].copy_from_slice(&root.to_be_bytes());
        Some(out)
    }
}

impl Node {
    /// Cuts the prefix after `length` bytes; what is behind becomes a child, labelled with the byte at the cut.
    fn split(&mut self, length: usize) {
        let tail = self.prefix.split_off(length);
        let lower = Node {
            prefix: tail[1..].to_vec(),
            children: std::mem::take(&mut self.children),
            values: std::mem::take(&mut self.values),
        };
        self.children.insert(tail[0], lower);
    }

    /// Depth is bounded by the length of keys: `index` refuses those that are longer than depmod's.
    fn write(&self, out: &mut Vec<u8>) -> Option<u32> {
        if out.len() > MAXIMUM_OFFSET {
            return None;
        }
        let mut offset = u32::try_from(out.len()).ok()?;
        if !self.prefix.is_empty() {
            out.extend(&self.prefix);
            out.push(0);
            offset |= HAS_PREFIX;
        }
        let labels = self.children.first_key_value().zip(self.children.last_key_value());
        let labels = labels.map(|((first, _), (last, _))| (*first, *last));
        let mut slots = 0..0;
        if let Some((first, last)) = labels {
            out.extend([first, last]);
            slots = out.len()..out.len() + 4 * (usize::from(last - first) + 1);
            out.resize(slots.end, 0);
            offset |= HAS_CHILDREN;
        }
        if !self.values.is_empty() {
            out.extend(u32::try_from(self.values.len()).ok()?.to_be_bytes());
            for (priority, value) in &self.values {
                out.extend(priority.to_be_bytes());
                out.extend(value.as_bytes());
                out.push(0);
            }
            offset |= HAS_VALUES;
        }
        for (label, child) in &self.children {
            let child = child.write(out)?;
            let slot = slots.start + 4 * usize::from(label - labels?.0);
            out[slot..slot + 4].copy_from_slice(&child.to_be_bytes());
        }
        Some(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::IndexFile;

    #[test]
    fn a_small_index_has_the_bytes_of_the_format() {
        let mut index = IndexFile::default();
        index.insert("ab", "x", 1);
        index.insert("ad", "y", 0);
        let mut expected = vec![0xB0, 0x07, 0xF4, 0x57, 0, 2, 0, 1];
        // The root has one child, 'a', which branches to 'b' and 'd'.
        expected.extend((0x2000_0000_u32 | 12).to_be_bytes());
        expected.extend(*b"aa"); // 12
        expected.extend((0x2000_0000_u32 | 18).to_be_bytes());
        expected.extend(*b"bd"); // 18
        expected.extend((0x4000_0000_u32 | 32).to_be_bytes());
        expected.extend(0_u32.to_be_bytes());
        expected.extend((0x4000_0000_u32 | 42).to_be_bytes());
        expected.extend([0, 0, 0, 1, 0, 0, 0, 1, b'x', 0]); // 32: "ab"
        expected.extend([0, 0, 0, 1, 0, 0, 0, 0, b'y', 0]); // 42: "ad"
        assert_eq!(index.to_bytes().unwrap(), expected);
    }
}

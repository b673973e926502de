//! Extended attributes: names as prefix numbers, entries behind the inode, and a table shared between inodes.

use std::collections::BTreeMap;

/// Length of the header in front of an inode's attributes (`erofs_xattr_ibody_header`).
pub(crate) const HEADER_LENGTH: usize = 12;
/// Length of an entry without name and value.
pub(crate) const ENTRY_LENGTH: usize = 4;
/// Entries start at multiples of this, and shared entries are numbered by it.
pub(crate) const ALIGNMENT: usize = 4;

/// Prefixes that Linux's EROFS knows, with their numbers. A prefix without a final dot is a whole name.
const PREFIXES: [(u8, &[u8]); 5] = [
    (1, b"user."),
    (2, b"system.posix_acl_access"),
    (3, b"system.posix_acl_default"),
    (4, b"trusted."),
    (6, b"security."),
];
/// Longest name Linux accepts, prefix included (`XATTR_NAME_MAX`).
const MAXIMUM_NAME: usize = 255;
/// Most shared attributes one inode can refer to: the count is one byte.
const MAXIMUM_SHARED: usize = 255;

/// All attributes of an inode, by full name.
pub(crate) type Xattrs = BTreeMap<Vec<u8>, Vec<u8>>;

/// Why an attribute cannot be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum XattrFault {
    Name,
    Value,
    Total,
}

/// The prefix number and the rest of a full name. Nothing for a name EROFS cannot store.
fn split_name(name: &[u8]) -> Option<(u8, &[u8])> {
    if name.len() > MAXIMUM_NAME || name.contains(&0) {
        return None;
    }
    PREFIXES.iter().find_map(|(index, prefix)| {
        let rest = name.strip_prefix(*prefix)?;
        (prefix.ends_with(b".") != rest.is_empty()).then_some((*index, rest))
    })
}

/// The full name of a prefix number and a rest.
pub(crate) fn join_name(index: u8, rest: &[u8]) -> Option<Vec<u8>> {
    let (_, prefix) = PREFIXES.iter().find(|(number, _)| *number == index)?;
    let name = [*prefix, rest].concat();
    split_name(&name).is_some().then_some(name)
}

fn encode_entry(name: &[u8], value: &[u8], out: &mut Vec<u8>) -> Result<(), XattrFault> {
    let (index, rest) = split_name(name).ok_or(XattrFault::Name)?;
    let length = u16::try_from(value.len()).map_err(|_| XattrFault::Value)?;
    // `split_name` bounds the rest by 255.
    out.extend([rest.len() as u8, index]);
    out.extend(length.to_le_bytes());
    out.extend(rest);
    out.extend(value);
    out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
    Ok(())
}

/// Attributes that several inodes have with the same value, such as security labels, stored once.
#[derive(Debug, Default)]
pub(crate) struct SharedXattrs<'t> {
    numbers: BTreeMap<(&'t [u8], &'t [u8]), u32>,
    bytes: Vec<u8>,
}

impl<'t> SharedXattrs<'t> {
    /// Collects what at least two of the inodes have. In order of name and value, so that the table depends on nothing else.
    pub(crate) fn collect(inodes: impl Iterator<Item = &'t Xattrs>) -> Self {
        let mut uses: BTreeMap<(&[u8], &[u8]), u32> = BTreeMap::new();
        for (name, value) in inodes.flatten() {
            *uses.entry((name, value)).or_default() += 1;
        }
        let mut shared = Self::default();
        for ((name, value), uses) in uses {
            let Ok(number) = u32::try_from(shared.bytes.len() / ALIGNMENT) else { break };
            // What cannot be encoded is found and reported with its inode.
            if uses > 1 && encode_entry(name, value, &mut shared.bytes).is_ok() {
                shared.numbers.insert((name, value), number);
            }
        }
        shared
    }

    /// The table, to be stored from the superblock's xattr block on.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What stands behind an inode with these attributes: header, numbers of shared ones, entries of the others.
    pub(crate) fn encode_body(&self, xattrs: &Xattrs) -> Result<Vec<u8>, (XattrFault, Vec<u8>)> {
        if xattrs.is_empty() {
            return Ok(Vec::new());
        }
        let mut numbers = Vec::new();
        let mut entries = Vec::new();
        for (name, value) in xattrs {
            match self.numbers.get(&(name.as_slice(), value.as_slice())) {
                Some(number) if numbers.len() < MAXIMUM_SHARED => numbers.push(*number),
                _ => encode_entry(name, value, &mut entries).map_err(|fault| (fault, name.clone()))?,
            }
            if entries.len() > body_length(u16::MAX) - HEADER_LENGTH - 4 * MAXIMUM_SHARED {
                return Err((XattrFault::Total, name.clone()));
            }
        }
        let mut body = vec![0; HEADER_LENGTH];
        // Bounded by MAXIMUM_SHARED.
        body[4] = numbers.len() as u8;
        body.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        body.extend(entries);
        Ok(body)
    }
}

/// `i_xattr_icount` for a body of this length: one for the header, one per further four bytes.
pub(crate) fn body_units(length: usize) -> u16 {
    if length == 0 { 0 } else { ((length - HEADER_LENGTH) / ALIGNMENT + 1) as u16 }
}

/// The reverse of [`body_units`].
pub(crate) fn body_length(units: u16) -> usize {
    if units == 0 { 0 } else { HEADER_LENGTH + (usize::from(units) - 1) * ALIGNMENT }
}

#[cfg(test)]
mod tests {
    use super::{SharedXattrs, XattrFault, Xattrs, body_length, body_units, join_name, split_name};

    #[test]
    fn names_split_into_the_kernels_prefixes() {
        assert_eq!(split_name(b"user.x"), Some((1, b"x".as_slice())));
        assert_eq!(split_name(b"security.capability"), Some((6, b"capability".as_slice())));
        assert_eq!(split_name(b"system.posix_acl_access"), Some((2, b"".as_slice())));
        for name in [b"user.".as_slice(), b"system.posix_acl_accessory", b"system.nfs4_acl", b"x", b""] {
            assert_eq!(split_name(name), None, "{}", String::from_utf8_lossy(name));
        }
        assert_eq!(join_name(4, b"overlay.opaque"), Some(b"trusted.overlay.opaque".to_vec()));
        assert_eq!(join_name(2, b"more"), None);
        assert_eq!(join_name(9, b"x"), None);
    }

    #[test]
    fn a_value_of_two_inodes_is_stored_once() {
        let label = Xattrs::from([(b"security.selinux".to_vec(), b"label".to_vec())]);
        let own = Xattrs::from([(b"user.a".to_vec(), b"b".to_vec())]);
        let shared = SharedXattrs::collect([&label, &label, &own].into_iter());
        assert_eq!(shared.bytes(), b"\x07\x06\x05\0selinuxlabel");
        assert_eq!(shared.encode_body(&label).unwrap(), [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(shared.encode_body(&own).unwrap()[12..], *b"\x01\x01\x01\0ab\0\0");
    }

    #[test]
    fn what_the_format_cannot_hold_is_refused() {
        let shared = SharedXattrs::default();
        let large = Xattrs::from([(b"user.a".to_vec(), vec![0; 65536])]);
        assert_eq!(shared.encode_body(&large).unwrap_err().0, XattrFault::Value);
        let many: Xattrs = (0..5).map(|number| (format!("user.{number}").into_bytes(), vec![0; 65535])).collect();
        assert_eq!(shared.encode_body(&many).unwrap_err().0, XattrFault::Total);
    }

    #[test]
    fn units_and_lengths_agree() {
        for length in [0, 12, 16, 20, 262_144] {
            assert_eq!(body_length(body_units(length)), length);
        }
    }
}

//! The ar archive that a package file is (deb(5)): names and sizes of its members.

/// What every package file starts with.
pub const MAGIC: &[u8; 8] = b"!<arch>\n";
/// Bytes of a member's header.
pub const HEADER_LENGTH: usize = 60;

/// A member's name and the bytes of its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberHeader {
    /// Name, without the slash or spaces that end it.
    pub name: String,
    /// Bytes of its contents; an odd number is followed by one byte of padding.
    pub length: u64,
}

/// Not the header of an ar member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not an ar archive of the kind that package files are")]
pub struct MemberHeaderError;

impl MemberHeader {
    /// Reads a header.
    ///
    /// # Errors
    /// When it does not end as headers do, or its size is not a number.
    pub fn parse(header: &[u8; HEADER_LENGTH]) -> Result<Self, MemberHeaderError> {
        let text = |range: std::ops::Range<usize>| std::str::from_utf8(&header[range]).map_err(|_| MemberHeaderError);
        if text(58..60)? != "`\n" {
            return Err(MemberHeaderError);
        }
        let length = text(48..58)?.trim_end();
        if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(MemberHeaderError);
        }
        Ok(Self {
            name: text(0..16)?.trim_end().trim_end_matches('/').to_owned(),
            length: length.parse().map_err(|_| MemberHeaderError)?,
        })
    }

    /// Where the next member's header starts, when this one's contents start at `offset`.
    #[must_use]
    pub fn next(&self, offset: u64) -> Option<u64> {
        offset.checked_add(self.length)?.checked_add(self.length % 2)
    }
}

#[cfg(test)]
mod tests {
    use super::{HEADER_LENGTH, MemberHeader, MemberHeaderError};
    use proptest::prelude::{any, proptest};

    #[test]
    fn reads_what_dpkg_deb_writes() {
        let header = b"control.tar.xz  1757900000  0     0     100644  2219      `\n";
        let member = MemberHeader::parse(header).unwrap();
        assert_eq!((member.name.as_str(), member.length, member.next(132)), ("control.tar.xz", 2219, Some(2352)));
        let mut broken = *header;
        broken[48] = b'-';
        assert_eq!(MemberHeader::parse(&broken), Err(MemberHeaderError));
    }

    proptest! {
        #[test]
        fn any_header_is_read_or_refused(header in any::<[u8; 32]>(), offset in any::<u64>()) {
            let mut full = [b' '; HEADER_LENGTH];
            full[..16].copy_from_slice(&header[..16]);
            full[48..58].copy_from_slice(&header[16..26]);
            full[58..].copy_from_slice(b"`\n");
            if let Ok(member) = MemberHeader::parse(&full) {
                let _ = member.next(offset);
            }
        }
    }
}

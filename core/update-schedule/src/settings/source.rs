//! Where releases come from.

use release_metadata::stream::StreamName;
use thiserror::Error;

/// Where a device looks for releases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// The repository; nothing if the device looks nowhere by itself.
    pub address: Option<SourceAddress>,
    /// The stream; nothing for that of the release that runs.
    pub stream: Option<StreamName>,
    /// Whether releases are taken from media that somebody inserts.
    pub removable_media: RemovableMedia,
}

/// Whether releases are taken from media that somebody inserts: USB sticks, discs, further disks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RemovableMedia {
    /// They are left alone.
    #[default]
    Ignored,
    /// They are mounted, read-only, and looked at like a repository.
    Allowed,
}

/// The address of a repository: `https://`, `http://`, or the absolute path of a directory. Up to 2048 characters, no user name or
/// password, no query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceAddress(String);

/// The text is not the address of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "is not the address of a repository: write https://HOST/PATH, http://HOST/PATH or the absolute path of a directory, without user \
     name, password or query"
)]
pub struct SourceAddressError;

impl SourceAddress {
    /// An address.
    ///
    /// # Errors
    /// When the text is not one.
    pub fn new(text: &str) -> Result<Self, SourceAddressError> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"?#\"<>\\^`{|}".contains(&byte);
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let well_formed = match host.map(|rest| rest.split('/').next().unwrap_or_default()) {
            // A password in an address would end up in logs.
            Some(host) => !host.is_empty() && !host.contains('@') && text.bytes().all(plain),
            None => text.starts_with('/') && !text.split('/').any(|part| part == "..") && !text.contains('\0'),
        };
        if well_formed && text.len() <= 2048 { Ok(Self(text.to_owned())) } else { Err(SourceAddressError) }
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

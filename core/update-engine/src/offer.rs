//! A release that the device could go to, and what that costs.

use std::fmt;

use disk_layout::root_hash::RootHash;
use release_metadata::version::Version;
use serde::{Deserialize, Serialize};

/// A release to go to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The release.
    pub version: Version,
    /// Names its root file system.
    pub root_hash: RootHash,
    /// Size of its root image in bytes.
    pub image_bytes: u64,
    /// The ways to get it, the cheapest first.
    pub ways: Vec<OfferedWay>,
    /// The medium that it was found on; nothing if it was in the repository of the settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medium: Option<String>,
}

/// One way to get a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedWay {
    /// How.
    pub way: Way,
    /// Bytes to download, by signed sizes.
    pub download_bytes: u64,
}

/// How the new root image comes to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// By patches, from the release in the active slot.
    Patch,
    /// By chunks: those that the active slot has are not downloaded.
    Chunks,
    /// By downloading the whole image.
    Full,
}

impl fmt::Display for Way {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Patch => "patch",
            Self::Chunks => "chunks",
            Self::Full => "full image",
        })
    }
}

impl Offer {
    /// What the cheapest way downloads, in bytes.
    #[must_use]
    pub fn download_bytes(&self) -> Option<u64> {
        self.ways.first().map(|offered| offered.download_bytes)
    }

    /// The way to try when `failed` did not work.
    #[must_use]
    pub fn way_after(&self, failed: Way) -> Option<Way> {
        let mut ways = self.ways.iter().map(|offered| offered.way).skip_while(|way| *way != failed);
        ways.next();
        ways.next()
    }
}

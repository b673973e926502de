//! The suites of Debian whose updates are compared

use anyhow::Context;
use std::fs;
use std::path::{Path, PathBuf};

/// A suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// The one that devices have.
    Trixie,
    /// The one before it.
    Bookworm,
}

/// What is called otherwise in bookworm, or is a part of something else there. Such an image is made to be compared, not to be booted:
/// its UKI has trixie's stub, because bookworm's cannot be extended as ours are.
const BOOKWORM: &str = "base:
  debian:
    suite: bookworm
packages:
  include:
    - !remove systemd-boot-tools
    - !remove systemd-cryptsetup
    - !remove systemd-repart
    - !remove libtss2-mu-4.0.1-0t64
    - !remove libtss2-esys-3.0.2-0t64
    - !remove libtss2-rc0t64
    - !remove libtss2-tcti-device0t64
    - cryptsetup-bin
    - libtss2-esys-3.0.2-0
    - libtss2-mu0
    - libtss2-rc0
    - libtss2-tcti-device0
files:
  - path: /usr/lib/systemd/boot/efi/linuxx64.efi.stub
    source: linuxx64.efi.stub
    mode: 0644
";

impl Suite {
    /// All, the important one first.
    pub const ALL: [Self; 2] = [Self::Trixie, Self::Bookworm];

    /// As Debian calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trixie => "trixie",
            Self::Bookworm => "bookworm",
        }
    }

    /// Writes the layers that make a recipe one of this suite, and answers their names.
    ///
    /// # Errors
    /// When they cannot be written, or trixie's stub is not there.
    pub fn layers(self, folder: &Path) -> anyhow::Result<Vec<&'static str>> {
        if self == Self::Trixie {
            return Ok(Vec::new());
        }
        fs::write(folder.join("bookworm.yaml"), BOOKWORM)?;
        let tools = std::env::var_os("PICCOLO_TOOLS_TREE").map(PathBuf::from);
        let tools = tools.context("PICCOLO_TOOLS_TREE is not set: run this as cargo xtask bench")?;
        let stub = "linuxx64.efi.stub";
        let from = tools.join("usr/lib/systemd/boot/efi").join(stub);
        fs::copy(&from, folder.join(stub)).with_context(|| format!("copying {}", from.display()))?;
        Ok(vec!["bookworm.yaml"])
    }
}

//! What long work tells while it runs.

/// How far the work is. Byte counts never go back within a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The archives' indices are being fetched and the packages chosen.
    Resolving,
    /// Packages are being fetched.
    Downloading {
        /// Bytes in the cache and verified.
        done: u64,
        /// Bytes of all packages.
        total: u64,
    },
    /// Packages are being unpacked.
    Unpacking {
        /// Bytes of package files read.
        done: u64,
        /// Bytes of all package files.
        total: u64,
    },
    /// Packages are being configured by their own scripts, then the tree is archived.
    Configuring {
        /// How many packages.
        packages: usize,
    },
    /// The recipe's own scripts run in the tree.
    PostProcessing,
}

/// Takes progress; called from any thread.
pub type Report<'a> = &'a (dyn Fn(Progress) + Sync);

/// Takes progress and does nothing with it.
pub fn ignore(_: Progress) {}

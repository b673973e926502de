//! From installed packages to the immutable root tree of a release (design: one tree, merged `/usr`, factory `/etc`, empty mount
//! points, `/var` populated by tmpfiles).
//!
//! The order matters and is the caller's story: [`prune::prune`] takes out what would differ between two builds or serves nobody,
//! [`kernel::settle`] puts the kernel next to its modules; then the recipe's files are added; then [`identity::write`] says what the
//! tree is, [`state::separate`] moves state to `/var`, and [`skeleton::lay`] leaves mount points.

mod edit;
pub mod identity;
pub mod kernel;
pub mod prune;
pub mod skeleton;
pub mod state;

pub use edit::RootTreeError;

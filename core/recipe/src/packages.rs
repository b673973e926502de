//! Which packages go into the operating system.

use crate::collection::Set;
use crate::name::PackageName;
use crate::shape::record;

record! {
    /// Which packages go into the operating system, besides those that they depend on.
    pub struct Packages {
        /// Packages to install.
        include: Set<PackageName>,
        /// Packages that must not be installed, not even because another one depends on them.
        exclude: Set<PackageName>,
        /// Whether to install what packages recommend, too.
        recommends: bool = "false",
    }
}

//! From installed packages to the immutable root tree of a release

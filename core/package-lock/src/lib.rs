//! The lockfile, and the Debian archive metadata it is made from

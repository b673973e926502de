//! Our knowledge of Quadlet against Podman's own generator, its manual page, and systemd.
//!
//! Needs the tools tree (`PICCOLO_TOOLS_TREE`) with Debian trixie's packages `podman` and `systemd`.

mod generator;
mod keys;
mod manual;
mod podman;
mod random;
mod refusals;
mod samples;
mod syntax;
mod systemd;

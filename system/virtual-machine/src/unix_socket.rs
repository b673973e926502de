//! Connecting to a socket file however long its directory's path is.

use rustix::fs::{Mode, OFlags};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// Connects to the socket `name` in `directory`.
///
/// A socket's address holds 108 bytes (unix(7)), less than many directories' paths: the directory is named by a descriptor instead.
///
/// # Errors
/// When the directory or socket is not there, or nobody listens.
pub fn connect(directory: &Path, name: &str) -> io::Result<UnixStream> {
    let opened = rustix::fs::open(directory, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(io::Error::from)?;
    let path: PathBuf = format!("/proc/self/fd/{}/{name}", opened.as_raw_fd()).into();
    UnixStream::connect(path)
}

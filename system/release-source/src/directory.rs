//! A repository in a directory, which may be on a stick that somebody prepared to do harm.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;

use crate::error::SourceError;

/// A regular file of the directory, or nothing when there is none. No link below it is followed, and nothing is waited for: a named pipe in
/// the place of a file would hold the reader for ever.
pub fn open(directory: &Path, name: &str) -> Result<Option<(File, u64)>, SourceError> {
    let path: PathBuf = directory.join(name);
    let fault = |source: io::Error| SourceError::File { path: path.clone(), source };
    let root = openat(CWD, directory, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|error| fault(error.into()))?;
    let file = match open_beneath(root, name) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(fault(error.into())),
    };
    let metadata = file.metadata().map_err(fault)?;
    if !metadata.is_file() {
        return Err(fault(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")));
    }
    Ok(Some((file, metadata.len())))
}

/// Goes down part by part: systemd's `RestrictSUIDSGID=`, below which the updater runs, leaves no `openat2`.
fn open_beneath(mut parent: OwnedFd, name: &str) -> rustix::io::Result<OwnedFd> {
    let mut parts = Path::new(name).components().peekable();
    while let Some(Component::Normal(part)) = parts.next() {
        if parts.peek().is_none() {
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            return openat(&parent, part, flags, Mode::empty());
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        parent = openat(&parent, part, flags, Mode::empty())?;
    }
    Err(Errno::INVAL)
}

#[cfg(test)]
mod tests {
    use super::open;
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::symlink;

    #[test]
    fn files_below_are_read_and_links_and_pipes_are_not() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("repository");
        fs::create_dir_all(root.join("metadata")).unwrap();
        fs::write(root.join("metadata/1.root.json"), "root").unwrap();
        fs::write(place.path().join("secret"), "secret").unwrap();
        symlink(place.path(), root.join("targets")).unwrap();
        symlink("../../secret", root.join("metadata/2.root.json")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            root.join("metadata/pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();

        let (mut file, size) = open(&root, "metadata/1.root.json").unwrap().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), size), ("root", 4));
        assert!(open(&root, "metadata/3.root.json").unwrap().is_none());
        assert!(open(&root, "none/3.root.json").unwrap().is_none());
        for bad in
            ["metadata/2.root.json", "targets/secret", "metadata/pipe", "metadata", "../secret", "/etc/passwd", ""]
        {
            assert!(open(&root, bad).is_err(), "{bad} was opened");
        }
        assert!(open(&place.path().join("none"), "x").is_err(), "what is not there has no files");
    }
}

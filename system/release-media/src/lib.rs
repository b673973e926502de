//! Media that releases can be taken from: file systems with the label `PICCOLO` on disks that the system did not start from.
//!
//! udev gives each of them a link in a directory of its own (`62-piccolo-media.rules`), named `TYPE-UUID` after its file system. [`present`] lists them.
//! [`Medium::mount`] mounts one so that nobody but the holder of the value can see it: the mount is never attached to a place, and ends with the value.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen,
};
use thiserror::Error;

/// Where udev puts the links.
pub const DIRECTORY: &str = "/dev/piccolo/media";
/// Most media that are looked at.
const MOST: usize = 16;
/// Longest name of a link, in bytes; a UUID has 36.
const LONGEST_NAME: usize = 64;
/// File systems that are mounted, and what each must be told besides "read-only" so that it writes nothing. The journal of an ext4 that was not unmounted is
/// not replayed: what it would repair is refused by its hash.
const FILE_SYSTEMS: [(&str, &[&str]); 4] = [("vfat", &[]), ("exfat", &[]), ("ext4", &["noload"]), ("iso9660", &[])];
/// How long the loss of a disk may take to be noticed.
const LOSS_NOTICED: Duration = Duration::from_secs(5);
/// How often it is looked for.
const INTERVAL: Duration = Duration::from_millis(100);

/// A file system that releases can be taken from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Medium {
    link: PathBuf,
    name: String,
    file_system: &'static str,
}

/// A medium that is mounted, read-only, for the holder of this value alone.
#[derive(Debug)]
pub struct MountedMedium {
    medium: Medium,
    mount: OwnedFd,
    path: PathBuf,
}

/// The medium cannot be mounted.
#[derive(Debug, Error)]
#[error("the medium {medium} cannot be mounted: {problem}")]
pub struct MountError {
    /// The medium's name.
    pub medium: String,
    /// Why.
    pub problem: String,
}

/// The media that are there, in the order of their names. A directory that is not there has none.
#[must_use]
pub fn present(directory: &Path) -> Vec<Medium> {
    let Ok(listing) = fs::read_dir(directory) else { return Vec::new() };
    let names = listing.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut found: Vec<Medium> = names.filter_map(|name| Medium::of_link(directory, &name)).collect();
    found.sort();
    found.truncate(MOST);
    found
}

impl Medium {
    fn of_link(directory: &Path, name: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let (kind, uuid) = name.split_once('-')?;
        if name.len() > LONGEST_NAME || uuid.is_empty() || !name.bytes().all(plain) {
            return None;
        }
        let (file_system, _) = FILE_SYSTEMS.iter().find(|(known, _)| *known == kind)?;
        Some(Self { link: directory.join(name), name: name.to_owned(), file_system })
    }

    /// The type of its file system and that one's UUID, such as `vfat-1A2B-3C4D`: the same wherever it is plugged in.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is there.
    #[must_use]
    pub fn is_present(&self) -> bool {
        // Through the link: the name of a device that is gone may still stand there for a moment.
        self.link.exists()
    }

    /// Mounts it, read-only, and without programs, devices and links that anybody would follow.
    ///
    /// # Errors
    /// When it is gone, or holds no file system that the kernel can read.
    pub fn mount(&self) -> Result<MountedMedium, MountError> {
        let refuse = |problem: String| MountError { medium: self.name.clone(), problem };
        let device = fs::canonicalize(&self.link).map_err(|error| refuse(format!("it is gone ({error})")))?;
        let mount = self.mounted(&device).map_err(|error| refuse(error.to_string()))?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", mount.as_raw_fd()));
        Ok(MountedMedium { medium: self.clone(), mount, path })
    }

    fn mounted(&self, device: &Path) -> io::Result<OwnedFd> {
        let context = fsopen(self.file_system, FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_set_string(&context, "source", device)?;
        fsconfig_set_flag(&context, "ro")?;
        let more = FILE_SYSTEMS.iter().find(|(known, _)| *known == self.file_system).map_or(&[][..], |(_, more)| *more);
        for flag in more {
            fsconfig_set_flag(&context, *flag)?;
        }
        fsconfig_create(&context)?;
        let attributes = MountAttrFlags::MOUNT_ATTR_RDONLY
            | MountAttrFlags::MOUNT_ATTR_NOSUID
            | MountAttrFlags::MOUNT_ATTR_NODEV
            | MountAttrFlags::MOUNT_ATTR_NOEXEC
            | MountAttrFlags::MOUNT_ATTR_NOSYMFOLLOW;
        Ok(fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
    }
}

impl MountedMedium {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.medium.name()
    }

    /// The top directory, for this process and as long as this value lives.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it was taken out. To be asked after something could not be read: the kernel may take a moment to notice, and so long this waits.
    #[must_use]
    pub fn was_taken_out(&self) -> bool {
        let mut left = LOSS_NOTICED.as_millis() / INTERVAL.as_millis();
        while self.medium.is_present() && self.is_readable() && left > 0 {
            std::thread::sleep(INTERVAL);
            left -= 1;
        }
        !(self.medium.is_present() && self.is_readable())
    }

    fn is_readable(&self) -> bool {
        rustix::fs::statat(&self.mount, ".", rustix::fs::AtFlags::empty()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::present;
    use std::os::unix::fs::symlink;

    #[test]
    fn media_are_links_with_the_name_of_a_known_file_system() {
        let directory = tempfile::tempdir().unwrap();
        assert!(present(&directory.path().join("none")).is_empty());
        let names = ["vfat-1A2B-3C4D", "ext4-0f3c", "btrfs-0f3c", "vfat", "ext4-", "iso9660-a b", ".vfat-1"];
        for name in names {
            symlink("/dev/null", directory.path().join(name)).unwrap();
        }
        symlink("/nowhere", directory.path().join("exfat-gone")).unwrap();
        let found = present(directory.path());
        let named: Vec<(&str, bool)> = found.iter().map(|medium| (medium.name(), medium.is_present())).collect();
        assert_eq!(named, [("exfat-gone", false), ("ext4-0f3c", true), ("vfat-1A2B-3C4D", true)]);
        let error = found[0].mount().unwrap_err().to_string();
        assert!(error.contains("exfat-gone cannot be mounted: it is gone"), "{error}");
        // No disk, whatever the link says, and whoever runs this.
        assert!(found[2].mount().is_err());
    }
}

//! Every program the product may run.

use std::env;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// An external program, found through `PATH` unless its path is fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Program {
    /// apt's package manager front end: resolves packages.
    AptGet,
    /// apt's configuration query.
    AptConfig,
    /// apt's downloader, with apt's proxies, mirrors and TLS.
    AptHelper,
    /// Runs a program in new namespaces (util-linux).
    Unshare,
    /// The virtual machine monitor for x86-64.
    QemuSystemX86,
    /// Makes and converts virtual disks.
    QemuImg,
    /// The software TPM.
    Swtpm,
    /// Prepares the software TPM's state.
    SwtpmSetup,
    /// Starts a program that the kernel ends when its parent ends (util-linux).
    Setpriv,
    /// Talks to the service manager of a device.
    Systemctl,
    /// Reads the journal of a device.
    Journalctl,
    /// The shell: runs what a device's operator put where checks are.
    Sh,
}

impl Program {
    /// The name or path by which it is started.
    #[must_use]
    pub fn command(self) -> &'static str {
        match self {
            Self::AptGet => "apt-get",
            Self::AptConfig => "apt-config",
            Self::AptHelper => "/usr/lib/apt/apt-helper",
            Self::Unshare => "unshare",
            Self::QemuSystemX86 => "qemu-system-x86_64",
            Self::QemuImg => "qemu-img",
            Self::Swtpm => "swtpm",
            Self::SwtpmSetup => "swtpm_setup",
            Self::Setpriv => "setpriv",
            Self::Systemctl => "systemctl",
            Self::Journalctl => "journalctl",
            Self::Sh => "/bin/sh",
        }
    }

    /// The Debian package that brings it.
    #[must_use]
    pub fn debian_package(self) -> &'static str {
        match self {
            Self::AptGet | Self::AptConfig | Self::AptHelper => "apt",
            Self::Unshare | Self::Setpriv => "util-linux",
            Self::QemuSystemX86 => "qemu-system-x86",
            Self::QemuImg => "qemu-utils",
            Self::Swtpm => "swtpm",
            Self::SwtpmSetup => "swtpm-tools",
            Self::Systemctl | Self::Journalctl => "systemd",
            Self::Sh => "dash",
        }
    }

    /// Where it is installed, or nothing.
    #[must_use]
    pub fn installed_at(self) -> Option<PathBuf> {
        let command = Path::new(self.command());
        if command.is_absolute() {
            return is_executable(command).then(|| command.to_owned());
        }
        let path = env::var_os("PATH")?;
        env::split_paths(&path).map(|directory| directory.join(command)).find(|candidate| is_executable(candidate))
    }
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

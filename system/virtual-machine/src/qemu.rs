//! Which QEMU is installed, and whether it is one that works.

use host::cancel::Cancel;
use host::invocation::{HostError, Invocation};
use host::program::Program;
use std::fmt;

/// A version of QEMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QemuVersion {
    /// Raised every year.
    pub major: u32,
    /// The release of that year.
    pub minor: u32,
    /// The correction of that release.
    pub micro: u32,
}

/// The oldest version that emulates a guest of today faithfully: 7.2 crashes them when everything it can emulate is switched on.
pub const OLDEST_FOR_EMULATION: QemuVersion = QemuVersion { major: 8, minor: 1, micro: 0 };

impl fmt::Display for QemuVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.micro)
    }
}

/// Asks the installed QEMU for its version; nothing when it says it in another way than all versions so far.
///
/// # Errors
/// When it is not installed or does not start.
pub fn installed_version(cancel: &Cancel) -> Result<Option<QemuVersion>, HostError> {
    let output = Invocation::new(Program::QemuSystemX86).argument("--version").run(cancel)?;
    Ok(parse_version(&String::from_utf8_lossy(&output.stdout)))
}

/// What to tell the operator about this version when guests are emulated, or nothing.
#[must_use]
pub fn emulation_warning(version: QemuVersion) -> Option<String> {
    (version < OLDEST_FOR_EMULATION).then(|| {
        format!(
            "QEMU {version} crashes emulated guests; install {OLDEST_FOR_EMULATION} or newer \
             (on Debian 12: apt-get install -t bookworm-backports qemu-system-x86 qemu-utils)"
        )
    })
}

fn parse_version(text: &str) -> Option<QemuVersion> {
    let word = text.strip_prefix("QEMU emulator version ")?.split([' ', '\n']).next()?;
    let mut numbers = word.split('.').map(|number| number.parse().ok());
    let mut next = || numbers.next().flatten();
    Some(QemuVersion { major: next()?, minor: next()?, micro: next()? })
}

#[cfg(test)]
mod tests {
    use super::{QemuVersion, emulation_warning, parse_version};

    #[test]
    fn reads_what_debian_prints() {
        let text = "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2+deb13u1~bpo12+1)\nCopyright (c) 2003-2025\n";
        assert_eq!(parse_version(text), Some(QemuVersion { major: 10, minor: 0, micro: 2 }));
        assert_eq!(parse_version("QEMU emulator version 9\n"), None);
    }

    #[test]
    fn warns_of_the_version_in_debian_12() {
        let old = QemuVersion { major: 7, minor: 2, micro: 19 };
        assert!(emulation_warning(old).unwrap().contains("bookworm-backports"));
        assert_eq!(emulation_warning(QemuVersion { major: 10, minor: 0, micro: 2 }), None);
    }
}

//! How far a boot has come, told from its console.

use std::fmt;

/// A step of a boot, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BootPhase {
    /// The firmware has found something to start.
    BootLoader,
    /// The kernel runs.
    Kernel,
    /// The first program of the initrd runs.
    Initrd,
    /// The initrd has handed over to the system on disk.
    System,
}

impl fmt::Display for BootPhase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::BootLoader => "boot loader",
            Self::Kernel => "kernel",
            Self::Initrd => "initrd",
            Self::System => "system",
        })
    }
}

/// The phase that begins with this line of the console, or nothing.
#[must_use]
pub fn phase_begun_by(line: &str) -> Option<BootPhase> {
    let says = |text: &str| line.contains(text);
    if says("BdsDxe: starting Boot") {
        Some(BootPhase::BootLoader)
    } else if says("Linux version ") || says("EFI stub: ") {
        Some(BootPhase::Kernel)
    } else if says("Running in initrd") || says("running in system mode") && says("initrd") || says(" in initrd.") {
        Some(BootPhase::Initrd)
    } else if says("Switching root") || says("Switched root") || says("Welcome to ") && !says("(Initramfs)") {
        Some(BootPhase::System)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{BootPhase, phase_begun_by};

    #[test]
    fn recorded_lines_are_told_apart() {
        let cases = [
            (
                r#"BdsDxe: starting Boot0001 "UEFI Misc Device" from PciRoot(0x0)/Pci(0x2,0x0)"#,
                Some(BootPhase::BootLoader),
            ),
            (
                "[    0.000000] Linux version 6.12.48+deb13-cloud-amd64 (debian-kernel@lists.debian.org)",
                Some(BootPhase::Kernel),
            ),
            ("[    5.1] systemd[1]: Running in initrd.", Some(BootPhase::Initrd)),
            ("Welcome to Debian GNU/Linux 13 (trixie) (Initramfs)!", None),
            ("[    9.3] systemd[1]: Switching root.", Some(BootPhase::System)),
            ("[  OK  ] Started getty@tty1.service - Getty on tty1.", None),
        ];
        for (line, phase) in cases {
            assert_eq!(phase_begun_by(line), phase, "{line}");
        }
    }
}

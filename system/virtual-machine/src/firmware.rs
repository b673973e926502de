//! Finding the UEFI firmware: by the descriptors that distributions install (QEMU `docs/interop/firmware.json`), else at known places.

use crate::settings::SecureBoot;
use serde::Deserialize;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where descriptors are; a file hides those of the same name in later folders.
const DESCRIPTOR_FOLDERS: [&str; 2] = ["/etc/qemu/firmware", "/usr/share/qemu/firmware"];
/// Largest descriptor taken, in bytes.
const MAXIMUM_DESCRIPTOR: u64 = 64 * 1024;
/// Most descriptors looked at in one folder.
const MAXIMUM_DESCRIPTORS: usize = 256;

/// A firmware and what it starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firmware {
    /// The code, mapped read-only.
    pub code: FlashFile,
    /// The variables that a new machine gets a copy of.
    pub variables: FlashFile,
    /// Whether it keeps its variables in system management mode, out of the guest's reach.
    pub system_management_mode: bool,
}

/// A file that QEMU maps as flash memory.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct FlashFile {
    /// Where it is.
    pub filename: PathBuf,
    /// `raw` or `qcow2`.
    pub format: String,
}

/// Why there is no firmware.
#[derive(Debug, thiserror::Error)]
#[error("no UEFI firmware {} was found in /usr/share/qemu/firmware or /usr/share/OVMF; on Debian: apt-get install ovmf", .0.wanted())]
pub struct NoFirmware(SecureBoot);

impl SecureBoot {
    fn wanted(self) -> &'static str {
        match self {
            Self::Off => "for q35",
            Self::SetupMode => "with Secure Boot and no keys",
            Self::Enrolled => "with Secure Boot and enrolled keys",
        }
    }
}

/// Finds the firmware for x86-64 that checks what is asked.
///
/// # Errors
/// When none is installed.
pub fn find(secure_boot: SecureBoot) -> Result<Firmware, NoFirmware> {
    descriptors()
        .iter()
        .filter_map(|bytes| parse_descriptor(bytes, secure_boot))
        .chain(known_places(secure_boot))
        .find(|firmware| firmware.code.filename.is_file() && firmware.variables.filename.is_file())
        .ok_or(NoFirmware(secure_boot))
}

/// The contents of all descriptors, in order of preference (by name).
fn descriptors() -> Vec<Vec<u8>> {
    let mut files: Vec<(String, PathBuf)> = Vec::new();
    for folder in DESCRIPTOR_FOLDERS {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten().take(MAXIMUM_DESCRIPTORS) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".json") && files.iter().all(|(known, _)| *known != name) {
                files.push((name, entry.path()));
            }
        }
    }
    files.sort();
    files.iter().filter_map(|(_, path)| read_bounded(path)).collect()
}

fn read_bounded(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAXIMUM_DESCRIPTOR).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Descriptor {
    interface_types: Vec<String>,
    mapping: Mapping,
    targets: Vec<Target>,
    features: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Mapping {
    device: String,
    #[serde(default)]
    mode: Option<String>,
    executable: Option<FlashFile>,
    nvram_template: Option<FlashFile>,
}

#[derive(Deserialize)]
struct Target {
    architecture: String,
    machines: Vec<String>,
}

/// Reads one descriptor: its firmware when it is one for x86-64 on q35 that checks what is asked, else nothing.
#[must_use]
pub fn parse_descriptor(bytes: &[u8], secure_boot: SecureBoot) -> Option<Firmware> {
    let descriptor: Descriptor = serde_json::from_slice(bytes).ok()?;
    let has = |feature: &str| descriptor.features.iter().any(|known| known == feature);
    let machine_fits = descriptor.targets.iter().any(|target| {
        target.architecture == "x86_64" && target.machines.iter().any(|machine| machine.starts_with("pc-q35"))
    });
    let checks = match (has("secure-boot"), has("enrolled-keys")) {
        (false, _) => SecureBoot::Off,
        (true, false) => SecureBoot::SetupMode,
        (true, true) => SecureBoot::Enrolled,
    };
    let mapped_as_flash = descriptor.mapping.device == "flash"
        && descriptor.mapping.mode.as_deref().is_none_or(|mode| mode == "split")
        && descriptor.interface_types.iter().any(|interface| interface == "uefi");
    if !machine_fits || !mapped_as_flash || checks != secure_boot {
        return None;
    }
    let code = descriptor.mapping.executable.filter(FlashFile::is_known_format)?;
    let variables = descriptor.mapping.nvram_template.filter(FlashFile::is_known_format)?;
    Some(Firmware { code, variables, system_management_mode: has("requires-smm") })
}

impl FlashFile {
    fn is_known_format(&self) -> bool {
        matches!(self.format.as_str(), "raw" | "qcow2") && self.filename.is_absolute()
    }

    fn raw(path: &str) -> Self {
        Self { filename: path.into(), format: "raw".into() }
    }
}

/// Where distributions without descriptors have it: Debian and Ubuntu, Arch Linux, Fedora, openSUSE.
fn known_places(secure_boot: SecureBoot) -> impl Iterator<Item = Firmware> {
    let pairs: &[(&str, &str)] = match secure_boot {
        SecureBoot::Off => &[
            ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
            ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
            ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
            ("/usr/share/qemu/ovmf-x86_64-code.bin", "/usr/share/qemu/ovmf-x86_64-vars.bin"),
        ],
        SecureBoot::SetupMode => &[
            ("/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
            ("/usr/share/edk2/x64/OVMF_CODE.secboot.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
            ("/usr/share/edk2/ovmf/OVMF_CODE.secboot.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
            ("/usr/share/qemu/ovmf-x86_64-smm-code.bin", "/usr/share/qemu/ovmf-x86_64-smm-vars.bin"),
        ],
        SecureBoot::Enrolled => &[
            ("/usr/share/OVMF/OVMF_CODE_4M.ms.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"),
            ("/usr/share/edk2/ovmf/OVMF_CODE.secboot.fd", "/usr/share/edk2/ovmf/OVMF_VARS.secboot.fd"),
            ("/usr/share/qemu/ovmf-x86_64-smm-ms-code.bin", "/usr/share/qemu/ovmf-x86_64-smm-ms-vars.bin"),
        ],
    };
    pairs.iter().map(move |(code, variables)| Firmware {
        code: FlashFile::raw(code),
        variables: FlashFile::raw(variables),
        system_management_mode: secure_boot != SecureBoot::Off,
    })
}

#[cfg(test)]
mod tests {
    use super::{find, parse_descriptor};
    use crate::settings::SecureBoot;
    use proptest::prelude::{any, proptest};

    /// As installed by Debian 12's ovmf.
    const SECURE: &str = r#"{
        "description": "UEFI firmware for x86_64, with Secure Boot and SMM, empty varstore",
        "interface-types": ["uefi"],
        "mapping": {
            "device": "flash",
            "executable": {"filename": "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "format": "raw"},
            "nvram-template": {"filename": "/usr/share/OVMF/OVMF_VARS_4M.fd", "format": "raw"}
        },
        "targets": [{"architecture": "x86_64", "machines": ["pc-q35-*"]}],
        "features": ["acpi-s3", "amd-sev", "requires-smm", "secure-boot", "verbose-dynamic"],
        "tags": []
    }"#;

    #[test]
    fn a_descriptor_serves_only_the_mode_it_has() {
        let firmware = parse_descriptor(SECURE.as_bytes(), SecureBoot::SetupMode).unwrap();
        assert!(firmware.system_management_mode);
        assert_eq!(firmware.code.filename.to_str(), Some("/usr/share/OVMF/OVMF_CODE_4M.secboot.fd"));
        assert_eq!(parse_descriptor(SECURE.as_bytes(), SecureBoot::Off), None);
        assert_eq!(parse_descriptor(SECURE.as_bytes(), SecureBoot::Enrolled), None);
    }

    #[test]
    fn another_architecture_is_passed_over() {
        assert_eq!(parse_descriptor(SECURE.replace("x86_64", "aarch64").as_bytes(), SecureBoot::SetupMode), None);
    }

    #[test]
    fn every_mode_is_found_on_this_computer() {
        for mode in [SecureBoot::Off, SecureBoot::SetupMode, SecureBoot::Enrolled] {
            let firmware = find(mode).unwrap();
            assert_eq!(firmware.system_management_mode, mode != SecureBoot::Off, "{firmware:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse_descriptor(&bytes, SecureBoot::Off);
        }
    }
}

//! UEFI variables through efivarfs (Documentation/filesystems/efivarfs.rst).

use device_status::facts::Firmware;

use crate::files::{FactsError, Files};
use crate::text::efi_variable;

const DIRECTORY: &str = "sys/firmware/efi/efivars";
/// Vendor of the variables that the UEFI specification defines (UEFI 2.10, section 3.3).
const GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
/// Vendor of the variables of systemd's Boot Loader Interface.
const LOADER: &str = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

/// `None` where the device was not booted by UEFI.
pub(crate) fn read(files: &Files, problems: &mut Vec<FactsError>) -> Option<Firmware> {
    if !files.exists("sys/firmware/efi") {
        return None;
    }
    let mut variable = |name: &str, vendor: &str| files.bytes(format!("{DIRECTORY}/{name}-{vendor}"), problems);
    Some(Firmware {
        secure_boot: variable("SecureBoot", GLOBAL).as_deref().and_then(efi_variable::boolean),
        setup_mode: variable("SetupMode", GLOBAL).as_deref().and_then(efi_variable::boolean),
        boot_count_path: variable("LoaderBootCountPath", LOADER).as_deref().and_then(efi_variable::string),
        kernel_image_pcr: variable("StubPcrKernelImage", LOADER)
            .as_deref()
            .and_then(efi_variable::string)
            .and_then(|text| text.parse().ok()),
    })
}

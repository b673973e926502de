//! Reads a hostile unified kernel image all the way through: kernel header, PE headers, sections and measurements; and takes it for
//! a stub.
#![no_main]

use libfuzzer_sys::fuzz_target;
use measured_boot::{Bank, BootPrediction, PhasePath};
use unified_kernel_image::{LinuxImage, PeImage, UnifiedKernelImage};

fuzz_target!(|bytes: &[u8]| {
    let _ = LinuxImage::parse(bytes);
    if let Ok(image) = PeImage::parse(bytes) {
        assert_eq!(image.describe().sections.len(), image.sections().len());
        if let Ok(sections) = image.unified_sections() {
            let _ = BootPrediction::of(&sections, &[Bank::Sha256], &PhasePath::of_a_boot());
        }
    }
    let extended = UnifiedKernelImage {
        stub: bytes,
        os_release: b"ID=piccolo\n",
        command_line: "quiet",
        device_tree: None,
        uname: None,
        splash: None,
        pcr_public_key: None,
        linux: b"kernel",
        initrd: None,
        microcode: None,
        sbat: Vec::new(),
        pcr_signature: None,
        profiles: Vec::new(),
    };
    if let Ok(assembled) = extended.assemble() {
        let file = assembled.to_vec();
        assert!(PeImage::parse(&file).is_ok_and(|image| image.section(".linux").is_some()));
    }
});

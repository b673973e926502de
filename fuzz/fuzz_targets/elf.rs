//! A program, a library or a kernel module that nobody vouches for: what it needs, or an error.
#![no_main]

use initrd_image::elf::needs;
use initrd_image::modules::module_info::ModuleInfo;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let _ = needs(file);
    if let Ok(module) = ModuleInfo::parse(file) {
        let _ = module.values("depends").count();
    }
});

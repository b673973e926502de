//! The units of an app: always findings or none, an inventory, limits; what was read is printed as it was, and what was set is read back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quadlet::app::{App, Surroundings};
use quadlet::inventory::Inventory;
use quadlet::limits::Limits;
use quadlet::unit_file::UnitFile;

/// The bytes are cut into files at zero bytes.
const NAMES: [&str; 7] = ["a.container", "a.pod", "a.volume", "a.network", "a.image", "a.build", "a.kube"];

fuzz_target!(|bytes: &[u8]| {
    let files: Vec<(&str, &[u8])> = NAMES.into_iter().zip(bytes.split(|byte| *byte == 0)).collect();
    for (_, bytes) in &files {
        let Ok(mut file) = UnitFile::parse(bytes) else { continue };
        assert_eq!(file.to_string().as_bytes(), *bytes);
        if file.set("Service", "MemoryMax", "1G").is_ok() {
            assert_eq!(file.text("Service", "MemoryMax"), Some("1G"));
        }
    }
    let app = App::read(files);
    let _ = app.check(&Surroundings::default());
    let _ = Inventory::of(&app);
    for unit in app.units() {
        let _ = Limits::of(unit);
    }
});

//! The image boots under UEFI with a TPM, and the daemon answers, idle in little memory.

use crate::support::protection;
use serde_json::Value;
use test_bench::{TestMachine, TestOptions, test_image};

/// Most resident memory of the idle daemon, in bytes.
const MEMORY_LIMIT: u64 = 20 << 20;

#[test]
fn the_image_boots_to_a_healthy_api() {
    let mut machine = TestMachine::start(&test_image(), TestOptions::default());

    let health = machine.api_get("/api/v1/health");
    assert_eq!(health["status"], "ok", "{health}");

    let system = machine.api_get("/api/v1/system");
    assert_eq!(system["slot"], "a", "{system}");
    assert_eq!(system["release"]["version"], env!("CARGO_PKG_VERSION"), "{system}");
    assert_eq!(system["boot"]["id"], Value::from(machine.boot_id()), "{system}");
    for name in ["tpm", "verified_root", "read_only_root", "measured_boot"] {
        assert_eq!(protection(&system, name), "active", "{name}: {system}");
    }
    assert_eq!(protection(&system, "secure_boot"), "missing", "{system}");
    let memory = system["memory"]["daemon_bytes"].as_u64().unwrap();
    assert!(memory <= MEMORY_LIMIT, "the idle daemon has {memory} bytes resident, more than {MEMORY_LIMIT}");

    let page = machine.http_get("/");
    assert_eq!(page.status, 200);

    // No unit failed, and the loader's counter was taken off the entry: this boot was good.
    assert_eq!(machine.succeed("systemctl --failed --plain --no-legend").trim(), "");
    machine.succeed("timeout 110 sh -c 'until ls /efi/EFI/Linux/*.efi | grep -qv +; do sleep 1; done'");
}

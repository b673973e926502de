//! The image boots under UEFI with a TPM, and the daemon answers, idle in little memory.

use crate::support::protection;
use serde_json::Value;
use std::thread;
use std::time::{Duration, Instant};
use test_bench::{TestMachine, TestOptions, test_image};

/// How long the updater may take to say something after the API answers.
const UPDATER_START: Duration = Duration::from_mins(2);
/// Most resident memory of the idle daemon, in bytes.
const MEMORY_LIMIT: u64 = 20 << 20;

#[test]
fn the_image_boots_to_a_healthy_api() {
    let mut machine = TestMachine::start(&test_image(), TestOptions { cpus: 2, ..TestOptions::default() });

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

    // An image that knows no repository looks nowhere, and says so.
    let deadline = Instant::now() + UPDATER_START;
    while machine.http_get("/api/v1/updates").status != 200 {
        assert!(Instant::now() < deadline, "the updater says nothing");
        thread::sleep(Duration::from_millis(500));
    }
    let updates = machine.api_get("/api/v1/updates");
    assert_eq!((&updates["state"], &updates["source"]), (&"idle".into(), &Value::Null), "{updates}");

    // The ESP was checked before it was mounted.
    let check = machine
        .succeed(r"systemctl show -P Result -P ActiveState 'systemd-fsck@dev-piccolo-by\x2dpartlabel-esp.service'");
    assert_eq!(check.split_whitespace().collect::<Vec<_>>(), ["success", "active"]);

    // No unit failed, and the loader's counter was taken off the entry: this boot was good.
    assert_eq!(machine.succeed("systemctl --failed --plain --no-legend").trim(), "");
    machine.succeed("timeout 110 sh -c 'until ls /efi/EFI/Linux/*.efi | grep -qv +; do sleep 1; done'");
}

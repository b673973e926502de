//! Hardware without a TPM is welcome: the device works and tells what is missing.

use crate::support::protection;
use test_bench::{TestMachine, TestOptions, test_image};

#[test]
fn a_device_without_tpm_boots_and_says_so() {
    let machine = TestMachine::start(&test_image(), TestOptions { tpm: false, ..TestOptions::default() });
    let system = machine.api_get("/api/v1/system");
    assert_ne!(protection(&system, "tpm"), "active", "{system}");
    assert_ne!(protection(&system, "measured_boot"), "active", "{system}");
    assert_eq!(protection(&system, "verified_root"), "active", "{system}");
    assert_eq!(machine.api_get("/api/v1/health")["status"], "ok");
}

//! Making an image goes on where it was, after the network was cut and after the power was.

use std::fs;

use test_bench::TestMachine;

use crate::operator::{BuiltRelease, Operator, set, tell_source, update_machine, wait_for_updates};

/// Bytes that no patch and no compression make smaller.
const NOISE: usize = 48 << 20;
/// What comes before the network is cut, each time. The device notes where it is every 8 MiB of the image.
const CUT: u64 = 20 << 20;

#[test]
fn an_update_by_patch_goes_on_after_a_cut_of_the_network_and_of_the_power() {
    let mut operator = Operator::new();
    let [old, new] = [operator.build("1.0.0", ""), noisy(&operator)];
    operator.publish(&old, 0);
    operator.publish(&new, 1);
    goes_on(&operator, &old);
}

#[test]
fn an_update_by_chunks_goes_on_after_a_cut_of_the_network_and_of_the_power() {
    let mut operator = Operator::new();
    let [old, new] = [operator.build("1.0.0", ""), noisy(&operator)];
    operator.publish(&old, 0);
    operator.publish_with_chunks(&new, 0);
    goes_on(&operator, &old);
}

#[test]
fn an_update_by_the_full_image_goes_on_after_a_cut_of_the_network_and_of_the_power() {
    let mut operator = Operator::new();
    let [old, new] = ["1.0.0", "1.1.0"].map(|version| operator.build(version, ""));
    operator.publish(&old, 0);
    operator.publish(&new, 0);
    goes_on(&operator, &old);
}

/// A release with a file that differs from everything.
fn noisy(operator: &Operator) -> BuiltRelease {
    // Xorshift: the same in each run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut noise = Vec::with_capacity(NOISE);
    while noise.len() < NOISE {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend_from_slice(&state.to_le_bytes());
    }
    fs::write(operator.files().join("noise"), noise).unwrap();
    operator.build("1.1.0", "  - path: /usr/share/noise\n    source: files/noise\n")
}

/// Updates a device whose network is cut once, and then again together with its power.
fn goes_on(operator: &Operator, old: &BuiltRelease) {
    let line = operator.line();
    let mut machine = TestMachine::start(&old.image(), update_machine());
    // The last step is not what this is about.
    set(&mut machine, "60-strategy", "strategy = \"manual\"");
    line.cut_after(CUT);
    tell_source(&mut machine, &operator.url());
    line.wait_for_cut();
    let cut = wait_for_updates(&mut machine, "waiting for the network", |updates| {
        updates["progress"]["activity"] == "waiting" && updates["failure"].is_object()
    });
    assert!(cut["next_try"].is_string(), "{cut}");
    let whole = cut["release"]["ways"][0]["download_bytes"].as_u64().unwrap();
    assert!(whole > 2 * CUT, "{cut}");
    let first = line.downloaded();

    line.mend();
    line.cut_after(CUT);
    machine.succeed("piccolo device update start");
    line.wait_for_cut();
    machine.cut_power();
    let second = line.downloaded() - first;

    line.mend();
    machine.power_on_again();
    machine.wait_for_api();
    let staged = wait_for_updates(&mut machine, "staged", |updates| updates["state"] == "staged");
    assert_eq!(staged["release"]["version"], "1.1.0", "{staged}");
    let third = line.downloaded() - first - second;
    // Each time it may have to fetch again what was not noted yet, and not more.
    assert!(third < whole - CUT / 2, "downloaded after the power cut: {third} of {whole}, after {first} and {second}");
    assert!(first + second + third < whole * 3 / 2, "downloaded of {whole}: {first}, {second} and {third}");
}

//! systemd-measure(1) of systemd 257.

use measured_boot::{Bank, BootImage, BootPhase, BootPrediction, PhasePath, pcr_policy};
use serde_json::Value;
use unified_kernel_image::{PeImage, Section, SectionName, UnifiedKernelImage};

use crate::sample::Sample;
use crate::tools_tree::{ToolsTree, run_on_machine};

const MEASURE: &str = "/usr/lib/systemd/systemd-measure";

#[test]
fn systemd_measure_predicts_the_same_pcr_11_for_every_phase_and_bank() {
    let tree = ToolsTree::from_environment();
    let sample = Sample::new(&tree, 3_000_001);
    let mut phases = PhasePath::of_a_boot();
    phases.push(PhasePath::start());
    phases.push(PhasePath::up_to(BootPhase::Final));
    assert_agreement(&tree, &sample.image(), &phases);
}

#[test]
fn systemd_measure_predicts_the_same_pcr_11_for_every_profile() {
    let tree = ToolsTree::from_environment();
    let sample = Sample::new(&tree, 1_000_001);
    assert_agreement(&tree, &sample.image_with_profiles(), &PhasePath::of_a_boot());
}

#[test]
fn systemd_measure_names_the_same_phases_when_asked_for_none() {
    let tree = ToolsTree::from_environment();
    let linux = format!("--linux={}", tree.put("linux", b"kernel"));
    let json = tree.run(MEASURE, &["calculate", "--bank=sha256", "--json=short", &linux]);
    let theirs: Value = serde_json::from_str(&json).unwrap();
    let theirs: Vec<&str> =
        theirs["sha256"].as_array().unwrap().iter().map(|value| value["phase"].as_str().unwrap()).collect();
    let ours: Vec<String> = PhasePath::of_a_boot().iter().map(PhasePath::to_string).collect();
    assert_eq!(ours, theirs);
}

#[test]
fn systemd_measure_signs_the_policies_we_calculate() {
    let tree = ToolsTree::from_environment();
    let sample = Sample::new(&tree, 10_000);
    let make_key: Vec<&str> = "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem".split(' ').collect();
    run_on_machine("openssl", "openssl", &tree.path(""), &make_key);
    let linux = format!("--linux={}", tree.put("linux", &sample.linux));
    let banks = Bank::ALL.map(|bank| format!("--bank={bank}"));
    let mut arguments = vec!["sign", "--private-key=key.pem", &linux];
    arguments.extend(banks.iter().map(String::as_str));
    let theirs: Value = serde_json::from_str(&tree.run(MEASURE, &arguments)).unwrap();

    let sections = [Section::borrowed(SectionName::Linux, &sample.linux)];
    let ours = BootPrediction::of(&sections, &Bank::ALL, &PhasePath::of_a_boot()).unwrap();
    for bank in Bank::ALL {
        let signed: Vec<&str> =
            theirs[bank.as_str()].as_array().unwrap().iter().map(|entry| entry["pol"].as_str().unwrap()).collect();
        let policies: Vec<String> = PhasePath::of_a_boot()
            .iter()
            .map(|phase| pcr_policy(ours.pcr, &ours.digest(0, phase, bank).unwrap()).to_string())
            .collect();
        assert_eq!(policies, signed, "{bank}");
    }
}

/// Predicts from the assembled file, as `piccolo inspect` does, and from the parts, as the build does.
fn assert_agreement(tree: &ToolsTree, image: &UnifiedKernelImage<'_>, phases: &[PhasePath]) {
    let parts = image.sections().expect("good parts");
    let file = image.assemble().expect("good parts").to_vec();
    let sections = PeImage::parse(&file).expect("a PE image").unified_sections().expect("no zero fill");
    let ours = BootPrediction::of(&sections, &Bank::ALL, phases).expect("a bootable image");
    assert_eq!(BootPrediction::of(&parts, &Bank::ALL, phases), Ok(ours.clone()));

    let boot_image = BootImage::new(&sections);
    for profile in 0..boot_image.profile_count() {
        let mut arguments: Vec<String> = ["calculate", "--json=short"].map(str::to_owned).to_vec();
        arguments.extend(Bank::ALL.map(|bank| format!("--bank={bank}")));
        arguments.extend(phases.iter().map(|phase| format!("--phase={phase}")));
        for section in boot_image.boot_sections(profile).expect("a bootable image") {
            if section.name.is_measured() {
                let option = section.name.as_str().trim_start_matches('.');
                let path = tree.put(option, &section.content);
                arguments.push(format!("--{option}={path}"));
            }
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let theirs: Value = serde_json::from_str(&tree.run(MEASURE, &arguments)).expect("JSON of systemd-measure");
        for bank in Bank::ALL {
            let of_bank = theirs[bank.as_str()].as_array().expect("a list per bank");
            assert_eq!(of_bank.len(), phases.len());
            for value in of_bank {
                let phase: PhasePath = value["phase"].as_str().unwrap_or(":").parse().expect("a known phase");
                let digest = ours.digest(profile, &phase, bank).expect("a prediction").to_string();
                assert_eq!(value["hash"], digest, "profile {profile}, phase {phase}, bank {bank}");
                assert_eq!(value["pcr"], ours.pcr.number());
            }
        }
    }
}

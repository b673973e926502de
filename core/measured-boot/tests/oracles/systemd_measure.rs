//! systemd-measure(1) of systemd 257.

use measured_boot::{Bank, BootImage, BootPhase, BootPrediction, PhasePath};
use serde_json::Value;
use unified_kernel_image::{PeImage, UnifiedKernelImage};

use crate::sample::Sample;
use crate::tools_tree::ToolsTree;

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

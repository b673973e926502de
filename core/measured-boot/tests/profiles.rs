//! Which sections a boot of a profile uses, as systemd-stub chooses them.

use measured_boot::{Bank, BootImage, BootImageError, BootPhase, BootPrediction, PhasePath};
use unified_kernel_image::{Section, SectionName};

fn section(name: SectionName, content: &str) -> Section<'_> {
    Section::borrowed(name, content.as_bytes())
}

/// A base, a first profile that changes nothing and a second with its own command line.
fn two_profiles() -> Vec<Section<'static>> {
    vec![
        section(SectionName::Sbat, "sbat"),
        section(SectionName::CommandLine, "quiet"),
        section(SectionName::Linux, "kernel"),
        section(SectionName::Profile, "ID=normal\n"),
        section(SectionName::PcrSignature, "{}"),
        section(SectionName::Profile, "ID=live\nTITLE=\"Live\"\n"),
        section(SectionName::CommandLine, "piccolo.live"),
        section(SectionName::PcrSignature, "{}"),
    ]
}

fn contents(image: &BootImage<'_>, profile: usize) -> Vec<String> {
    let sections = image.boot_sections(profile).expect("a bootable profile");
    sections.iter().map(|section| String::from_utf8_lossy(&section.content).into_owned()).collect()
}

#[test]
fn a_profile_overrides_the_base_and_leaves_other_profiles_alone() {
    let sections = two_profiles();
    let image = BootImage::new(&sections);
    assert_eq!(contents(&image, 0), ["kernel", "quiet", "sbat", "{}", "ID=normal\n"]);
    assert_eq!(contents(&image, 1), ["kernel", "piccolo.live", "sbat", "{}", "ID=live\nTITLE=\"Live\"\n"]);
}

#[test]
fn an_image_without_profiles_has_the_one_numbered_zero() {
    let sections = [section(SectionName::Linux, "kernel")];
    let image = BootImage::new(&sections);
    assert_eq!(image.profile_count(), 1);
    assert!(image.boot_sections(0).is_ok());
    assert_eq!(image.boot_sections(1), Err(BootImageError::NoProfile { profile: 1, count: 1 }));
}

#[test]
fn an_empty_section_of_a_profile_hides_the_base_section() {
    let mut sections = two_profiles();
    sections[6] = section(SectionName::CommandLine, "");
    let image = BootImage::new(&sections);
    assert_eq!(contents(&image, 1), ["kernel", "sbat", "{}", "ID=live\nTITLE=\"Live\"\n"]);
}

#[test]
fn the_first_of_two_sections_of_one_name_counts() {
    let mut sections = two_profiles();
    sections.insert(2, section(SectionName::CommandLine, "second"));
    assert_eq!(contents(&BootImage::new(&sections), 0)[1], "quiet");
}

#[test]
fn a_pcr_signature_does_not_change_the_pcr_it_signs() {
    let with_signature = two_profiles();
    let mut without = two_profiles();
    without.retain(|section| section.name != SectionName::PcrSignature);
    let predict = |sections: &[Section<'_>]| BootPrediction::of(sections, &Bank::ALL, &PhasePath::of_a_boot());
    assert_eq!(predict(&with_signature), predict(&without));
}

#[test]
fn images_that_cannot_be_predicted_say_why() {
    let no_kernel = [section(SectionName::CommandLine, "quiet")];
    assert_eq!(BootImage::new(&no_kernel).boot_sections(0), Err(BootImageError::NoLinux { profile: 0 }));
    let chosen_by_hardware = [section(SectionName::Linux, "kernel"), section(SectionName::AutomaticDeviceTree, "dtb")];
    assert_eq!(
        BootImage::new(&chosen_by_hardware).boot_sections(0),
        Err(BootImageError::DependsOnHardware { profile: 0 })
    );
}

#[test]
fn a_prediction_survives_json() {
    let prediction = BootPrediction::of(
        &two_profiles(),
        &[Bank::Sha256],
        &[PhasePath::start(), PhasePath::up_to(BootPhase::LeaveInitrd)],
    )
    .unwrap();
    let json = serde_json::to_value(&prediction).unwrap();
    assert_eq!(json["pcr"], 11);
    assert_eq!(json["profiles"][1]["id"], "live");
    assert_eq!(json["profiles"][1]["phases"][0]["phase"], ":");
    assert_eq!(json["profiles"][1]["phases"][1]["phase"], "enter-initrd:leave-initrd");
    let digest = prediction.digest(1, &PhasePath::start(), Bank::Sha256).unwrap();
    assert_eq!(json["profiles"][1]["phases"][0]["digests"]["sha256"], digest.to_string());
    assert_eq!(serde_json::from_value::<BootPrediction>(json).unwrap(), prediction);
}

#[test]
fn hostile_json_is_refused() {
    for json in [
        r#"{"pcr":24,"profiles":[]}"#,
        r#"{"pcr":11,"profiles":[{"profile":0,"phases":[{"phase":"ready:sysinit","digests":{}}]}]}"#,
        r#"{"pcr":11,"profiles":[{"profile":0,"phases":[{"phase":"ready","digests":{"sha256":"00"}}]}]}"#,
        r#"{"pcr":11,"profiles":[{"profile":0,"phases":[{"phase":"ready","digests":{"md5":""}}]}]}"#,
        r#"{"pcr":11,"profiles":[{"profile":0,"phases":[{"phase":"ready","digests":{"sha256":"5177e4ad69db92192c10e5f80402bf81bfec8a81"}}]}]}"#,
    ] {
        assert!(serde_json::from_str::<BootPrediction>(json).is_err(), "{json}");
    }
}

//! Parts that would make an image that does not boot, or boots into something else than was written down.

use unified_kernel_image::{AssembleError, Profile, ProfileError, UnifiedKernelImage};

/// Parts are checked before the stub is looked at, so there need not be a good one.
fn image<'a>() -> UnifiedKernelImage<'a> {
    UnifiedKernelImage {
        stub: b"",
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
    }
}

fn profile(id: &str) -> Profile<'_> {
    Profile { id, title: None, command_line: None, initrd: None, pcr_signature: None }
}

fn refusal(image: &UnifiedKernelImage<'_>) -> AssembleError {
    image.sections().expect_err("these parts must be refused")
}

#[test]
fn a_command_line_of_two_lines_is_refused() {
    for command_line in ["", "  ", "quiet\n", "a\0b"] {
        let refused = refusal(&UnifiedKernelImage { command_line, ..image() });
        assert_eq!(refused, AssembleError::CommandLine { command_line: command_line.to_owned() });
    }
}

#[test]
fn a_command_line_longer_than_the_kernel_takes_is_refused_also_in_a_profile() {
    let mut linux = vec![0; 0x1000];
    linux[0x202..0x206].copy_from_slice(b"HdrS");
    linux[0x206..0x208].copy_from_slice(&0x020f_u16.to_le_bytes());
    linux[0x20e..0x210].copy_from_slice(&0x600_u16.to_le_bytes());
    linux[0x238..0x23c].copy_from_slice(&2047_u32.to_le_bytes());
    linux[0x800..0x807].copy_from_slice(b"6.12.0 ");
    let long = "x".repeat(2048);
    let too_long = AssembleError::CommandLineTooLong { len: 2048, limit: 2047 };
    assert_eq!(refusal(&UnifiedKernelImage { linux: &linux, command_line: &long, ..image() }), too_long);
    let live = Profile { command_line: Some(&long), ..profile("live") };
    assert_eq!(refusal(&UnifiedKernelImage { linux: &linux, profiles: vec![live], ..image() }), too_long);
}

#[test]
fn a_kernel_that_is_empty_or_a_broken_pe_image_is_refused() {
    assert_eq!(refusal(&UnifiedKernelImage { linux: b"", ..image() }), AssembleError::NoLinux);
    let broken = [b"MZ".as_slice(), &[0; 0x3e]].concat();
    let refused = refusal(&UnifiedKernelImage { linux: &broken, ..image() });
    assert!(matches!(refused, AssembleError::Linux(_)), "{refused}");
}

#[test]
fn two_profiles_of_one_id_are_refused() {
    let twice = UnifiedKernelImage { profiles: vec![profile("live"), profile("live")], ..image() };
    assert_eq!(refusal(&twice), AssembleError::Profile(ProfileError::DuplicateId { id: "live".to_owned() }));
}

#[test]
fn a_profile_whose_text_could_be_read_otherwise_is_refused() {
    for id in ["", "Live", "a b", "a\nTITLE=x"] {
        let refused = refusal(&UnifiedKernelImage { profiles: vec![profile(id)], ..image() });
        assert_eq!(refused, AssembleError::Profile(ProfileError::Id { id: id.to_owned() }));
    }
    for title in ["", "a\nID=b", "say \"hi\"", "$HOME"] {
        let live = Profile { title: Some(title), ..profile("live") };
        let refused = refusal(&UnifiedKernelImage { profiles: vec![live], ..image() });
        assert!(matches!(refused, AssembleError::Profile(ProfileError::Title { .. })), "{title:?}: {refused}");
    }
}

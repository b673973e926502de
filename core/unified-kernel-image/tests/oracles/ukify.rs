//! ukify(1) of systemd 257.

use serde_json::Value;
use unified_kernel_image::{PeImage, UnifiedKernelImage};

use crate::sample::{
    COMMAND_LINE, LIVE_COMMAND_LINE, OS_RELEASE, PUBLIC_KEY, SBAT_LINE, SIGNATURE, STUB, Sample, UNAME,
};
use crate::tools_tree::ToolsTree;

#[test]
fn ukify_inspect_sees_the_sections_we_describe_with_the_same_sizes_and_hashes() {
    let tree = ToolsTree::from_environment();
    let sample = Sample::new(&tree, 40_000_003);
    let assembled = sample.image().assemble().unwrap();
    let file = assembled.to_vec();
    assert_eq!(file.len() as u64, assembled.size());
    let path = tree.put("image.efi", &file);
    let seen: Value = serde_json::from_str(&tree.run("ukify", &["--json=short", "--all", "inspect", &path])).unwrap();

    let description = PeImage::parse(&file).unwrap().describe();
    let seen = seen.as_object().unwrap();
    assert_eq!(description.sections.len(), seen.len());
    for section in &description.sections {
        assert_eq!(seen[&section.name]["size"], section.size, "{}", section.name);
        assert_eq!(seen[&section.name]["sha256"], section.sha256, "{}", section.name);
    }
    assert_eq!(seen[".cmdline"]["text"], COMMAND_LINE);
    assert_eq!(seen[".uname"]["text"], UNAME);
    assert_eq!(seen[".initrd"]["size"], 40_000_003);
}

#[test]
fn ukify_build_makes_the_same_bytes_from_the_same_parts_but_for_the_checksum() {
    let tree = ToolsTree::from_environment();
    let sample = Sample::new(&tree, 3_000_001);
    let ours = sample.image().assemble().unwrap().to_vec();
    let signature = format!("--section=.pcrsig:@{}", tree.put("pcrsig", SIGNATURE.as_bytes()));
    build(&tree, &sample, &[SBAT_LINE], &["--output=image.efi", &signature]);
    assert_same_but_for_the_checksum(&ours, &tree.get("image.efi"));
}

#[test]
fn ukify_build_merges_the_sbat_lines_and_the_nx_flag_of_a_kernel_the_same_way() {
    let tree = ToolsTree::from_environment();
    // systemd-boot is a PE image with SBAT lines, as a kernel is; without NX_COMPAT it resembles an old one.
    let mut kernel = tree.read("usr/lib/systemd/boot/efi/systemd-bootx64.efi");
    let dll_characteristics = 0x40 + 24 + 70;
    assert_eq!(kernel[dll_characteristics + 1] & 1, 1);
    kernel[dll_characteristics + 1] = 0;
    let sample = Sample { linux: kernel, ..Sample::new(&tree, 1000) };
    // With a line of our own, ukify finds that they do not fit the 512 bytes the stub has; we make room.
    let image = UnifiedKernelImage { pcr_signature: None, sbat: Vec::new(), ..sample.image() };
    let ours = image.assemble().unwrap().to_vec();
    assert_eq!(ours[dll_characteristics + 1] & 1, 0);
    build(&tree, &sample, &[], &["--output=image.efi"]);
    assert_same_but_for_the_checksum(&ours, &tree.get("image.efi"));
}

#[test]
fn ukify_build_makes_the_same_bytes_with_profiles_but_for_the_checksum() {
    let tree = ToolsTree::from_environment();
    let sample = Sample::new(&tree, 3_000_001);
    let ours = sample.image_with_profiles().assemble().unwrap().to_vec();
    let read = PeImage::parse(&ours).unwrap();
    let texts: Vec<&[u8]> = read
        .sections()
        .iter()
        .filter(|section| section.name == ".profile")
        .map(|section| read.content(section))
        .collect();
    assert_eq!(texts, [b"ID=normal\n".as_slice(), b"ID=live\nTITLE=\"Live, changes nothing\"\n"]);
    let normal = format!("--profile=@{}", tree.put("normal", texts[0]));
    let live = format!("--profile=@{}", tree.put("live", texts[1]));
    let live_command_line = format!("--cmdline=@{}", tree.put("live-cmdline", LIVE_COMMAND_LINE.as_bytes()));

    tree.run("ukify", &["build", &live, &live_command_line, "--output=live.efi"]);
    build(&tree, &sample, &[SBAT_LINE], &["--output=image.efi", &normal, "--join-profile=live.efi"]);
    assert_same_but_for_the_checksum(&ours, &tree.get("image.efi"));
}

/// Has ukify build from the parts of the sample.
fn build(tree: &ToolsTree, sample: &Sample, sbat_lines: &[&str], more: &[&str]) {
    // ukify replaces its own UKI line by the lines it is given; we add to it.
    let uki_lines = "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n\
         uki,1,UKI,uki,1,https://uapi-group.org/specifications/specs/unified_kernel_image/";
    let sbat = [&[uki_lines], sbat_lines].concat().join("\n");
    let arguments = [
        format!("--stub=/{STUB}"),
        format!("--linux={}", tree.put("linux", &sample.linux)),
        format!("--initrd={}", tree.put("initrd", &sample.initrd)),
        format!("--microcode={}", tree.put("microcode", &sample.microcode)),
        format!("--os-release=@{}", tree.put("os-release", OS_RELEASE.as_bytes())),
        format!("--cmdline=@{}", tree.put("cmdline", COMMAND_LINE.as_bytes())),
        format!("--uname={UNAME}"),
        format!("--pcrpkey={}", tree.put("pcrpkey", PUBLIC_KEY.as_bytes())),
        format!("--sbat=@{}", tree.put("sbat", sbat.as_bytes())),
    ];
    let mut all = vec!["build"];
    all.extend(arguments.iter().map(String::as_str));
    all.extend(more);
    tree.run("ukify", &all);
}

/// ukify leaves the PE checksum zero, we set it; UEFI firmware looks at neither.
fn assert_same_but_for_the_checksum(ours: &[u8], theirs: &[u8]) {
    let sections = |file: &[u8]| PeImage::parse(file).expect("a PE image").describe().sections;
    assert_eq!(sections(ours), sections(theirs));
    assert_eq!(ours.len(), theirs.len());
    let differing: Vec<usize> = (0..ours.len()).filter(|at| ours[*at] != theirs[*at]).collect();
    let checksum_field = 0x40 + 24 + 64;
    let is_checksum = |at: &usize| (checksum_field..checksum_field + 4).contains(at);
    assert!(differing.iter().all(is_checksum), "differing bytes: {differing:x?}");
    assert_eq!(theirs[checksum_field..checksum_field + 4], [0; 4]);
}

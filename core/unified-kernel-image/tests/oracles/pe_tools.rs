//! Tools that know PE images but nothing of unified kernel images.

use sha2::{Digest, Sha256};
use unified_kernel_image::PeImage;

use crate::sample::Sample;
use crate::tools_tree::{ToolsTree, run_on_machine};

#[test]
fn objdump_lists_our_sections_at_the_addresses_and_offsets_we_describe() {
    let tree = ToolsTree::from_environment();
    let sample = Sample::new(&tree, 100_000);
    let file = sample.image_with_profiles().assemble().unwrap().to_vec();
    tree.put("image.efi", &file);
    let listing = objdump(&tree);
    let image_base =
        u64::from_str_radix(listing.lines().find_map(|line| line.strip_prefix("ImageBase")).unwrap().trim(), 16)
            .unwrap();
    let listed: Vec<[String; 4]> = listing
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| fields.len() > 6 && fields[0].parse::<u32>().is_ok() && fields[1].starts_with('.'))
        .map(|fields| [1, 2, 3, 5].map(|field| fields[field].to_owned()))
        .collect();
    let described: Vec<[String; 4]> = PeImage::parse(&file)
        .unwrap()
        .describe()
        .sections
        .into_iter()
        .map(|section| {
            [
                section.name,
                format!("{:08x}", section.size),
                format!("{:016x}", image_base + u64::from(section.virtual_address)),
                format!("{:08x}", section.file_offset),
            ]
        })
        .collect();
    assert_eq!(listed, described);
}

#[test]
fn pefile_calculates_the_checksum_we_wrote_and_warns_of_nothing() {
    let tree = ToolsTree::from_environment();
    let sample = Sample::new(&tree, 100_001);
    let path = tree.put("image.efi", &sample.image_with_profiles().assemble().unwrap().to_vec());
    let script = "import pefile, sys; pe = pefile.PE(sys.argv[1]); print(pe.verify_checksum(), pe.get_warnings())";
    assert_eq!(tree.run("python3", &["-c", script, &path]).trim(), "True []");
}

#[test]
fn sbverify_finds_no_signature_before_signing_and_accepts_the_one_sbsign_makes() {
    let tree = ToolsTree::from_environment();
    let sample = Sample::new(&tree, 2_000_000);
    let assembled = sample.image_with_profiles().assemble().unwrap();
    let file = assembled.to_vec();
    assert!(PeImage::parse(&file).unwrap().certificate_table().is_none());
    tree.put("image.efi", &file);
    let sbverify = |arguments: &[&str]| run_on_machine("sbverify", "sbsigntool", &tree.path(""), arguments);
    let list = sbverify(&["--list", "image.efi"]);
    assert!(list.contains("No signature table present"), "{list}");

    let make_key = "req -new -x509 -newkey rsa:2048 -noenc -subj /CN=throw-away -keyout key.pem -out certificate.pem";
    let make_key: Vec<&str> = make_key.split(' ').collect();
    run_on_machine("openssl", "openssl", &tree.path(""), &make_key);
    let sign = "--key key.pem --cert certificate.pem --output signed.efi image.efi";
    let sign: Vec<&str> = sign.split(' ').collect();
    run_on_machine("sbsign", "sbsigntool", &tree.path(""), &sign);
    let verified = sbverify(&["--cert", "certificate.pem", "signed.efi"]);
    assert!(verified.contains("Signature verification OK"), "{verified}");

    let signed = tree.get("signed.efi");
    let image = PeImage::parse(&signed).unwrap();
    let description = image.describe();
    assert!(description.has_certificate_table);
    assert_eq!(description.sections, PeImage::parse(&file).unwrap().describe().sections);
    // The signature names the digest of exactly the bytes we say Authenticode covers.
    let mut digest = Sha256::new();
    assembled.authenticode_chunks().for_each(|chunk| digest.update(chunk));
    let digest = digest.finalize();
    let table = image.certificate_table().unwrap();
    assert!(table.windows(digest.len()).any(|window| window == digest.as_slice()));
}

#[test]
fn the_same_parts_make_the_same_bytes() {
    let tree = ToolsTree::from_environment();
    let sample = Sample::new(&tree, 100_000);
    let assembled = sample.image().assemble().unwrap();
    let mut written = Vec::new();
    assembled.write_to(&mut written).unwrap();
    assert_eq!(written, Sample::new(&tree, 100_000).image().assemble().unwrap().to_vec());
}

fn objdump(tree: &ToolsTree) -> String {
    run_on_machine("objdump", "binutils", &tree.path(""), &["-h", "-p", "-w", "image.efi"])
}

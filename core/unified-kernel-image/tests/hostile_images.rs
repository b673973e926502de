//! The same as the fuzz target `uki`, from a small valid image with bytes changed, so that it runs with the other tests.

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, proptest};
use unified_kernel_image::{AssembleError, LinuxImage, PeError, PeImage, UnifiedKernelImage};

const SECTION_TABLE: usize = 0x40 + 24 + 240;

/// A PE32+ file with the sections `.text` and `.sbat` and headers that hold `capacity` sections.
fn small_stub(capacity: usize) -> Vec<u8> {
    let size_of_headers = (SECTION_TABLE + capacity * 40).next_multiple_of(512);
    let mut file = vec![0; size_of_headers + 1024];
    let mut put = |offset: usize, bytes: &[u8]| file[offset..offset + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(0x3c, &0x40_u32.to_le_bytes());
    put(0x40, b"PE\0\0\x64\x86\x02\0");
    put(0x40 + 20, &240_u16.to_le_bytes());
    let optional = 0x40 + 24;
    put(optional, &0x20b_u16.to_le_bytes());
    put(optional + 32, &4096_u32.to_le_bytes());
    put(optional + 36, &512_u32.to_le_bytes());
    put(optional + 60, &(size_of_headers as u32).to_le_bytes());
    put(optional + 70, &0x160_u16.to_le_bytes());
    put(optional + 108, &16_u32.to_le_bytes());
    let sbat = b"sbat,1,a,b,c,d\nstub,1,a,b,c,d\n";
    for (index, (name, size)) in [(b".text", 512), (b".sbat", sbat.len())].into_iter().enumerate() {
        let header = SECTION_TABLE + index * 40;
        put(header, name);
        put(header + 8, &(size as u32).to_le_bytes());
        put(header + 12, &((index as u32 + 1) * 4096).to_le_bytes());
        put(header + 16, &512_u32.to_le_bytes());
        put(header + 20, &((size_of_headers + index * 512) as u32).to_le_bytes());
    }
    put(size_of_headers + 512, sbat);
    file
}

fn image_on(stub: &[u8]) -> UnifiedKernelImage<'_> {
    UnifiedKernelImage {
        stub,
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

fn read_and_extend(bytes: &[u8]) {
    let _ = LinuxImage::parse(bytes);
    if let Ok(image) = PeImage::parse(bytes) {
        assert_eq!(image.describe().sections.len(), image.sections().len());
        let _ = image.unified_sections();
    }
    if let Ok(assembled) = image_on(bytes).assemble() {
        let file = assembled.to_vec();
        let image = PeImage::parse(&file).expect("what was assembled can be read");
        assert!(image.section(".linux").is_some());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_header_bytes_never_panic(changes in vec((0..0x200_usize, any::<u8>()), 1..6)) {
        let mut stub = small_stub(8);
        for (offset, value) in changes {
            stub[offset] = value;
        }
        read_and_extend(&stub);
    }

    #[test]
    fn changed_header_words_never_panic(field in 0..0x7c_usize, value in any::<u32>()) {
        let mut stub = small_stub(8);
        stub[field * 4..field * 4 + 4].copy_from_slice(&value.to_le_bytes());
        read_and_extend(&stub);
    }

    #[test]
    fn a_cut_file_never_panics(len in 0..2048_usize) {
        let stub = small_stub(8);
        read_and_extend(&stub[..len.min(stub.len())]);
    }
}

#[test]
fn the_small_stub_can_be_extended() {
    let stub = small_stub(8);
    assert!(image_on(&stub).assemble().is_ok());
}

#[test]
fn headers_without_room_are_named() {
    let stub = small_stub(2);
    let error = image_on(&stub).assemble().err().expect("headers of 512 bytes hold four sections");
    assert_eq!(error, AssembleError::NoHeaderRoom { name: unified_kernel_image::SectionName::Linux, room: 4 });
    assert!(error.to_string().contains("larger headers"), "{error}");
}

#[test]
fn a_stub_with_a_certificate_table_is_refused() {
    let mut stub = small_stub(8);
    let end = stub.len() as u32;
    stub.extend_from_slice(&[0; 8]);
    let directory = 0x40 + 24 + 112 + 4 * 8;
    stub[directory..directory + 4].copy_from_slice(&end.to_le_bytes());
    stub[directory + 4..directory + 8].copy_from_slice(&8_u32.to_le_bytes());
    assert_eq!(image_on(&stub).assemble().err(), Some(AssembleError::UnsuitableStub("it is signed")));
}

#[test]
fn sections_that_share_bytes_are_refused() {
    let mut stub = small_stub(8);
    let text_offset = stub[SECTION_TABLE + 20..SECTION_TABLE + 24].to_vec();
    stub[SECTION_TABLE + 60..SECTION_TABLE + 64].copy_from_slice(&text_offset);
    assert_eq!(
        PeImage::parse(&stub).err(),
        Some(PeError::Overlap { name: ".sbat".to_owned(), other: ".text".to_owned(), place: "the file" })
    );
}

#[test]
fn sections_that_load_over_each_other_are_refused() {
    let mut stub = small_stub(8);
    let text_address = stub[SECTION_TABLE + 12..SECTION_TABLE + 16].to_vec();
    stub[SECTION_TABLE + 52..SECTION_TABLE + 56].copy_from_slice(&text_address);
    let error = PeImage::parse(&stub).err();
    assert!(matches!(error, Some(PeError::Overlap { place: "memory", .. })), "{error:?}");
}

#[test]
fn a_long_sbat_section_pushes_what_follows_it_in_the_file() {
    let stub = small_stub(8);
    let lines: Vec<String> =
        (0..20).map(|number| format!("part{number},1,Vendor,package,1.0,https://example.org/{number}")).collect();
    let mut image = image_on(&stub);
    image.sbat = lines.iter().map(String::as_str).collect();
    let file = image.assemble().unwrap().to_vec();
    let read = PeImage::parse(&file).unwrap();
    let sbat = read.content(read.section(".sbat").unwrap());
    assert!(sbat.ends_with(b"part19,1,Vendor,package,1.0,https://example.org/19\n\0"));
    assert_eq!(read.content(read.section(".linux").unwrap()), b"kernel");
}

#[test]
fn sbat_lines_that_would_run_into_the_next_section_are_refused() {
    let mut stub = small_stub(8);
    // `.text` after `.sbat` in memory.
    stub[SECTION_TABLE + 12..SECTION_TABLE + 16].copy_from_slice(&0x3000_u32.to_le_bytes());
    let line = format!("part,1,Vendor,package,1.0,https://example.org/{}", "x".repeat(5000));
    let mut image = image_on(&stub);
    image.sbat = vec![&line];
    assert!(matches!(image.assemble().err(), Some(AssembleError::SbatTooLong { room: 4096, .. })));
}

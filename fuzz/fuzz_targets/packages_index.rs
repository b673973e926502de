//! What an archive, apt, a package file or the machine's configuration says, read as if somebody else had written it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use package_lock::apt_output::{parse_index_targets, parse_print_uris, recognise};
use package_lock::apt_sources::{debian_mirrors, parse_deb822_sources, parse_list};
use package_lock::deb_archive::{HEADER_LENGTH, MemberHeader};
use package_lock::packages_index::{is_archive_path, parse_index};
use package_lock::release::parse_release;

fuzz_target!(|bytes: &[u8]| {
    if let Some(header) = bytes.first_chunk::<HEADER_LENGTH>() {
        let _ = MemberHeader::parse(header).map(|member| member.next(u64::MAX));
    }
    let text = String::from_utf8_lossy(bytes);
    if let Ok(packages) = parse_index(&text) {
        for package in packages.flatten() {
            assert!(is_archive_path(package.path));
        }
    }
    let _ = (parse_release(&text), parse_index_targets(&text), parse_print_uris(&text), recognise(&text, &text));
    for sources in [parse_list(&text), parse_deb822_sources(&text)].into_iter().flatten() {
        let _ = debian_mirrors(&sources);
    }
});

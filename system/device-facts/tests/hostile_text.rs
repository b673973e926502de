//! The parsers on text that no kernel writes, and on what it does write at its edges.

use device_facts::text::{
    command_line, efi_variable, load_averages, memory, mount_table, number, os_release, uevent_value, uptime_seconds,
};
use proptest::prelude::{any, proptest};

#[test]
fn a_mount_line_has_any_number_of_optional_fields() {
    for optional in ["", "shared:1 ", "shared:1 master:2 propagate_from:3 "] {
        let line = format!("36 35 98:0 /mnt1 /mnt\\0402 rw,noatime {optional}- ext3 /dev/root ro,errors=continue");
        let mounts = mount_table::parse(&line).unwrap();
        assert_eq!(
            (mounts[0].target.as_str(), mounts[0].read_only, mounts[0].device.major),
            ("/mnt 2", true, 98),
            "{line}"
        );
    }
}

#[test]
fn a_mount_line_that_is_cut_is_refused() {
    let line = "36 35 98:0 / /mnt rw - ext3 /dev/root rw";
    assert!(mount_table::parse(line).is_some());
    for end in 0..line.len() - 2 {
        assert!(end == 0 || mount_table::parse(&line[..end]).is_none(), "{}", &line[..end]);
    }
}

#[test]
fn escapes_that_are_none_stay() {
    for (escaped, plain) in
        [(r"/a\134b", r"/a\b"), (r"/\9", r"/\9"), (r"/\04", r"/\04"), (r"/\377", r"/\377"), (r"/\é12", r"/\é12")]
    {
        let mounts = mount_table::parse(&format!("1 1 0:1 / {escaped} rw - tmpfs none rw")).unwrap();
        assert_eq!(mounts[0].target, plain);
    }
}

#[test]
fn os_release_values_are_quoted_in_three_ways() {
    let release = os_release::parse(
        "# comment\nID=a\nNAME=\"b \\\"c\\\\\"\nVERSION_ID='d e'\nIMAGE_ID=\"\nIMAGE_VERSION=\nnonsense\n",
    );
    assert_eq!((release.id.as_str(), release.name.as_str()), ("a", "b \"c\\"));
    assert_eq!(
        (release.version.as_deref(), release.image_id.as_deref(), release.image_version.as_deref()),
        (Some("d e"), Some("\""), Some(""))
    );
}

#[test]
fn a_root_hash_is_sixty_four_digits_and_the_last_one_counts() {
    let (a, b) = ("a".repeat(64), "B".repeat(64));
    assert_eq!(command_line::root_hash(&format!("quiet roothash={a} roothash={b}")), Some("b".repeat(64)));
    assert_eq!(command_line::root_hash(&format!("\"roothash={a}\"")), Some(a.clone()));
    for text in [
        String::new(),
        "roothash=".into(),
        format!("roothash={a}0"),
        format!("xroothash={a}"),
        format!("roothash={}", "g".repeat(64)),
    ] {
        assert_eq!(command_line::root_hash(&text), None, "{text}");
    }
}

#[test]
fn efi_variables_begin_with_their_attributes() {
    assert_eq!(efi_variable::boolean(&[6, 0, 0, 0, 1]), Some(true));
    assert_eq!(efi_variable::boolean(&[6, 0, 0, 0, 0]), Some(false));
    for odd in [&[][..], &[1], &[6, 0, 0, 0], &[6, 0, 0, 0, 2], &[6, 0, 0, 0, 1, 0]] {
        assert_eq!(efi_variable::boolean(odd), None, "{odd:?}");
    }
    assert_eq!(efi_variable::string(&[6, 0, 0, 0, b'1', 0, b'1', 0, 0, 0, b'x', 0]), Some("11".into()));
    for odd in [&[6, 0, 0][..], &[6, 0, 0, 0, 1], &[6, 0, 0, 0, 0, 0xd8]] {
        assert_eq!(efi_variable::string(odd), None, "{odd:?}");
    }
}

#[test]
fn figures_that_do_not_fit_are_refused() {
    assert_eq!(memory::resident_bytes("VmRSS:\t    5504 kB\n"), Some(5504 * 1024));
    assert_eq!(memory::resident_bytes("VmRSS: 18446744073709551615 kB"), None);
    assert_eq!(memory::resident_bytes("VmRSS: 5504"), None);
    assert_eq!(load_averages("NaN 1 2"), None);
    assert_eq!(load_averages("-1 1 2"), None);
    assert_eq!(load_averages("0.00 1.50 2 1/2 3"), Some([0.0, 1.5, 2.0]));
    assert_eq!(uptime_seconds("18750.42 1"), Some(18750));
    assert_eq!(uptime_seconds("."), None);
    assert_eq!(number("2\n"), Some(2));
    assert_eq!(uevent_value("PARTNAMES=x\nPARTNAME=root-a\n", "PARTNAME"), Some("root-a".into()));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "(?s).{0,200}") {
        let _ = (mount_table::parse(&text), memory::parse(&text), memory::resident_bytes(&text), load_averages(&text));
        let _ = (os_release::parse(&text), command_line::root_hash(&text), uptime_seconds(&text), number(&text), uevent_value(&text, "K"));
    }

    #[test]
    fn almost_a_mount_line_is_read_or_refused(text in r"[0-9: /\\a-z,-]{0,80}( - )?[0-9: /\\a-z,-]{0,40}") {
        let _ = mount_table::parse(&text);
    }

    #[test]
    fn any_bytes_are_a_variable_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = (efi_variable::boolean(&bytes), efi_variable::string(&bytes));
    }
}

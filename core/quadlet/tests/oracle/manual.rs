//! The manual page has the keys that our tables call documented.
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "the oracle is a file")]

use crate::generator::tools_tree;
use quadlet::keys::{self, Standing};
use quadlet::unit_kind::UnitKind;
use std::collections::BTreeSet;
use std::io::Read;

#[test]
fn the_manual_page_has_the_keys_that_the_tables_call_documented() {
    let path = tools_tree().join("usr/share/man/man5/podman-systemd.unit.5.gz");
    let file = std::fs::File::open(&path);
    let file = file.unwrap_or_else(|error| panic!("{}: {error}; it is in trixie's package podman", path.display()));
    let mut page = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut page).unwrap();
    for kind in UnitKind::ALL {
        let documented = keys::of_kind(kind).iter().filter(|key| key.standing == Standing::Documented);
        let ours: BTreeSet<&str> = documented.map(|key| key.name).collect();
        assert_eq!(table(&page, kind.section()), ours, "[{}]", kind.section());
    }
    let quadlet: BTreeSet<&str> = keys::of_quadlet().iter().map(|key| key.name).collect();
    assert_eq!(table(&page, "Quadlet"), quadlet);
}

/// The first column of the table of a section.
fn table<'page>(page: &'page str, section: &str) -> BTreeSet<&'page str> {
    let heading = format!("[{section}] options");
    let rows = page.lines().skip_while(|line| !line.contains(&heading)).skip(1).take_while(|line| *line != ".TE");
    let key = |row: &'page str| {
        let (key, _) = row.split_once('=')?;
        let is_row = row.contains('\t') && key.chars().all(|character| character.is_ascii_alphanumeric());
        is_row.then_some(key)
    };
    rows.filter_map(key).collect()
}

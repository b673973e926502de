//! systemd knows the keys that we let pass.

use crate::generator::run;
use quadlet::keys::systemd::{INSTALL, INSTALL_IGNORED, SERVICE, UNIT};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

#[test]
fn systemd_knows_the_same_keys() {
    let variable = ("LC_ALL", Path::new("C"));
    let output = run("systemd", "usr/lib/systemd/systemd", &["--dump-configuration-items"], variable);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut sections: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut section = "";
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        } else if let Some((key, _)) = line.split_once('=') {
            sections.entry(section).or_default().insert(key);
        }
    }
    let ours = |keys: &'static str| keys.split_ascii_whitespace().collect::<BTreeSet<&str>>();
    assert_eq!(sections["Unit"], ours(UNIT));
    assert_eq!(sections["Service"], ours(SERVICE));
    let install: BTreeSet<&str> = ours(INSTALL).union(&ours(INSTALL_IGNORED)).copied().collect();
    assert_eq!(sections["Install"], install);
}

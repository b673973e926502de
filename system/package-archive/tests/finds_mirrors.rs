//! Mirrors from apt configurations as they are found on machines.

use package_archive::mirrors::{MirrorsError, in_configuration};
use std::fs;

#[test]
fn mirrors_come_from_every_kind_of_file() {
    let directory = tempfile::tempdir().unwrap();
    let parts = directory.path().join("sources.list.d");
    fs::create_dir(&parts).unwrap();
    let list = directory.path().join("debian-security.list");
    fs::write(
        &list,
        "http://security.example/debian-security\tpriority:1\n# note\nhttp://other.example/debian-security/\n",
    )
    .unwrap();
    fs::write(directory.path().join("sources.list"), "deb http://one.example/debian trixie main\n").unwrap();
    fs::write(
        parts.join("debian.sources"),
        "Types: deb\nURIs: http://two.example/debian/\nSuites: trixie\nComponents: main\n",
    )
    .unwrap();
    fs::write(
        parts.join("security.sources"),
        format!("Types: deb\nURIs: mirror+file:{}\nSuites: trixie-security\nComponents: main\n", list.display()),
    )
    .unwrap();
    fs::write(parts.join("old.list.save"), "not a source").unwrap();
    let mirrors = in_configuration(directory.path()).unwrap();
    assert_eq!(mirrors.main, ["http://one.example/debian", "http://two.example/debian"]);
    assert_eq!(mirrors.security, ["http://security.example/debian-security", "http://other.example/debian-security"]);
}

#[test]
fn a_machine_without_apt_has_no_mirrors() {
    let directory = tempfile::tempdir().unwrap();
    assert!(in_configuration(directory.path()).unwrap().main.is_empty());
    fs::write(directory.path().join("sources.list"), "deb nonsense\n").unwrap();
    assert!(matches!(in_configuration(directory.path()), Err(MirrorsError::Parse { .. })));
}

//! Nothing names the machine it was written on, or one registry or mirror.

use crate::no_violations;
use repository::files::{text, tracked};

/// cargo writes the registry's address into lock files.
const LOCK_FILES: [&str; 2] = ["Cargo.lock", "fuzz/Cargo.lock"];

/// Folders of the machines where this was written. In parts, because this file is tracked too. The home of root is also a path of
/// the product, so only what developers' tools put there counts.
const FOLDERS: [&str; 5] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/.ca"),
    concat!("/ro", "ot/.config"),
    concat!("/ro", "ot/.rustup"),
    concat!("../sha", "red"),
];

/// Hosts from which packages come.
const HOSTS: [&str; 12] = [
    concat!("deb.deb", "ian.org"),
    concat!("security.deb", "ian.org"),
    concat!("snapshot.deb", "ian.org"),
    concat!("ftp.deb", "ian.org"),
    concat!("archive.ubu", "ntu.com"),
    concat!("index.cra", "tes.io"),
    concat!("static.cra", "tes.io"),
    concat!("//cra", "tes.io"),
    concat!("py", "pi.org"),
    concat!("pythonhos", "ted.org"),
    concat!("registry.np", "mjs.org"),
    concat!("proxy.gol", "ang.org"),
];

#[test]
fn no_file_names_a_developers_machine_or_a_registry() {
    let mut violations = Vec::new();
    for path in tracked().iter().filter(|path| !LOCK_FILES.contains(&path.as_str())) {
        for (number, line) in text(path).lines().enumerate() {
            let hosts = HOSTS.iter().filter(|host| line.contains(**host));
            for name in hosts.chain(FOLDERS.iter().filter(|folder| names_folder(line, folder))) {
                violations.push(format!("{path}:{}: {name}", number + 1));
            }
        }
    }
    no_violations("make these settings, or take them out:", &violations);
}

/// Whether a folder stands in a line as the start of a path, not within another path.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        !before.is_some_and(|character| character.is_alphanumeric() || "._-/}$)*".contains(character))
    })
}

#[test]
fn a_folder_within_another_path_is_not_meant() {
    let folder = FOLDERS[0];
    assert!(names_folder(&format!("let path = \"{folder}main\";"), folder));
    assert!(!names_folder(&format!("upper{folder}main"), folder));
}

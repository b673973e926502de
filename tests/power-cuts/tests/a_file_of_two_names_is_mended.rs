//! A power cut within a rename on the ESP can leave a file under both names. The check that a device runs before it mounts its ESP takes the
//! clusters from one of the two, so that removing one later does no harm to the other.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// In FAT's directory entries: the name of 11 bytes, and where the first cluster's number is.
const NAMES: [(&str, &[u8; 11]); 2] = [("NEW.PAR", b"NEW     PAR"), ("NEW.EFI", b"NEW     EFI")];
const FIRST_CLUSTER: [usize; 4] = [20, 21, 26, 27];

#[test]
fn a_file_of_two_names_belongs_to_one_of_them_after_the_check() {
    for turned in [false, true] {
        let place = tempfile::tempdir().unwrap();
        let esp = place.path().join("esp.raw");
        fs::File::create(&esp).unwrap().set_len(64 << 20).unwrap();
        run("mkfs.vfat", &["-F", "32", "-s", "1", path(&esp)]);
        run("mmd", &["-i", path(&esp), "::EFI", "::EFI/LINUX"]);
        let content: Vec<u8> = (0..3_000_000_u32).map(|number| (number >> 9) as u8 ^ number as u8).collect();
        let file = place.path().join("uki");
        fs::write(&file, &content).unwrap();
        let order = if turned { [1, 0] } else { [0, 1] };
        for index in order {
            let name = format!("::EFI/LINUX/{}", NAMES[index].0);
            run("mcopy", &["-i", path(&esp), path(&file), &name]);
        }
        // As the kernel leaves it where the new name has reached the disk and the removal of the old one has not.
        let mut bytes = fs::read(&esp).unwrap();
        let [old, new] = NAMES.map(|(_, name)| bytes.windows(11).position(|window| window == name).unwrap());
        for at in FIRST_CLUSTER {
            bytes[new + at] = bytes[old + at];
        }
        fs::write(&esp, &bytes).unwrap();

        // As `systemd-fsck@.service` has it done.
        let checked = tool("fsck.vfat", &["-a", path(&esp)]);
        assert_eq!(checked.status.code(), Some(1), "errors were corrected: {checked:?}");
        let sizes = NAMES.map(|(name, _)| read(&esp, name).len());
        assert!(sizes.contains(&0) && sizes.contains(&content.len()), "{sizes:?}");

        // Whichever is removed, and whatever is written then, the other is what it was.
        for (removed, kept) in [(0, 1), (1, 0)] {
            let copy = place.path().join("copy.raw");
            fs::copy(&esp, &copy).unwrap();
            let before = read(&copy, NAMES[kept].0);
            run("mdel", &["-i", path(&copy), &format!("::EFI/LINUX/{}", NAMES[removed].0)]);
            fs::write(place.path().join("other"), vec![0xee; 20 << 20]).unwrap();
            run("mcopy", &["-i", path(&copy), path(&place.path().join("other")), "::OTHER"]);
            assert!(read(&copy, NAMES[kept].0) == before, "{} was changed", NAMES[kept].0);
            run("fsck.vfat", &["-n", path(&copy)]);
        }
    }
}

fn read(esp: &Path, name: &str) -> Vec<u8> {
    run("mtype", &["-i", path(esp), &format!("::EFI/LINUX/{name}")]).stdout
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[track_caller]
fn run(program: &str, arguments: &[&str]) -> Output {
    let output = tool(program, arguments);
    assert!(output.status.success(), "{program}: {output:?}");
    output
}

#[expect(clippy::disallowed_methods, reason = "tools of the tests, which the product does not run")]
fn tool(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"))
}

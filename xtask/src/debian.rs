//! What building, running and testing need from Debian.

use crate::shell::{self, command, root_command, run, say, target};
use anyhow::{Context, bail};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// To build images.
const BUILD: [&str; 6] = ["apt", "ca-certificates", "debian-archive-keyring", "gcc", "uidmap", "util-linux"];
/// To run images.
const RUN: [&str; 5] = ["ovmf", "qemu-system-x86", "qemu-utils", "swtpm", "swtpm-tools"];
/// Oracles that the tests compare with.
const TEST: [&str; 22] = [
    "apt-utils",
    "argon2",
    "bubblewrap",
    "binutils",
    "bsdutils",
    "cpio",
    "cryptsetup-bin",
    "dosfstools",
    "dpkg-dev",
    "e2fsprogs",
    "erofs-utils",
    "fdisk",
    "gdisk",
    "gnupg",
    "kmod",
    "libarchive-tools",
    "mmdebstrap",
    "mtools",
    "openssl",
    "procps",
    "python3-venv",
    "sbsigntool",
];
/// Peers that the benches compare with.
const BENCH: [&str; 7] = ["bsdiff", "casync", "coreutils", "ostree", "xdelta3", "zstd", "zsync"];
/// Programs of trixie that bookworm does not have, used as oracles in a tree of their own.
const TOOLS_TREE: &str = "bubblewrap,cryptsetup-bin,erofs-utils,fdisk,kmod,mkosi,podman,squashfs-tools,systemd,systemd-boot-efi,\
                          systemd-boot-tools,systemd-container,systemd-repart,systemd-ukify,dosfstools,mtools,e2fsprogs,\
                          tpm2-tools,xz-utils,zstd";
/// QEMU before this major version crashes guests under emulation with `-cpu max`.
const OLDEST_QEMU: u32 = 8;

/// Installs what building and running need.
pub fn install_for_demo() -> anyhow::Result<()> {
    install(&[BUILD.as_slice(), &RUN].concat())
}

/// Installs what everything needs.
pub fn install_all() -> anyhow::Result<()> {
    install(&[BUILD.as_slice(), &RUN, &TEST].concat())
}

/// Installs what the benches compare with.
pub fn install_for_benches() -> anyhow::Result<()> {
    install(&BENCH)
}

fn install(wanted: &[&str]) -> anyhow::Result<()> {
    let mut missing: BTreeSet<&str> = BTreeSet::new();
    for package in wanted {
        if !is_installed(package)? {
            missing.insert(package);
        }
    }
    let old_qemu = missing.contains("qemu-system-x86") || qemu_major()? < OLDEST_QEMU;
    if missing.is_empty() && !old_qemu {
        return Ok(());
    }
    say(&format!("installing {}", missing.iter().copied().collect::<Vec<_>>().join(", ")));
    let backports = if old_qemu { add_backports()? } else { None };
    let apt = |arguments: &[&str]| -> anyhow::Result<()> {
        let mut apt = root_command("env")?;
        apt.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"]).args(arguments);
        run(&mut apt)
    };
    apt(&["update"])?;
    missing.remove("qemu-system-x86");
    missing.remove("qemu-utils");
    if !missing.is_empty() {
        let packages: Vec<&str> = missing.into_iter().collect();
        apt(&[&["install", "--no-install-recommends"], packages.as_slice()].concat())?;
    }
    if old_qemu {
        let mut arguments = vec!["install", "--no-install-recommends"];
        if let Some(suite) = &backports {
            arguments.extend(["-t", suite]);
        }
        arguments.extend(["qemu-system-x86", "qemu-utils"]);
        apt(&arguments)?;
    }
    Ok(())
}

fn is_installed(package: &str) -> anyhow::Result<bool> {
    let result = command("dpkg-query")?.args(["-W", "-f", "${db:Status-Status}", package]).output();
    let result = result.context("dpkg-query does not run: these commands need Debian 12 or newer")?;
    Ok(result.status.success() && result.stdout == b"installed")
}

fn qemu_major() -> anyhow::Result<u32> {
    let Ok(result) = command("qemu-system-x86_64")?.arg("--version").output() else { return Ok(0) };
    let text = String::from_utf8_lossy(&result.stdout).into_owned();
    let major = text.split("version ").nth(1).and_then(|rest| rest.split('.').next()?.parse().ok());
    Ok(major.unwrap_or_default())
}

/// On bookworm QEMU comes from its backports: writes an apt source beside the machine's own, from the same mirror.
fn add_backports() -> anyhow::Result<Option<String>> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let codename = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).unwrap_or_default();
    if codename != "bookworm" {
        return Ok(None);
    }
    let suite = format!("{codename}-backports");
    let sources = apt_sources()?;
    if sources.contains(&suite) {
        return Ok(Some(suite));
    }
    let mirror =
        mirror_of(&sources, codename).context("no mirror of bookworm in /etc/apt; add bookworm-backports there")?;
    let text = format!(
        "Types: deb\nURIs: {mirror}\nSuites: {suite}\nComponents: main\n\
         Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    );
    let staged = target()?.join("piccolo-backports.sources");
    fs::create_dir_all(target()?)?;
    fs::write(&staged, text)?;
    run(root_command("install")?.args(["-m", "0644"]).arg(&staged).arg("/etc/apt/sources.list.d/"))?;
    Ok(Some(suite))
}

fn apt_sources() -> anyhow::Result<String> {
    let mut paths = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(entries) = fs::read_dir("/etc/apt/sources.list.d") {
        paths.extend(entries.flatten().map(|entry| entry.path()));
    }
    Ok(paths.iter().filter_map(|path| fs::read_to_string(path).ok()).collect::<Vec<_>>().join("\n\n"))
}

/// The address from which a suite comes, in either of apt's formats.
fn mirror_of(sources: &str, suite: &str) -> Option<String> {
    for stanza in sources.split("\n\n") {
        let field = |name: &str| stanza.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        if let (Some(uris), Some(suites)) = (field("URIs:"), field("Suites:"))
            && suites.split_whitespace().any(|have| have == suite)
        {
            return uris.split_whitespace().next().map(str::to_owned);
        }
    }
    sources.lines().find_map(|line| {
        let words: Vec<&str> =
            line.split_whitespace().filter(|word| !word.starts_with('[') && !word.ends_with(']')).collect();
        match words[..] {
            ["deb", uri, have, ..] if have == suite => Some(uri.to_owned()),
            _ => None,
        }
    })
}

/// A tree of trixie with the oracles that bookworm lacks; made once, below the target directory.
pub fn tools_tree() -> anyhow::Result<PathBuf> {
    let tree = target()?.join("tools-tree");
    let stamp = tree.join("usr/lib/piccolo-tools");
    if fs::read_to_string(&stamp).is_ok_and(|have| have == TOOLS_TREE) {
        return Ok(tree);
    }
    say("making the tree of test tools from trixie …");
    let mirror = mirror_of(&apt_sources()?, &host_suite()?).context("no Debian mirror in /etc/apt")?;
    if tree.exists() {
        remove_tree(&tree)?;
    }
    // Root's tree can be entered by chroot(8), as some oracles need.
    let mode = if shell::is_root()? { "--mode=root" } else { "--mode=unshare" };
    let mut mmdebstrap = command("mmdebstrap")?;
    mmdebstrap.args(["--quiet", "--variant=apt", mode, &format!("--include={TOOLS_TREE}"), "trixie"]);
    run(mmdebstrap.arg(&tree).arg(mirror))?;
    if !tree.join("usr").is_dir() {
        bail!("mmdebstrap made no tree at {}", tree.display());
    }
    fs::write(&stamp, TOOLS_TREE).with_context(|| format!("writing {}", stamp.display()))?;
    Ok(tree)
}

fn host_suite() -> anyhow::Result<String> {
    let release = fs::read_to_string("/etc/os-release").context("reading /etc/os-release")?;
    let codename = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    Ok(codename.context("/etc/os-release names no VERSION_CODENAME: is this Debian?")?.to_owned())
}

fn remove_tree(tree: &Path) -> anyhow::Result<()> {
    run(root_command("rm")?.arg("-rf").arg("--one-file-system").arg(tree))
}

#[cfg(test)]
mod tests {
    use super::mirror_of;

    #[test]
    fn finds_the_mirror_in_both_formats() {
        let modern = "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\n\n\
                      Types: deb\nURIs: http://mirror.example/security\nSuites: bookworm-security";
        assert_eq!(mirror_of(modern, "bookworm").as_deref(), Some("http://mirror.example/debian"));
        let classic = "# x\ndeb [arch=amd64 signed-by=/k.gpg] http://a.example/other nodistro main\n\
                       deb http://b.example/debian bookworm main\n";
        assert_eq!(mirror_of(classic, "bookworm").as_deref(), Some("http://b.example/debian"));
        assert_eq!(mirror_of(classic, "trixie"), None);
    }
}

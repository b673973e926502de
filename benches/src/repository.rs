//! A directory of packages that apt takes for a mirror: the peer downloads nothing while it is measured

use crate::measured::{self, command};
use crate::ours;
use crate::workplace::{empty, folder};
use anyhow::Context;
use host::cancel::Cancel;
use package_archive::fetch::fetch;
use package_archive::mirrors;
use package_archive::package_cache::PackageCache;
use package_lock::lockfile::Lockfile;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What mkosi 25 puts into its default initrd on Debian, where the recipe does not have it, and the package manager that it
/// installs everything with (resources/mkosi-initrd in mkosi).
const INITRD: &str = "packages:\n  include: [bash, less, p11-kit, lvm2, dmsetup, kmod, libcryptsetup12, btrfs-progs, e2fsprogs, \
                      erofs-utils, dosfstools, util-linux, libfido2-1, libtss2-rc0t64]\n";
/// Stands for the initrd generator that the kernel wishes for: mkosi, as we, makes its initrd itself.
const PROVIDED: &str = "Package: no-initramfs-tool\nVersion: 1\nArchitecture: all\nProvides: linux-initramfs-tool\n\
                        Maintainer: nobody <nobody@localhost>\nDescription: stands for an initrd generator\n";

/// Makes the directory: our lockfile's packages, and on top of them what the peer's initrd needs.
///
/// # Errors
/// When packages cannot be had or indexed.
pub fn prepare(ours: &Lockfile) -> anyhow::Result<PathBuf> {
    let folder = folder("repository")?;
    empty(&folder)?;
    let layer = folder.with_extension("initrd.yaml");
    fs::write(&layer, INITRD)?;
    let lockfile = folder.with_extension("lock.json");
    ours::lock(&format!("{}:{}", ours::recipe(), layer.display()), &lockfile)?;
    let theirs = ours::read_lockfile(&lockfile)?;

    let pool = folder.join("pool");
    fs::create_dir_all(&pool)?;
    let mut names = BTreeSet::new();
    for lockfile in [ours, &theirs] {
        let files = download(lockfile)?;
        for (package, file) in lockfile.packages.iter().zip(files) {
            // The same version of what both have.
            if names.insert(package.name.clone()) {
                let version = package.version.replace(':', "%3a");
                fs::copy(file, pool.join(format!("{}_{version}_{}.deb", package.name, package.architecture)))?;
            }
        }
    }
    make_provider(&folder)?;
    index(&folder)?;
    Ok(folder)
}

fn download(lockfile: &Lockfile) -> anyhow::Result<Vec<PathBuf>> {
    let own = mirrors::of_this_machine()?;
    let mirrors = [("debian".to_owned(), own.main), ("debian-security".to_owned(), own.security)].into();
    let cache = PackageCache::open(ours::cache()?.join("packages"))?;
    Ok(fetch(lockfile, &mirrors, &cache, &|_| {}, &Cancel::new())?)
}

fn make_provider(folder: &Path) -> anyhow::Result<()> {
    let package = tempfile::tempdir()?;
    fs::create_dir(package.path().join("DEBIAN"))?;
    fs::write(package.path().join("DEBIAN/control"), PROVIDED)?;
    let mut dpkg_deb = command("dpkg-deb")?;
    dpkg_deb.args(["--build", "--root-owner-group"]).arg(package.path()).arg(folder.join("pool"));
    measured::run(&mut dpkg_deb, &folder.with_extension("log"))?;
    Ok(())
}

fn index(folder: &Path) -> anyhow::Result<()> {
    let indices = folder.join("dists/trixie/main/binary-amd64");
    fs::create_dir_all(&indices)?;
    let output = command("dpkg-scanpackages")?.args(["--multiversion", "pool"]).current_dir(folder).output();
    let output = output.context("dpkg-scanpackages is in the Debian package dpkg-dev")?;
    anyhow::ensure!(output.status.success(), "dpkg-scanpackages: {}", String::from_utf8_lossy(&output.stderr));
    fs::write(indices.join("Packages"), &output.stdout)?;
    // Unsigned: mkosi is told not to check. apt wants to be told what an index it takes must be like.
    let digest = package_lock::digest::Sha256Digest::of(&output.stdout);
    let release = format!(
        "Origin: bench\nSuite: trixie\nCodename: trixie\nArchitectures: all amd64\nComponents: main\n\
         Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n {digest} {} main/binary-amd64/Packages\n",
        output.stdout.len()
    );
    fs::write(folder.join("dists/trixie/Release"), release)?;
    Ok(())
}

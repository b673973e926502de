//! From a recipe to what is asked of the package archives.

use anyhow::Context;
use package_lock::digest::Sha256Digest;
use package_lock::request::{ArchiveKey, ArchiveRequest, Request};
use recipe::{Base, Pocket, Recipe};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

/// Debian's main archive, by the name that mirrors are looked up with.
pub const DEBIAN: &str = "debian";
/// Debian's archive of security updates.
pub const DEBIAN_SECURITY: &str = "debian-security";
/// What the image does itself: it cuts its own initrd, so the kernel's wish for a generator is fulfilled.
const PROVIDED: [&str; 1] = ["linux-initramfs-tool"];

/// The request, and what is needed to fulfil it but no part of what is asked.
#[derive(Debug)]
pub struct PackageRequest {
    /// What decides which packages come.
    pub request: Request,
    /// Mirrors by archive, in order of preference; none means those of the building computer's apt.
    pub mirrors: BTreeMap<String, Vec<String>>,
    /// Key files by archive, for archives that Debian does not sign.
    pub keys: BTreeMap<String, PathBuf>,
}

/// Reads the request out of a recipe.
pub fn package_request(recipe: &Recipe) -> anyhow::Result<PackageRequest> {
    let Base::Debian(debian) = &recipe.base;
    let suite = debian.suite.as_str();
    let components: Vec<String> = debian.components.iter().map(|component| component.as_str().to_owned()).collect();
    let mut archives = BTreeMap::new();
    let mut mirrors = BTreeMap::new();
    let mut keys = BTreeMap::new();

    let mut suites = vec![suite.to_owned()];
    if debian.pockets.contains(&Pocket::Updates) {
        suites.push(format!("{suite}-updates"));
    }
    let key = ArchiveKey::DebianArchive;
    archives.insert(DEBIAN.to_owned(), ArchiveRequest { suites, components: components.clone(), key });
    mirrors.insert(DEBIAN.to_owned(), debian.mirrors.iter().map(|url| url.as_str().to_owned()).collect());
    if debian.pockets.contains(&Pocket::Security) {
        let suites = vec![format!("{suite}-security")];
        archives.insert(DEBIAN_SECURITY.to_owned(), ArchiveRequest { suites, components, key });
        let urls = debian.security_mirrors.iter().map(|url| url.as_str().to_owned()).collect();
        mirrors.insert(DEBIAN_SECURITY.to_owned(), urls);
    }
    for repository in debian.repositories.iter() {
        let name = repository.name.as_str().to_owned();
        let path = PathBuf::from(repository.key.resolved());
        let bytes =
            fs::read(&path).with_context(|| format!("reading the key of repository {name}, {}", path.display()))?;
        let archive = ArchiveRequest {
            suites: vec![repository.suite.as_str().to_owned()],
            components: repository.components.iter().map(|component| component.as_str().to_owned()).collect(),
            key: ArchiveKey::File(Sha256Digest::of(&bytes)),
        };
        archives.insert(name.clone(), archive);
        mirrors.insert(name.clone(), repository.urls.iter().map(|url| url.as_str().to_owned()).collect());
        keys.insert(name, path);
    }

    let mut packages: BTreeSet<String> =
        recipe.packages.include.iter().map(|package| package.as_str().to_owned()).collect();
    packages.insert(recipe.kernel.package_name(recipe.architecture).to_owned());
    let request = Request {
        architecture: recipe.architecture.debian_name().to_owned(),
        archives,
        packages,
        excluded: recipe.packages.exclude.iter().map(|package| package.as_str().to_owned()).collect(),
        provided: PROVIDED.map(str::to_owned).into(),
        recommends: recipe.packages.recommends,
    };
    request.check()?;
    Ok(PackageRequest { request, mirrors, keys })
}

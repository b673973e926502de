//! Pairs of images: the suite alone, and with updates of some packages

use super::suites::Suite;
use crate::measured;
use crate::ours::{lock, partition_offset, piccolo, read_lockfile};
use crate::workplace::{empty, folder};
use anyhow::Context;
use package_lock::lockfile::{LockedPackage, Lockfile};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// What is added to the recipe: something of everything that gets updates.
const ADDED: &str =
    "packages:\n  include: [curl, openssl, podman, netavark, aardvark-dns, containernetworking-plugins, iptables]\n";
/// The suite as it was released, without its updates.
const RELEASED: &str = "base:\n  debian:\n    pockets: []\n";
/// Every release has its own version.
const NEXT: &str = "version: 0.1.1\n";

/// What differs between the images of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only the version.
    Nothing,
    /// The packages of one source package.
    Curl,
    /// The packages of one source package, some of which are in the initrd.
    Openssl,
    /// Everything but the kernel.
    Userland,
    /// The kernel.
    Kernel,
    /// Everything.
    Month,
}

impl Kind {
    /// Small ones first.
    pub const ALL: [Self; 6] = [Self::Nothing, Self::Curl, Self::Openssl, Self::Userland, Self::Kernel, Self::Month];

    /// As it is called on the command line and in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Curl => "curl",
            Self::Openssl => "openssl",
            Self::Userland => "userland",
            Self::Kernel => "kernel",
            Self::Month => "month",
        }
    }

    /// Most megabytes of the patches together, for trixie.
    fn target(self) -> f64 {
        match self {
            Self::Nothing => 0.02,
            Self::Curl => 0.06,
            Self::Openssl => 0.45,
            Self::Userland => 1.1,
            Self::Kernel => 18.0,
            Self::Month => 19.0,
        }
    }

    fn takes(self, package: &LockedPackage) -> bool {
        let kernel = package.source.starts_with("linux");
        match self {
            Self::Nothing => false,
            Self::Curl => package.source == "curl",
            Self::Openssl => package.source == "openssl",
            Self::Userland => !kernel,
            Self::Kernel => kernel,
            Self::Month => true,
        }
    }
}

/// A root image and its unified kernel image.
#[derive(Clone, Debug)]
pub struct Images {
    /// The EROFS image, without its hash tree.
    pub root: PathBuf,
    /// The unified kernel image.
    pub uki: PathBuf,
    /// Both, one behind the other.
    pub both: PathBuf,
}

impl Images {
    /// Size of the root image.
    pub fn root_megabytes(&self) -> anyhow::Result<f64> {
        Ok(fs::metadata(&self.root)?.len() as f64 / 1e6)
    }

    /// Size of the unified kernel image.
    pub fn uki_megabytes(&self) -> anyhow::Result<f64> {
        Ok(fs::metadata(&self.uki)?.len() as f64 / 1e6)
    }
}

/// Old and new.
#[derive(Debug)]
pub struct Pair {
    /// Of which suite.
    pub suite: Suite,
    /// What differs.
    pub kind: Kind,
    /// What the device has.
    pub old: Images,
    /// What it shall get.
    pub new: Images,
}

impl Pair {
    /// For the table.
    pub fn name(&self) -> String {
        format!("{} {}", self.suite.name(), self.kind.name())
    }

    /// Most megabytes of the patches together, where that is known.
    pub fn target(&self) -> Option<f64> {
        (self.suite == Suite::Trixie).then(|| self.kind.target())
    }
}

/// The old image and the packages of both.
#[derive(Debug)]
pub struct Base {
    suite: Suite,
    folder: PathBuf,
    /// Layers of every image.
    layers: Vec<String>,
    released: Lockfile,
    updated: Lockfile,
    /// The suite alone.
    pub old: Images,
}

impl Base {
    /// Resolves packages with and without updates, and builds the old image.
    ///
    /// # Errors
    /// When packages cannot be had or the image cannot be built.
    pub fn prepare(suite: Suite, small: bool) -> anyhow::Result<Self> {
        let (recipe, size) = if small { ("os/recipes/vm.yaml", "-small") } else { ("os/recipes/base.yaml", "") };
        let folder = folder(&format!("update-{}{size}", suite.name()))?;
        for (file, text) in [("added.yaml", ADDED), ("released.yaml", RELEASED), ("next.yaml", NEXT)] {
            fs::write(folder.join(file), text)?;
        }
        let names = [vec!["added.yaml"], suite.layers(&folder)?].concat();
        let layers = names.iter().map(|name| folder.join(name).display().to_string());
        let layers: Vec<String> = std::iter::once(recipe.to_owned()).chain(layers).collect();
        let with = |name: &str| [layers.clone(), vec![folder.join(name).display().to_string()]].concat().join(":");
        let (released, updated) = (folder.join("released.lock.json"), folder.join("updated.lock.json"));
        lock(&with("released.yaml"), &released)?;
        lock(&layers.join(":"), &updated)?;
        let old = images(&folder, "old", &with("released.yaml"), &released)?;
        let (released, updated) = (read_lockfile(&released)?, read_lockfile(&updated)?);
        Ok(Self { suite, folder, layers, released, updated, old })
    }

    /// Builds the new image of a pair.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn pair(&self, kind: Kind) -> anyhow::Result<Pair> {
        let mut packages: BTreeMap<(&str, &str), &LockedPackage> = BTreeMap::new();
        let old = self.released.packages.iter().filter(|package| !kind.takes(package));
        let new = self.updated.packages.iter().filter(|package| kind.takes(package));
        for package in old.chain(new) {
            packages.insert((&package.name, &package.architecture), package);
        }
        let mut lockfile = Lockfile { packages: packages.into_values().cloned().collect(), ..self.updated.clone() };
        lockfile.sort();
        let path = self.folder.join(format!("{}.lock.json", kind.name()));
        fs::write(&path, lockfile.to_text())?;
        let layers =
            [self.layers.clone(), vec![self.folder.join("next.yaml").display().to_string()]].concat().join(":");
        let new = images(&self.folder, kind.name(), &layers, &path)?;
        Ok(Pair { suite: self.suite, kind, old: self.old.clone(), new })
    }
}

/// Builds and takes the parts out of the disk image, unless that was done from the same packages.
fn images(folder: &Path, name: &str, layers: &str, lockfile: &Path) -> anyhow::Result<Images> {
    let of = |kind: &str| folder.join(format!("{name}.{kind}"));
    let images = Images { root: of("root"), uki: of("efi"), both: of("both") };
    let made_from = of("made-from.json");
    let wanted = format!("{layers}\n{}", fs::read_to_string(lockfile)?);
    if fs::read_to_string(&made_from).is_ok_and(|have| have == wanted) {
        return Ok(images);
    }
    // What the bench of chunks keeps beside an image is of that image.
    match fs::remove_file(of("idx")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let output = folder.join("output");
    empty(&output)?;
    let mut build = piccolo()?;
    build.args(["build", "--locked", layers, "--lockfile"]).arg(lockfile).arg("--output").arg(&output);
    measured::run(&mut build, &of("log"))?;

    let description: Value = serde_json::from_str(&fs::read_to_string(output.join("piccolo.json"))?)?;
    let length =
        description.pointer("/root/size").and_then(Value::as_u64).context("piccolo.json says no size of the root")?;
    let disk = output.join("piccolo.raw");
    let mut image = File::open(&disk)?;
    image.seek(SeekFrom::Start(partition_offset(&disk)?))?;
    io::copy(&mut image.take(length), &mut File::create(&images.root)?)?;
    fs::copy(output.join("piccolo.efi"), &images.uki)?;
    let mut both = File::create(&images.both)?;
    for part in [&images.root, &images.uki] {
        io::copy(&mut File::open(part)?, &mut both)?;
    }
    empty(&output)?;
    fs::write(made_from, wanted)?;
    Ok(images)
}

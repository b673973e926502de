//! Building with `piccolo`

use crate::measured::{self, Usage};
use crate::workplace::{empty, folder, repository};
use anyhow::{Context, bail};
use package_lock::lockfile::Lockfile;
use serde_json::Value;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The recipe that is built.
const RECIPE: &str = "os/recipes/vm.yaml";
/// The file that is added to the image and changed between builds.
const ADDED: &str = "added.txt";

/// Our builds: a recipe, a lockfile, a cache and an output.
#[derive(Debug)]
pub struct Ours {
    folder: PathBuf,
    changes: u32,
}

impl Ours {
    /// Prepares, resolving the packages unless that was done before.
    ///
    /// # Errors
    /// When `piccolo` is not there or finds no packages.
    pub fn prepare() -> anyhow::Result<Self> {
        let ours = Self { folder: folder("ours")?, changes: 0 };
        let layer = format!("files:\n  - path: /usr/share/piccolo/{ADDED}\n    source: {ADDED}\n    mode: 0644\n");
        fs::write(ours.folder.join("added.yaml"), layer)?;
        fs::write(ours.folder.join(ADDED), "unchanged\n")?;
        lock(&ours.layers(), &ours.lockfile_path())?;
        Ok(ours)
    }

    /// The packages that are built from.
    ///
    /// # Errors
    /// When the lockfile cannot be read.
    pub fn lockfile(&self) -> anyhow::Result<Lockfile> {
        read_lockfile(&self.lockfile_path())
    }

    /// The image.
    pub fn image(&self) -> PathBuf {
        self.folder.join("output/piccolo.raw")
    }

    /// A field of the description beside the image, as a number.
    ///
    /// # Errors
    /// When there is no description or it lacks the field.
    pub fn described(&self, pointer: &str) -> anyhow::Result<u64> {
        let path = self.folder.join("output/piccolo.json");
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let value: Value = serde_json::from_str(&text)?;
        let number = value.pointer(pointer).and_then(Value::as_u64);
        number.with_context(|| format!("{} has no {pointer}", path.display()))
    }

    /// Forgets everything but the downloaded packages.
    ///
    /// # Errors
    /// When files cannot be removed.
    pub fn forget(&self) -> anyhow::Result<()> {
        empty(&cache()?.join("steps"))?;
        empty(&self.folder.join("output"))
    }

    /// Changes the added file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn change(&mut self) -> anyhow::Result<()> {
        self.changes += 1;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        fs::write(self.folder.join(ADDED), format!("change {} of {}\n", self.changes, now.as_nanos()))?;
        Ok(())
    }

    /// Builds and says what that took.
    ///
    /// # Errors
    /// When the build fails.
    pub fn build(&self) -> anyhow::Result<Usage> {
        let mut piccolo = piccolo()?;
        piccolo.args(["build", "--locked", &self.layers(), "--lockfile"]).arg(self.lockfile_path());
        piccolo.arg("--output").arg(self.folder.join("output"));
        measured::run(&mut piccolo, &self.folder.join("build.log"))
    }

    fn layers(&self) -> String {
        format!("{RECIPE}:{}", self.folder.join("added.yaml").display())
    }

    fn lockfile_path(&self) -> PathBuf {
        self.folder.join("lock.json")
    }
}

/// Writes the lockfile of a recipe and of packages beside it, unless one is there that answers them.
///
/// # Errors
/// When packages cannot be resolved.
pub fn lock(layers: &str, lockfile: &Path) -> anyhow::Result<()> {
    let log = lockfile.with_extension("log");
    if lockfile.exists() {
        let mut plan = piccolo()?;
        plan.args(["build", "--locked", "--dry-run", layers, "--lockfile"]).arg(lockfile);
        if measured::run(&mut plan, &log).is_ok() {
            return Ok(());
        }
    }
    let mut piccolo = piccolo()?;
    piccolo.args(["lock", layers, "--lockfile"]).arg(lockfile);
    measured::run(&mut piccolo, &log)?;
    Ok(())
}

/// The recipe, for layers on top of it.
pub fn recipe() -> &'static str {
    RECIPE
}

/// Reads a lockfile.
///
/// # Errors
/// When it is not there or not one.
pub fn read_lockfile(path: &Path) -> anyhow::Result<Lockfile> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    Lockfile::parse(&text).with_context(|| format!("reading {}", path.display()))
}

/// The benches' own build cache.
///
/// # Errors
/// When its folder cannot be made.
pub fn cache() -> anyhow::Result<PathBuf> {
    folder("cache")
}

/// The root partition of an image of ours, as a file of its own.
///
/// # Errors
/// When the image cannot be built or read.
pub fn root_partition() -> anyhow::Result<String> {
    let ours = Ours::prepare()?;
    ours.build()?;
    let length = ours.described("/root/size")?;
    let mut image = File::open(ours.image())?;
    image.seek(SeekFrom::Start(partition_offset(&ours.image())?))?;
    let path = folder("verity")?.join("root.erofs");
    io::copy(&mut image.take(length), &mut File::create(&path)?)?;
    text(path)
}

/// The archive of the tree that the packages make.
///
/// # Errors
/// When it cannot be built.
pub fn base_tree() -> anyhow::Result<String> {
    let ours = Ours::prepare()?;
    ours.forget()?;
    ours.build()?;
    for step in fs::read_dir(cache()?.join("steps"))? {
        let archive = step?.path().join("tree.tar");
        if archive.is_file() {
            let path = folder("erofs")?.join("tree.tar");
            fs::copy(&archive, &path)?;
            return text(path);
        }
    }
    bail!("the build left no tree.tar in its cache")
}

/// Where the root partition of a disk image begins, as `piccolo inspect` says.
///
/// # Errors
/// When there is none.
pub fn partition_offset(image: &Path) -> anyhow::Result<u64> {
    let output = piccolo()?.args(["inspect", "--json"]).arg(image).output().context("starting piccolo inspect")?;
    let report: Value = serde_json::from_slice(&output.stdout).context("reading what piccolo inspect says")?;
    let partitions = report["partitions"].as_array().context("piccolo inspect lists no partitions")?;
    let root = partitions.iter().find(|partition| partition["content"] == "erofs");
    root.and_then(|root| root["offset"].as_u64()).context("piccolo inspect finds no EROFS partition")
}

/// The built operator's tool.
///
/// # Errors
/// When this does not run below `cargo xtask bench`.
pub fn piccolo() -> anyhow::Result<Command> {
    let path = std::env::var_os("PICCOLO_BIN").context("PICCOLO_BIN is not set: run this as cargo xtask bench")?;
    let mut piccolo = measured::command(path)?;
    piccolo.env("PICCOLO_CACHE", cache()?);
    piccolo.current_dir(repository()?);
    Ok(piccolo)
}

fn text(path: PathBuf) -> anyhow::Result<String> {
    path.into_os_string().into_string().ok().context("the target directory's path is not UTF-8")
}

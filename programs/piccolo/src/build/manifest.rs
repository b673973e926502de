//! What was built: the description beside an image.

use super::artifact;
use super::disk::WrittenDisk;
use anyhow::Context;
use build_plan::key::StepKey;
use measured_boot::BootPrediction;
use package_lock::lockfile::Lockfile;
use recipe::Recipe;
use serde::{Deserialize, Serialize};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Description of a built image, `NAME.json` in the output directory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// Name of the recipe.
    pub name: String,
    /// Version of the release.
    pub version: String,
    /// Stream of the release.
    pub stream: String,
    /// Architecture.
    pub architecture: String,
    /// The time that everything in the image carries, in seconds since 1970.
    pub timestamp: i64,
    /// Hash of all inputs, in hexadecimal.
    pub inputs: String,
    /// The disk image.
    pub disk: Artifact,
    /// The unified kernel image.
    pub uki: Artifact,
    /// The root file system within the disk image.
    pub root: Root,
    /// Size of the initrd in bytes.
    pub initrd_size: u64,
    /// Release of the kernel.
    pub kernel: String,
    /// Kernel command line.
    pub command_line: String,
    /// What booting measures into PCR 11.
    pub measurements: BootPrediction,
    /// How many packages it is made of.
    pub packages: usize,
}

/// A file of the output directory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Artifact {
    /// File name.
    pub file: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 in hexadecimal, where the file is small enough to be hashed on the way.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sha256: Option<String>,
}

/// The root file system.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Root {
    /// Size of the EROFS image in bytes.
    pub size: u64,
    /// Size of the verity data in bytes.
    pub verity_size: u64,
    /// The dm-verity root hash, in hexadecimal.
    pub hash: String,
    /// Number of files, directories and links.
    pub files: u64,
}

/// Writes the description; it comes last, so that its presence means that everything else is there.
pub fn write(
    output: &Path,
    recipe: &Recipe,
    lockfile: &Lockfile,
    key: StepKey,
    epoch: i64,
    disk: WrittenDisk,
) -> anyhow::Result<Manifest> {
    let name = recipe.name.as_str().to_owned();
    let manifest = Manifest {
        version: recipe.version.as_str().to_owned(),
        stream: recipe.stream.to_string(),
        architecture: recipe.architecture.to_string(),
        timestamp: epoch,
        inputs: key.to_string(),
        disk: disk.disk,
        uki: disk.uki,
        root: disk.root,
        initrd_size: disk.initrd_size,
        kernel: disk.kernel,
        command_line: disk.command_line,
        measurements: disk.prediction,
        packages: lockfile.packages.len(),
        name,
    };
    let path = path(output, &manifest.name);
    let text = serde_json::to_string_pretty(&manifest)?;
    let unfinished = path.with_extension("json.unfinished");
    fs::write(&unfinished, text + "\n").with_context(|| format!("writing {}", unfinished.display()))?;
    fs::rename(&unfinished, &path).with_context(|| format!("writing {}", path.display()))?;
    Ok(manifest)
}

/// The description of an image made from exactly these inputs, if it and its files are there and were not touched since.
pub fn read_current(output: &Path, name: &str, key: &StepKey) -> Option<Manifest> {
    let path = path(output, name);
    let manifest: Manifest = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
    let written = fs::metadata(&path).ok()?;
    let untouched = [&manifest.disk, &manifest.uki].iter().all(|artifact| {
        fs::metadata(output.join(&artifact.file)).is_ok_and(|file| {
            let not_after = (file.mtime(), file.mtime_nsec()) <= (written.mtime(), written.mtime_nsec());
            file.len() == artifact.size && not_after
        })
    });
    (manifest.inputs == key.to_string() && untouched).then_some(manifest)
}

/// Removes a description before its image is made anew.
pub fn remove(output: &Path, name: &str) {
    // Nothing to remove is fine; what cannot be removed cannot be overwritten either, which is reported then.
    let _ = fs::remove_file(path(output, name));
}

fn path(output: &Path, name: &str) -> PathBuf {
    artifact(output, name, "json")
}

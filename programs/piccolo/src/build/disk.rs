//! The disk image: root and verity in one pass, straight into their partitions; then the UKI, the ESP and the partition table.

use super::artifact;
use super::boot::{self, BootImage};
use super::manifest::{self, Artifact, Root};
use crate::failure::{Failure, FailureKind, OrFail};
use crate::report::{Phase, Report};
use anyhow::Context;
use build_plan::key::StepKey;
use disk_layout::gpt::SectorSize;
use disk_layout::partition_type;
use disk_layout::plan::{DiskPlan, PartitionSizes, ShippedDisk, derived_guid, derived_volume_id, plan_shipped_disk};
use disk_layout::root_hash::RootHash;
use disk_layout::slot::{PartitionRole, SlotName};
use erofs_image::plan::{Options, plan};
use file_tree::path::TreePath;
use file_tree::tree::{FileTree, Timestamp};
use image_files::disk::{Durability, NewDisk};
use image_files::erofs::write_erofs_with_verity;
use image_files::esp::{self, EspImage};
use image_files::sparse::Watch;
use image_files::verity::{self, VeritySettings};
use measured_boot::BootPrediction;
use recipe::{Architecture, Recipe, VeritySize};
use sha2::{Digest, Sha256};
use source_files::SourceFiles;
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use verity_tree::digest::Salt;

const ROOT: PartitionRole = PartitionRole::Root(SlotName::A);
const VERITY: PartitionRole = PartitionRole::Verity(SlotName::A);
/// Label of the root file system, for people who look at it.
const ROOT_LABEL: &str = "piccolo-root";

/// Everything that goes into an image.
pub struct DiskRequest<'a> {
    /// The recipe.
    pub recipe: &'a Recipe,
    /// The finished root tree.
    pub tree: &'a FileTree,
    /// Its contents.
    pub sources: &'a SourceFiles,
    /// The initrd, a cpio archive.
    pub initrd: &'a [u8],
    /// Version of the kernel in the tree.
    pub kernel: &'a str,
    /// Hash of all inputs: every identifier in the image derives from it.
    pub key: &'a StepKey,
    /// The time of everything in it, in seconds since 1970.
    pub epoch: i64,
    /// Partition sizes.
    pub sizes: &'a PartitionSizes,
    /// Directory of the results.
    pub output: &'a Path,
}

/// What was written.
pub struct WrittenDisk {
    /// The disk image.
    pub disk: Artifact,
    /// The unified kernel image, also a file of its own.
    pub uki: Artifact,
    /// The root file system.
    pub root: Root,
    /// Size of the initrd in bytes.
    pub initrd_size: u64,
    /// Release of the kernel.
    pub kernel: String,
    /// Kernel command line.
    pub command_line: String,
    /// What booting measures.
    pub prediction: BootPrediction,
}

/// The recipe's partition sizes.
pub fn sizes(recipe: &Recipe) -> PartitionSizes {
    let sizes = &recipe.image.sizes;
    PartitionSizes {
        esp: sizes.esp.bytes(),
        root: sizes.root.bytes(),
        verity: match sizes.verity.value {
            VeritySize::Auto => None,
            VeritySize::Fixed(size) => Some(size.bytes()),
        },
        var_minimum: sizes.var_minimum.bytes(),
    }
}

/// The architecture as partition types know it.
pub fn architecture(recipe: &Recipe) -> partition_type::Architecture {
    match recipe.architecture {
        Architecture::X86_64 => partition_type::Architecture::X86_64,
        Architecture::Arm64 => partition_type::Architecture::Arm64,
    }
}

/// Writes the disk image and the UKI.
pub fn write(request: &DiskRequest<'_>, report: &Report) -> Result<WrittenDisk, Failure> {
    let name = request.recipe.name.as_str();
    manifest::remove(request.output, name);
    let plan = plan_shipped_disk(&ShippedDisk {
        architecture: architecture(request.recipe),
        sizes: request.sizes,
        sector_size: SectorSize::Bytes512,
        seed: request.key.as_bytes(),
    })
    .or_fail(FailureKind::Input)?;
    let path = artifact(request.output, name, "raw");
    let disk = NewDisk::create(&path, plan.clone()).or_fail(FailureKind::Requirement)?;

    let root = write_root(request, &plan, &disk, report)?;
    let image =
        boot::unified_image(request.recipe, request.tree, request.sources, request.initrd, &root.hash, request.kernel)
            .or_fail(FailureKind::Input)?;
    write_esp(request, &disk, &image, report)?;
    disk.finish(&root.hash, Durability::Cached).or_fail(FailureKind::Requirement)?;

    let uki = artifact(request.output, name, "efi");
    fs::write(&uki, &image.bytes)
        .with_context(|| format!("writing {}", uki.display()))
        .or_fail(FailureKind::Requirement)?;
    let hash = hex::encode(Sha256::digest(&image.bytes));
    Ok(WrittenDisk {
        disk: Artifact { file: format!("{name}.raw"), size: plan.disk_bytes, sha256: None },
        uki: Artifact { file: format!("{name}.efi"), size: image.bytes.len() as u64, sha256: Some(hash) },
        root: Root { size: root.size, verity_size: root.verity_size, hash: root.hash.to_string(), files: root.files },
        initrd_size: request.initrd.len() as u64,
        kernel: image.kernel,
        command_line: image.command_line,
        prediction: image.prediction,
    })
}

struct WrittenRoot {
    size: u64,
    verity_size: u64,
    files: u64,
    hash: RootHash,
}

fn write_root(
    request: &DiskRequest<'_>,
    disk_plan: &DiskPlan,
    disk: &NewDisk,
    report: &Report,
) -> Result<WrittenRoot, Failure> {
    let phase = report.phase("root file system");
    let uuid = |name: &str| *derived_guid(request.key.as_bytes(), name).as_bytes();
    let options = Options {
        uuid: uuid("root file system"),
        label: ROOT_LABEL.to_owned(),
        build_time: Timestamp { seconds: request.epoch, nanoseconds: 0 },
        last: vec![TreePath::parse("/usr/lib/modules").or_fail(FailureKind::Internal)?],
    };
    let erofs = plan(request.tree, &options).or_fail(FailureKind::Input)?;
    disk_plan.check_fits(ROOT, erofs.length()).or_fail(FailureKind::Input)?;
    let salt = Sha256::digest([request.key.as_bytes().as_slice(), b"verity salt"].concat()).to_vec();
    let salt = Salt::new(salt).or_fail(FailureKind::Internal)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let verity = VeritySettings { salt, uuid: uuid("verity"), threads };
    let target = disk.window(ROOT).or_fail(FailureKind::Requirement)?;
    let cancelled = report.cancel().flag();
    let tree =
        watched(&phase, &cancelled, |watch| write_erofs_with_verity(&erofs, request.sources, &target, &verity, watch))
            .or_fail(FailureKind::Requirement)?;
    let verity_size = tree.bytes().len() as u64;
    disk_plan.check_fits(VERITY, verity_size).or_fail(FailureKind::Input)?;
    let target = disk.window(VERITY).or_fail(FailureKind::Requirement)?;
    verity::write_tree(&tree, &target).or_fail(FailureKind::Requirement)?;
    Ok(WrittenRoot { size: erofs.length(), verity_size, files: erofs.inodes(), hash: tree.root_hash() })
}

fn write_esp(request: &DiskRequest<'_>, disk: &NewDisk, image: &BootImage, report: &Report) -> Result<(), Failure> {
    let phase = report.phase("EFI system partition");
    let nodes = boot::esp_files(request.recipe, request.tree, request.sources, image).or_fail(FailureKind::Input)?;
    let esp = EspImage {
        size: request.sizes.esp,
        sector_size: SectorSize::Bytes512,
        volume_id: derived_volume_id(request.key.as_bytes()),
        timestamp: request.epoch,
        nodes: &nodes,
    };
    let mut target = disk.window(PartitionRole::Esp).or_fail(FailureKind::Requirement)?;
    let cancelled = report.cancel().flag();
    watched(&phase, &cancelled, |watch| esp::make(&mut target, &esp, watch)).or_fail(FailureKind::Requirement)
}

fn watched<T>(phase: &Phase<'_>, cancelled: &AtomicBool, work: impl FnOnce(&mut Watch<'_>) -> T) -> T {
    let mut progress = |done, total| phase.bytes(done, total);
    work(&mut Watch { progress: &mut progress, cancelled })
}

//! What the firmware starts: the initrd cut from the root tree, and the UKI around it.

use anyhow::{Context, anyhow};
use disk_layout::boot_entry::BootEntry;
use disk_layout::root_hash::RootHash;
use file_tree::content::{Content, ReadBlob};
use file_tree::path::TreePath;
use file_tree::tree::{FileTree, Inode, Kind, Metadata, Timestamp};
use image_files::esp::EspNode;
use initrd_image::cut::cut;
use initrd_image::request::{InitrdRequest, Wish};
use measured_boot::{Bank, BootPrediction, PhasePath};
use recipe::{Architecture, Recipe};
use std::collections::BTreeMap;
use unified_kernel_image::{LinuxImage, UnifiedKernelImage};

/// How often a release is tried before the loader gives up on it.
const TRIES: u32 = 3;
/// Largest loader, stub and kernel read into memory, in bytes.
const LARGEST_BOOT_FILE: u64 = 256 << 20;
/// Where a root tree keeps files that only the initrd shall have.
const INITRD_ONLY: &str = "/usr/lib/piccolo/initrd";
/// What the loader does on every device: no menu unless a key is held, and no editing of the command line.
const LOADER_CONFIGURATION: &str = "timeout 0\neditor no\nauto-firmware yes\n";

/// Cuts the initrd and packs it.
pub fn initrd(
    recipe: &Recipe,
    tree: &FileTree,
    blobs: &dyn ReadBlob,
    kernel: &str,
    epoch: i64,
) -> anyhow::Result<Vec<u8>> {
    let os_release = String::from_utf8(read(tree, blobs, "/usr/lib/os-release")?)?;
    let initrd = cut(tree, blobs, &request(recipe, tree, &os_release, kernel)?)?;
    let mut bytes = Vec::new();
    initrd.write_cpio(blobs, Timestamp { seconds: epoch, nanoseconds: 0 }, &mut bytes)?;
    Ok(bytes)
}

/// What the initrd is to hold: what every Piccolo initrd holds, and what the recipe asks for.
fn request(recipe: &Recipe, tree: &FileTree, os_release: &str, kernel: &str) -> anyhow::Result<InitrdRequest> {
    let mut request = InitrdRequest::systemd_verity_root();
    let wishes = |names: Vec<&str>| names.into_iter().map(Wish::from).collect::<Vec<_>>();
    let own = InitrdRequest {
        programs: wishes(recipe.initrd.programs.iter().map(|path| path.as_str()).collect()),
        units: wishes(recipe.initrd.units.iter().map(|unit| unit.as_str()).collect()),
        modules: wishes(recipe.initrd.modules.iter().map(|module| module.as_str()).collect()),
        files: wishes(recipe.initrd.files.iter().map(|glob| glob.as_str()).collect()),
        kernel_version: Some(kernel.to_owned()),
        extra: initrd_only(tree, os_release)?,
        ..InitrdRequest::default()
    };
    request.extend(own)?;
    Ok(request)
}

/// Files that only the initrd has: what the tree keeps for it below [`INITRD_ONLY`], and `/etc/initrd-release`, by which systemd
/// knows where it is.
fn initrd_only(tree: &FileTree, os_release: &str) -> anyhow::Result<FileTree> {
    let mut extra = FileTree::new();
    let directory = TreePath::parse(INITRD_ONLY)?;
    let depth = directory.components().len();
    for (path, id) in tree.walk().filter(|(path, _)| path.starts_with(&directory) && *path != directory) {
        let target = path.components()[depth..].iter().fold(TreePath::root(), |target, name| target.join(name));
        let inode = tree.inode(id);
        let copy = match inode.kind {
            Kind::Directory(_) => Inode::directory(inode.metadata),
            _ => inode.clone(),
        };
        extra.insert(&target, copy)?;
    }
    let content = Content::from_bytes(os_release.as_bytes().to_vec());
    let file = Inode::new(Metadata::root_owned(0o644), Kind::File(content));
    extra.insert(&TreePath::parse("/etc/initrd-release")?, file)?;
    Ok(extra)
}

/// The UKI's bytes and what booting it measures.
pub struct BootImage {
    /// The PE file.
    pub bytes: Vec<u8>,
    /// PCR 11 at every phase.
    pub prediction: BootPrediction,
    /// The whole kernel command line.
    pub command_line: String,
    /// The kernel's release.
    pub kernel: String,
}

/// Puts the UKI of a root together. This is where signing will come in: `Assembled` knows what Authenticode hashes.
pub fn unified_image(
    recipe: &Recipe,
    tree: &FileTree,
    blobs: &dyn ReadBlob,
    initrd: &[u8],
    root_hash: &RootHash,
    kernel_version: &str,
) -> anyhow::Result<BootImage> {
    let stub =
        read(tree, blobs, &format!("/usr/lib/systemd/boot/efi/linux{}.efi.stub", efi_suffix(recipe.architecture)))?;
    let linux = read(tree, blobs, &format!("/usr/lib/modules/{kernel_version}/vmlinuz"))?;
    let os_release = read(tree, blobs, "/usr/lib/os-release")?;
    let uname = match recipe.architecture {
        Architecture::X86_64 => LinuxImage::parse(&linux)?.release.to_owned(),
        Architecture::Arm64 => kernel_version.to_owned(),
    };
    let command_line = command_line(recipe, root_hash);
    let version = recipe.version.as_str();
    let sbat = format!("piccolo,1,Piccolo OS,{},{version},", recipe.name.as_str());
    let image = UnifiedKernelImage {
        stub: &stub,
        os_release: &os_release,
        command_line: &command_line,
        device_tree: None,
        uname: Some(&uname),
        splash: None,
        pcr_public_key: None,
        linux: &linux,
        initrd: Some(initrd),
        microcode: None,
        sbat: vec![&sbat],
        pcr_signature: None,
        profiles: Vec::new(),
    };
    let sections = image.sections()?;
    let prediction = BootPrediction::of(&sections, &[Bank::Sha256], &PhasePath::of_a_boot())?;
    Ok(BootImage { bytes: image.assemble()?.to_vec(), prediction, command_line, kernel: uname })
}

/// The recipe's arguments, and how to find exactly this root: by its hash, on the disk that the firmware booted from.
fn command_line(recipe: &Recipe, root_hash: &RootHash) -> String {
    let mut arguments: Vec<String> =
        recipe.kernel.command_line.iter().map(|argument| argument.as_str().to_owned()).collect();
    arguments.extend([
        "root=/dev/mapper/root".to_owned(),
        "rootfstype=erofs".to_owned(),
        format!("roothash={root_hash}"),
        format!("systemd.verity_root_data=/dev/piccolo/by-partuuid/{}", root_hash.root_partition_uuid()),
        format!("systemd.verity_root_hash=/dev/piccolo/by-partuuid/{}", root_hash.verity_partition_uuid()),
    ]);
    arguments.join(" ")
}

/// The files of the EFI system partition.
pub fn esp_files(
    recipe: &Recipe,
    tree: &FileTree,
    blobs: &dyn ReadBlob,
    image: &BootImage,
) -> anyhow::Result<BTreeMap<String, EspNode>> {
    let suffix = efi_suffix(recipe.architecture);
    let loader = read(tree, blobs, &format!("/usr/lib/systemd/boot/efi/systemd-boot{suffix}.efi"))?;
    let entry = BootEntry::fresh(recipe.version.as_str(), TRIES)?;
    Ok(BTreeMap::from([
        (format!("EFI/BOOT/BOOT{}.EFI", suffix.to_uppercase()), EspNode::Bytes(loader.clone())),
        (format!("EFI/systemd/systemd-boot{suffix}.efi"), EspNode::Bytes(loader)),
        (format!("EFI/Linux/{entry}"), EspNode::Bytes(image.bytes.clone())),
        ("loader/loader.conf".to_owned(), EspNode::Bytes(LOADER_CONFIGURATION.as_bytes().to_vec())),
        ("loader/entries.srel".to_owned(), EspNode::Bytes(b"type1\n".to_vec())),
    ]))
}

/// How EFI file names call an architecture.
fn efi_suffix(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "x64",
        Architecture::Arm64 => "aa64",
    }
}

fn read(tree: &FileTree, blobs: &dyn ReadBlob, path: &str) -> anyhow::Result<Vec<u8>> {
    let (_, id) = tree
        .resolve(&TreePath::parse(path)?)
        .with_context(|| format!("booting needs {path}; is its package missing in the recipe?"))?;
    match &tree.inode(id).kind {
        Kind::File(content) => content.read_all(blobs, LARGEST_BOOT_FILE).with_context(|| format!("reading {path}")),
        other => Err(anyhow!("{path} is a {} in the root tree, not a file", other.name())),
    }
}

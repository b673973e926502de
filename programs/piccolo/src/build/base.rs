//! The base tree: installed packages, pruned, with the kernel's modules as the image stores them.

use anyhow::{Context, anyhow};
use file_tree::content::{BlobId, ReadBlob};
use file_tree::export::tree_to_tar;
use file_tree::import::tree_from_seekable_tar;
use file_tree::tree::FileTree;
use initrd_image::modules::{KernelDirectory, ModuleSet, decompress, index, module_name, select};
use recipe::Recipe;
use root_tree::{kernel, prune};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// The archive that a tree's contents are in.
const ARCHIVE: BlobId = BlobId(0);

/// Reads the tree of an archive; contents stay there.
pub fn read(archive: &Path) -> anyhow::Result<(FileTree, File)> {
    let context = || format!("reading {}", archive.display());
    let file = File::open(archive).with_context(context)?;
    let tree = tree_from_seekable_tar(&file, ARCHIVE).with_context(context)?;
    Ok((tree, file))
}

/// Turns the archive of freshly installed packages into that of the base tree.
pub fn settle(installed: &Path, base: &Path, recipe: &Recipe) -> anyhow::Result<()> {
    let (mut tree, file) = read(installed)?;
    let blobs = OneBlob(file);
    prune::prune(&mut tree)?;
    let version = kernel::settle(&mut tree)?;
    let directory = KernelDirectory::find(&tree, Some(&version))?;
    decompress::decompress(&mut tree, &blobs, &directory)?;
    select_modules(&mut tree, &blobs, &directory, recipe)?;
    index::index(&mut tree, &blobs, &directory)?;
    let context = || format!("writing {}", base.display());
    let mut out = BufWriter::with_capacity(1 << 20, File::create(base).with_context(context)?);
    tree_to_tar(&tree, &blobs, &mut out).with_context(context)?;
    out.flush().with_context(context)
}

/// Keeps the modules that the recipe selects, and those they need.
fn select_modules(
    tree: &mut FileTree,
    blobs: &dyn ReadBlob,
    directory: &KernelDirectory,
    recipe: &Recipe,
) -> anyhow::Result<()> {
    let selection = &recipe.kernel.modules;
    if selection.include.is_empty() && selection.exclude.is_empty() {
        return Ok(());
    }
    let selector = selection.selector().map_err(|problem| anyhow!("kernel.modules: {problem}"))?;
    let set = ModuleSet::read(tree, blobs, directory)?;
    let kept: Vec<String> = set
        .modules
        .iter()
        .filter(|module| selector.keeps(&module.path))
        .map(|module| module_name(&module.path))
        .collect();
    select::select(tree, blobs, directory, &kept, &["**".to_owned()])?;
    Ok(())
}

/// The one archive, as a store of blobs.
struct OneBlob(File);

impl ReadBlob for OneBlob {
    fn read_exact_at(&self, _blob: BlobId, offset: u64, buffer: &mut [u8]) -> std::io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.0, buffer, offset)
    }
}

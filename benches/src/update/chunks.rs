//! Our chunks: what a device downloads for a root image to which no patch leads

use super::image::Image;
use super::pairs::Pair;
use crate::measured::{self, Usage, command};
use crate::workplace::{empty, folder};
use anyhow::{Context, ensure};
use image_chunks::apply::Assembly;
use image_chunks::difference;
use image_chunks::index::Index;
use image_chunks::make::{PackWriter, make};
use image_chunks::parallel::Work;
use image_chunks::plan::Plan;
use image_chunks::seed::SeedChunks;
use image_chunks::source::Packs;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Bytes that a request costs besides what it fetches.
const REQUEST_COST: u32 = 512;

/// What chunks took. The unified kernel image is downloaded as a patch in this case, too: the patch's source is the new root image.
#[derive(Debug)]
pub struct Chunked {
    /// Bytes of chunks that the old image does not have.
    pub download: u64,
    /// Bytes of the index as a difference to the old image's.
    pub difference: u64,
    /// Bytes of the whole index.
    pub index: u64,
    /// Cutting and compressing the new image.
    pub make: Usage,
    /// Assembling it, every chunk checked.
    pub assemble: Usage,
}

impl Chunked {
    /// What a device downloads whose release the publisher knows.
    pub fn bytes(&self) -> u64 {
        self.download + self.difference
    }
}

/// Cuts both images, and assembles the new one from the old.
///
/// # Errors
/// When something fails or the output is not the new image.
pub fn measure(pair: &Pair) -> anyhow::Result<Chunked> {
    let folder = folder("update-chunks")?;
    empty(&folder)?;
    let (log, made) = (folder.join("log"), folder.join("made"));
    let (old, new) = (folder.join("old"), folder.join("new"));
    // The old image's index is kept beside it: cutting takes minutes.
    let old_index = pair.old.root.with_extension("idx");
    if !old_index.exists() {
        this("update-cut", &[&pair.old.root, &old], &log)?;
        fs::rename(old.join("chunks.idx"), &old_index)?;
        empty(&old)?;
    }
    let make = this("update-cut", &[&pair.new.root, &new], &log)?;
    let assemble = this("update-assemble", &[&old_index, &pair.old.root, &new, &made], &log)?;
    measured::run(command("cmp")?.arg(&pair.new.root).arg(&made), &log).context("chunks do not make the new image")?;
    let (from, to) = (fs::read(&old_index)?, fs::read(new.join("chunks.idx"))?);
    let plan = Plan::whole(&Index::parse(&to)?, &SeedChunks::of_index(&Index::parse(&from)?), REQUEST_COST);
    let difference = difference::make(&from, &to)?.len() as u64;
    empty(&folder)?;
    Ok(Chunked { download: plan.download(), difference, index: to.len() as u64, make, assemble })
}

fn this(name: &str, arguments: &[&PathBuf], log: &Path) -> anyhow::Result<Usage> {
    measured::run(command(std::env::current_exe()?)?.arg(name).args(arguments), log)
}

struct PackFiles<'a>(&'a Path);

impl PackFiles<'_> {
    fn path(&self, pack: usize) -> PathBuf {
        self.0.join(format!("{pack:04}.pack"))
    }
}

impl PackWriter for PackFiles<'_> {
    fn append(&mut self, pack: usize, bytes: &[u8]) -> io::Result<()> {
        File::options().append(true).create(true).open(self.path(pack))?.write_all(bytes)
    }
}

impl Packs for PackFiles<'_> {
    fn fetch(&mut self, pack: usize, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        File::open(self.path(pack))?.read_exact_at(buffer, offset)
    }
}

/// `benches update-cut IMAGE FOLDER`
///
/// # Errors
/// When files cannot be read or written.
pub fn cut_command(arguments: &[String]) -> anyhow::Result<()> {
    let [image, folder] = arguments else { anyhow::bail!("update-cut IMAGE FOLDER") };
    let folder = Path::new(folder);
    fs::create_dir_all(folder)?;
    let threads = std::thread::available_parallelism()?.get();
    let mut work = Work { threads, progress: &mut |_, _| {}, cancelled: &AtomicBool::new(false) };
    let index = make(&Image::open(image)?, &mut PackFiles(folder), &mut work)?;
    Ok(fs::write(folder.join("chunks.idx"), index.to_bytes())?)
}

/// `benches update-assemble OLD-INDEX OLD-IMAGE FOLDER OUTPUT`
///
/// # Errors
/// When files cannot be read or written, or a chunk comes out wrong.
pub fn assemble_command(arguments: &[String]) -> anyhow::Result<()> {
    let [old_index, old, folder, output] = arguments else {
        anyhow::bail!("update-assemble OLD-INDEX OLD-IMAGE FOLDER OUTPUT")
    };
    let folder = Path::new(folder);
    let index = Index::parse(&fs::read(folder.join("chunks.idx"))?)?;
    let plan = Plan::whole(&index, &SeedChunks::of_index(&Index::parse(&fs::read(old_index)?)?), REQUEST_COST);
    let file = File::options().read(true).write(true).create(true).truncate(true).open(output)?;
    let assembly = Assembly {
        index: &index,
        plan: &plan,
        seed: &Image::open(old)?,
        packs: &mut PackFiles(folder),
        output: &mut Image { file, length: index.image_size() },
        observe: &mut |_| ControlFlow::Continue(()),
    };
    let assembled = assembly.run()?;
    ensure!(assembled.damaged.is_empty(), "the old image is not the one of the index");
    Ok(())
}

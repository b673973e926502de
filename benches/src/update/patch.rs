//! Our patches: made and applied in processes of their own, so that time and memory are theirs

use super::image::Image;
use super::pairs::Pair;
use crate::measured::{self, Usage, command};
use crate::workplace::folder;
use anyhow::{Context, ensure};
use image_patch::apply::{Applier, FrameBuffer, Written};
use image_patch::format::Header;
use image_patch::frames::FrameSet;
use image_patch::make::{Input, Watch, make};
use image_patch::source::ReadAt;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use verity_tree::digest::Salt;

/// What ours took.
#[derive(Debug)]
pub struct Ours {
    /// Bytes of the root image's patch.
    pub root: u64,
    /// Bytes of the unified kernel image's patch.
    pub uki: u64,
    /// Making both: processor time together, memory of the larger.
    pub make: Usage,
    /// Applying both, output checked.
    pub apply: Usage,
    /// Processor time of sha256sum over the same output.
    pub sha256sum: f64,
}

impl Ours {
    /// What a device downloads.
    pub fn bytes(&self) -> u64 {
        self.root + self.uki
    }
}

/// Makes both patches, applies them, and compares.
///
/// # Errors
/// When something fails or the output is not the new image.
pub fn measure(pair: &Pair) -> anyhow::Result<Ours> {
    let folder = folder("update-patch")?;
    let (old, new) = (&pair.old, &pair.new);
    let parts: [(&str, &PathBuf, Vec<&PathBuf>); 2] =
        [("root", &new.root, vec![&old.root]), ("uki", &new.uki, vec![&new.root, &old.uki])];
    let (mut making, mut applying, mut sizes, mut sha256sum) = (Usage::default(), Usage::default(), Vec::new(), 0.0);
    for (name, output, sources) in parts {
        let log = folder.join("log");
        let (patch, made) = (folder.join(format!("{}.{name}.patch", pair.name())), folder.join("made"));
        add(&mut making, this("update-make", &[&[output, &patch], sources.as_slice()].concat(), &log)?);
        add(&mut applying, this("update-apply", &[&[&patch, &made], sources.as_slice()].concat(), &log)?);
        sizes.push(fs::metadata(&patch)?.len());
        measured::run(command("cmp")?.arg(output).arg(&made), &log).context("the patch does not make the new image")?;
        sha256sum += measured::run(command("sha256sum")?.arg(output), &log)?.processor;
    }
    Ok(Ours { root: sizes[0], uki: sizes[1], make: making, apply: applying, sha256sum })
}

fn add(sum: &mut Usage, usage: Usage) {
    sum.processor += usage.processor;
    sum.memory = sum.memory.max(usage.memory);
}

fn this(name: &str, arguments: &[&PathBuf], log: &Path) -> anyhow::Result<Usage> {
    measured::run(command(std::env::current_exe()?)?.arg(name).args(arguments), log)
}

/// `benches update-make OUTPUT PATCH SOURCE…`
///
/// # Errors
/// When files cannot be read or written.
pub fn make_command(arguments: &[String]) -> anyhow::Result<()> {
    let [output, patch, sources @ ..] = arguments else { anyhow::bail!("update-make OUTPUT PATCH SOURCE…") };
    let sources = sources.iter().map(|path| Image::open(path)).collect::<anyhow::Result<Vec<_>>>()?;
    let sources: Vec<&dyn ReadAt> = sources.iter().map(|source| source as &dyn ReadAt).collect();
    // As long as that of a root image; a UKI has none, which makes no difference here.
    let salt = Salt::new([0xa5; 32])?;
    let threads = std::thread::available_parallelism()?.get();
    let watch = Watch { progress: &|_, _| {}, cancelled: &AtomicBool::new(false), threads };
    let made = make(&Input { sources: &sources, output: &Image::open(output)?, salt: &salt }, &watch)?;
    Ok(fs::write(patch, made)?)
}

/// `benches update-apply PATCH OUTPUT SOURCE…`, as a device does it: one frame in memory, output checked before it is written.
///
/// # Errors
/// When files cannot be read or written, or a frame cannot be made.
pub fn apply_command(arguments: &[String]) -> anyhow::Result<()> {
    let [patch, output, sources @ ..] = arguments else { anyhow::bail!("update-apply PATCH OUTPUT SOURCE…") };
    let sources = sources.iter().map(|path| Image::open(path)).collect::<anyhow::Result<Vec<_>>>()?;
    let sources: Vec<&dyn ReadAt> = sources.iter().map(|source| source as &dyn ReadAt).collect();
    let patch = File::open(patch)?;
    let mut start = [0; 16];
    patch.read_exact_at(&mut start, 0)?;
    let mut header = vec![0; Header::length(&start)?];
    patch.read_exact_at(&mut header, 0)?;
    let header = Header::parse_unverified(&header)?;
    let applier = Applier::new(&header, &sources)?;
    let made = File::options().read(true).write(true).create(true).truncate(true).open(output)?;
    let written = Image { file: made.try_clone()?, length: header.output };
    let (mut buffer, mut done, mut coded) = (FrameBuffer::default(), FrameSet::new(&header), Vec::new());
    for (number, frame) in header.frames.iter().enumerate() {
        coded.resize(usize::try_from(frame.coded.end - frame.coded.start)?, 0);
        patch.read_exact_at(&mut coded, frame.coded.start)?;
        applier.make(number, &coded, Written { output: &written, done: &done }, &mut buffer)?;
        made.write_all_at(buffer.output(), frame.output.start)?;
        done.insert(number);
    }
    ensure!(done.is_complete(), "not every frame was made");
    Ok(())
}

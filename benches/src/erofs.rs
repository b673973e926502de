//! `bench erofs TREE.tar [ROUNDS]`: writing an EROFS image against copying the same bytes, and against `mkfs.erofs`
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use erofs_image::plan::{Options, plan};
use file_tree::import::tree_from_seekable_tar;
use file_tree::tree::{FileTree, Timestamp};
use image_files::content::BlobFiles;
use image_files::erofs::{write_erofs, write_erofs_with_verity};
use image_files::sparse::Watch;
use image_files::verity::VeritySettings;
use verity_tree::digest::Salt;

use crate::paired::Paired;

/// Ours is to be at least this fraction of the speed of copying.
const TARGET: f64 = 0.5;

/// Measures planning and writing an image of the tree in a tar archive, with and without its hash tree, against `cp` of the image.
///
/// # Errors
/// When the arguments are wrong or a program is missing.
pub fn run(args: &[String]) -> anyhow::Result<()> {
    let (archive, rounds) = match args {
        [archive] => (Path::new(archive), 9),
        [archive, rounds] => (Path::new(archive), rounds.parse().context("ROUNDS is a number")?),
        _ => bail!("usage: bench erofs TREE.tar [ROUNDS]"),
    };
    let scratch = tempfile::tempdir_in(archive.parent().unwrap_or(Path::new(".")))?;
    let image = scratch.path().join("image");
    let copy = scratch.path().join("copy");
    let threads = std::thread::available_parallelism()?.get();
    let mkfs = scratch.path().join("mkfs");
    let mut blobs = BlobFiles::default();
    let blob = blobs.add(archive)?;
    let start = Instant::now();
    let root = tree_from_seekable_tar(BufReader::new(File::open(archive)?), blob)?;
    println!("reading the archive into a tree: {:.3} s", start.elapsed().as_secs_f64());
    let original = scratch.path().join("original");
    write(&root, &blobs, &original, None)?;
    let length = fs::metadata(&original)?.len() / 1_000_000;
    // Removing a file is slow where the file system discards its blocks.
    let prepare = || {
        [&image, &copy, &mkfs].into_iter().filter(|path| path.exists()).try_for_each(fs::remove_file)?;
        Ok(())
    };
    let copying = || run_peer("cp", ["--sparse=never".as_ref(), original.as_os_str(), copy.as_os_str()]);

    let plain = Paired::measure(rounds, prepare, || write(&root, &blobs, &image, None), copying)?;
    println!("erofs of {length} MB on {threads} threads against cp: {plain} (target: {TARGET})");
    let verity = VeritySettings { salt: Salt::new([0xa5; 32])?, uuid: [7; 16], threads };
    let with_verity = Paired::measure(rounds, prepare, || write(&root, &blobs, &image, Some(&verity)), copying)?;
    println!("erofs with verity in the same pass against cp: {with_verity}");
    let tree = scratch.path().join("tree");
    fs::create_dir(&tree)?;
    run_peer("tar", ["-xpf".as_ref(), archive.as_os_str(), "-C".as_ref(), tree.as_os_str()])?;
    let against_mkfs = Paired::measure(
        rounds.min(3),
        prepare,
        || write(&root, &blobs, &image, None),
        || run_peer("mkfs.erofs", ["-T0".as_ref(), mkfs.as_os_str(), tree.as_os_str()]),
    )?;
    println!("erofs against mkfs.erofs of the unpacked tree: {against_mkfs}");
    Ok(())
}

/// Plans and writes a new file.
fn write(root: &FileTree, blobs: &BlobFiles, image: &Path, verity: Option<&VeritySettings>) -> anyhow::Result<()> {
    let options =
        Options { uuid: [7; 16], label: "bench".to_owned(), build_time: Timestamp::default(), last: Vec::new() };
    let plan = plan(root, &options)?;
    let target = File::create(image)?;
    target.set_len(plan.length())?;
    let mut watch = Watch { progress: &mut |_, _| {}, cancelled: &AtomicBool::new(false) };
    match verity {
        Some(verity) => drop(write_erofs_with_verity(&plan, blobs, &target, verity, &mut watch)?),
        None => write_erofs(&plan, blobs, &target, std::thread::available_parallelism()?.get(), &mut watch)?,
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the peer is measured, not used")]
fn run_peer<'a>(program: &str, arguments: impl IntoIterator<Item = &'a OsStr>) -> anyhow::Result<()> {
    let output =
        Command::new(program).args(arguments).output().with_context(|| format!("{program} is not installed"))?;
    ensure!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

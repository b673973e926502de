//! `bench verity IMAGE [ROUNDS]`: computing the hash tree of an image against `veritysetup format`
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, bail, ensure};
use image_files::sparse::Watch;
use image_files::verity::{VeritySettings, hash_file, write_tree};
use verity_tree::digest::Salt;

use crate::paired::Paired;

const UUID: &str = "8c1d4c16-2f9c-4e6d-9e0b-175a5b0e3377";
const UUID_BYTES: [u8; 16] = *b"\x8c\x1d\x4c\x16\x2f\x9c\x4e\x6d\x9e\x0b\x17\x5a\x5b\x0e\x33\x77";
const SALT: [u8; 32] = [0xa5; 32];
/// Ours is to be at least this many times as fast.
const TARGET: f64 = 3.0;

/// Measures both on an image file whose length is a multiple of 4096, and compares their hash files.
///
/// # Errors
/// When the arguments are wrong, a program is missing, or the results differ.
pub fn run(args: &[String]) -> anyhow::Result<()> {
    let (image, rounds) = match args {
        [image] => (image, 9),
        [image, rounds] => (image, rounds.parse().context("ROUNDS is a number")?),
        _ => bail!("usage: bench verity IMAGE [ROUNDS]"),
    };
    let scratch = tempfile::tempdir_in(Path::new(image).parent().unwrap_or(Path::new(".")))?;
    let [ours, theirs] = ["ours", "theirs"].map(|name| scratch.path().join(name));
    let length = fs::metadata(image).with_context(|| format!("{image} cannot be measured"))?.len();
    let threads = std::thread::available_parallelism()?.get();
    let paired = Paired::measure(
        rounds,
        || Ok(()),
        || {
            let settings = VeritySettings { salt: Salt::new(SALT)?, uuid: UUID_BYTES, threads };
            let mut watch = Watch { progress: &mut |_, _| {}, cancelled: &AtomicBool::new(false) };
            let tree = hash_file(&File::open(image)?, length, &settings, &mut watch)?;
            Ok(write_tree(&tree, &File::create(&ours)?)?)
        },
        || format_with_veritysetup(Path::new(image), &theirs),
    )?;
    ensure!(fs::read(&ours)? == fs::read(&theirs)?, "the two hash files differ");
    println!("verity of {} MB on {threads} threads: {paired} (target: {TARGET})", length / 1_000_000);
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the peer is measured, not used")]
fn format_with_veritysetup(image: &Path, hashes: &Path) -> anyhow::Result<()> {
    let salt: String = SALT.iter().map(|byte| format!("{byte:02x}")).collect();
    let output = Command::new("veritysetup")
        .args(["format", "--salt", &salt, "--uuid", UUID])
        .args([image, hashes])
        .output()
        .context("veritysetup is in the Debian package cryptsetup-bin")?;
    ensure!(output.status.success(), "veritysetup: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

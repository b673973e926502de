//! The same updates with the tools of others

use super::pairs::{Images, Pair};
use super::zsync;
use crate::measured::{self, Usage, command, limited};
use crate::workplace::{empty, folder};
use anyhow::Context;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// A tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    /// VCDIFF with a source window of 1 GiB.
    Xdelta,
    /// zstd with the old image as its dictionary.
    Zstd,
    /// The classic.
    Bsdiff,
    /// Chunks of 64 KiB in the mean, compressed.
    Casync,
    /// rsync's algorithm over HTTP.
    Zsync,
    /// Per file, with bsdiff and rolling sums.
    Ostree,
    /// An index of blocks of 4 KiB.
    Rauc,
}

/// What came of it.
#[derive(Debug)]
pub enum Outcome {
    /// So many bytes go over the network.
    Made {
        /// The bytes.
        bytes: u64,
        /// What making them took, where something is made.
        usage: Usage,
    },
    /// It cannot do this pair, or not on this computer: why.
    NotRun(String),
}

impl Outcome {
    /// The bytes, or why there are none.
    pub fn size(&self) -> Result<u64, String> {
        match self {
            Self::Made { bytes, .. } => Ok(*bytes),
            Self::NotRun(reason) => Err(reason.clone()),
        }
    }
}

impl Peer {
    /// Fast ones first.
    pub const ALL: [Self; 7] =
        [Self::Rauc, Self::Casync, Self::Zsync, Self::Xdelta, Self::Ostree, Self::Zstd, Self::Bsdiff];

    /// For the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Xdelta => "xdelta3 -9 1 GiB",
            Self::Zstd => "zstd -22 --patch-from",
            Self::Bsdiff => "bsdiff",
            Self::Casync => "casync 64K",
            Self::Zsync => "zsync",
            Self::Ostree => "ostree static delta",
            Self::Rauc => "RAUC block index",
        }
    }

    /// On the command line, and at the head of a column.
    pub fn short_name(self) -> &'static str {
        match self {
            Self::Xdelta => "xdelta3",
            Self::Zstd => "zstd",
            Self::Bsdiff => "bsdiff",
            Self::Casync => "casync",
            Self::Zsync => "zsync",
            Self::Ostree => "ostree",
            Self::Rauc => "rauc",
        }
    }

    /// Whether it takes more than a few minutes.
    pub fn is_slow(self) -> bool {
        matches!(self, Self::Zstd | Self::Bsdiff | Self::Ostree)
    }

    /// Runs it. What it cannot do is an outcome.
    ///
    /// # Errors
    /// When there is no room for its files.
    pub fn measure(self, pair: &Pair, limit: u64) -> anyhow::Result<Outcome> {
        let work = folder("update-peers")?;
        empty(&work)?;
        let outcome = self
            .run(pair, &work, limit)
            .unwrap_or_else(|error| Outcome::NotRun(self.reason(&format!("{error:#}"), limit)));
        empty(&work)?;
        Ok(outcome)
    }

    /// What went wrong in one line: the first of the message, and the last that the tool printed.
    fn reason(self, text: &str, limit: u64) -> String {
        let first = text.lines().next().unwrap_or_default().replacen("prlimit", self.short_name(), 1);
        let what = first.split("; its log is").next().unwrap_or_default();
        if what.contains("signal: 9") || what.contains("signal: 24") {
            return format!("not done after {limit} s of processor time");
        }
        match text.lines().skip(1).last() {
            Some(printed) => format!("{what}: {printed}"),
            None => what.to_owned(),
        }
    }

    fn run(self, pair: &Pair, work: &Path, limit: u64) -> anyhow::Result<Outcome> {
        let (delta, log) = (work.join("delta"), work.join("log"));
        let (old, new) = (&pair.old.both, &pair.new.both);
        let made = |usage| Ok(Outcome::Made { bytes: fs::metadata(&delta)?.len(), usage });
        match self {
            Self::Xdelta => {
                let mut xdelta = limited("xdelta3", limit)?;
                xdelta.args(["-e", "-9", "-S", "lzma", "-B", "1073741824", "-W", "16777216", "-f", "-s"]);
                made(measured::run(xdelta.arg(old).arg(new).arg(&delta), &log)?)
            }
            Self::Zstd => {
                let mut zstd = limited("zstd", limit)?;
                zstd.args(["-q", "--ultra", "-22", "--long=31", "--single-thread", "-f"]);
                zstd.arg(format!("--patch-from={}", old.display())).arg(new).arg("-o").arg(&delta);
                made(measured::run(&mut zstd, &log)?)
            }
            Self::Bsdiff => {
                let needed = 17 * fs::metadata(old)?.len();
                let free = available_memory();
                if free < needed {
                    let gigabytes = |bytes: u64| bytes as f64 / 1e9;
                    let reason =
                        format!("needs {:.0} GB of memory, {:.0} are free", gigabytes(needed), gigabytes(free));
                    return Ok(Outcome::NotRun(reason));
                }
                made(measured::run(limited("bsdiff", limit)?.arg(old).arg(new).arg(&delta), &log)?)
            }
            Self::Casync => casync(pair, work, limit),
            Self::Zsync => zsync::measure(old, new, work, limit),
            Self::Ostree => ostree(&pair.old, &pair.new, work, limit),
            Self::Rauc => Ok(Outcome::Made { bytes: block_index(old, new)?, usage: Usage::default() }),
        }
    }
}

fn available_memory() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Chunks of the new image that the old one does not have, as they lie in the store, and the index.
fn casync(pair: &Pair, work: &Path, limit: u64) -> anyhow::Result<Outcome> {
    let (store, log) = (work.join("store.castr"), work.join("log"));
    let make = |index: &Path, image: &Path| {
        let mut casync = limited("casync", limit)?;
        casync.args(["make", "--chunk-size=64K"]).arg(format!("--store={}", store.display())).arg(index).arg(image);
        measured::run(&mut casync, &log)
    };
    make(&work.join("old.caibx"), &pair.old.both)?;
    let before = size_below(&store)?;
    let index = work.join("new.caibx");
    let usage = make(&index, &pair.new.both)?;
    let bytes = size_below(&store)? - before + fs::metadata(index)?.len();
    Ok(Outcome::Made { bytes, usage })
}

fn size_below(folder: &Path) -> anyhow::Result<u64> {
    let mut size = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        size += if entry.file_type()?.is_dir() { size_below(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(size)
}

/// Both trees, with the unified kernel image as a file of each.
fn ostree(old: &Images, new: &Images, work: &Path, limit: u64) -> anyhow::Result<Outcome> {
    let (repository, delta, log) = (work.join("repository"), work.join("delta"), work.join("log"));
    let ostree = || -> anyhow::Result<_> {
        let mut ostree = limited("ostree", limit)?;
        ostree.arg(format!("--repo={}", repository.display()));
        Ok(ostree)
    };
    measured::run(ostree()?.args(["init", "--mode=archive"]), &log)?;
    let mut commits = Vec::new();
    for (name, images) in [("old", old), ("new", new)] {
        let tree = work.join(name);
        measured::run(command("fsck.erofs")?.arg(format!("--extract={}", tree.display())).arg(&images.root), &log)?;
        fs::copy(&images.uki, tree.join("uki.efi"))?;
        let mut commit = ostree()?;
        commit.args(["commit", "--branch=system", "--owner-uid=0", "--owner-gid=0", "--no-xattrs"]);
        measured::run(commit.arg(format!("--tree=dir={}", tree.display())), &log)?;
        let text = fs::read_to_string(&log)?;
        commits.push(text.lines().last().context("ostree commit printed no commit")?.to_owned());
    }
    let mut generate = ostree()?;
    generate.args(["static-delta", "generate", "--inline", "--max-bsdiff-size=128"]);
    generate.arg(format!("--from={}", commits[0])).arg(format!("--to={}", commits[1]));
    let usage = measured::run(generate.arg(format!("--filename={}", delta.display())), &log)?;
    Ok(Outcome::Made { bytes: fs::metadata(&delta)?.len(), usage })
}

/// What RAUC's adaptive updates download: each block of 4 KiB that the old image does not have, uncompressed as a bundle in
/// verity format holds it, and the index with a SHA-256 per block. Counted here; RAUC itself needs a device to install to.
fn block_index(old: &Path, new: &Path) -> anyhow::Result<u64> {
    let mut have: HashSet<[u8; 32]> = HashSet::new();
    blocks(old, |digest| {
        have.insert(digest);
    })?;
    let (mut missing, mut all) = (0, 0);
    blocks(new, |digest| {
        all += 1;
        missing += u64::from(have.insert(digest));
    })?;
    Ok(missing * 4096 + all * 32)
}

fn blocks(path: &Path, mut found: impl FnMut([u8; 32])) -> anyhow::Result<()> {
    let mut file = File::open(path)?;
    let salt = verity_tree::digest::Salt::new([])?;
    let mut buffer = vec![0; 256 * 4096];
    loop {
        let mut filled = 0;
        while filled < buffer.len() {
            match file.read(&mut buffer[filled..])? {
                0 => break,
                count => filled += count,
            }
        }
        if filled == 0 {
            return Ok(());
        }
        buffer[filled..].fill(0);
        let count = filled.div_ceil(4096);
        let mut digests = vec![[0; 32]; count];
        verity_tree::digest::hash_blocks(&salt, &buffer[..count * 4096], &mut digests);
        digests.into_iter().for_each(&mut found);
    }
}

#[cfg(test)]
mod tests {
    use super::Peer;

    #[test]
    fn a_reason_is_one_line() {
        let of = |text| Peer::Xdelta.reason(text, 60);
        let failed = "prlimit ended with exit status: 1; its log is /tmp/log\nusage\nxdelta3: out of memory";
        assert_eq!(of(failed), "xdelta3 ended with exit status: 1: xdelta3: out of memory");
        assert_eq!(
            of("prlimit ended with signal: 24 (SIGXCPU); its log is /tmp/log"),
            "not done after 60 s of processor time"
        );
    }
}

//! `bench update`: what a device downloads for an update, against the patch makers and chunk stores of others
//!
//! Pairs of images come from the package archive: one of the suite alone, and others with security updates of some packages
//! or of all. Everybody gets the root image and the unified kernel image; peers get both as one file, which lets them find the
//! initrd's files in the root.
#![expect(clippy::print_stdout, reason = "the figures are the output")]

mod pairs;
mod patch;
mod peers;
mod zsync;

pub use patch::{apply_command, make_command};

use crate::workplace::circumstances;
use anyhow::bail;
use pairs::{Base, Kind, Pair};
use peers::{Outcome, Peer};

/// Ours is to be at most this fraction of the smallest peer's.
const TARGET_RATIO: f64 = 0.85;
/// And at most this fraction of casync's.
const TARGET_CASYNC: f64 = 0.3;
/// Applying is to take at most this many times the processor time of sha256sum.
const TARGET_APPLY: f64 = 2.0;

/// What the comparison can be told.
#[derive(Debug, Default)]
struct Options {
    /// The image for virtual machines, whose kernel has fewer modules, and no peers that take hours.
    quick: bool,
    /// No peers at all.
    alone: bool,
    /// Which pairs; none means all.
    pairs: Vec<Kind>,
}

/// Makes the pairs, then one patch per pair and tool, and prints a table.
///
/// # Errors
/// When images cannot be built, or a patch of ours does not make the new image.
pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let options = parse(arguments)?;
    println!("{}", circumstances());
    let base = Base::prepare(options.quick)?;
    println!("old image: {:.0} MB root, {:.0} MB UKI\n", base.old.root_megabytes()?, base.old.uki_megabytes()?);
    println!("{:<10} {:<22} {:>10} {:>7} {:>9} {:>9}  ", "pair", "tool", "MB", "ratio", "make s", "make MB");
    for kind in if options.pairs.is_empty() { Kind::ALL.to_vec() } else { options.pairs.clone() } {
        compare(&base.pair(kind)?, &options)?;
    }
    Ok(())
}

fn compare(pair: &Pair, options: &Options) -> anyhow::Result<()> {
    let ours = patch::measure(pair)?;
    let name = pair.kind.name();
    let line = |tool: &str, bytes: u64, processor: f64, memory: u64, note: &str| {
        println!(
            "{name:<10} {tool:<22} {:>10.3} {:>7} {processor:>9.1} {:>9.0}  {note}",
            bytes as f64 / 1e6,
            format!("{:.2}", ours.bytes() as f64 / bytes.max(1) as f64),
            memory as f64 / 1e6,
        );
    };
    let note = format!(
        "root {} + UKI {} bytes; {}",
        ours.root,
        ours.uki,
        at_most(ours.bytes() as f64 / 1e6, pair.kind.target())
    );
    line("piccolo", ours.bytes(), ours.make.processor, ours.make.memory, &note);
    println!(
        "{name:<10} {:<22} {:.2} s and {:.1} MB of memory; sha256sum {:.2} s: {}",
        "  applying",
        ours.apply.processor,
        ours.apply.memory as f64 / 1e6,
        ours.sha256sum,
        at_most(ours.apply.processor / ours.sha256sum, TARGET_APPLY),
    );
    if options.alone {
        return Ok(());
    }
    let (mut smallest, mut casync) = (u64::MAX, None);
    for peer in Peer::ALL.into_iter().filter(|peer| !(options.quick && peer.is_slow())) {
        match peer.measure(pair)? {
            Outcome::Made { bytes, usage } => {
                line(peer.name(), bytes, usage.processor, usage.memory, "");
                smallest = smallest.min(bytes);
                casync = if peer == Peer::Casync { Some(bytes) } else { casync };
            }
            Outcome::NotRun(reason) => println!("{name:<10} {:<22} not run: {reason}", peer.name()),
        }
    }
    let ratio = ours.bytes() as f64 / smallest as f64;
    println!("{name:<10} {:<22} {}", "  of smallest peer", at_most(ratio, TARGET_RATIO));
    if let Some(casync) = casync {
        println!(
            "{name:<10} {:<22} {}",
            "  of casync 64K",
            at_most(ours.bytes() as f64 / casync as f64, TARGET_CASYNC)
        );
    }
    Ok(())
}

fn at_most(have: f64, most: f64) -> String {
    format!("{have:.3} ≤ {most}: {}", if have <= most { "met" } else { "missed" })
}

fn parse(arguments: &[String]) -> anyhow::Result<Options> {
    let mut options = Options::default();
    for argument in arguments {
        match argument.as_str() {
            "--quick" => options.quick = true,
            "--alone" => options.alone = true,
            name => match Kind::ALL.into_iter().find(|kind| kind.name() == name) {
                Some(kind) => options.pairs.push(kind),
                None => bail!(
                    "{name:?} is no option and no pair; pairs are nothing, curl, openssl, userland, kernel, month"
                ),
            },
        }
    }
    Ok(options)
}

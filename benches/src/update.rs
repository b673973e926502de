//! `bench update`: what a device downloads for an update, against the patch makers and chunk stores of others
//!
//! Pairs of images come from the package archive: one of a suite alone, and others with security updates of some packages
//! or of all. Everybody gets the root image and the unified kernel image; peers get both as one file, which lets them find the
//! initrd's files in the root.
#![expect(clippy::print_stdout, reason = "the figures are the output")]

mod chunks;
mod image;
mod options;
mod pairs;
mod patch;
mod peers;
mod suites;
mod summary;
mod zsync;

pub use chunks::{assemble_command, cut_command};
pub use patch::{apply_command, make_command};

use crate::workplace::circumstances;
use options::Options;
use pairs::{Base, Kind, Pair};
use peers::{Outcome, Peer};
use summary::{Column, Summary};

/// Ours is to be at most this fraction of the smallest peer's.
const TARGET_RATIO: f64 = 0.85;
/// And at most this fraction of casync's.
const TARGET_CASYNC: f64 = 0.3;
/// Applying is to take at most this many times the processor time of sha256sum.
const TARGET_APPLY: f64 = 2.0;
/// And at most this much memory, in megabytes: 32 MiB.
const TARGET_MEMORY: f64 = 33.6;
/// Making is to take at most this much processor time: three minutes on two cores.
const TARGET_MAKE: f64 = 360.0;
/// Megabytes that chunks download for everything that changed in a month.
const TARGET_CHUNKS: f64 = 62.0;
/// Most memory of assembling chunks, in megabytes: 64 MiB.
const TARGET_CHUNKS_MEMORY: f64 = 67.2;

/// Makes the pairs, then one patch per pair and tool, and prints a table.
///
/// # Errors
/// When images cannot be built, or a patch of ours does not make the new image. What peers cannot do is no error: their cells say why.
pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let options = options::parse(arguments)?;
    println!("{}", circumstances());
    let mut summary = Summary::default();
    for suite in &options.suites {
        let base = Base::prepare(*suite, options.quick)?;
        println!(
            "{}: {:.0} MB root, {:.0} MB UKI\n",
            suite.name(),
            base.old.root_megabytes()?,
            base.old.uki_megabytes()?
        );
        println!("{:<17} {:<22} {:>10} {:>7} {:>9} {:>9}  ", "pair", "tool", "MB", "ratio", "make s", "make MB");
        for kind in &options.kinds {
            compare(&base.pair(*kind)?, &options, &mut summary)?;
        }
        println!();
    }
    print!("{summary}");
    println!("{}", circumstances());
    Ok(())
}

fn compare(pair: &Pair, options: &Options, summary: &mut Summary) -> anyhow::Result<()> {
    let ours = patch::measure(pair)?;
    let name = pair.name();
    let note = |what: &str, text: &str| println!("{name:<17} {what:<22} {text}");
    let line = |tool: &str, bytes: u64, processor: f64, memory: u64, text: &str| {
        println!(
            "{name:<17} {tool:<22} {:>10.3} {:>7} {processor:>9.1} {:>9.0}  {text}",
            bytes as f64 / 1e6,
            format!("{:.3}", ours.bytes() as f64 / bytes.max(1) as f64),
            memory as f64 / 1e6,
        );
    };
    summary.add(&name, Column::Ours, Ok(ours.bytes()));
    let megabytes = ours.bytes() as f64 / 1e6;
    let wanted = pair.target().map_or_else(String::new, |target| format!("; {}", at_most(megabytes, target)));
    let text = format!("root {} + UKI {} bytes{wanted}", ours.root, ours.uki);
    line("piccolo", ours.bytes(), ours.make.processor, ours.make.memory, &text);
    note("  making", &format!("processor seconds: {}", at_most(ours.make.processor, TARGET_MAKE)));
    note(
        "  applying",
        &format!(
            "{:.2} s, sha256sum {:.2} s: {}; {:.1} MB of memory: {}",
            ours.apply.processor,
            ours.sha256sum,
            at_most(ours.apply.processor / ours.sha256sum, TARGET_APPLY),
            ours.apply.memory as f64 / 1e6,
            at_most(ours.apply.memory as f64 / 1e6, TARGET_MEMORY),
        ),
    );
    if options.chunks {
        let chunks = chunks::measure(pair)?;
        summary.add(&name, Column::Chunks, Ok(chunks.bytes()));
        let text = format!("chunks {} + index {} (whole {}) bytes", chunks.download, chunks.difference, chunks.index);
        line("piccolo chunks", chunks.bytes(), chunks.make.processor, chunks.make.memory, &text);
        let (bytes, memory) = (chunks.bytes() as f64 / 1e6, chunks.assemble.memory as f64 / 1e6);
        let wanted = if pair.kind == Kind::Month { at_most(bytes, TARGET_CHUNKS) } else { format!("{bytes:.3} MB") };
        let memory = at_most(memory, TARGET_CHUNKS_MEMORY);
        note("  assembling", &format!("{wanted}; {:.2} s, memory {memory}", chunks.assemble.processor));
    }
    let (mut smallest, mut casync) = (u64::MAX, None);
    for peer in &options.peers {
        let outcome = peer.measure(pair, options.limit)?;
        summary.add(&name, Column::Peer(*peer), outcome.size());
        match outcome {
            Outcome::Made { bytes, usage } => {
                line(peer.name(), bytes, usage.processor, usage.memory, "");
                smallest = smallest.min(bytes);
                casync = if *peer == Peer::Casync { Some(bytes) } else { casync };
            }
            Outcome::NotRun(reason) => note(peer.name(), &format!("no figure: {reason}")),
        }
    }
    let ratio = |bytes: u64| ours.bytes() as f64 / bytes as f64;
    if smallest < u64::MAX {
        note("  of smallest peer", &at_most(ratio(smallest), TARGET_RATIO));
    }
    if let Some(casync) = casync {
        note("  of casync 64K", &at_most(ratio(casync), TARGET_CASYNC));
    }
    Ok(())
}

fn at_most(have: f64, most: f64) -> String {
    format!("{have:.3} ≤ {most}: {}", if have <= most { "met" } else { "missed" })
}

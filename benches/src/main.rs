//! `cargo xtask bench NAME`: comparisons with peers. Each prints a table with ratios; no timing decides the exit code.

mod boot;
mod build;
mod erofs;
mod measured;
mod ours;
mod paired;
mod peer;
mod repository;
mod table;
mod update;
mod verity;
mod workplace;

use anyhow::bail;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask bench NAME

  build [--quick] [--json]   building an image, against mkosi (root)
  boot [--quick] [--json]    power-on to API, against mkosi's image to its login prompt (root)
  verity [IMAGE [ROUNDS]]    computing a hash tree, against veritysetup
  update [--quick] [--alone] [--no-chunks] [--limit SECONDS] [SUITE…] [PAIR…] [PEER…]
                             what an update downloads, against seven peers; hours without names, --quick or --alone
  erofs [TREE.tar [ROUNDS]]  writing EROFS, against cp and mkfs.erofs

Without IMAGE or TREE.tar, those of the image that os/recipes/vm.yaml gives.";

#[expect(clippy::print_stderr, reason = "a developer's tool talks to the terminal")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> anyhow::Result<()> {
    let (name, rest) = match arguments.split_first() {
        Some((name, rest)) => (name.as_str(), rest),
        None => bail!("{USAGE}"),
    };
    match name {
        "build" => build::run(&Options::parse(rest)?),
        "boot" => boot::run(&Options::parse(rest)?),
        "verity" if rest.is_empty() => verity::run(&[ours::root_partition()?]),
        "verity" => verity::run(rest),
        "erofs" if rest.is_empty() => erofs::run(&[ours::base_tree()?]),
        "erofs" => erofs::run(rest),
        "update" => update::run(rest),
        // Parts of the bench above, in processes of their own.
        "update-make" => update::make_command(rest),
        "update-apply" => update::apply_command(rest),
        "update-cut" => update::cut_command(rest),
        "update-assemble" => update::assemble_command(rest),
        "help" | "--help" | "-h" => bail!("{USAGE}"),
        other => bail!("{other:?} is no bench\n{USAGE}"),
    }
}

/// What the comparisons with mkosi can be told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// One round instead of several.
    pub quick: bool,
    /// Print JSON instead of a table.
    pub json: bool,
}

impl Options {
    fn parse(arguments: &[String]) -> anyhow::Result<Self> {
        let mut options = Self::default();
        for argument in arguments {
            match argument.as_str() {
                "--quick" => options.quick = true,
                "--json" => options.json = true,
                other => bail!("{other:?} is no option of this bench\n{USAGE}"),
            }
        }
        Ok(options)
    }
}

//! Developer chores: `cargo xtask demo | test | check | bench | device | image`.
//!
//! Nothing here is part of the product; it installs what building and testing need, then calls cargo and `piccolo`.

mod bench;
mod check;
mod debian;
mod demo;
mod image;
mod python;
mod shell;
mod test;

use anyhow::bail;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask COMMAND

  demo [--detach]   install what is needed, build everything, boot the image, print its URL
  test [FILTER]     every test, virtual machines included
  check             format, lints, repository rules, unit tests: minutes, no root, no virtual machine
  bench NAME        compare with peers: build, verity, erofs, boot, update
  device            build the programs that go onto the device
  image             build the image that the tests boot
  setup             install the Debian packages that the other commands need";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            shell::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> anyhow::Result<()> {
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => bail!("{USAGE}"),
    };
    match command {
        "demo" => demo::run(rest),
        "test" => test::run(rest),
        "check" => check::run(),
        "bench" => bench::run(rest),
        "device" => image::device_programs(),
        "image" => image::test_image().map(|path| shell::say(&path.display().to_string())),
        "setup" => debian::install_all(),
        "help" | "--help" | "-h" => {
            shell::say(USAGE);
            Ok(())
        }
        other => bail!("{other:?} is no command\n{USAGE}"),
    }
}

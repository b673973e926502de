//! What the initrd must decide before the root is mounted, and what udev asks about disks afterwards.
//!
//! - `select-disk` waits for the disk that the firmware booted from and writes its name to `/run/piccolo/boot-disk`;
//! - `owns DISK` succeeds when that is the disk (called by udev's rules, in the initrd and in the system);
//! - `prepare-etc` makes the directories behind the `/etc` overlay;
//! - `explain-failure` tells the person at the console that the boot failed, and leaves time to read.

mod etc;
mod failure;
mod select;

use std::process::ExitCode;

const USAGE: &str = "usage: piccolo-initrd select-disk | owns DISK | prepare-etc | explain-failure";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        ["select-disk"] => select::select_disk(),
        ["owns", disk] => return if select::owns(disk) { ExitCode::SUCCESS } else { ExitCode::FAILURE },
        ["prepare-etc"] => etc::prepare(),
        ["explain-failure"] => failure::explain(),
        _ => Err(anyhow::anyhow!(USAGE)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "systemd takes standard error to the journal and the console")]
fn report(error: &anyhow::Error) {
    eprintln!("piccolo: {error:#}");
}

//! What systemd says about units.

use std::thread;
use std::time::Duration;

use health_check::verdict::{Finding, Need, Outcome};
use host::cancel::Cancel;
use host::invocation::{Invocation, Output};
use host::program::Program;

use crate::Deadline;

/// Waits until a unit is active, has failed, or time is over.
#[must_use]
pub fn wait_until_active(unit: &str, need: Need, deadline: Deadline) -> Finding {
    let finding = |outcome| Finding { name: unit.to_owned(), need, outcome };
    loop {
        let state = state(unit);
        match state.as_str() {
            "active" => return finding(Outcome::Passed),
            "failed" => return finding(Outcome::Failed { how: "failed".to_owned(), output: journal(unit) }),
            _ if deadline.is_over() => {
                let how = format!("is not active in time, but {state}");
                return finding(Outcome::Failed { how, output: journal(unit) });
            }
            _ => thread::sleep(Duration::from_millis(500).min(deadline.left())),
        }
    }
}

/// Units that have failed, each a finding that does not make the boot unhealthy by itself.
#[must_use]
pub fn failed() -> Vec<Finding> {
    let list = Invocation::new(Program::Systemctl).arguments([
        "list-units",
        "--state=failed",
        "--plain",
        "--no-legend",
        "--full",
    ]);
    let text = list.run(&Cancel::new()).map(|output| text_of(&output)).unwrap_or_default();
    let names = text.lines().filter_map(|line| line.split_whitespace().next());
    let finding = |name: &str| Finding {
        name: name.to_owned(),
        need: Need::Wanted,
        outcome: Outcome::Failed { how: "failed".to_owned(), output: String::new() },
    };
    names.take(64).map(finding).collect()
}

/// `ActiveState` (org.freedesktop.systemd1(5)).
fn state(unit: &str) -> String {
    let show = Invocation::new(Program::Systemctl).arguments(["show", "--property=ActiveState", "--value", unit]);
    match show.run(&Cancel::new()) {
        Ok(output) => text_of(&output).trim().to_owned(),
        Err(error) => error.to_string(),
    }
}

/// The last lines that a unit logged.
fn journal(unit: &str) -> String {
    let journalctl =
        Invocation::new(Program::Journalctl).arguments(["-b", "-n", "20", "-o", "cat", "--no-pager", "-u", unit]);
    journalctl.run(&Cancel::new()).map(|output| text_of(&output)).unwrap_or_default()
}

fn text_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

//! Everything the program says: results on standard output, progress and problems on standard error.

use crate::failure::Failure;
use host::cancel::Cancel;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How often machine-readable progress is written, at most.
const EVENT_INTERVAL: Duration = Duration::from_millis(500);

/// Where and how to report.
#[derive(Debug)]
pub struct Report {
    json: bool,
    quiet: bool,
    cancel: Cancel,
    interactive: bool,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Event<'a> {
    Phase { name: &'a str },
    Progress { phase: &'a str, done: u64, total: u64 },
}

impl Report {
    /// A report for a person, or as JSON for a machine.
    #[must_use]
    pub fn new(json: bool, quiet: bool, cancel: Cancel) -> Self {
        Self { json, quiet, cancel, interactive: io::stderr().is_terminal() && !json && !quiet }
    }

    /// The flag that Ctrl-C sets.
    #[must_use]
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Prints the result: the text for a person, or the value as JSON.
    pub fn result(&self, text: &str, value: &impl Serialize) {
        let mut out = io::stdout().lock();
        let written = if self.json {
            let json = serde_json::to_string_pretty(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"));
            writeln!(out, "{json}")
        } else {
            writeln!(out, "{}", text.trim_end())
        };
        // A closed pipe means that nobody is listening any more.
        let _ = written;
    }

    /// A remark that the person should see and that stops nothing.
    pub fn note(&self, text: &str) {
        if !self.json && !self.quiet {
            self.error_line(&format!("note: {text}"));
        }
    }

    /// Prints a failure with its causes.
    pub fn failure(&self, failure: &Failure) {
        if self.json {
            let value = serde_json::json!({
                "error": { "kind": failure.kind.name(), "exit_code": failure.kind as i32, "causes": failure.causes() }
            });
            self.error_line(&value.to_string());
        } else {
            self.error_line(&format!("error: {failure}"));
        }
    }

    /// Starts a phase of long work.
    #[must_use]
    pub fn phase(&self, name: &str) -> Phase<'_> {
        let bar = self.interactive.then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(plain_style());
            bar.set_message(name.to_owned());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        if self.json {
            self.event(&Event::Phase { name });
        } else if !self.interactive && !self.quiet {
            self.error_line(&format!("{name} …"));
        }
        Phase { report: self, name: name.to_owned(), bar, last: Mutex::new(None) }
    }

    fn event(&self, event: &Event<'_>) {
        if let Ok(text) = serde_json::to_string(event) {
            self.error_line(&text);
        }
    }

    fn error_line(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }
}

/// One phase of long work; finished when dropped.
#[derive(Debug)]
pub struct Phase<'a> {
    report: &'a Report,
    name: String,
    bar: Option<ProgressBar>,
    last: Mutex<Option<Instant>>,
}

impl Phase<'_> {
    /// Tells how far the work is, in bytes.
    pub fn bytes(&self, done: u64, total: u64) {
        if let Some(bar) = &self.bar {
            if bar.length() != Some(total) {
                bar.set_style(bytes_style());
                bar.set_length(total);
            }
            bar.set_position(done);
        } else if self.report.json {
            let Ok(mut last) = self.last.lock() else { return };
            if last.is_none_or(|last| last.elapsed() >= EVENT_INTERVAL) || done == total {
                *last = Some(Instant::now());
                self.report.event(&Event::Progress { phase: &self.name, done, total });
            }
        }
    }
}

impl Drop for Phase<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn plain_style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {msg} {elapsed}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn bytes_style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {msg} {bytes} of {total_bytes} {wide_bar} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A size for people: three digits and a binary unit.
#[must_use]
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

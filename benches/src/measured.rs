//! Running a program with the clock on and an eye on its memory

use anyhow::{Context, ensure};
use std::collections::HashMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// How often memory is looked at; a hundredth of a second of work per look would disturb what is measured more than it tells.
const INTERVAL: Duration = Duration::from_millis(100);
/// Unit of times in proc(5) on every architecture that Piccolo OS runs on.
const TICKS_PER_SECOND: f64 = 100.0;
/// Lines of its log that a failure shows.
const SHOWN_LINES: usize = 25;

/// A command of a bench, started in the repository.
#[expect(clippy::disallowed_methods, reason = "the peers are measured, not used")]
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> anyhow::Result<Command> {
    let mut command = Command::new(program);
    command.current_dir(crate::workplace::repository()?);
    Ok(command)
}

/// What a run took besides time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// The most memory that the program and everything it started had at once, in bytes: the sum of their resident sets, sampled.
    /// Pages that they share count once for each.
    pub memory: u64,
    /// Time of processors, in seconds: says more than the clock where other work goes on.
    pub processor: f64,
}

/// Has the kernel end a command that takes more than this many seconds of processor time in one process.
pub fn limited(program: &str, seconds: u64) -> anyhow::Result<Command> {
    let mut limited = command("prlimit")?;
    limited.arg(format!("--cpu={seconds}")).arg(program);
    Ok(limited)
}

/// Runs a command to its end, its output going to a log.
///
/// # Errors
/// When it does not start or fails; the message has the end of the log.
pub fn run(command: &mut Command, log: &Path) -> anyhow::Result<Usage> {
    let name = command.get_program().to_string_lossy().into_owned();
    let file = File::create(log).with_context(|| format!("creating {}", log.display()))?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let ticks = ticks_of_children();
    let mut child = command.spawn().with_context(|| format!("starting {name}"))?;
    let mut most = 0;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        most = most.max(resident_below(child.id()));
        thread::sleep(INTERVAL);
    };
    let end = || {
        let text = fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
    };
    ensure!(status.success(), "{name} ended with {status}; its log is {}\n{}", log.display(), end());
    Ok(Usage { memory: most, processor: ticks_of_children().saturating_sub(ticks) as f64 / TICKS_PER_SECOND })
}

/// Processor time of this process's children that have ended and of theirs: fields 16 and 17 of proc_pid_stat(5). The name in
/// parentheses can hold anything, so they are counted from its end.
fn ticks_of_children() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields).split(' ');
    fields.skip(13).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}

/// Bytes in memory of a process and its descendants.
fn resident_below(root: u32) -> u64 {
    let mut children: HashMap<u32, Vec<(u32, u64)>> = HashMap::new();
    let mut total = 0;
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(status) = fs::read_to_string(entry.path().join("status")) else { continue };
        let Some((parent, resident)) = parent_and_resident(&status) else { continue };
        if process == root {
            total += resident;
        }
        children.entry(parent).or_default().push((process, resident));
    }
    let mut open = vec![root];
    while let Some(parent) = open.pop() {
        for (process, resident) in children.remove(&parent).unwrap_or_default() {
            total += resident;
            open.push(process);
        }
    }
    total
}

/// Two lines of proc_pid_status(5). A kernel thread, or a process that has ended, has no memory.
fn parent_and_resident(status: &str) -> Option<(u32, u64)> {
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let kibibytes: u64 = field("VmRSS:").and_then(|value| value.strip_suffix(" kB")?.parse().ok()).unwrap_or(0);
    Some((field("PPid:")?.parse().ok()?, kibibytes.saturating_mul(1024)))
}

#[cfg(test)]
mod tests {
    use super::{parent_and_resident, resident_below};

    #[test]
    fn a_process_without_memory_counts_nothing() {
        let status = "Name:\tcp\nPPid:\t3\nVmRSS:\t    2048 kB\nThreads:\t1\n";
        assert_eq!(parent_and_resident(status), Some((3, 2 << 20)));
        assert_eq!(parent_and_resident("Name:\tkthreadd\nPPid:\t0\n"), Some((0, 0)));
    }

    #[test]
    fn this_process_has_memory() {
        assert!(resident_below(std::process::id()) > 100_000);
    }
}

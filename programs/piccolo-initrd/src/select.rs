//! Waits for the boot disk and remembers it.

use anyhow::Context;
use boot_disk::choice::{Decision, decide};
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

const SYS: &str = "/sys";
const DEV: &str = "/dev";
const MEMORY: &str = "/run/piccolo/boot-disk";
/// How long slow controllers and USB sticks may take to show their disks.
const DEADLINE: Duration = Duration::from_secs(60);
/// sysfs offers no notification without a netlink socket; listing it costs less than a millisecond.
const INTERVAL: Duration = Duration::from_millis(50);

/// Chooses the boot disk as soon as that is safe, writes its name down and has udev look at it again.
pub fn select_disk() -> anyhow::Result<()> {
    let sys = Path::new(SYS);
    let source = boot_disk_facts::boot_source(sys);
    let started = Instant::now();
    let mut changed = started;
    let mut seen = Vec::new();
    loop {
        let disks = boot_disk_facts::disks(sys, Path::new(DEV))?;
        if disks != seen {
            changed = Instant::now();
            seen = disks;
        }
        match decide(&seen, &source, changed.elapsed()) {
            Decision::Chosen(disk) => return remember(sys, &disk.attachment.name),
            Decision::Refused(error) => return Err(error.into()),
            Decision::Wait(error) if started.elapsed() > DEADLINE => {
                return Err(error).context(format!("waited {} seconds for the boot disk", DEADLINE.as_secs()));
            }
            Decision::Wait(_) => thread::sleep(INTERVAL),
        }
    }
}

fn remember(sys: &Path, disk: &str) -> anyhow::Result<()> {
    if let Some(directory) = Path::new(MEMORY).parent() {
        fs::create_dir_all(directory).with_context(|| format!("creating {}", directory.display()))?;
    }
    fs::write(MEMORY, format!("{disk}\n")).with_context(|| format!("writing {MEMORY}"))?;
    boot_disk_facts::announce(sys, disk)?;
    Ok(())
}

/// Whether `disk`, a kernel name such as `vda` or a path of its device node, is the boot disk.
pub fn owns(disk: &str) -> bool {
    let name = disk.strip_prefix("/dev/").unwrap_or(disk);
    fs::read_to_string(MEMORY).is_ok_and(|memory| memory.trim_end() == name)
}

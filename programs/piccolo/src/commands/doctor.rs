//! `piccolo doctor`.

use crate::failure::{Failure, FailureKind};
use crate::report::Report;
use host::program::Program;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Check whether this computer has what building and running images needs
///
/// Says of everything missing what to install. Exits with 4 when something that building needs is missing.
#[derive(Debug, clap::Args)]
pub struct Args {}

#[derive(Debug, Serialize)]
struct Finding {
    name: String,
    needed_for: &'static str,
    found: bool,
    detail: String,
}

/// Looks at everything and prints what it found.
pub fn run(_args: &Args, report: &Report) -> Result<(), Failure> {
    let mut findings: Vec<Finding> =
        PROGRAMS.iter().map(|(program, purpose)| program_finding(*program, purpose)).collect();
    findings.push(namespaces());
    findings.push(subordinate_ids());
    findings.push(virtualization());
    let text: String = findings.iter().map(line).collect();
    report.result(&text, &findings);
    let missing: Vec<&str> = findings
        .iter()
        .filter(|finding| !finding.found && finding.needed_for == BUILDING)
        .map(|finding| finding.name.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let error = anyhow::anyhow!("building images needs what is missing here: {}", missing.join(", "));
    Err(Failure::new(FailureKind::Requirement, error))
}

const BUILDING: &str = "building";
const RUNNING: &str = "running";
const SPEED: &str = "speed";

const PROGRAMS: [(Program, &str); 8] = [
    (Program::AptGet, BUILDING),
    (Program::AptHelper, BUILDING),
    (Program::AptConfig, BUILDING),
    (Program::Unshare, BUILDING),
    (Program::QemuSystemX86, RUNNING),
    (Program::QemuImg, RUNNING),
    (Program::Swtpm, RUNNING),
    (Program::SwtpmSetup, RUNNING),
];

fn line(finding: &Finding) -> String {
    let state = if finding.found { "ok     " } else { "missing" };
    format!("{state}  {:<20} {:<9} {}\n", finding.name, finding.needed_for, finding.detail)
}

fn program_finding(program: Program, needed_for: &'static str) -> Finding {
    let name = program.command();
    let place = place_of(name);
    let detail = match &place {
        Some(place) => place.display().to_string(),
        None => format!("on Debian: apt-get install {}", program.debian_package()),
    };
    let short = Path::new(name).file_name().map_or_else(|| name.into(), |name| name.to_string_lossy());
    Finding { name: short.into_owned(), needed_for, found: place.is_some(), detail }
}

fn namespaces() -> Finding {
    let limit = std::fs::read_to_string("/proc/sys/user/max_user_namespaces").unwrap_or_default();
    let allowed = limit.trim().parse::<u64>().is_ok_and(|limit| limit > 0);
    let detail = if allowed { "allowed by the kernel" } else { "set the sysctl user.max_user_namespaces above 0" };
    Finding { name: "user namespaces".into(), needed_for: BUILDING, found: allowed, detail: detail.into() }
}

fn place_of(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|candidate| candidate.is_file())
}

/// Without root, a tree's many owners need a range of user numbers of one's own.
fn subordinate_ids() -> Finding {
    let found = place_of("newuidmap").is_some() && place_of("newgidmap").is_some();
    let detail = if found {
        "newuidmap is there; an ordinary user also needs a range in /etc/subuid and /etc/subgid"
    } else {
        "on Debian: apt-get install uidmap (root can build without)"
    };
    Finding { name: "subordinate users".into(), needed_for: "building without root", found, detail: detail.into() }
}

fn virtualization() -> Finding {
    let found = std::fs::OpenOptions::new().read(true).write(true).open("/dev/kvm").is_ok();
    let detail = if found {
        "/dev/kvm opens; `piccolo run` tries whether it really runs a guest"
    } else {
        "no access to /dev/kvm: virtual machines run about ten times slower, by emulation"
    };
    Finding { name: "KVM".into(), needed_for: SPEED, found, detail: detail.into() }
}

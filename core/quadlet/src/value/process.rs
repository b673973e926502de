//! What processes in a container are given: users, capabilities, signals, limits, kernel parameters.

use super::Problem;

/// Capabilities of Linux 6.12 (capabilities(7)), without `CAP_`.
const CAPABILITIES: [&str; 41] = [
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "PERFMON",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "SYSLOG",
    "WAKE_ALARM",
];

pub(super) fn capability(text: &str) -> Result<(), Problem> {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("CAP_").unwrap_or(&upper);
    if name == "ALL" || CAPABILITIES.contains(&name) {
        return Ok(());
    }
    let nearest = CAPABILITIES.into_iter().min_by_key(|known| strsim::damerau_levenshtein(known, name));
    Err(Problem::new("is not a capability", format!("perhaps CAP_{}", nearest.unwrap_or_default())))
}

/// Signals of Linux (signal(7)), without `SIG`.
const SIGNALS: [&str; 32] = [
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL",
    "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1",
    "USR2", "VTALRM", "WINCH",
];

pub(super) fn signal(text: &str) -> Result<(), Problem> {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let number = text.parse::<u8>().is_ok_and(|number| (1..=64).contains(&number));
    let real_time = name.strip_prefix("RTMIN").or_else(|| name.strip_prefix("RTMAX"));
    let is_offset = |rest: &str| rest.is_empty() || rest.get(1..).is_some_and(|number| number.parse::<u8>().is_ok());
    if number || SIGNALS.contains(&name) || ["XCPU", "XFSZ"].contains(&name) || real_time.is_some_and(is_offset) {
        return Ok(());
    }
    Err(Problem::new("is not a signal", "write one such as SIGTERM, SIGINT or SIGQUIT"))
}

/// `NAME=SOFT[:HARD]` or `host`.
pub(super) fn ulimit(text: &str) -> Result<(), Problem> {
    const NAMES: [&str; 15] = [
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    ];
    if text == "host" {
        return Ok(());
    }
    let advice = "write it as nofile=1024:4096, or host";
    let (name, limits) = text.split_once('=').ok_or_else(|| Problem::new("is not a limit", advice))?;
    if !NAMES.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(Problem::new(format!("has a limit {name:?} that is none"), format!("use {}", NAMES.join(", "))));
    }
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let number = |text: &str| text.parse::<i64>().ok().filter(|number| *number >= -1);
    match (number(soft), number(hard)) {
        (Some(soft), Some(hard)) if hard == -1 || (soft != -1 && soft <= hard) => Ok(()),
        (Some(_), Some(_)) => {
            Err(Problem::new("has a soft limit above the hard one", "write the smaller number first"))
        }
        _ => Err(Problem::new("has a limit that is not a number", advice)),
    }
}

/// `[FLAGS]CONTAINER-ID:HOST-ID[:AMOUNT]`, podman-run(1), `--uidmap`.
pub(super) fn id_mapping(text: &str) -> Result<(), Problem> {
    let number = |part: &str| part.parse::<u32>().is_ok();
    let parts: Vec<&str> = text.trim_start_matches(['+', 'u', 'g']).split(':').collect();
    let fine = match parts[..] {
        [inside, outside] => number(inside) && number(outside.trim_start_matches('@')),
        [inside, outside, amount] => number(inside) && number(outside.trim_start_matches('@')) && number(amount),
        _ => false,
    };
    if fine {
        return Ok(());
    }
    Err(Problem::new("is not a mapping of identifiers", "write container:host:amount, such as 0:100000:65536"))
}

/// Podman-run(1), `--userns`.
pub(super) fn user_namespace(text: &str) -> Result<(), Problem> {
    let mode = text.split(':').next().unwrap_or_default();
    let needs_more = matches!(mode, "container" | "ns");
    if matches!(mode, "auto" | "host" | "keep-id" | "nomap" | "private") || (needs_more && text.len() > mode.len() + 1)
    {
        return Ok(());
    }
    Err(Problem::new(
        "is not a mode of user namespaces",
        "write auto, keep-id, nomap, host, private, container:NAME or ns:PATH",
    ))
}

/// `NAME=VALUE` of a kernel parameter that each container has for itself; Podman refuses others.
pub(super) fn sysctl(text: &str) -> Result<(), Problem> {
    const KERNEL: [&str; 8] = ["msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced"];
    let Some((name, _)) = text.split_once('=') else {
        return Err(Problem::new("is not NAME=VALUE", "write it as net.ipv4.ip_forward=1"));
    };
    let own = name.starts_with("net.") || name.starts_with("fs.mqueue.");
    if own || name.strip_prefix("kernel.").is_some_and(|rest| KERNEL.contains(&rest)) {
        return Ok(());
    }
    Err(Problem::new(
        "is a kernel parameter of the whole device",
        "containers have net.*, fs.mqueue.* and the kernel.* of System V messages, semaphores and shared memory",
    ))
}

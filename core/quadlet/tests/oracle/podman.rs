//! Values, judged by Podman itself: it makes a container with each, without starting it.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::panic,
    reason = "these tests compare with programs, which read files, and stop where one is missing"
)]

use crate::generator::tools_tree;
use proptest::collection::vec;
use proptest::sample::select;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use quadlet::keys;
use quadlet::unit_kind::UnitKind;
use quadlet::value::{ImageReference, check};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A key, the option of `podman create` that it becomes, and values. Paths are those of the sandbox.
const VALUES: &[(&str, &str, &[&str])] = &[
    (
        "PublishPort",
        "--publish",
        &[
            "80",
            "8080:80",
            "127.0.0.1:8080:80",
            "127.0.0.1::80",
            "[::1]:80:80",
            "[::1]:80:80/udp",
            "50-59:60-69",
            "80/sctp",
            ":80",
            "0",
            "65536",
            "x",
            "80:",
            "1.2.3:80:80",
            "50-59:60",
            "59-50:60-51",
            "80/icmp",
            "::1:80:80",
            "1:2:3:4",
            "80:80/tcp/udp",
            "80-",
            "-80",
            "80:80/TCP",
            "[::1:80:80",
            "8080:80 81:81",
        ],
    ),
    (
        "Volume",
        "--volume",
        &[
            "/x",
            "/etc:/b",
            "/etc:/b:ro",
            "name:/b",
            "name:/b:ro,Z",
            "/etc:/b:rw,z,nosuid",
            "/etc:/b:O",
            "/etc:/b:U",
            "a",
            "/etc:b",
            "a/b:/c",
            "/etc:/b:wrong",
            "a b:/c",
            "-a:/c",
            "/etc:/b:rbind,rslave",
            "/etc:/b:ro,wrong",
            "name:/b:copy",
            "name:/b:nocopy",
            "/etc:/b:idmap",
        ],
    ),
    (
        "Mount",
        "--mount",
        &[
            "type=bind,source=/etc,target=/b",
            "type=bind,src=/etc,dst=/b,ro",
            "type=tmpfs,dst=/t",
            "type=tmpfs,target=/t,tmpfs-size=1m",
            "type=volume,src=name,destination=/b,ro",
            "type=devpts,target=/pts",
            "type=ramfs,target=/r",
            "type=glob,src=/etc/host*,target=/g",
            "\"type=bind\",\"source=/etc\",target=/c",
            "type=other,target=/b",
            "type=tmpfs",
            "type=bind,source=/etc",
            "type=tmpfs,target=",
        ],
    ),
    (
        "AddDevice",
        "--device",
        &[
            "/dev/null",
            "/dev/null:/dev/b",
            "/dev/null:rw",
            "/dev/null:/dev/b:rwm",
            "/dev/null:x",
            "/dev/null:/b:q",
            "/dev/null:/b:r:w",
            "null",
        ],
    ),
    ("Network", "--network", &["host", "none", "bridge", "private", "host:x", "ns:/proc/self/ns/net", "ns:x", "a b"]),
    ("DNS", "--dns", &["1.1.1.1", "::1", "none", "dns", "1.1.1", "1.1.1.1:53"]),
    (
        "AddHost",
        "--add-host",
        &["a:1.2.3.4", "a;b:1.2.3.4", "a:::1", "a:[::1]", "a:host-gateway", "a", "a:b", ":1.2.3.4", "a:1.2.3"],
    ),
    ("UIDMap", "--uidmap", &["0:0:1", "0", "x", "0:x", "0:1:2:3", "0:4294967296:1", "0:1:x"]),
    ("UserNS", "--userns", &["host", "keepid", "ns", "ns:", "other", "container:"]),
    (
        "Sysctl",
        "--sysctl",
        &[
            "net.ipv4.ip_forward=1",
            "fs.mqueue.msg_max=1",
            "kernel.shmmax=1",
            "vm.swappiness=1",
            "net.a",
            "kernel.panic=1",
        ],
    ),
    ("ContainerName", "--name", &["a1", "A-1_b.c", "1", "-a", "a b", "a/b", "é", ".a", "_a"]),
    (
        "AddCapability",
        "--cap-add",
        &["CAP_CHOWN", "chown", "all", "ALL", "cap_sys_admin", "CAP_X", "root", "CAP_CHECKPOINT_RESTORE"],
    ),
    (
        "StopSignal",
        "--stop-signal",
        &["SIGTERM", "TERM", "term", "9", "SIGRTMIN+3", "SIGX", "TERMINATE", "SIGWINCH", "SIGXCPU", "64"],
    ),
    (
        "Ulimit",
        "--ulimit",
        &[
            "host",
            "nofile=1",
            "nofile=1:2",
            "core=-1",
            "core=-1:-1",
            "nproc=5",
            "x=1",
            "nofile",
            "nofile=2:1",
            "nofile=x",
            "rttime=1:",
        ],
    ),
    ("Tmpfs", "--tmpfs", &["/a", "/a:size=1m", "a"]),
    ("ShmSize", "--shm-size", &["0", "64m", "2g", "1.5GiB", "64kb", "64K", "x", "5x", "m", "-1"]),
    ("HealthTimeout", "--health-timeout", &["5s", "1m30s", "1.5s", "300ms", "1h", "s", "1x", "1..5s", "5"]),
    ("HealthStartPeriod", "--health-start-period", &["0s", "1m", "x", "1x"]),
    ("HealthInterval", "--health-interval", &["disable", "30s", "never", "5"]),
    ("HealthRetries", "--health-retries", &["1", "5", "0", "x", "-1"]),
    ("HealthOnFailure", "--health-on-failure", &["none", "kill", "restart", "stop", "reboot"]),
    ("StopTimeout", "--stop-timeout", &["0", "20", "x"]),
    ("CgroupsMode", "--cgroups", &["enabled", "disabled", "no-conmon", "split", "other"]),
    ("Pull", "--pull", &["always", "missing", "never", "newer", "other"]),
    ("IP", "--ip", &["10.88.0", "x"]),
    ("LogOpt", "--log-opt", &["path=/tmp/x", "max-size=10mb", "lone"]),
    ("PidsLimit", "--pids-limit", &["-1", "0", "100", "x"]),
];

#[test]
fn podman_takes_the_values_that_we_take() {
    let cases: Vec<(&str, &str, &str)> = VALUES
        .iter()
        .flat_map(|(key, option, values)| values.iter().map(move |value| (*key, *option, *value)))
        .collect();
    let answers = create(cases.iter().map(|(_, option, value)| (*option, *value)));
    assert_eq!(answers.len(), cases.len());
    let mut differences = Vec::new();
    for ((key, _, value), answer) in cases.iter().zip(answers) {
        let kind = keys::find(UnitKind::Container, key).unwrap().kind;
        let ours = check(kind, value);
        if ours.is_ok() != answer.is_empty() {
            differences.push(format!("{key}={value}: we say {ours:?}, Podman {answer:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

const PIECES: &[&str] = &[
    "a",
    "bc",
    "A",
    "1",
    ".",
    "-",
    "_",
    "__",
    "/",
    "/",
    ":",
    "@",
    "localhost",
    "x.example",
    ":5000",
    ":latest",
    "sha256:",
    "é",
    " ",
    "--",
];

#[test]
fn podman_reads_names_of_images_as_we_do() {
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let strategy = vec(select(PIECES), 1..7);
    let names: Vec<String> = (0..120).map(|_| strategy.new_tree(&mut runner).unwrap().current().concat()).collect();
    // Spaces around a value do not reach Podman.
    let names: Vec<&str> = names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()).collect();
    // 1 says that the image is not there, 125 that it has no such name.
    let answers = judge(names.iter().copied(), "image exists -- \"$line\" || [ $? = 1 ]");
    assert_eq!(answers.len(), names.len());
    let mut differences = Vec::new();
    for (name, answer) in names.iter().zip(&answers) {
        let ours = ImageReference::parse(name);
        if ours.is_ok() != answer.is_empty() {
            differences.push(format!("{name:?}: we say {ours:?}, Podman {answer:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(answers.iter().filter(|answer| answer.is_empty()).count() > 5);
}

/// What Podman says to each option: nothing where it makes a container.
fn create<'values>(options: impl Iterator<Item = (&'values str, &'values str)>) -> Vec<String> {
    let lines: Vec<String> = options.map(|(option, value)| format!("{option}={value}")).collect();
    judge(lines.iter().map(String::as_str), "create --health-cmd true \"$line\" --rootfs /tmp/root true")
}

/// What Podman says when it is run in a sandbox once for each line: nothing where it is content.
fn judge<'lines>(lines: impl Iterator<Item = &'lines str>, command: &str) -> Vec<String> {
    let script = format!(
        "mkdir /tmp/root\n\
         podman() {{ command podman --root /tmp/storage --runroot /tmp/run --storage-driver vfs --cgroup-manager cgroupfs \
         --events-backend none \"$@\" </dev/null; }}\n\
         while IFS= read -r line; do\n\
         if {{ podman {command}; }} >/dev/null 2>/tmp/errors; then echo; else echo \"refused: $(tail -1 /tmp/errors)\"; fi\n\
         done </mnt/lines"
    );
    let work = TempDir::new().expect("a temporary directory");
    let lines: Vec<String> = lines.map(|line| format!("{line}\n")).collect();
    std::fs::write(work.path().join("lines"), lines.concat()).expect("the temporary directory can be written");
    let mut sandbox = Command::new("bwrap");
    // An ordinary user's Podman leaves a process behind; it ends with the sandbox.
    sandbox.args(["--unshare-pid", "--die-with-parent"]);
    sandbox
        .arg("--ro-bind")
        .arg(tools_tree().join("usr"))
        .arg("/usr")
        .arg("--ro-bind")
        .arg(tools_tree().join("etc"))
        .arg("/etc");
    for link in ["bin", "sbin", "lib", "lib64"] {
        sandbox.args(["--symlink", &format!("usr/{link}"), &format!("/{link}")]);
    }
    sandbox.args([
        "--dev",
        "/dev",
        "--proc",
        "/proc",
        "--ro-bind",
        "/sys",
        "/sys",
        "--tmpfs",
        "/tmp",
        "--tmpfs",
        "/run",
    ]);
    sandbox
        .args(["--tmpfs", "/var", "--dir", "/var/tmp", "--tmpfs", "/root", "--ro-bind"])
        .arg(work.path())
        .arg("/mnt");
    sandbox.args(["--clearenv", "--setenv", "PATH", "/usr/sbin:/usr/bin", "--setenv", "HOME", "/root"]);
    sandbox.args(["--setenv", "PODMAN_IGNORE_CGROUPSV1_WARNING", "1", "sh", "-c", &script]).stdin(Stdio::null());
    let output = sandbox.output().unwrap_or_else(|error| panic!("bwrap: {error}; install the package bubblewrap"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

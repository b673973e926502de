//! Keys that people write because a newer Podman, Compose or `podman run` has them, and what does the same in Podman 5.4.

use crate::unit_kind::UnitKind;

/// What to write instead of a key that Podman 5.4 does not know; none where nothing better than the nearest name is known.
#[must_use]
pub fn instead_of(kind: UnitKind, key: &str) -> Option<&'static str> {
    use UnitKind::{Build, Container, Image, Network, Pod};
    Some(match (kind, key) {
        (Container, "Memory") => "write PodmanArgs=--memory=SIZE, or MemoryMax=SIZE in [Service]",
        (Container, "ReloadCmd" | "ReloadSignal") => "write ExecReload= in [Service]",
        (Container | Pod, "CPUs" | "Cpus") => "write CPUQuota= in [Service]",
        (Container, "HttpProxy") => "write PodmanArgs=--http-proxy=false",
        (Container, "AppArmor") => "write PodmanArgs=--security-opt=apparmor=PROFILE",
        (Container | Image | Build, "Retry") => "write PodmanArgs=--retry=NUMBER",
        (Container | Image | Build, "RetryDelay") => "write PodmanArgs=--retry-delay=DURATION",
        (Build, "BuildArg") => "write PodmanArgs=--build-arg=NAME=VALUE",
        (Build, "IgnoreFile") => "write PodmanArgs=--ignorefile=PATH",
        (Pod, "HostName") => "write PodmanArgs=--hostname=NAME",
        (Pod, "Label") => "write PodmanArgs=--label=NAME=VALUE",
        (Pod, "ExitPolicy") => "write PodmanArgs=--exit-policy=POLICY",
        (Network, "InterfaceName") => "write PodmanArgs=--interface-name=NAME",
        (Network, "NetworkDeleteOnStop") => "write ExecStopPost=/usr/bin/podman network rm NAME in [Service]",
        (Container, "Privileged") => "grant single capabilities with AddCapability=",
        (Container, "Restart") => "write it in [Service]",
        (_, "Description" | "After" | "Before" | "Requires" | "Wants") => "write it in [Unit]",
        (_, "WantedBy" | "RequiredBy") => "write it in [Install]",
        _ => return None,
    })
}

//! `[Build]`: podman-systemd.unit(5), "Build units".

use super::{CONTAINERS_CONF_MODULE, GLOBAL_ARGS, Key, SERVICE_NAME, arguments, lines, once};
use crate::value::ValueKind::{Assignment, Boolean, HostPath, Image, NameServer, Network, OneOf, Secret, Text, Volume};

/// All keys.
pub const KEYS: &[Key] = &[
    arguments("Annotation", Assignment, "annotation=value"),
    once("Arch", Text, "aarch64"),
    once("AuthFile", HostPath, "/etc/registry/auth.json"),
    CONTAINERS_CONF_MODULE,
    lines("DNS", NameServer, "192.168.55.1"),
    lines("DNSOption", Text, "ndots:1"),
    lines("DNSSearch", Text, "example.com"),
    arguments("Environment", Assignment, "foo=bar"),
    once("File", Text, "/path/to/Containerfile"),
    once("ForceRM", Boolean, "false"),
    GLOBAL_ARGS,
    lines("GroupAdd", Text, "keep-groups"),
    lines("ImageTag", Image, "localhost/imagename"),
    arguments("Label", Assignment, "label=1"),
    lines("Network", Network, "host"),
    arguments("PodmanArgs", Text, "--pull never"),
    once("Pull", OneOf(&["always", "missing", "never", "newer", "true", "false"]), "never"),
    arguments("Secret", Secret, "secret"),
    SERVICE_NAME.undocumented(),
    once("SetWorkingDirectory", Text, "unit"),
    once("Target", Text, "my-app"),
    once("TLSVerify", Boolean, "false"),
    once("Variant", Text, "arm/v7"),
    lines("Volume", Volume, "/source:/dest"),
];

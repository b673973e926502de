//! `[Network]`: podman-systemd.unit(5), "Network units".

use super::{CONTAINERS_CONF_MODULE, GLOBAL_ARGS, Key, SERVICE_NAME, arguments, lines, once};
use crate::value::ValueKind::{Address, AddressRange, Assignment, Boolean, Name, NameServer, OneOf, Subnet, Text};

/// All keys.
pub const KEYS: &[Key] = &[
    CONTAINERS_CONF_MODULE,
    once("DisableDNS", Boolean, "true"),
    lines("DNS", NameServer, "192.168.55.1"),
    once("Driver", Text, "bridge"),
    lines("Gateway", Address, "192.168.55.3"),
    GLOBAL_ARGS,
    once("Internal", Boolean, "true"),
    once("IPAMDriver", OneOf(&["host-local", "dhcp", "none"]), "dhcp"),
    lines("IPRange", AddressRange, "192.168.55.128/25"),
    once("IPv6", Boolean, "true"),
    arguments("Label", Assignment, "XYZ=1"),
    once("NetworkName", Name, "foo"),
    arguments("Options", Assignment, "isolate=true"),
    arguments("PodmanArgs", Text, "--dns=192.168.55.1"),
    SERVICE_NAME.undocumented(),
    lines("Subnet", Subnet, "192.5.0.0/16"),
];

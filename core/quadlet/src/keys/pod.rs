//! `[Pod]`: podman-systemd.unit(5), "Pod units".

use super::{
    CONTAINERS_CONF_MODULE, GLOBAL_ARGS, Key, REMAP_GID, REMAP_UID, REMAP_UID_SIZE, SERVICE_NAME, arguments, lines,
    list, once,
};
use crate::value::ValueKind::{
    Address4, Address6, HostEntry, IdMapping, Name, NameServer, Network, OneOf, Port, Size, Text, UserNamespace, Volume,
};

/// All keys.
pub const KEYS: &[Key] = &[
    lines("AddHost", HostEntry, "example.com:192.168.10.11"),
    CONTAINERS_CONF_MODULE,
    lines("DNS", NameServer, "192.168.55.1"),
    lines("DNSOption", Text, "ndots:1"),
    lines("DNSSearch", Text, "example.com"),
    list("GIDMap", IdMapping, "0:10000:10"),
    GLOBAL_ARGS,
    once("IP", Address4, "192.5.0.1"),
    once("IP6", Address6, "2001:db8::1"),
    lines("Network", Network, "host"),
    lines("NetworkAlias", Text, "name"),
    arguments("PodmanArgs", Text, "--cpus=2"),
    once("PodName", Name, "name"),
    lines("PublishPort", Port, "8080:80"),
    REMAP_GID,
    REMAP_UID,
    REMAP_UID_SIZE,
    once("RemapUsers", OneOf(&["manual", "auto", "keep-id"]), "manual").deprecated(super::REMAP),
    SERVICE_NAME,
    once("ShmSize", Size, "100m"),
    once("SubGIDMap", Text, "gtest"),
    once("SubUIDMap", Text, "utest"),
    list("UIDMap", IdMapping, "0:10000:10"),
    once("UserNS", UserNamespace, "keep-id:uid=200,gid=210"),
    lines("Volume", Volume, "/source:/dest"),
];

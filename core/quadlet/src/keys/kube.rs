//! `[Kube]`: podman-systemd.unit(5), "Kube units".

use super::{
    CONTAINERS_CONF_MODULE, GLOBAL_ARGS, Key, REMAP_GID, REMAP_UID, REMAP_UID_SIZE, SERVICE_NAME, arguments, lines,
    list, once,
};
use crate::value::ValueKind::{
    Assignment, Boolean, HostPath, KubeAutoUpdate, Network, OneOf, Port, Text, UserNamespace,
};

/// All keys.
pub const KEYS: &[Key] = &[
    list("AutoUpdate", KubeAutoUpdate, "registry"),
    list("ConfigMap", HostPath, "/tmp/config.map"),
    CONTAINERS_CONF_MODULE,
    once("ExitCodePropagation", OneOf(&["all", "any", "none"]), "all"),
    GLOBAL_ARGS,
    once("KubeDownForce", Boolean, "true"),
    once("LogDriver", Text, "journald"),
    list("LogOpt", Assignment, "tag=x").undocumented(),
    lines("Network", Network, "host"),
    arguments("PodmanArgs", Text, "--annotation=key=value"),
    lines("PublishPort", Port, "8080:80"),
    REMAP_GID,
    REMAP_UID,
    REMAP_UID_SIZE,
    once("RemapUsers", OneOf(&["auto", "keep-id"]), "auto").deprecated(super::REMAP),
    SERVICE_NAME.undocumented(),
    once("SetWorkingDirectory", OneOf(&["yaml", "unit"]), "yaml"),
    once("UserNS", UserNamespace, "keep-id:uid=200,gid=210"),
    once("Yaml", HostPath, "/tmp/kube.yaml"),
];

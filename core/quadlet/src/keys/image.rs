//! `[Image]`: podman-systemd.unit(5), "Image units".

use super::{CONTAINERS_CONF_MODULE, GLOBAL_ARGS, Key, SERVICE_NAME, arguments, once};
use crate::value::ValueKind::{Boolean, HostPath, Image, Text};

/// All keys.
pub const KEYS: &[Key] = &[
    once("AllTags", Boolean, "true"),
    once("Arch", Text, "aarch64"),
    once("AuthFile", HostPath, "/etc/registry/auth.json"),
    once("CertDir", HostPath, "/etc/registry/certs"),
    CONTAINERS_CONF_MODULE,
    once("Creds", Text, "myname:mypassword"),
    once("DecryptionKey", Text, "/etc/registry.key"),
    GLOBAL_ARGS,
    once("Image", Image, "registry.example/centos:latest"),
    once("ImageTag", Image, "registry.example/centos:latest"),
    once("OS", Text, "windows"),
    arguments("PodmanArgs", Text, "--os=linux"),
    SERVICE_NAME.undocumented(),
    once("TLSVerify", Boolean, "false"),
    once("Variant", Text, "arm/v7"),
];

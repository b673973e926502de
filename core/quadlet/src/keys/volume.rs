//! `[Volume]`: podman-systemd.unit(5), "Volume units".

use super::{CONTAINERS_CONF_MODULE, GLOBAL_ARGS, Key, SERVICE_NAME, arguments, once};
use crate::value::ValueKind::{Assignment, Boolean, ImageOrUnit, Name, Number, Text};

/// All keys.
pub const KEYS: &[Key] = &[
    CONTAINERS_CONF_MODULE,
    once("Copy", Boolean, "true"),
    once("Device", Text, "tmpfs"),
    once("Driver", Text, "image"),
    GLOBAL_ARGS,
    // The manual page allows names; the generator of 5.4 takes every name for 0.
    once("Group", Number { minimum: 0 }, "192"),
    once("Image", ImageOrUnit, "registry.example/centos:latest"),
    arguments("Label", Assignment, "foo=bar"),
    once("Options", Text, "XYZ"),
    arguments("PodmanArgs", Text, "--driver=image"),
    SERVICE_NAME.undocumented(),
    once("Type", Text, "type"),
    once("User", Number { minimum: 0 }, "123"),
    once("VolumeName", Name, "foo"),
];

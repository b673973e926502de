//! What an app uses of the device: images, ports, volumes, paths.
//!
//! Also what is handed to Podman past Quadlet's keys (`PodmanArgs=--publish …`) is found. What the YAML of a `.kube` unit asks for is not.

use crate::app::{App, Unit};
use crate::check::{PodmanOption, podman_options};
use crate::keys::{Value, value, values};
use crate::names::resource_name;
use crate::unit_file::Position;
use crate::unit_kind::UnitKind;
use crate::value::{MountSpecification, PortMapping, Source, VolumeSpecification};

/// What an app uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Images that are pulled or built.
    pub images: Vec<Image>,
    /// Ports that are published.
    pub ports: Vec<PublishedPort>,
    /// Volumes.
    pub volumes: Vec<Volume>,
    /// Paths and devices of the device.
    pub host_paths: Vec<HostPath>,
    /// Secrets of Podman, by name.
    pub secrets: Vec<Secret>,
}

/// An image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The file name of the unit that brings it.
    pub unit: String,
    /// The name: of the registry, or of what is built.
    pub name: String,
    /// Whether the device builds it.
    pub is_built: bool,
    /// Where it is written.
    pub position: Position,
}

/// A published port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedPort {
    /// The file name of the unit.
    pub unit: String,
    /// Which port.
    pub mapping: PortMapping,
    /// Where it is written.
    pub position: Position,
}

/// A use of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// The file name of the unit that mounts it.
    pub unit: String,
    /// The name in Podman; none for one without a name, or one that only the device knows.
    pub name: Option<String>,
    /// The file name of the unit that makes it, where one is named.
    pub made_by: Option<String>,
    /// Where in the container.
    pub target: String,
    /// Whether the container can only read.
    pub read_only: bool,
    /// Where it is written.
    pub position: Position,
}

/// A path of the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPath {
    /// The file name of the unit.
    pub unit: String,
    /// The path as it is written: absolute, relative to the unit file, or with specifiers.
    pub path: String,
    /// What for.
    pub purpose: Purpose,
    /// Where it is written.
    pub position: Position,
}

/// What a path of the device is used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Mounted into a container.
    Mount {
        /// Where in the container.
        target: String,
        /// Whether the container can only read.
        read_only: bool,
    },
    /// A device node.
    Device,
    /// The root directory of a container.
    Root,
    /// Read by Podman when the service starts: environment files, profiles, YAML, Containerfiles.
    Read,
}

/// A secret of Podman.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// The file name of the unit.
    pub unit: String,
    /// The name.
    pub name: String,
    /// Where it is written.
    pub position: Position,
}

impl Inventory {
    /// What an app uses, in the order of its units.
    #[must_use]
    pub fn of(app: &App) -> Self {
        let mut inventory = Self::default();
        for unit in app.units() {
            inventory.images.extend(image(unit));
            inventory.ports.extend(published_ports(unit));
            inventory.volumes.extend(volumes(app, unit));
            inventory.host_paths.extend(host_paths(unit));
            inventory.secrets.extend(secrets(unit));
        }
        inventory
    }
}

fn image(unit: &Unit) -> Option<Image> {
    let is_built = unit.kind == UnitKind::Build;
    let key = if is_built { "ImageTag" } else { "Image" };
    let Value { text, position } = values(&unit.file, unit.kind, key).into_iter().next()?;
    // A unit brings it, and is in the list itself.
    let by_unit = text.ends_with(".image") || text.ends_with(".build");
    let counts = matches!(unit.kind, UnitKind::Container | UnitKind::Image | UnitKind::Build | UnitKind::Volume);
    (counts && !by_unit).then(|| Image { unit: unit.name.clone(), name: text, is_built, position })
}

/// The published ports of a unit; those that cannot be read are left out, and validation says so.
pub(crate) fn published_ports(unit: &Unit) -> Vec<PublishedPort> {
    let mut ports = values(&unit.file, unit.kind, "PublishPort");
    ports.extend(option_values(unit, &["--publish"]));
    let read = |Value { text, position }| {
        let mapping = PortMapping::parse(&text).ok()?;
        Some(PublishedPort { unit: unit.name.clone(), mapping, position })
    };
    ports.into_iter().filter_map(read).collect()
}

fn option_values(unit: &Unit, names: &[&str]) -> Vec<Value> {
    let named = podman_options(unit).into_iter().filter(|option| names.contains(&option.name.as_str()));
    let value = |option: PodmanOption| Some(Value { text: option.value?, position: option.position });
    named.filter_map(value).collect()
}

/// Something mounted, with the place where it is written.
struct Mounted {
    source: Source,
    target: String,
    read_only: bool,
    position: Position,
}

fn mounted(unit: &Unit) -> Vec<Mounted> {
    let mut all = Vec::new();
    let mut volumes = values(&unit.file, unit.kind, "Volume");
    volumes.extend(option_values(unit, &["--volume"]));
    for Value { text, position } in volumes {
        if let Ok(VolumeSpecification { source, target, read_only }) = VolumeSpecification::parse(&text) {
            all.push(Mounted { source, target, read_only, position });
        }
    }
    let mut mounts = values(&unit.file, unit.kind, "Mount");
    mounts.extend(option_values(unit, &["--mount"]));
    for Value { text, position } in mounts {
        let Ok(mount) = MountSpecification::parse(&text) else { continue };
        let is_image = mount.mount_type == "image";
        if let Some(source) = mount.source.filter(|_| !is_image) {
            all.push(Mounted { source, target: mount.target, read_only: mount.read_only, position });
        }
    }
    all
}

fn volumes(app: &App, unit: &Unit) -> Vec<Volume> {
    let of = |mounted: Mounted| {
        let (name, made_by) = match mounted.source {
            Source::Anonymous => (None, None),
            Source::Named(name) => (Some(name), None),
            Source::Unit(file) => (app.unit(&file).and_then(resource_name), Some(file)),
            Source::HostPath(_) => return None,
        };
        let Mounted { target, read_only, position, .. } = mounted;
        Some(Volume { unit: unit.name.clone(), name, made_by, target, read_only, position })
    };
    mounted(unit).into_iter().filter_map(of).collect()
}

/// The paths of the device that a unit uses.
pub(crate) fn host_paths(unit: &Unit) -> Vec<HostPath> {
    let mut paths = Vec::new();
    let mut add = |path: String, purpose, position| {
        paths.push(HostPath { unit: unit.name.clone(), path, purpose, position });
    };
    for Mounted { source, target, read_only, position } in mounted(unit) {
        if let Source::HostPath(path) = source {
            add(path, Purpose::Mount { target, read_only }, position);
        }
    }
    let mut devices = values(&unit.file, unit.kind, "AddDevice");
    devices.extend(option_values(unit, &["--device"]));
    for Value { text, position } in devices {
        let path = text.strip_prefix('-').unwrap_or(&text).split(':').next().unwrap_or_default();
        add(path.to_owned(), Purpose::Device, position);
    }
    if let Some(Value { text, position }) = value(&unit.file, unit.kind, "Rootfs") {
        // Options such as `:O` come after the path.
        add(text.split(':').next().unwrap_or_default().to_owned(), Purpose::Root, position);
    }
    if unit.kind == UnitKind::Volume
        && let Some(device) = value(&unit.file, unit.kind, "Device").filter(|device| device.text.starts_with('/'))
    {
        let is_node = device.text.starts_with("/dev/");
        let purpose =
            if is_node { Purpose::Device } else { Purpose::Mount { target: String::new(), read_only: false } };
        add(device.text, purpose, device.position);
    }
    let read =
        ["EnvironmentFile", "SeccompProfile", "Yaml", "ConfigMap", "File", "AuthFile", "CertDir", "DecryptionKey"];
    for key in read {
        for Value { text, position } in values(&unit.file, unit.kind, key) {
            let is_path = text != "unconfined" && !text.contains("://");
            if is_path {
                add(text, Purpose::Read, position);
            }
        }
    }
    paths
}

fn secrets(unit: &Unit) -> Vec<Secret> {
    let of = |Value { text, position }| {
        let name = text.split(',').next().unwrap_or_default().to_owned();
        Secret { unit: unit.name.clone(), name, position }
    };
    values(&unit.file, unit.kind, "Secret").into_iter().map(of).collect()
}

//! The names that Podman's generator gives.

use crate::app::Unit;
use crate::keys::{self, value};
use crate::unit_kind::UnitKind;

/// The name of the service that is made of a unit, with `.service`: what `ServiceName=` says, or the name of the file with a suffix for its kind.
#[must_use]
pub fn service_name(unit: &Unit) -> String {
    let named = value(&unit.file, unit.kind, "ServiceName");
    match named {
        Some(name) => format!("{}.service", name.text),
        None => format!("{}{}.service", unit.stem(), unit.kind.service_suffix()),
    }
}

/// The name in Podman of what a unit makes: a container, pod, volume, network or image. None where only the device knows it (specifiers,
/// templates), and for `.kube` units, which make many things.
#[must_use]
pub fn resource_name(unit: &Unit) -> Option<String> {
    let written = |key| value(&unit.file, unit.kind, key).map(|value| value.text);
    let default = || Some(format!("systemd-{}", unit.stem()));
    let name = match unit.kind {
        UnitKind::Container if unit.is_template() => written("ContainerName"),
        UnitKind::Container => written("ContainerName").or_else(|| Some("systemd-%N".to_owned())),
        UnitKind::Pod => written("PodName").or_else(default),
        UnitKind::Volume => written("VolumeName").or_else(default),
        UnitKind::Network => written("NetworkName").or_else(default),
        UnitKind::Image => written("ImageTag").or_else(|| written("Image")),
        // The first tag is the one that others get.
        UnitKind::Build => keys::values(&unit.file, unit.kind, "ImageTag").into_iter().next().map(|value| value.text),
        UnitKind::Kube => None,
    }?;
    let service = service_name(unit);
    let name = name.replace("%N", service.strip_suffix(".service").unwrap_or(&service));
    Some(name).filter(|name| !name.contains('%'))
}

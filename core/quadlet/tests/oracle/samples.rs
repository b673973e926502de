//! A valid unit with any key.

use quadlet::keys::{self, Key};
use quadlet::unit_kind::UnitKind;
use quadlet::value::ValueKind;
use std::collections::BTreeMap;

/// A valid unit of a kind with these lines of a key.
pub fn unit_with(kind: UnitKind, key: &str, values: &[&str]) -> String {
    let mut text = format!("[{}]\n", kind.section());
    for line in companions(kind, key, values.len()) {
        text.push_str(&line);
        text.push('\n');
    }
    for value in values {
        text.push_str(&format!("{key}={value}\n"));
    }
    text
}

/// Other lines that a unit with this key needs.
fn companions(kind: UnitKind, key: &str, count: usize) -> Vec<String> {
    let mut lines: Vec<&str> = Vec::new();
    let mut unless = |keys: &[&str], line| {
        if !keys.contains(&key) {
            lines.push(line);
        }
    };
    match kind {
        UnitKind::Container => unless(&["Image", "Rootfs"], "Image=registry.example/sample:1"),
        UnitKind::Image => unless(&["Image"], "Image=registry.example/sample:1"),
        UnitKind::Kube => unless(&["Yaml"], "Yaml=/sample.yaml"),
        UnitKind::Build => {
            unless(&["ImageTag"], "ImageTag=localhost/sample");
            unless(&["SetWorkingDirectory"], "SetWorkingDirectory=unit");
        }
        UnitKind::Pod | UnitKind::Volume | UnitKind::Network => {}
    }
    let needed: &[&str] = match (kind, key) {
        _ if keys::find(kind, key).is_none() => &[],
        (UnitKind::Container, "Group") => &["User=bin"],
        (UnitKind::Container, "StartWithPod") => &["Pod=sample.pod"],
        (UnitKind::Kube, "RemapUid" | "RemapGid") | (_, "RemapUidSize") => &["RemapUsers=auto"],
        (_, "RemapUid" | "RemapGid") => &["RemapUsers=manual"],
        (UnitKind::Volume, "Type" | "Options") => &["Device=/dev/sample"],
        (UnitKind::Volume, "Image") => &["Driver=image"],
        (UnitKind::Volume, "Driver") => &["Image=registry.example/sample:1"],
        _ => &[],
    };
    lines.extend(needed);
    let mut lines: Vec<String> = lines.into_iter().map(str::to_owned).collect();
    if kind == UnitKind::Network && ["Gateway", "IPRange"].contains(&key) {
        lines.extend((0..count).map(|number| format!("Subnet=192.{number}.0.0/16")));
    }
    lines
}

/// A valid value of a key, different from its example; none where there is no such thing.
pub fn other_value(key: &Key) -> Option<&'static str> {
    Some(match key.kind {
        ValueKind::Text | ValueKind::Name | ValueKind::Secret | ValueKind::Network => "second",
        ValueKind::Number { .. } | ValueKind::ExposedPorts => "77",
        ValueKind::Duration | ValueKind::DurationOr(_) => "77s",
        ValueKind::Size => "77m",
        ValueKind::HostPath | ValueKind::ContainerPath | ValueKind::OneOfOrPath(_) | ValueKind::Tmpfs => "/second",
        ValueKind::Image | ValueKind::ImageOrUnit => "localhost/second:2",
        ValueKind::Port => "9090:90",
        ValueKind::Volume => "/second:/there",
        ValueKind::Mount => "type=tmpfs,target=/second",
        ValueKind::Device => "/dev/second",
        ValueKind::Address | ValueKind::Address4 | ValueKind::NameServer => "10.77.0.1",
        ValueKind::Address6 => "fd00::77",
        ValueKind::Subnet | ValueKind::AddressRange => "10.77.0.0/16",
        ValueKind::HostEntry => "second:10.77.0.1",
        ValueKind::IdMapping => "77:77:7",
        ValueKind::Assignment => "second=77",
        ValueKind::Sysctl => "net.second=77",
        ValueKind::Capability => "CAP_CHOWN",
        ValueKind::Signal => "SIGHUP",
        ValueKind::Ulimit => "core=77",
        ValueKind::KubeAutoUpdate => "local",
        ValueKind::UserNamespace => "nomap",
        ValueKind::Boolean
        | ValueKind::BooleanOr(_)
        | ValueKind::OneOf(_)
        | ValueKind::Pod
        | ValueKind::ServiceName => return None,
    })
}

/// All kinds with all their keys.
pub fn all_keys() -> impl Iterator<Item = (UnitKind, &'static Key)> {
    UnitKind::ALL.into_iter().flat_map(|kind| keys::of_kind(kind).iter().map(move |key| (kind, key)))
}

/// One app with a unit for each key of a kind, in files of this naming.
pub fn app_of_all_keys(
    kind: UnitKind,
    values_of: impl Fn(&Key) -> Option<Vec<&'static str>>,
) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for key in keys::of_kind(kind) {
        if let Some(values) = values_of(key) {
            files.insert(file_of(kind, key), unit_with(kind, key.name, &values));
        }
    }
    files.insert("sample.pod".to_owned(), "[Pod]\n".to_owned());
    files
}

/// The file with the unit for a key.
pub fn file_of(kind: UnitKind, key: &Key) -> String {
    format!("with-{}.{kind}", key.name)
}

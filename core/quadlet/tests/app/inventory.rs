//! What an app uses of the device.

use crate::app;
use quadlet::inventory::{HostPath, Inventory, Purpose};

const FILES: &[(&str, &str)] = &[
    (
        "web.container",
        "[Container]\nImage=web.image\nPublishPort=127.0.0.1:8080:80\nPublishPort=broken\nVolume=data.volume:/data\n\
         Volume=./conf:/conf:ro\nVolume=named:/named\nVolume=/anonymous\nMount=type=bind,source=/srv,target=/srv\n\
         AddDevice=-/dev/dri:/dev/dri:rw\nEnvironmentFile=web.env\nSecret=token,type=env\nPodmanArgs=-p 53:53/udp --volume /opt:/opt\n",
    ),
    ("db.container", "[Container]\nImage=registry.example/db:1\nMount=type=volume,source=data.volume,target=/d,ro\n"),
    ("root.container", "[Container]\nRootfs=/var/roots/a:O\n"),
    ("data.volume", "[Volume]\nVolumeName=precious\nDevice=/dev/disk/by-label/data\n"),
    ("web.image", "[Image]\nImage=registry.example/web:1\n"),
    ("own.build", "[Build]\nImageTag=localhost/own:1\nFile=/src/Containerfile\n"),
    ("stack.kube", "[Kube]\nYaml=stack.yaml\nConfigMap=one.yaml two.yaml\nPublishPort=9090:90\n"),
];

#[test]
fn images_are_listed_once_with_the_unit_that_brings_them() {
    let inventory = Inventory::of(&app(FILES));
    let images: Vec<(&str, &str, bool)> =
        inventory.images.iter().map(|image| (image.unit.as_str(), image.name.as_str(), image.is_built)).collect();
    let expected = [
        ("db.container", "registry.example/db:1", false),
        ("own.build", "localhost/own:1", true),
        ("web.image", "registry.example/web:1", false),
    ];
    assert_eq!(images, expected);
}

#[test]
fn ports_are_listed_with_those_past_quadlets_keys() {
    let inventory = Inventory::of(&app(FILES));
    let ports: Vec<String> = inventory
        .ports
        .iter()
        .map(|port| {
            format!("{} {:?} {}", port.unit, port.mapping.host.map(|host| host.to_string()), port.mapping.protocol)
        })
        .collect();
    let expected =
        ["stack.kube Some(\"9090\") tcp", "web.container Some(\"8080\") tcp", "web.container Some(\"53\") udp"];
    assert_eq!(ports, expected);
    assert_eq!(inventory.ports[1].position.to_string(), "3:13");
}

#[test]
fn volumes_have_the_names_that_they_have_in_podman() {
    let inventory = Inventory::of(&app(FILES));
    let volumes: Vec<_> = inventory
        .volumes
        .iter()
        .map(|volume| {
            let made_by = volume.made_by.as_deref();
            (volume.unit.as_str(), volume.name.as_deref(), made_by, volume.target.as_str(), volume.read_only)
        })
        .collect();
    let expected = [
        ("db.container", Some("precious"), Some("data.volume"), "/d", true),
        ("web.container", Some("precious"), Some("data.volume"), "/data", false),
        ("web.container", Some("named"), None, "/named", false),
        ("web.container", None, None, "/anonymous", false),
    ];
    assert_eq!(volumes, expected);
}

#[test]
fn paths_of_the_device_are_listed_with_their_purpose() {
    let inventory = Inventory::of(&app(FILES));
    let mount = |target: &str, read_only| Purpose::Mount { target: target.to_owned(), read_only };
    let expected = [
        ("data.volume", "/dev/disk/by-label/data", Purpose::Device),
        ("own.build", "/src/Containerfile", Purpose::Read),
        ("root.container", "/var/roots/a", Purpose::Root),
        ("stack.kube", "stack.yaml", Purpose::Read),
        ("stack.kube", "one.yaml", Purpose::Read),
        ("stack.kube", "two.yaml", Purpose::Read),
        ("web.container", "./conf", mount("/conf", true)),
        ("web.container", "/opt", mount("/opt", false)),
        ("web.container", "/srv", mount("/srv", false)),
        ("web.container", "/dev/dri", Purpose::Device),
        ("web.container", "web.env", Purpose::Read),
    ];
    let of = |path: &HostPath| (path.unit.clone(), path.path.clone(), path.purpose.clone());
    let found: Vec<(String, String, Purpose)> = inventory.host_paths.iter().map(of).collect();
    assert_eq!(found, expected.map(|(unit, path, purpose)| (unit.to_owned(), path.to_owned(), purpose)));
    assert_eq!(inventory.secrets.iter().map(|secret| secret.name.as_str()).collect::<Vec<_>>(), ["token"]);
}

//! Values of each kind, good and bad.

use quadlet::value::ValueKind::{
    Address, AddressRange, Assignment, Capability, Device, Duration, ExposedPorts, HostEntry, HostPath, IdMapping,
    Image, KubeAutoUpdate, Mount, Name, NameServer, Network, Number, Pod, Port, Secret, ServiceName, Signal, Size,
    Subnet, Sysctl, Tmpfs, Ulimit, UserNamespace, Volume,
};
use quadlet::value::{ImageReference, PortMapping, ValueKind, check, duration, parse_size};

#[test]
fn good_values_pass_and_bad_ones_do_not() {
    let digest = format!("registry.example/a@sha256:{}", "0".repeat(64));
    let cases: &[(ValueKind, &[&str], &[&str])] = &[
        (Number { minimum: 1 }, &["1", "77"], &["0", "-1", "x", "1.5", ""]),
        (Duration, &["0", "1h2m3s", "1.5s", "300ms", "%i"], &["5", "s", "1x", "1..5s", "-1s", "m1"]),
        (Size, &["0", "512m", "2g", "1.5GiB", "64kb", "$SIZE"], &["x", "5x", "m", "1e3", "99999999999p", "-1"]),
        (HostPath, &["/x", "./x", "x y", "%h/x"], &["~/x"]),
        (
            Image,
            &[
                "a",
                "registry.example/library/a:1",
                "localhost:5000/a/b",
                "a:tag",
                &digest,
                "docker-archive:/x.tar",
                "docker://registry.example/b",
            ],
            &[
                "A",
                "a:",
                "a b",
                "a@sha256:1",
                "/a",
                "a//b",
                "a:-x",
                "a/",
                "docker:/a",
                "host:port:1/a",
                "a..b",
                "a___b",
                "sha256:1",
            ],
        ),
        (
            Port,
            &[
                "80",
                "8080:80",
                "127.0.0.1:8080:80",
                "127.0.0.1::80",
                "[::1]:80:80/udp",
                "50-59:60-69",
                "80/sctp",
                ":80",
                "$P:80",
            ],
            &[
                "",
                "0",
                "65536",
                "x",
                "80:",
                "1.2.3:80:80",
                "50-59:60",
                "59-50",
                "80/icmp",
                "80:80 81:81",
                "::1:80:80",
                "+80",
            ],
        ),
        (ExposedPorts, &["80", "50-59", "53/udp"], &["x", "80/sctp", "%i", "59-50"]),
        (
            Volume,
            &["/x", "/a:/b", "./a:/b:ro,Z", "name:/b", "a.volume:/b", "%h:/b", "/a:/b:idmap=uids=1-2", ":/b", "/a:%h"],
            &["", "a", "/a:b", "a.volume", "a/b:/c", "/a:/b:wrong", "a b:/c"],
        ),
        (
            Mount,
            &[
                "type=bind,source=/a,target=/b",
                "type=tmpfs,dst=/t,tmpfs-size=1m",
                "type=volume,src=a,destination=/b,ro",
                "type=glob,src=/a*",
                "type=image,source=a.image,target=/b",
                "\"type=bind\",\"source=/a,b\",target=/c",
            ],
            &[
                "",
                "source=/a,target=/b",
                "type=bind,target=/b",
                "type=bind,source=,target=/b",
                "type=other,target=/b",
                "type=tmpfs",
                "type=tmpfs,target=b",
                "type=bind,source=/a\",target=/b",
                "\"type=bind",
            ],
        ),
        (
            Device,
            &["/dev/a", "-/dev/a", "/dev/a:/dev/b", "/dev/a:rw", "/dev/a:/dev/b:rwm", "nvidia.com/gpu=all"],
            &["a", "/dev/a:x", "/dev/a:b:c", "/dev/a:/b:rw:x", "-"],
        ),
        (
            Network,
            &[
                "host",
                "none",
                "bridge:ip=10.0.0.1",
                "pasta:-t,80",
                "a.network:alias=x",
                "a.container",
                "ns:/x",
                "container:a",
                "a",
            ],
            &["host:x", "ns:x", "container:", "a.container:x", "a b", "-a"],
        ),
        (Pod, &["a.pod"], &["a", "a.container"]),
        (Address, &["1.2.3.4", "::1"], &["1.2.3", "a", "1.2.3.4/8"]),
        (NameServer, &["1.1.1.1", "none"], &["dns"]),
        (Subnet, &["10.0.0.0/8", "fd00::/64"], &["10.0.0.0", "10.0.0.0/33", "x/8", "10.0.0.0/-1"]),
        (AddressRange, &["10.0.0.0/8", "10.0.0.1-10.0.0.9"], &["10.0.0.9-10.0.0.1", "10.0.0.1-::1", "10.0.0.1"]),
        (HostEntry, &["a:1.2.3.4", "a;b:::1", "a:host-gateway"], &["a", "a:[::1]", "a:b", ":1.2.3.4", "a b:1.2.3.4"]),
        (IdMapping, &["0:1", "0:1000:1", "+u0:@1000:1"], &["0", "x", "0:x", "0:1:2:3", "4294967296"]),
        (UserNamespace, &["auto", "auto:size=1", "keep-id", "host", "ns:/x", "nomap"], &["keepid", "ns", "ns:"]),
        (Assignment, &["A=", "a=b=c"], &["a", "=b"]),
        (Sysctl, &["net.a=1", "kernel.sem=1 2", "fs.mqueue.a=1"], &["vm.swappiness=1", "net.a", "kernel.panic=1"]),
        (Name, &["a", "A-1_b.c"], &["-a", "a b", "a/b", "é", ""]),
        (ServiceName, &["a", "a@", "a-b.c"], &["", "a.service", "a b", "a/b"]),
        (Capability, &["CAP_CHOWN", "chown", "all"], &["CAP_X", "root"]),
        (Signal, &["SIGTERM", "term", "9", "SIGRTMIN+3"], &["0", "65", "SIGX", "TERMINATE"]),
        (
            Ulimit,
            &["host", "nofile=1", "nofile=1:2", "core=-1"],
            &["x=1", "nofile", "nofile=2:1", "nofile=x", "core=-2"],
        ),
        (Secret, &["a", "a,type=env,target=B"], &[",type=env", "a,env"]),
        (Tmpfs, &["/a", "/a:size=1m"], &["a"]),
        (KubeAutoUpdate, &["registry", "local", "web/registry"], &["web", "web/other"]),
    ];
    for (kind, good, bad) in cases {
        for text in *good {
            assert_eq!(check(*kind, text), Ok(()), "{kind:?} {text:?}");
        }
        for text in *bad {
            let problem = check(*kind, text).expect_err(text);
            assert!(!problem.message.is_empty() && !problem.suggestion.is_empty(), "{kind:?} {text:?}");
        }
    }
}

#[test]
fn amounts_are_what_they_say() {
    assert_eq!(parse_size("1.5g"), Ok(1_610_612_736));
    assert_eq!(parse_size("2KiB"), Ok(2048));
    assert_eq!(parse_size("18446744073709551615"), Ok(u64::MAX));
    assert_eq!(duration("1m30.5s").map(|duration| duration.as_millis()), Ok(90_500));
}

#[test]
fn ports_collide_where_both_would_listen() {
    let collide = |one: &str, other: &str| {
        let (one, other) = (PortMapping::parse(one).unwrap(), PortMapping::parse(other).unwrap());
        assert_eq!(one.collides_with(&other), other.collides_with(&one));
        one.collides_with(&other)
    };
    assert!(collide("80:80", "80:81"));
    assert!(collide("80:80", "127.0.0.1:80:80"));
    assert!(collide("0.0.0.0:75-85:1-11", "10.0.0.1:80:80"));
    assert!(collide("[::]:80:80", "[::1]:80:80"));
    assert!(!collide("80:80", "80:80/udp"));
    assert!(!collide("80:80", "[::]:80:80"));
    assert!(!collide("10.0.0.1:80:80", "10.0.0.2:80:80"));
    assert!(!collide("80", "80"));
    assert!(!collide("80:80", "81:80"));
}

#[test]
fn the_parts_of_an_image_name_are_found() {
    let parsed = ImageReference::parse("localhost:5000/a/b:1.2").unwrap();
    let expected = ImageReference::Registry {
        registry: Some("localhost:5000".to_owned()),
        path: "a/b".to_owned(),
        tag: Some("1.2".to_owned()),
        digest: None,
    };
    assert_eq!(parsed, expected);
    assert!(parsed.is_certain() && !parsed.is_fixed());
    assert!(!ImageReference::parse("library/a").unwrap().is_certain());
    assert!(ImageReference::parse(&"a".repeat(64)).unwrap().is_fixed());
}

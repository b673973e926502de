//! Each rule, with the words that an operator reads.

use crate::{app, findings, findings_of_container};
use quadlet::app::{App, MAXIMUM_UNITS, Surroundings};
use quadlet::finding::{Rule, Severity};
use quadlet::names::{resource_name, service_name};

#[test]
fn an_ordinary_app_has_no_findings() {
    let files = [
        (
            "web.container",
            "[Unit]\nDescription=Web\nAfter=db.service\n\n[Container]\nImage=web.image\nPod=site.pod\nVolume=data.volume:/data:Z\n\
             Environment=MODE=production \"TITLE=my site\"\nSecret=token,type=env,target=TOKEN\nReadOnly=true\n\
             HealthCmd=CMD-SHELL curl \"-f\" http://localhost/ || exit 1\nHealthInterval=30s\nNotify=healthy\n\n[Service]\nRestart=always\n\
             MemoryMax=512M\n\n[Install]\nWantedBy=multi-user.target\n",
        ),
        (
            "db.container",
            "[Container]\nImage=db.build\nPod=site.pod\nMount=type=volume,source=data.volume,target=/db\n",
        ),
        ("site.pod", "[Pod]\nPodName=site\nPublishPort=8080:80\nNetwork=inner.network\n"),
        ("data.volume", "[Volume]\nLabel=app=site\n"),
        ("inner.network", "[Network]\nInternal=true\nSubnet=10.89.7.0/24\nGateway=10.89.7.1\n"),
        ("web.image", "[Image]\nImage=registry.example/web:1\n"),
        ("db.build", "[Build]\nImageTag=localhost/db\nSetWorkingDirectory=unit\n"),
    ];
    assert_eq!(findings(&files), [""; 0]);
}

#[test]
fn each_rule_says_where_what_and_what_to_do() {
    let cases: &[(&str, &str)] = &[
        (
            "Imgae=x",
            "web.container:3:1: error: Podman 5.4 does not know Imgae= in [Container], and refuses the file [unknown-key]; perhaps Image=",
        ),
        (
            "Memory=1g",
            "web.container:3:1: error: Podman 5.4 does not know Memory= in [Container], and refuses the file [unknown-key]; write \
             PodmanArgs=--memory=SIZE, or MemoryMax=SIZE in [Service]",
        ),
        (
            "Restart=always",
            "web.container:3:1: error: Podman 5.4 does not know Restart= in [Container], and refuses the file [unknown-key]; write it in \
             [Service]",
        ),
        (
            "MemoryMax=1G",
            "web.container:3:1: error: Podman 5.4 does not know MemoryMax= in [Container], and refuses the file [unknown-key]; write it in \
             [Service]",
        ),
        (
            "[Service]\nRestrat=always",
            "web.container:4:1: warning: systemd ignores Restrat= in [Service] [unknown-key]; perhaps Restart=",
        ),
        (
            "[Service]\nPublishPort=80:80",
            "web.container:4:1: warning: systemd ignores PublishPort= in [Service] [unknown-key]; write it in [Container]",
        ),
        (
            "[Install]\nAlso=x.service",
            "web.container:4:1: warning: Podman's generator ignores Also= in [Install] [unknown-key]; remove it",
        ),
        (
            "[Servcie]",
            "web.container:3:1: warning: nothing reads the section [Servcie] of a .container file [unknown-section]; perhaps [Service]",
        ),
        (
            "[Pod]",
            "web.container:3:1: error: nothing reads the section [Pod] of a .container file [unknown-section]; write [Container] here, or \
             put it into a .pod file",
        ),
        (
            "ReadOnly=maybe",
            "web.container:3:10: error: ReadOnly: \"maybe\" is neither true nor false, and Podman would silently take it for false \
             [value]; write true or false",
        ),
        (
            "PodmanArgs=--a \\\n  \\q",
            "web.container:4:3: error: PodmanArgs: \\q is not an escape, and Podman would silently leave out the whole line; write \\\\ for \
             a backslash [value]",
        ),
        (
            "HostName=a\nHostName=b",
            "web.container:3:1: warning: HostName counts once, and a later line replaces this one [repeated]; remove the line that is not \
             meant",
        ),
        ("VolatileTmp=true", "web.container:3:1: warning: VolatileTmp is deprecated [deprecated]; use Tmpfs=/tmp"),
        ("Group=1", "web.container:3:7: error: Group= needs User= [conflict]; add User= to [Container]"),
        (
            "Network=inner.network",
            "web.container:3:9: error: Network= names inner.network, and there is no such unit [reference]; add inner.network to the app",
        ),
        (
            "[Unit]\nAfter=db.pod",
            "web.container:4:7: warning: After= names the file db.pod, and systemd knows only the service [reference]; write \
             db-pod.service",
        ),
        (
            "PublishPort=80:80\nPublishPort=0.0.0.0:80:81",
            "web.container:4:13: error: port 80/tcp of the device is also published by another line [clash]; publish one of them on \
             another port",
        ),
        (
            "Environment=DB_PASSWORD=hunter2",
            "web.container:3:13: warning: DB_PASSWORD looks like a secret, and everybody who reads the unit sees it [plain-secret]; make it \
             a secret and write Secret=NAME,type=env,target=DB_PASSWORD",
        ),
        (
            "[Service]\nType=simple",
            "web.container:4:6: error: Type=simple does not work for containers, and Podman refuses it [conflict]; write notify or oneshot \
             or leave it out",
        ),
        (
            "Network=web.container",
            "web.container: error: web.container waits for itself, so that it would never start [cycle]; take out one of the references, or \
             of the After= and Before= in [Unit]",
        ),
    ];
    for (lines, expected) in cases {
        assert_eq!(findings_of_container(lines), [*expected], "{lines}");
    }
}

#[test]
fn a_container_without_an_image_is_refused() {
    let expected = "web.container: error: the container has no image [missing]; add Image= to [Container]";
    assert_eq!(findings(&[("web.container", "[Container]\nExec=x\n")]), [expected]);
}

#[test]
fn a_reference_with_a_typing_error_gets_the_name_that_was_meant() {
    let files = [
        ("web.container", "[Container]\nImage=registry.example/web:1\nVolume=dtaa.volume:/data\n"),
        ("data.volume", "[Volume]\n"),
    ];
    let expected = "web.container:3:8: error: Volume= names dtaa.volume, and there is no such unit [reference]; write data.volume, or add \
                    dtaa.volume";
    assert_eq!(findings(&files), [expected]);
}

#[test]
fn units_of_other_apps_can_be_referred_to_and_their_services_are_taken() {
    let app = app(&[("web.container", "[Container]\nImage=registry.example/web:1\nNetwork=shared.network\n")]);
    let mut surroundings = Surroundings::default();
    surroundings.units.insert("shared.network".to_owned());
    assert_eq!(app.check(&surroundings), []);
    surroundings.services.insert("web.service".to_owned());
    let findings = app.check(&surroundings);
    assert_eq!((findings.len(), findings[0].rule, findings[0].severity), (1, Rule::Clash, Severity::Error));
}

#[test]
fn names_that_two_units_want_are_found() {
    let files = [
        ("a.container", "[Container]\nImage=registry.example/a:1\n"),
        ("a.kube", "[Kube]\nYaml=/a.yaml\n"),
        ("a.pod", "[Pod]\n"),
        ("b.volume", "[Volume]\nVolumeName=systemd-c\nServiceName=x\n"),
        ("c.volume", "[Volume]\nServiceName=x\n"),
    ];
    let clashes: Vec<String> = findings(&files).into_iter().filter(|finding| finding.contains("[clash]")).collect();
    let advice = "rename the file, or give it a ServiceName=";
    let expected = [
        format!("a.kube: error: its service a.service is also the one of a.container [clash]; {advice}"),
        "a.pod: error: Podman would have two of the name systemd-a (container or pod): this one and that of a.container [clash]; give it \
         a PodName= of its own"
            .to_owned(),
        format!("c.volume: error: its service x.service is also the one of b.volume [clash]; {advice}"),
        "c.volume: error: Podman would have two of the name systemd-c (volume): this one and that of b.volume [clash]; give it a \
         VolumeName= of its own"
            .to_owned(),
    ];
    assert_eq!(clashes, expected);
}

#[test]
fn units_that_wait_for_each_other_are_found_once() {
    let container = |network: &str| format!("[Container]\nImage=registry.example/a:1\nNetwork={network}.container\n");
    let (a, b, c) = (container("b"), container("c"), container("a"));
    let files = [("a.container", a.as_str()), ("b.container", &b), ("c.container", &c), ("d.container", &a)];
    let expected = "a.container: error: these wait for each other, so that one would never start: a.container → b.container → c.container → \
                    a.container [cycle]; take out one of the references, or of the After= and Before= in [Unit]";
    assert_eq!(findings(&files), [expected]);
}

#[test]
fn before_and_after_count_for_cycles() {
    let files = [
        (
            "a.container",
            "[Unit]\nBefore=v-volume.service\n[Container]\nImage=registry.example/a:1\nVolume=v.volume:/v\n",
        ),
        ("v.volume", "[Volume]\n"),
    ];
    assert!(findings(&files)[0].contains("a.container → v.volume → a.container"));
}

#[test]
fn images_whose_source_is_not_certain_are_pointed_out() {
    let of = |lines: &str| findings(&[("a.container", &format!("[Container]\n{lines}\n"))]);
    assert!(of("Image=nginx:1")[0].contains("warning: \"nginx:1\" names no registry"));
    assert!(of("Image=nginx:1\nAutoUpdate=registry")[0].contains("error: AutoUpdate=registry needs the whole name"));
    let digest = "a".repeat(64);
    let fixed = of(&format!("Image=registry.example/a@sha256:{digest}\nAutoUpdate=registry"));
    assert!(fixed[0].contains("warning: the image is fixed by its digest"));
    assert_eq!(of("Image=localhost/a"), [""; 0]);
    assert_eq!(of("Image=%i"), [""; 0]);
}

#[test]
fn ports_of_a_container_in_a_pod_belong_to_the_pod() {
    let files = [
        ("a.container", "[Container]\nImage=registry.example/a:1\nPod=p.pod\nPublishPort=80:80\n"),
        ("p.pod", "[Pod]\nNetwork=host\nPublishPort=81:81\n"),
    ];
    let found = findings(&files);
    assert!(found[0].starts_with("a.container:4:13: error: a container in a pod cannot publish ports"), "{found:?}");
    assert!(
        found
            .iter()
            .any(|finding| finding.starts_with("p.pod:3:13: error: PublishPort= means nothing with Network=host"))
    );
}

#[test]
fn files_that_are_no_units_are_refused() {
    let too_long = format!("{}.container", "a".repeat(248));
    for name in
        ["a.txt", "container", ".container", "-a.container", "a b.container", "../a.container", "@.pod", &too_long]
    {
        let found = findings(&[(name, "[Container]\nImage=registry.example/a:1\n")]);
        assert!(found.len() == 1 && found[0].contains("[files]"), "{name}: {found:?}");
    }
    let twice = findings(&[("a.volume", "[Volume]\n"), ("a.volume", "[Volume]\n")]);
    assert_eq!(twice, ["a.volume: error: this file is there twice [files]; leave one out"]);
    let names: Vec<String> = (0..=MAXIMUM_UNITS).map(|number| format!("v{number}.volume")).collect();
    let many = App::read(names.iter().map(|name| (name.as_str(), b"[Volume]\n".as_slice())));
    assert_eq!((many.units().len(), many.check(&Surroundings::default()).len()), (MAXIMUM_UNITS, 1));
}

#[test]
fn a_file_that_cannot_be_read_does_not_hide_the_findings_of_others() {
    let found = findings(&[("a.container", "nonsense"), ("b.container", "[Container]\n")]);
    assert!(found[0].starts_with("a.container:1:1: error:") && found[0].contains("[syntax]"));
    assert!(found[1].starts_with("b.container: error: the container has no image"));
}

#[test]
fn services_and_things_have_the_names_that_podman_gives() {
    let app = app(&[
        ("web.container", "[Container]\nImage=registry.example/web:1\nServiceName=site\n"),
        ("own.container", "[Container]\nImage=registry.example/web:1\nContainerName=pre-%N\n"),
        ("many@.container", "[Container]\nImage=registry.example/web:1\n"),
        ("web.pod", "[Pod]\nPodName=site\n"),
        ("web.volume", "[Volume]\n"),
        ("web.network", "[Network]\nNetworkName=inner\n"),
        ("web.image", "[Image]\nImage=docker-archive:/a.tar\nImageTag=registry.example/web:1\n"),
        ("web.build", "[Build]\nImageTag=localhost/one\nImageTag=localhost/two\nFile=/f\n"),
        ("stack.kube", "[Kube]\nYaml=a.yaml\n"),
    ]);
    let names: Vec<(String, Option<String>)> =
        app.units().iter().map(|unit| (service_name(unit), resource_name(unit))).collect();
    let expected = [
        ("many@.service", None),
        ("own.service", Some("pre-own")),
        ("stack.service", None),
        ("web-build.service", Some("localhost/one")),
        ("site.service", Some("systemd-site")),
        ("web-image.service", Some("registry.example/web:1")),
        ("web-network.service", Some("inner")),
        ("web-pod.service", Some("site")),
        ("web-volume.service", Some("systemd-web")),
    ];
    let expected = expected.map(|(service, name)| (service.to_owned(), name.map(str::to_owned)));
    assert_eq!(names, expected);
}

#[test]
fn rules_have_different_names() {
    let mut names = Rule::ALL.map(Rule::name).to_vec();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Rule::ALL.len());
}

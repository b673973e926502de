//! What the generator refuses, we refuse; and where it would go wrong without a word, we say so.

use crate::generator::{errors, files, generate};

/// Lines of a container that the generator refuses; a pod, a volume and another container are there.
const REFUSED: &[&str] = &[
    "ExposeHostPort=abc",
    "Group=1",
    "Rootfs=/x",
    "Mount=type=volume,target=/x",
    "Mount=type=bind,source=,target=/x",
    "Mount=type=bind,source,target=/x",
    "Mount=source=/x,target=/y",
    "Volume=absent.volume:/x",
    "Mount=type=volume,source=absent.volume,target=/x",
    "Mount=type=image,source=absent.image,target=/x",
    "Network=absent.network",
    "Network=absent.container",
    "Network=other.container:option",
    "Network=template@.container",
    "Pod=other",
    "Pod=absent.pod",
    "RemapUsers=no",
    "RemapUid=1",
    "RemapUsers=auto\nUserNS=host",
    "RemapUsers=keep-id\nRemapUid=1 2",
    "[Service]\nKillMode=process",
    "[Service]\nType=exec",
    "[Quadlet]\nDefaultDependency=false",
];

#[test]
fn what_the_generator_refuses_we_refuse() {
    for lines in REFUSED {
        assert_refused(&container_with("", lines), lines);
    }
    let units = [
        ("a.container", ""),
        ("a.container", "[Container]\n"),
        ("a.container", "[Container]\nImage=\n"),
        ("a.container", "[Container]\nImage=absent.image\n"),
        ("a.container", "[Container]\nImage=absent.build\n"),
        ("a.image", "[Image]\n"),
        ("a.kube", "[Kube]\n"),
        ("a.build", "[Build]\nSetWorkingDirectory=unit\n"),
        ("a.build", "[Build]\nImageTag=localhost/a\n"),
        ("a.build", "[Build]\nImageTag=localhost/a\nFile=relative\n"),
        ("a.build", "[Build]\nImageTag=localhost/a\nSetWorkingDirectory=file\n"),
        ("a.build", "[Build]\nImageTag=localhost/a\nSetWorkingDirectory=yaml\n"),
        ("a.kube", "[Kube]\nYaml=a.yaml\nSetWorkingDirectory=/x\n"),
        ("a.kube", "[Kube]\nYaml=a.yaml\nRemapUsers=manual\n"),
        ("a.kube", "[Kube]\nYaml=a.yaml\n[Service]\nType=forking\n"),
        ("a.volume", "[Volume]\nType=ext4\n"),
        ("a.volume", "[Volume]\nOptions=x\n"),
        ("a.volume", "[Volume]\nDriver=image\n"),
        ("a.volume", "[Volume]\nDriver=image\nImage=absent.image\n"),
        ("a.network", "[Network]\nGateway=10.0.0.1\n"),
        ("a.network", "[Network]\nSubnet=10.0.0.0/24\nIPRange=10.0.0.0/25\nIPRange=10.0.0.128/25\n"),
        ("a.pod", "[Pod]\nNetwork=absent.network\n"),
        ("a.pod", "[Pod]\nVolume=absent.volume:/x\n"),
        ("a.container", "Image=a\n"),
        ("a.container", "[Container]\nImage\n"),
        ("a.container", "[Container] x\n"),
        ("a.container", "[Con[tainer]\n"),
        ("a.container", "\u{feff}[Container]\nImage=registry.example/a\n"),
    ];
    for (name, text) in units {
        assert_refused(&files([(name, text)]), text);
    }
}

fn container_with(before: &str, lines: &str) -> std::collections::BTreeMap<String, String> {
    files([
        ("a.container", &format!("{before}[Container]\nImage=registry.example/a:1\n{lines}\n")),
        ("other.container", "[Container]\nImage=registry.example/a:1\n"),
        ("template@.container", "[Container]\nImage=registry.example/a:1\n"),
        ("present.volume", "[Volume]\n"),
        ("present.pod", "[Pod]\n"),
    ])
}

fn assert_refused(files: &std::collections::BTreeMap<String, String>, what: &str) {
    let answer = generate(files);
    assert!(!answer.accepted, "the generator takes {what:?}");
    let ours = errors(files);
    assert!(ours.iter().any(|error| error.starts_with("a.")), "we take {what:?}, the generator: {}", answer.complaints);
}

/// The generator takes these and leaves out the value; the part that is missing in its answer stands beside.
const LEFT_OUT: &[(&str, &str)] = &[
    ("PodmanArgs=--one \\q", "--one"),
    ("PodmanArgs=--one \"\" --two", "--two"),
    ("Environment=LONE", "LONE"),
    ("Label=lone", "lone"),
    ("Sysctl=net.a=1 \"net.b=2", "net.a"),
    ("ReadOnly=maybe", "--read-only=true"),
    ("HealthCmd=sh -c \"curl x\"", "curl x\\\""),
];

#[test]
fn what_the_generator_leaves_out_without_a_word_is_an_error() {
    for (line, missing) in LEFT_OUT {
        let files = container_with("", line);
        let answer = generate(&files);
        assert!(answer.accepted, "{line}: {}", answer.complaints);
        let service = &answer.services["a.service"];
        let commands: Vec<&str> = service.lines().filter(|line| line.starts_with("Exec")).collect();
        assert!(!commands.join("\n").contains(missing), "{line}: {commands:?}");
        assert!(!errors(&files).is_empty(), "{line}");
    }
}

/// The generator has no answer at all to these: no app of the device would get a service.
#[test]
fn what_makes_the_generator_fail_is_an_error() {
    for line in ["Mount=type=volume,target=/x", "Mount=type=bind,source=,target=/x"] {
        let files = container_with("", line);
        let answer = generate(&files);
        assert!(answer.complaints.contains("panic"), "{line}: {}", answer.complaints);
        assert!(!errors(&files).is_empty(), "{line}");
    }
}

/// One file that cannot be read takes those beside it along.
#[test]
fn a_file_with_broken_syntax_hides_the_files_beside_it() {
    let files = files([("a.container", "[Container]\nnonsense\n"), ("b.volume", "[Volume]\n")]);
    assert!(generate(&files).services.is_empty());
    assert!(errors(&files)[0].starts_with("a.container:2:1: error:"));
}

//! Every key of our tables in a unit of its own.

use crate::generator::{app, errors, generate};
use crate::samples::{all_keys, app_of_all_keys, file_of, other_value, unit_with};
use quadlet::keys::{self, Key};
use quadlet::names::{resource_name, service_name};
use quadlet::unit_kind::UnitKind;
use std::collections::BTreeMap;

#[test]
fn the_generator_and_we_accept_a_unit_with_each_key() {
    for kind in UnitKind::ALL {
        let files = app_of_all_keys(kind, |key| Some(vec![key.example]));
        let answer = generate(&files);
        assert!(answer.accepted, "{}", answer.complaints);
        assert_eq!(errors(&files), [""; 0], "{kind}");
        let ours: Vec<String> = {
            let mut names: Vec<String> = app(&files).units().iter().map(service_name).collect();
            names.sort();
            names
        };
        assert_eq!(answer.services.keys().cloned().collect::<Vec<_>>(), ours);
    }
}

#[test]
fn the_generator_and_we_refuse_keys_of_other_kinds() {
    let mut names: Vec<&str> = all_keys().map(|(_, key)| key.name).collect();
    names.extend(["Memory", "ReloadCmd", "Retry", "HttpProxy", "InterfaceName", "X-Own", "Imgae"]);
    names.sort_unstable();
    names.dedup();
    for kind in UnitKind::ALL {
        let unknown = names.iter().filter(|name| keys::find(kind, name).is_none());
        let files = unknown.map(|name| (format!("with-{name}.{kind}"), unit_with(kind, name, &["x"]))).collect();
        let answer = generate(&files);
        let ours = errors(&files);
        for name in files.keys() {
            let key = name.trim_start_matches("with-").split('.').next().unwrap_or_default();
            let theirs = format!("unsupported key '{key}' in group '{}'", kind.section());
            assert!(answer.complaints.contains(&theirs), "the generator does not say: {theirs}");
            assert!(ours.iter().any(|error| error.starts_with(&format!("{name}:")) && error.contains("[unknown-key]")));
        }
        assert!(answer.services.is_empty(), "{:?}", answer.services.keys());
    }
}

/// A second value changes the command exactly where the table says that values add up; elsewhere only the last one counts.
#[test]
fn keys_add_up_where_the_table_says_so() {
    for kind in UnitKind::ALL {
        let both = commands(kind, |key| other_value(key).map(|other| vec![key.example, other]));
        let last = commands(kind, |key| other_value(key).map(|other| vec![other]));
        let first = commands(kind, |key| other_value(key).map(|_| vec![key.example]));
        for key in keys::of_kind(kind).iter().filter(|key| other_value(key).is_some()) {
            let of = |commands: &Commands| commands[&file_of(kind, key)].clone();
            // The name under which others know an image is not in its own command.
            if (kind, key.name) == (UnitKind::Image, "ImageTag") {
                continue;
            }
            assert_ne!(of(&first), of(&last), "{kind} {} is not in the command", key.name);
            assert_eq!(of(&both) != of(&last), key.is_repeatable(), "{kind} {}: {:?}", key.name, of(&both));
        }
    }
}

/// The words of the commands of each file's service, sorted: the generator changes the order of options from run to run.
type Commands = BTreeMap<String, Vec<String>>;

fn commands(kind: UnitKind, values_of: impl Fn(&Key) -> Option<Vec<&'static str>>) -> Commands {
    let files = app_of_all_keys(kind, values_of);
    let answer = generate(&files);
    assert!(answer.accepted, "{}", answer.complaints);
    let words = |name: &str| {
        let lines = answer.services[name].lines().filter(|line| line.starts_with("Exec") && !line.starts_with("Exec="));
        let mut words: Vec<String> = lines.flat_map(str::split_whitespace).map(str::to_owned).collect();
        words.sort();
        words
    };
    app(&files).units().iter().map(|unit| (unit.name.clone(), words(&service_name(unit)))).collect()
}

#[test]
fn the_generator_names_things_as_we_do() {
    let mut files = std::collections::BTreeMap::new();
    for kind in UnitKind::ALL {
        files.insert(format!("plain.{kind}"), unit_with(kind, "PodmanArgs", &["--quiet"]));
        files.insert(format!("named-x.{kind}"), unit_with(kind, "ServiceName", &[&format!("own-{kind}")]));
    }
    // The container and the YAML would both be `plain.service`, and container and pod both `systemd-plain`.
    files.remove("plain.kube");
    files.insert("plain.pod".to_owned(), "[Pod]\nPodName=plainpod\n".to_owned());
    files.insert("named-x.pod".to_owned(), "[Pod]\nPodName=namedpod\nServiceName=own-pod\n".to_owned());
    files.insert(
        "user.container".to_owned(),
        "[Container]\nImage=plain.image\nVolume=plain.volume:/data\nNetwork=plain.network\nMount=type=volume,source=named-x.volume,\
         target=/other\n"
            .to_owned(),
    );
    files.insert(
        "sharing.container".to_owned(),
        "[Container]\nImage=plain.build\nNetwork=named-x.container\n".to_owned(),
    );
    let answer = generate(&files);
    assert!(answer.accepted, "{}", answer.complaints);
    assert_eq!(errors(&files), [""; 0]);
    let app = app(&files);
    for unit in app.units() {
        assert!(answer.services.contains_key(&service_name(unit)), "{} in {:?}", unit.name, answer.services.keys());
    }
    let name = |file: &str| resource_name(app.unit(file).unwrap()).unwrap();
    let user = &answer.services["user.service"];
    for part in [
        format!("-v {}:/data", name("plain.volume")),
        format!("--network {}", name("plain.network")),
        format!("source={},target=/other", name("named-x.volume")),
        format!(" {}\n", name("plain.image")),
    ] {
        assert!(user.contains(&part), "{part} in {user}");
    }
    let sharing = &answer.services["sharing.service"];
    assert!(sharing.contains(&format!("--network container:{}", name("named-x.container"))), "{sharing}");
    assert!(sharing.contains(&format!(" {}\n", name("plain.build"))), "{sharing}");
    for kind in UnitKind::ALL {
        assert!(answer.services.contains_key(&format!("own-{kind}.service")));
    }
}

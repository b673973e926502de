//! Nothing that is read can stop the reader.

use crate::app;
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, proptest};
use proptest::sample::select;
use quadlet::app::{App, MAXIMUM_UNITS, Surroundings};
use quadlet::inventory::Inventory;
use quadlet::keys;
use quadlet::limits::Limits;
use quadlet::names::{resource_name, service_name};
use quadlet::unit_kind::UnitKind;
use quadlet::value::check;
use quadlet::words::{WordSyntax, split};

fn use_everything(app: &App) {
    let _ = app.check(&Surroundings::default());
    let _ = Inventory::of(app);
    for unit in app.units() {
        let _ = (Limits::of(unit), service_name(unit), resource_name(unit));
    }
}

fn unit() -> impl Strategy<Value = (String, String)> {
    let names: Vec<&str> =
        UnitKind::ALL.into_iter().flat_map(keys::of_kind).map(|key| key.name).chain(["After", "Before", "X"]).collect();
    let line = (select(names), "[a-z0-9.:,=\"'\\\\%$/@+ -]{0,20}").prop_map(|(key, value)| format!("{key}={value}\n"));
    let kinds = UnitKind::ALL.to_vec();
    ("[a-c]@?", select(kinds), vec(line, 0..8))
        .prop_map(|(stem, kind, lines)| (format!("{stem}.{kind}"), format!("[{}]\n{}", kind.section(), lines.concat())))
}

proptest! {
    #[test]
    fn any_files_are_read_and_judged(files in vec((".{0,12}", any::<Vec<u8>>()), 0..4)) {
        use_everything(&App::read(files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()))));
    }

    #[test]
    fn any_values_of_known_keys_are_judged(units in vec(unit(), 0..5)) {
        let files: Vec<(&str, &str)> = units.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        use_everything(&app(&files));
    }

    #[test]
    fn any_text_is_checked_against_every_kind(text in "\\PC{0,40}") {
        for kind in UnitKind::ALL.into_iter().flat_map(keys::of_kind).map(|key| key.kind) {
            let _ = check(kind, &text);
        }
        let _ = (split(&text, WordSyntax::Plain), split(&text, WordSyntax::Escaped));
    }
}

/// Every unit waits for the next: the longest way through the graph.
#[test]
fn the_largest_app_is_judged() {
    let files: Vec<(String, String)> = (0..MAXIMUM_UNITS)
        .map(|number| {
            let next = (number + 1) % MAXIMUM_UNITS;
            (
                format!("c{number}.container"),
                format!("[Container]\nImage=registry.example/a:1\nNetwork=c{next}.container\n"),
            )
        })
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let findings = app(&files).check(&Surroundings::default());
    assert_eq!(findings.len(), 1);
}

#[test]
fn more_lines_than_an_app_has_are_refused() {
    let text = "PublishPort=80\n".repeat(4000);
    let text = format!("[Pod]\n{text}");
    let files = [("a.pod", text.as_str()), ("b.pod", &text), ("c.pod", &text)];
    let app = app(&files);
    assert_eq!(app.units().len(), 2);
    let findings = app.check(&Surroundings::default());
    assert!(findings[0].to_string().starts_with("error: the app has more than 256 units or 10000 lines [files]"));
}

/// A key as long as a file may be is compared with nothing.
#[test]
fn a_key_of_any_length_is_judged() {
    let text = format!("[Container]\n{}=x\n", "a".repeat(200_000));
    let findings = app(&[("a.container", &text)]).check(&Surroundings::default());
    assert!(findings.len() == 2 && findings.iter().all(|finding| finding.message.len() < 600));
}

//! Some releases must be passed through: a device that is two behind takes the one between first.

use crate::operator::{Operator, history, piccolo, update_machine, wait_for_updates};

#[test]
fn a_device_two_releases_behind_passes_through_the_barrier() {
    let mut operator = Operator::new();
    let releases = ["1.0.0", "1.1.0", "1.2.0"].map(|version| operator.build(version, ""));
    releases.iter().for_each(|release| operator.publish(release, 1));
    piccolo(
        operator.place(),
        ["release", "barrier", "1.1.0", "--stream", "testing", "--reason", "it moves the photos to their new place"],
    );
    let mut machine = operator.start(&releases[0], update_machine());
    wait_for_updates(&mut machine, "those of the newest release", |updates| {
        updates["state"] == "idle" && updates["running"] == "1.2.0"
    });
    let history = history(&mut machine);
    let way: Vec<_> =
        history.as_array().unwrap().iter().map(|entry| (&entry["from"], &entry["to"], &entry["outcome"])).collect();
    let updated = "updated".into();
    assert_eq!(way, [(&"1.1.0".into(), &"1.2.0".into(), &updated), (&"1.0.0".into(), &"1.1.0".into(), &updated)]);
}

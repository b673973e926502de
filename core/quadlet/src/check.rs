//! Validation: what Podman would refuse, what would not work as it is written, and what gives an app power over the device.

mod clashes;
mod conflicts;
mod cycles;
mod entries;
mod images;
mod nearest;
mod podman_arguments;
mod privileges;
mod references;
mod required;

use crate::app::{App, Surroundings};
use crate::finding::Finding;

pub(crate) use podman_arguments::{PodmanOption, podman_options};

/// Checks each unit, then the units together.
pub(crate) fn check(app: &App, surroundings: &Surroundings, findings: &mut Vec<Finding>) {
    for unit in app.units() {
        entries::check(unit, findings);
        required::check(unit, findings);
        conflicts::check(unit, findings);
        images::check(unit, findings);
        privileges::check(unit, findings);
    }
    references::check(app, surroundings, findings);
    clashes::check(app, surroundings, findings);
    cycles::check(app, findings);
}

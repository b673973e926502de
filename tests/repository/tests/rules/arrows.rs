//! Who may depend on whom.

use crate::no_violations;
use repository::crates::{self, Room};

fn may_use(from: Room, to: Room) -> bool {
    match from {
        Room::Core => to == Room::Core,
        Room::System => matches!(to, Room::System | Room::Core),
        Room::Api => to == Room::Core,
        Room::Web => matches!(to, Room::Api | Room::Core),
        Room::Programs => matches!(to, Room::Api | Room::Web | Room::System | Room::Core),
        Room::Workshop => true,
    }
}

#[test]
fn arrows_point_only_where_the_architecture_allows() {
    let mut violations = Vec::new();
    for from in crates::all() {
        let room = Room::of(&from.folder()).expect("every member lies in a known folder");
        for dependency in &from.dependencies {
            let Some(folder) = dependency.folder() else { continue };
            let Some(target) = Room::of(&folder) else {
                violations.push(format!("{} → {folder}, which is in no room", from.folder()));
                continue;
            };
            let test_support = dependency.is_for_tests() && target == Room::Workshop;
            if !may_use(room, target) && !test_support {
                violations.push(format!("{} → {folder}", from.folder()));
            }
        }
    }
    no_violations("these dependencies point the wrong way; see Arrows in ARCHITECTURE.md:", &violations);
}

#[test]
fn core_uses_no_crate_that_has_effects() {
    const EFFECTS: [&str; 12] = [
        "async-std",
        "dirs",
        "getrandom",
        "hyper",
        "libc",
        "mio",
        "nix",
        "rand",
        "reqwest",
        "rustix",
        "tempfile",
        "tokio",
    ];
    let mut violations = Vec::new();
    for from in crates::all().iter().filter(|from| Room::of(&from.folder()) == Some(Room::Core)) {
        let product = from.dependencies.iter().filter(|dependency| !dependency.is_for_tests());
        for dependency in product.filter(|dependency| EFFECTS.contains(&dependency.name.as_str())) {
            violations.push(format!("{} → {}", from.folder(), dependency.name));
        }
    }
    no_violations("core is pure; move what needs these crates to system/:", &violations);
}

#[test]
fn nothing_depends_on_programs_or_on_the_workshop() {
    for from in [Room::Core, Room::System, Room::Api, Room::Web, Room::Programs] {
        assert!(!may_use(from, Room::Programs) && !may_use(from, Room::Workshop), "{from:?}");
    }
}

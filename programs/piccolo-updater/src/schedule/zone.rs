//! The time zone that windows are in, and times are shown in.

use std::fs;

use update_schedule::settings::Strategy;
use update_schedule::zone::Zone;

/// The time zone of the windows, or the device's, from the image's database.
pub fn of(strategy: &Strategy) -> Result<Zone, String> {
    let named = match strategy {
        Strategy::Windows(windows) => windows.time_zone.as_ref().map(|zone| zone.as_str().to_owned()),
        _ => None,
    };
    let name = named.or_else(device_zone).unwrap_or_else(|| "UTC".to_owned());
    if name == "UTC" {
        return Ok(Zone::utc());
    }
    let path = format!("/usr/share/zoneinfo/{name}");
    let bytes = fs::read(&path)
        .map_err(|error| format!("the rules of the time zone {name} cannot be read from {path}: {error}"))?;
    let name = name.parse().map_err(|error| format!("the time zone {name} {error}"))?;
    Zone::from_tzif(&name, &bytes).map_err(|error| error.to_string())
}

/// The device's own time zone (localtime(5)).
fn device_zone() -> Option<String> {
    let target = fs::read_link("/etc/localtime").ok()?;
    Some(target.to_str()?.split_once("zoneinfo/")?.1.to_owned())
}

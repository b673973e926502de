//! The pages a device serves to a browser: written on the device, complete without scripts, asking nobody else for anything.

use askama::Template;
use device_api::health::Health;
use device_api::system::System;

/// Nothing from elsewhere, no inline scripts or styles, no frames, no forms.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// The style sheet, served at `/assets/status.css`.
pub const STYLE: &str = include_str!("../assets/status.css");
/// The script, served at `/assets/status.js`.
pub const SCRIPT: &str = include_str!("../assets/status.js");
/// The icon, served at `/assets/icon.svg`.
pub const ICON: &str = include_str!("../assets/icon.svg");

#[derive(Template)]
#[template(path = "status.html")]
struct StatusPage<'a> {
    system: &'a System,
    health: &'a Health,
}

/// The status page for this state.
///
/// # Errors
/// Only when the template cannot be written to memory.
pub fn status_page(system: &System, health: &Health) -> Result<String, askama::Error> {
    StatusPage { system, health }.render()
}

//! The pages a device serves to a browser: written on the device, complete without scripts, asking nobody else for anything.

mod figures;
mod words;

use askama::Template;
use device_api::event::EventId;
use device_api::health::{Health, HealthStatus};
use device_api::protection::ProtectionStatus;
use device_api::system::System;

/// Nothing from elsewhere, no inline scripts or styles, no frames, no forms.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// The style sheet, served at `/assets/status.css`.
pub const STYLE: &str = include_str!("../assets/status.css");
/// The script, served at `/assets/status.js`.
pub const SCRIPT: &str = include_str!("../assets/status.js");
/// The icon, served at `/assets/icon.svg`.
pub const ICON: &str = include_str!("../assets/icon.svg");

/// What the status page shows.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "status.html")]
pub struct StatusPage<'a> {
    /// The device.
    pub system: &'a System,
    /// Whether it is well.
    pub health: &'a Health,
    /// The change that made the device's identity what is shown: the script asks for the page again when an event tells of a later one.
    pub identity_event: EventId,
    /// The same of its health.
    pub health_event: EventId,
}

impl StatusPage<'_> {
    /// The page as HTML.
    ///
    /// # Errors
    /// Only when the template cannot be written to memory.
    pub fn to_html(&self) -> Result<String, askama::Error> {
        self.render()
    }

    /// `Piccolo OS 1.4.0 · stable`, as far as the release says.
    fn release_line(&self) -> String {
        let release = &self.system.identity.release;
        let name = if release.name.is_empty() { "Unknown system" } else { &release.name };
        let version = release.version.iter().map(|version| format!(" {version}"));
        let stream = release.stream.iter().map(|stream| format!(" · {stream}"));
        std::iter::once(name.to_owned()).chain(version).chain(stream).collect()
    }

    fn is_well(&self) -> bool {
        self.health.status == HealthStatus::Ok
    }

    fn active_protections(&self) -> usize {
        self.system.identity.protection.iter().filter(|entry| entry.state == ProtectionStatus::Active).count()
    }
}

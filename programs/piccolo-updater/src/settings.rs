//! What the operator set.

use jiff::SignedDuration;
use tracing::{error, warn};
use update_engine::policy::{Building, Policy};
use update_schedule::settings::{Build, Settings, Strategy};
use update_store::settings::drop_ins;

use crate::paths::Paths;

/// Settings, and what is wrong with the files.
#[derive(Debug, Clone)]
pub struct LoadedSettings {
    /// The settings that hold.
    pub settings: Settings,
    /// What is wrong, a sentence each.
    pub problems: Vec<String>,
}

/// Reads the settings. Where something is wrong the device does nothing by itself: what somebody meant is not guessed.
pub fn load(_paths: &Paths) -> LoadedSettings {
    let read = drop_ins("/".as_ref()).map_err(|failure| vec![format!("{failure}: {}", failure.source)]);
    let parsed = read.and_then(|files| {
        Settings::from_drop_ins(&files).map_err(|error| error.problems.iter().map(ToString::to_string).collect())
    });
    match parsed {
        Ok(settings) => {
            settings.unused.iter().for_each(|unused| warn!("{unused}"));
            LoadedSettings { settings, problems: Vec::new() }
        }
        Err(problems) => {
            problems.iter().for_each(|problem| error!("{problem}"));
            let settings = Settings { strategy: Strategy::Manual, build: Build::WhenAsked, ..Settings::default() };
            LoadedSettings { settings, problems }
        }
    }
}

impl LoadedSettings {
    /// What the engine is to do by itself.
    pub fn policy(&self) -> Policy {
        let looks = self.settings.source.address.is_some() && self.problems.is_empty();
        let every = SignedDuration::from_mins(i64::from(self.settings.check_interval_minutes));
        Policy {
            check_every: looks.then_some(every),
            build: match self.settings.build {
                Build::Automatic => Building::Automatic,
                Build::WhenAsked => Building::WhenAsked,
            },
            ..Policy::default()
        }
    }
}

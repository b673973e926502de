//! What the operator set.

use jiff::SignedDuration;
use tracing::{error, warn};
use update_engine::policy::{Building, Policy};
use update_schedule::settings::{Build, RemovableMedia, Settings, Strategy};
use update_store::settings::drop_ins;

/// Settings, and what is wrong with the files.
#[derive(Debug, Clone)]
pub struct LoadedSettings {
    /// The settings that hold.
    pub settings: Settings,
    /// What is wrong with the files, a sentence each.
    pub problems: Vec<String>,
    /// Where the settings that hold come from.
    pub standing: Standing,
}

/// Where the settings that hold come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// From the files, as they are or were when they were last usable.
    Written,
    /// From nobody: the files were unusable when this program started, and what somebody meant is not guessed.
    Cautious,
}

/// Reads the settings at the start. Where something is wrong the device does nothing by itself.
pub fn load() -> LoadedSettings {
    match read() {
        Ok(settings) => LoadedSettings { settings, problems: Vec::new(), standing: Standing::Written },
        Err(problems) => {
            let settings = Settings { strategy: Strategy::Manual, build: Build::WhenAsked, ..Settings::default() };
            LoadedSettings { settings, problems, standing: Standing::Cautious }
        }
    }
}

fn read() -> Result<Settings, Vec<String>> {
    let files = drop_ins("/".as_ref()).map_err(|failure| vec![format!("{failure}: {}", failure.source)]);
    let parsed = files.and_then(|files| {
        Settings::from_drop_ins(&files).map_err(|error| error.problems.iter().map(ToString::to_string).collect())
    });
    match &parsed {
        Ok(settings) => settings.unused.iter().for_each(|unused| warn!("{unused}")),
        Err(problems) => problems.iter().for_each(|problem: &String| error!("{problem}")),
    }
    parsed
}

impl LoadedSettings {
    /// Reads the files again. Where something is wrong with them, what held before holds, and the problems are noted.
    ///
    /// # Errors
    /// What is wrong.
    pub fn reload(&mut self) -> Result<(), Vec<String>> {
        match read() {
            Ok(settings) => {
                *self = Self { settings, problems: Vec::new(), standing: Standing::Written };
                Ok(())
            }
            Err(problems) => {
                self.problems.clone_from(&problems);
                Err(problems)
            }
        }
    }

    /// Whether releases are taken from media.
    pub fn takes_media(&self) -> bool {
        self.settings.source.removable_media == RemovableMedia::Allowed
    }

    /// What the engine is to do by itself.
    pub fn policy(&self) -> Policy {
        let looks = self.settings.source.address.is_some();
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

//! The long actions.

pub mod check;
mod chunks;
mod fetch;
mod full;
pub mod install;
mod patch;
mod repository;
mod source;
#[cfg(test)]
mod tests;
pub mod write;

use std::error::Error;
use std::sync::mpsc::Sender;

use host::cancel::Cancel;
use update_engine::event::{Event, Problem};
use update_engine::record::Progress;

use crate::device::Device;
use crate::engine::Message;
use crate::paths::Paths;
use crate::settings::LoadedSettings;

/// What a long action works with.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Where everything is.
    pub paths: Paths,
    /// What runs.
    pub device: Device,
    /// What the operator set.
    pub settings: LoadedSettings,
    /// Set when the action is to end.
    pub cancel: Cancel,
    /// Where events go.
    pub mailbox: Sender<Message>,
}

impl Worker {
    /// Tells how far the image is.
    fn progress(&self, operation: u64, progress: Progress) {
        self.tell(Event::Progressed { operation, progress });
    }

    /// Tells the engine, which ends only with the program.
    fn tell(&self, event: Event) {
        let _received = self.mailbox.send(Message::Event(event));
    }
}

/// The whole chain of an error as one sentence, without what is said twice.
fn problem(error: &(dyn Error + 'static)) -> Problem {
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        if !reason.contains(&text) {
            reason = format!("{reason}: {text}");
        }
        source = error.source();
    }
    Problem { reason }
}

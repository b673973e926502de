//! Notices changes of directories, in a thread of its own that sleeps otherwise: boot entries (systemd-bless-boot takes a counter off), media, sessions and jobs.

use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Context;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use tracing::{debug, warn};

use crate::engine::Message;

/// What is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    /// The boot entries.
    Entries,
    /// Media, and the directory that theirs appears in.
    Media,
    /// Sessions and jobs.
    Activity,
}

/// Directories that are watched. Clones are the same.
#[derive(Debug, Clone)]
pub struct Watches {
    inotify: Arc<OwnedFd>,
    watched: Arc<Mutex<HashMap<i32, Watched>>>,
}

impl Watches {
    /// Watches nothing yet; sends a message after each change of what will be added.
    ///
    /// # Errors
    /// When the kernel has no watches left.
    pub fn start(mailbox: Sender<Message>) -> anyhow::Result<Self> {
        let inotify = Arc::new(inotify::init(CreateFlags::CLOEXEC).context("inotify")?);
        let watches = Self { inotify, watched: Arc::default() };
        let of_thread = watches.clone();
        thread::Builder::new().name("watches".to_owned()).spawn(move || of_thread.run(&mailbox))?;
        Ok(watches)
    }

    /// Watches a directory, too. Adding one that is watched changes nothing.
    ///
    /// # Errors
    /// When it cannot be watched: it is not there, for instance.
    pub fn add(&self, directory: &Path, watched: Watched) -> anyhow::Result<()> {
        let changes = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVED_FROM | WatchFlags::MOVED_TO;
        // Held over both, so that the first change finds its meaning.
        let mut known = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let watch = inotify::add_watch(&self.inotify, directory, changes | WatchFlags::ONLYDIR)
            .with_context(|| directory.display().to_string())?;
        known.insert(watch, watched);
        Ok(())
    }

    /// The same for a directory that need not be there.
    pub fn also(&self, directory: &Path, watched: Watched) {
        if let Err(failure) = self.add(directory, watched) {
            debug!("{failure:#}");
        }
    }

    fn run(&self, mailbox: &Sender<Message>) {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.inotify, &mut buffer);
        loop {
            // What changed is read from the directory; changes that come together are one.
            let mut changed: Vec<Watched> = Vec::new();
            loop {
                match reader.next() {
                    Ok(event) => {
                        let known = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
                        if let Some(watched) = known.get(&event.wd()).filter(|watched| !changed.contains(watched)) {
                            changed.push(*watched);
                        }
                    }
                    Err(error) if error == rustix::io::Errno::INTR => {}
                    Err(error) => {
                        warn!("changes are not noticed any more: {error}");
                        return;
                    }
                }
                if reader.is_buffer_empty() {
                    break;
                }
            }
            for watched in changed {
                if mailbox.send(Message::Changed(watched)).is_err() {
                    return;
                }
            }
        }
    }
}

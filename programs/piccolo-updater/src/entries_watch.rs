//! Notices when somebody changes the boot entries: systemd-bless-boot takes the counter off, an operator copies a UKI.

use std::mem::MaybeUninit;
use std::sync::mpsc::Sender;
use std::thread;

use anyhow::Context;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use tracing::warn;

use crate::engine::Message;
use crate::paths::Paths;

/// Sends a message after each change, from a thread of its own that sleeps otherwise.
pub fn start(paths: &Paths, mailbox: Sender<Message>) -> anyhow::Result<()> {
    let directory = paths.slots.esp().join("EFI/Linux");
    let watch = inotify::init(CreateFlags::CLOEXEC).context("inotify")?;
    let changes = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVED_FROM | WatchFlags::MOVED_TO;
    inotify::add_watch(&watch, &directory, changes).with_context(|| directory.display().to_string())?;
    thread::Builder::new().name("boot-entries".to_owned()).spawn(move || {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(watch, &mut buffer);
        loop {
            match reader.next() {
                Ok(_change) => {
                    // What changed is read from the directory; changes that come together are one.
                    while !reader.is_buffer_empty() && reader.next().is_ok() {}
                    if mailbox.send(Message::EntriesChanged).is_err() {
                        return;
                    }
                }
                Err(error) if error == rustix::io::Errno::INTR => {}
                Err(error) => {
                    warn!("the boot entries are not watched any more: {error}");
                    return;
                }
            }
        }
    })?;
    Ok(())
}

//! The one signal that ends everything: SIGTERM or SIGINT.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Tells its holder when the daemon is to stop. Clone it for every task.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// A stop that is said by sending `true`.
    pub fn channel() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Returns once the daemon is to stop, at once when that was said before.
    pub async fn wait(&mut self) {
        // An error means that the sender is gone, which only happens after the runtime began to end.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }

    /// The daemon is to stop.
    pub fn is_set(&self) -> bool {
        *self.0.borrow()
    }
}

/// Watches for the signals. A second one ends the process at once: the operator means it.
///
/// # Errors
/// When the kernel refuses the signal handlers.
pub fn on_signals() -> io::Result<Stop> {
    let (sender, stop) = Stop::channel();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if sender.send_replace(true) {
                std::process::exit(1);
            }
        }
    });
    Ok(stop)
}

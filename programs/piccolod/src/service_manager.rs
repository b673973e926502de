//! Talking to systemd: ready, stopping, still alive (sd_notify(3)). Without systemd nothing happens.

use std::net::SocketAddr;

use sd_notify::NotifyState;
use tokio::time::interval;
use tracing::{info, warn};

use crate::collector::{self, Latest};
use crate::stop::Stop;

/// Says that requests are answered now.
pub fn ready(address: SocketAddr) {
    notify(&[NotifyState::Ready, NotifyState::Status(&format!("Answering on http://{address}/"))]);
}

/// Says that the daemon is stopping, so that nobody waits for its watchdog.
pub fn stopping() {
    notify(&[NotifyState::Stopping, NotifyState::Status("Stopping: finishing requests")]);
}

/// Feeds systemd's watchdog while the daemon truly works: this task runs (so the runtime does), and facts are still being read.
///
/// Where either hangs for longer than `WatchdogSec=` and three readings, systemd restarts the daemon.
pub async fn feed_watchdog(latest: Latest, mut stop: Stop) {
    let Some(patience) = sd_notify::watchdog_enabled() else {
        return;
    };
    info!("systemd restarts the daemon when it is silent for {patience:?}");
    // systemd asks for a ping every half of the time; a third leaves room for a machine under load.
    let mut pings = interval(patience / 3);
    loop {
        tokio::select! {
            _ = pings.tick() => {}
            () = stop.wait() => return,
        }
        // Nobody else may be looking.
        let age = latest.current().await.collected_at.elapsed();
        // What was read a moment ago is not read again: a watchdog with less patience than that must not take the pause for an illness.
        if age < patience.max(collector::PERIOD * 3) {
            notify(&[NotifyState::Watchdog]);
        } else {
            warn!(
                ?age,
                "facts are not being read any more: leaving the watchdog unfed, so that systemd restarts the daemon"
            );
        }
    }
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        warn!("cannot tell systemd about the daemon's state: {error}");
    }
}

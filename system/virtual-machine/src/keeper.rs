//! A thread that lives as long as the programs it started, so that the kernel ends them exactly when our process ends.

use std::panic;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// Holds the thread. When this is dropped the thread ends, and with it every program bound to it.
#[derive(Debug)]
pub struct Keeper {
    _released_on_drop: Sender<()>,
}

impl Keeper {
    /// Runs `start` on a thread of its own, which then waits until the keeper is dropped.
    ///
    /// # Errors
    /// Those of `start`.
    pub fn hold<T: Send + 'static, E: Send + 'static>(
        start: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<(T, Self), E> {
        let (release, released): (Sender<()>, Receiver<()>) = channel();
        let (give, given) = channel();
        let thread = thread::spawn(move || {
            let result = start();
            let failed = result.is_err();
            // Nobody listening means that the caller is gone, and so is the need to wait.
            if give.send(result).is_ok() && !failed {
                let _ = released.recv();
            }
        });
        match given.recv() {
            Ok(result) => result.map(|value| (value, Self { _released_on_drop: release })),
            Err(_) => match thread.join() {
                Err(payload) => panic::resume_unwind(payload),
                Ok(()) => unreachable!("a thread that did not panic has sent its result"),
            },
        }
    }
}

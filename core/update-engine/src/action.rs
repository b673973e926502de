//! What the machine wants done.

use release_metadata::version::Version;

use crate::offer::{Offer, Way};

/// Something to do, after the record has been written. Long actions answer with an event that carries their operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Ask the repository which release is next. Answer: [`crate::event::Event::Checked`].
    Check {
        /// For the answer.
        operation: u64,
        /// The version that the operator wants, if any.
        wanted: Option<Version>,
        /// The release that is staged, if any: whether it was withdrawn is part of the answer.
        staged: Option<Version>,
    },
    /// Make the image in the inactive slot, going on where it was left. Before the first byte is written, the boot entry of the
    /// inactive slot is taken away. Answers: [`crate::event::Event::Progressed`], then [`crate::event::Event::Written`].
    Write {
        /// For the answers.
        operation: u64,
        /// The release.
        offer: Offer,
        /// How.
        way: Way,
    },
    /// End the long action under way. There is no answer; whatever it still says is ignored.
    Stop,
    /// Read the inactive slot back. Answers: [`crate::event::Event::Progressed`], then [`crate::event::Event::Verified`].
    Verify {
        /// For the answer.
        operation: u64,
        /// The release.
        offer: Offer,
    },
    /// Find out whether the device would start under the release. Answer: [`crate::event::Event::Preflighted`].
    Preflight {
        /// For the answer.
        operation: u64,
        /// The release.
        offer: Offer,
    },
    /// Put the UKI on the ESP with its tries. If the running release's boot entry has a counter, it is taken off first: two releases without
    /// tries left would be started by age, and this one is known to run. Answer: [`crate::event::Event::Installed`].
    Install {
        /// For the answer.
        operation: u64,
        /// The release.
        offer: Offer,
    },
    /// Say now, and whenever the answer changes, whether the machine may restart: [`crate::event::Event::Scheduled`].
    AskSchedule {
        /// The release that waits.
        version: Version,
    },
    /// Take this release's boot entry off the ESP; nothing happens if there is none.
    RemoveEntry {
        /// The release.
        version: Version,
    },
    /// Put this release's boot entry behind all others, by taking away its tries, so that the other slot starts.
    Demote {
        /// The release.
        version: Version,
    },
    /// Restart the machine.
    Reboot,
    /// Throw away what an ended update left: partial downloads, notes about the inactive slot.
    CleanUp,
}

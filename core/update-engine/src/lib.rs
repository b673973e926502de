//! How a device goes from one release to the next, and back: a state machine without effects.
//!
//! Whoever performs effects (the driver) keeps a [`record::Record`] on disk, feeds [`event::Event`]s to [`machine::on_event`] with
//! the time, writes the record that comes out to disk, and only then performs the [`action::Action`]s. Results come back as events.
//! So power may fail between any two of these: the next start reads the record and sends [`event::Event::Started`] with what is found
//! on the disk, and the machine goes on from there.
//!
//! ```text
//! Idle → Checking → Available → Writing → Verifying → Preflight → Installing → Staged → Rebooting ⇒ Trial → Idle
//!   ↑        |          |          |          |           |            |          |          ⇓        |
//!   └────────┴──────────┴──────────┴──────────┴─ cancel, failure (tried again later) ──────── rolled back ┘
//! ```
//!
//! `⇒` is a restart of the machine. Every state can be left: by success, by a failure that is tried again later, or by the operator.

pub mod action;
pub mod event;
pub mod history;
pub mod machine;
pub mod offer;
pub mod policy;
pub mod record;

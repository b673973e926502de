//! `GET /api/v1/events`: server-sent events (WHATWG HTML, "Server-sent events").
//!
//! Every event carries a whole document, never a difference. So whoever missed some needs only the latest of each kind, and that is what a
//! client gets that reads slowly or comes back with `Last-Event-ID`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::health::Health;
use crate::system::{Identity, Vitals};

/// Something changed. `event:` of the stream names the variant, `data:` is its document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum Event {
    /// What the device is: sent when it changes.
    Identity(Box<Identity>),
    /// Whether the device is well: sent when it changes.
    Health(Health),
    /// Uptime, memory and load: sent every few seconds.
    Vitals(Vitals),
}

/// `id:` of an event: which run of the daemon sent it, and the how-manieth change of that run it tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventId {
    /// Random number of the daemon's run: counting starts again after a restart.
    pub run: u64,
    /// Grows with every change; gaps mean that documents in between were never sent because newer ones replaced them.
    pub sequence: u64,
}

impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}-{}", self.run, self.sequence)
    }
}

/// The text is not an event id of this API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an event id: 16 hexadecimal digits, a hyphen and a number are expected")]
pub struct NotAnEventId;

impl FromStr for EventId {
    type Err = NotAnEventId;

    fn from_str(text: &str) -> Result<Self, NotAnEventId> {
        let (run, sequence) = text.split_once('-').ok_or(NotAnEventId)?;
        // `parse` alone would take signs.
        let digits = run.len() == 16
            && run.bytes().all(|byte| byte.is_ascii_hexdigit())
            && sequence.bytes().all(|byte| byte.is_ascii_digit());
        if !digits {
            return Err(NotAnEventId);
        }
        Ok(Self {
            run: u64::from_str_radix(run, 16).map_err(|_| NotAnEventId)?,
            sequence: sequence.parse().map_err(|_| NotAnEventId)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{EventId, NotAnEventId};
    use proptest::proptest;

    #[test]
    fn nonsense_is_no_event_id() {
        for text in [
            "",
            "-",
            "1-2",
            "00000000000000zz-1",
            "0000000000000001-+1",
            "0000000000000001-",
            "0000000000000001-18446744073709551616",
        ] {
            assert_eq!(text.parse::<EventId>(), Err(NotAnEventId), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_event_id_reads_back(run: u64, sequence: u64) {
            let id = EventId { run, sequence };
            assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,64}") {
            let _ = text.parse::<EventId>();
        }
    }
}

//! Messages of the FleetLock protocol, version 1: a device asks a lock manager for leave to restart, and gives it back afterwards.
//!
//! Both are POST requests with [`HEADER`] and the same body, [`Request`]; 200 means yes, anything else no, with an [`ErrorBody`] that says why. Both may be
//! repeated: who holds the lock gets it again, and giving back what one does not hold succeeds.

mod device_id;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use device_id::device_id;

/// The header of every request: proof that it is meant, and not a redirection.
pub const HEADER: (&str, &str) = ("fleet-lock-protocol", "true");
/// Largest body read, in bytes, of requests and answers.
pub const MAXIMUM_BODY: usize = 64 << 10;
/// The group of devices that nobody gave one.
pub const DEFAULT_GROUP: &str = "default";
/// Longest id, group or kind, in bytes.
const MAXIMUM_NAME: usize = 256;
/// Longest description of an error that is kept, in characters.
const MAXIMUM_DESCRIPTION: usize = 500;

/// What a device asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// To restart: reserves a place (`RecursiveLock`).
    PreReboot,
    /// To be counted as running again: gives the place back (`UnlockIfHeld`).
    SteadyState,
}

impl Operation {
    /// The address to send to, below the lock manager's.
    #[must_use]
    pub fn address(self, base: &LockAddress) -> String {
        format!("{}/{}", base.0.trim_end_matches('/'), self.path())
    }

    /// The path below the lock manager's address.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::PreReboot => "v1/pre-reboot",
            Self::SteadyState => "v1/steady-state",
        }
    }
}

/// The address of a lock manager: `http://` or `https://`, a host and perhaps a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LockAddress(String);

/// A group of devices that a lock manager counts together: letters, digits, `.` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LockGroup(String);

/// The body of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Who asks.
    pub client_params: ClientParams,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientParams {
    /// The group.
    pub group: String,
    /// The device, case-sensitive; the same at every request.
    pub id: String,
}

/// The body of a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// A word for the kind of error, from a small set, such as `failed_lock_semaphore_full`.
    pub kind: String,
    /// A sentence for people.
    pub value: String,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Yes.
    Granted,
    /// No, or something that is no answer.
    Refused(ErrorBody),
}

/// Why something cannot be part of the protocol. Sentences about settings follow the name of their key.
#[derive(Debug, Error)]
pub enum FleetLockError {
    /// Not an address.
    #[error("is no address of a lock manager; write it as https://HOST/PATH, without spaces, query and fragment")]
    Address,
    /// Not a group.
    #[error("is no group; use 1 to {MAXIMUM_NAME} letters, digits, dots and hyphens")]
    Group,
    /// Not a device.
    #[error("the id of a device has 1 to {MAXIMUM_NAME} visible characters")]
    Id,
    /// Above the limit.
    #[error("the request is larger than {MAXIMUM_BODY} bytes")]
    TooLarge,
    /// Not the JSON of a request.
    #[error("the request is malformed")]
    Syntax(#[from] serde_json::Error),
}

impl Request {
    /// The request of a device.
    ///
    /// # Errors
    /// When the id is empty, too long or not fit to be shown.
    pub fn new(group: &LockGroup, id: &str) -> Result<Self, FleetLockError> {
        if !is_name(id) {
            return Err(FleetLockError::Id);
        }
        Ok(Self { client_params: ClientParams { group: group.0.clone(), id: id.to_owned() } })
    }

    /// Reads the body of a request, as a lock manager does.
    ///
    /// # Errors
    /// When it is too large, malformed, or has no usable id and group.
    pub fn parse(body: &[u8]) -> Result<Self, FleetLockError> {
        if body.len() > MAXIMUM_BODY {
            return Err(FleetLockError::TooLarge);
        }
        let read: Self = serde_json::from_slice(body)?;
        LockGroup::new(&read.client_params.group)?;
        if is_name(&read.client_params.id) { Ok(read) } else { Err(FleetLockError::Id) }
    }

    /// The body.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("invariant: a request is two texts")
    }
}

impl ErrorBody {
    /// The body of a refusal, as a lock manager writes it.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("invariant: a refusal is two texts")
    }
}

impl Outcome {
    /// What an answer with this HTTP status and body means. The body may be anything; what of it is shown has no control characters and a limited length.
    /// A reader need not pass more than [`MAXIMUM_BODY`] bytes.
    #[must_use]
    pub fn of(status: u16, body: &[u8]) -> Self {
        if status == 200 {
            return Self::Granted;
        }
        let said =
            body.get(..body.len().min(MAXIMUM_BODY)).and_then(|body| serde_json::from_slice::<ErrorBody>(body).ok());
        let said = said.filter(|said| is_name(&said.kind) && !said.value.trim().is_empty());
        Self::Refused(match said {
            Some(said) => ErrorBody { kind: said.kind, value: shown(&said.value) },
            None => ErrorBody {
                kind: format!("http_{status}"),
                value: format!("the lock manager answered with HTTP status {status} and no reason"),
            },
        })
    }
}

fn shown(text: &str) -> String {
    text.chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .take(MAXIMUM_DESCRIPTION)
        .collect()
}

fn is_name(text: &str) -> bool {
    (1..=MAXIMUM_NAME).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl LockGroup {
    /// A group.
    ///
    /// # Errors
    /// When the text is not one.
    pub fn new(text: &str) -> Result<Self, FleetLockError> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
        let good = (1..=MAXIMUM_NAME).contains(&text.len()) && text.bytes().all(known);
        if good { Ok(Self(text.to_owned())) } else { Err(FleetLockError::Group) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for LockGroup {
    fn default() -> Self {
        Self(DEFAULT_GROUP.to_owned())
    }
}

impl LockAddress {
    /// An address.
    ///
    /// # Errors
    /// When the text is not one.
    pub fn new(text: &str) -> Result<Self, FleetLockError> {
        let rest =
            text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or(FleetLockError::Address)?;
        let host = rest.split('/').next().unwrap_or_default();
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"?#\"<>\\^`{|}".contains(&byte);
        // A password in an address would end up in logs.
        let good = text.len() <= 2048 && !host.is_empty() && !host.contains('@') && text.bytes().all(plain);
        if good { Ok(Self(text.to_owned())) } else { Err(FleetLockError::Address) }
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for LockGroup {
    type Error = FleetLockError;

    fn try_from(text: String) -> Result<Self, FleetLockError> {
        Self::new(&text)
    }
}

impl From<LockGroup> for String {
    fn from(group: LockGroup) -> Self {
        group.0
    }
}

impl TryFrom<String> for LockAddress {
    type Error = FleetLockError;

    fn try_from(text: String) -> Result<Self, FleetLockError> {
        Self::new(&text)
    }
}

impl From<LockAddress> for String {
    fn from(address: LockAddress) -> Self {
        address.0
    }
}

//! Why something is not done.

use jiff::SignedDuration;
use thiserror::Error;

use crate::name::{NameError, UserName};
use crate::pairing::PairingRefusal;
use crate::password::PasswordError;
use crate::policy::Forbidden;

/// Why something is not done, for the one who asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// No valid session, token or certificate. Answer 401.
    #[error("this needs a login or a token, and what was sent is none that is valid")]
    Unknown,
    /// Name or password is wrong; which, is not said. Answer 401.
    #[error("there is no user with this name and password")]
    WrongPassword,
    /// Too many failures. Answer 429, and say in `Retry-After` how long.
    #[error("too many failed attempts; try again in {} seconds", seconds(*.0))]
    Wait(SignedDuration),
    /// Passwords are being checked for others. Answer 503.
    #[error("too many people log in at once; try again in a few seconds")]
    Busy,
    /// Another site's page made the browser send it. Answer 403.
    #[error("the request was made by a page that is not this device's")]
    Foreign,
    /// The page did not show that it belongs to the session. Answer 403.
    #[error("the page is not of this session any more; load it again")]
    Csrf,
    /// Not allowed.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// No pairing.
    #[error(transparent)]
    Pairing(#[from] PairingRefusal),
    /// The invitation is none, was used, or is too old. Answer 403.
    #[error("this invitation is not valid any more; ask for another")]
    Invitation,
    /// No password. Answer 422.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// No name. Answer 422.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Somebody has the name. Answer 409.
    #[error("there is a user {0} already")]
    Exists(UserName),
    /// The certificate's key counts as somebody already. Answer 409.
    #[error("this certificate belongs to a user already")]
    KeyTaken,
    /// There is no such thing. Answer 404.
    #[error("there is no such {0}")]
    NotFound(Thing),
    /// Nobody could administer the device any more. Answer 409.
    #[error("{0} is the only admin; make somebody else one first")]
    LastAdmin(UserName),
    /// Enough of them. Answer 409.
    #[error("there are {1} {0}s already; remove one first")]
    TooMany(Thing, usize),
    /// Good for longer than allowed, or for no time. Answer 422.
    #[error("a {0} is good for at most {1} days, and must end in the future")]
    Lifetime(Thing, i64),
    /// A token without any scope, or with one that its user does not have. Answer 422.
    #[error("a token needs at least one permission, and can have none that its user does not have")]
    Scopes,
}

/// What a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// A user.
    User,
    /// A session.
    Session,
    /// An API token.
    Token,
    /// An invitation.
    Invitation,
    /// A client certificate.
    Certificate,
}

impl core::fmt::Display for Thing {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str(match self {
            Self::User => "user",
            Self::Session => "session",
            Self::Token => "API token",
            Self::Invitation => "invitation",
            Self::Certificate => "certificate",
        })
    }
}

/// Whole seconds, rounded up: whoever waits as long is not refused again.
#[must_use]
pub fn seconds(wait: SignedDuration) -> i64 {
    wait.as_secs().saturating_add(i64::from(wait.subsec_nanos() > 0))
}

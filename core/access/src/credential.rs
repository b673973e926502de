//! What lets somebody in, as it is kept: sessions, API tokens, invitations.

use core::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::name::{Label, UserName};
use crate::role::{Role, ScopeSet};
use crate::token::TokenDigest;

/// A session in which nothing is asked for so long ends.
pub const SESSION_IDLE: SignedDuration = SignedDuration::from_hours(24);
/// A session ends after so long, whatever is asked (NIST SP 800-63B-4, section 2.1.3).
pub const SESSION_LIFETIME: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Sessions of one user; beginning another ends the one that was used longest ago.
pub const SESSIONS_KEPT: usize = 16;
/// API tokens of one user.
pub const TOKENS_KEPT: usize = 32;
/// The longest that an API token is good for.
pub const TOKEN_LIFETIME: SignedDuration = SignedDuration::from_hours(366 * 24);
/// Invitations at once.
pub const INVITATIONS_KEPT: usize = 16;
/// How long an invitation is good for.
pub const INVITATION_LIFETIME: SignedDuration = SignedDuration::from_hours(48);
/// Times of use are exact to this: writing them down at each request would wear the disk.
pub const USE_NOTED_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// Names a session; no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionId(pub u64);

/// Names an API token; no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TokenId(pub u64);

/// Names an invitation; no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InvitationId(pub u64);

/// Somebody is logged in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// Who.
    pub user: UserName,
    /// Of the token in the cookie.
    pub token: TokenDigest,
    /// Of the token that pages send along when they change something.
    pub csrf: TokenDigest,
    /// Since when.
    pub created: Timestamp,
    /// The last request, to the minute.
    pub last_used: Timestamp,
    /// Where it began, for its user to recognise.
    pub address: IpAddr,
}

/// A program's credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiToken {
    /// Its name.
    pub id: TokenId,
    /// Whose; it never may more than they.
    pub user: UserName,
    /// What its user calls it.
    pub label: Label,
    /// What it may.
    pub scopes: ScopeSet,
    /// Of its text.
    pub token: TokenDigest,
    /// Since when.
    pub created: Timestamp,
    /// Until when.
    pub expires: Timestamp,
    /// The last request, to the minute.
    pub last_used: Option<Timestamp>,
}

/// Leave to become a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// Its name.
    pub id: InvitationId,
    /// What the new user will be.
    pub role: Role,
    /// Who invites.
    pub by: UserName,
    /// Of its text.
    pub token: TokenDigest,
    /// Since when.
    pub created: Timestamp,
    /// Until when.
    pub expires: Timestamp,
}

impl Session {
    /// Whether it still lets somebody in. A clock that was set back before its beginning ends it.
    #[must_use]
    pub fn is_good(&self, now: Timestamp) -> bool {
        is_between(self.created, now, SESSION_LIFETIME) && now.duration_since(self.last_used) < SESSION_IDLE
    }
}

impl ApiToken {
    /// Whether it still lets somebody in.
    #[must_use]
    pub fn is_good(&self, now: Timestamp) -> bool {
        is_between(self.created, now, TOKEN_LIFETIME) && now < self.expires
    }
}

impl Invitation {
    /// Whether somebody can become a user by it.
    #[must_use]
    pub fn is_good(&self, now: Timestamp) -> bool {
        is_between(self.created, now, INVITATION_LIFETIME) && now < self.expires
    }
}

/// Clocks that are corrected go back a little; nothing that is good becomes bad by that.
const CORRECTION: SignedDuration = SignedDuration::from_mins(5);

fn is_between(created: Timestamp, now: Timestamp, lifetime: SignedDuration) -> bool {
    let age = now.duration_since(created);
    age >= -CORRECTION && age < lifetime
}

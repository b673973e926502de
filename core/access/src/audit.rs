//! What was done on the device, by whom, and whether it worked.
//!
//! An entry has no room for a secret: everything in it is a number, a time, an address, or a name that had to pass a narrow test. In particular, the name that
//! somebody typed at a failed login is in it only if it is a user's, because people type passwords there.

pub mod chain;
pub mod query;

use core::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::credential::{InvitationId, SessionId, TokenId};
use crate::identity::{Credential, Identity};
use crate::name::UserName;
use crate::policy::Rule;
use crate::role::{Role, ScopeSet};
use crate::user::KeyDigest;

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts from 1, without gaps.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub draft: Draft,
}

/// An entry before it has its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// Who.
    pub actor: Actor,
    /// From where, if over the network.
    pub address: Option<IpAddr>,
    /// What was done, or tried.
    pub action: Action,
    /// What became of it.
    pub outcome: Outcome,
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Actor {
    /// Somebody who is not known.
    Nobody,
    /// The device by itself.
    Device,
    /// Whoever stands in front of the device.
    Console,
    /// A user in a session.
    Session {
        /// Who.
        user: UserName,
        /// In which.
        session: SessionId,
    },
    /// A program with a user's token.
    Token {
        /// Whose.
        user: UserName,
        /// Which.
        token: TokenId,
    },
    /// A user with a client certificate.
    Certificate {
        /// Who.
        user: UserName,
        /// Its key.
        key: KeyDigest,
    },
    /// A user who is just logging in.
    User {
        /// Who.
        user: UserName,
    },
    /// Something that a newer release wrote.
    #[serde(other)]
    Unknown,
}

/// Whether something was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", from = "String")]
pub enum Outcome {
    /// Yes.
    Done,
    /// It was not allowed, or the secret was wrong.
    Refused,
    /// It was allowed and did not work.
    Failed,
    /// Something that a newer release wrote.
    Unknown,
}

impl From<String> for Outcome {
    fn from(text: String) -> Self {
        match text.as_str() {
            "done" => Self::Done,
            "refused" => Self::Refused,
            "failed" => Self::Failed,
            _ => Self::Unknown,
        }
    }
}

/// What was done, or tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Action {
    /// The log was opened by a daemon that started.
    Started,
    /// The end of the log was incomplete after a power cut, and was cut off.
    TailCut {
        /// Bytes.
        bytes: u64,
    },
    /// A part of the log does not fit what comes before it: it was changed, or the disk is damaged.
    Broken {
        /// The first number that the part should have had.
        first: u64,
    },
    /// The device got its first administrator.
    Paired {
        /// Who.
        user: UserName,
    },
    /// A wrong pairing code.
    PairingFailed,
    /// Somebody logged in.
    LoggedIn {
        /// Who.
        user: UserName,
    },
    /// A wrong password.
    LoginFailed {
        /// Whose, if there is such a user.
        user: Option<UserName>,
    },
    /// A wrong or unknown API token.
    TokenFailed,
    /// A wrong or unknown invitation.
    InvitationFailed,
    /// Too many failures: an account or network has to wait.
    HeldUp {
        /// Whose account, if it is one.
        user: Option<UserName>,
        /// How long.
        seconds: u32,
    },
    /// Failures that were too many to be listed one by one.
    NotListed {
        /// How many.
        failures: u64,
    },
    /// A session was ended.
    SessionEnded {
        /// Which.
        session: SessionId,
    },
    /// A password was changed.
    PasswordChanged {
        /// Whose.
        user: UserName,
    },
    /// There is a new user.
    UserAdded {
        /// Who.
        user: UserName,
        /// As what.
        role: Role,
    },
    /// A user has another role.
    RoleChanged {
        /// Who.
        user: UserName,
        /// Which.
        role: Role,
    },
    /// A user was removed, with all their credentials.
    UserRemoved {
        /// Who.
        user: UserName,
    },
    /// There is a new API token.
    TokenMade {
        /// Which.
        token: TokenId,
        /// What it may.
        scopes: ScopeSet,
        /// Until when.
        expires: Timestamp,
    },
    /// An API token was removed.
    TokenRemoved {
        /// Which.
        token: TokenId,
    },
    /// Somebody was invited.
    InvitationMade {
        /// The invitation.
        invitation: InvitationId,
        /// As what.
        role: Role,
    },
    /// An invitation was taken back.
    InvitationRemoved {
        /// Which.
        invitation: InvitationId,
    },
    /// A client certificate counts as a user.
    CertificateAdded {
        /// Whose.
        user: UserName,
        /// Its key.
        key: KeyDigest,
    },
    /// A client certificate does not count any more.
    CertificateRemoved {
        /// Whose.
        user: UserName,
        /// Its key.
        key: KeyDigest,
    },
    /// The device has another TLS certificate.
    DeviceCertificateChanged {
        /// Its key.
        key: KeyDigest,
    },
    /// Somebody asked the API for something that changes the device.
    Request {
        /// What for.
        route: Route,
        /// The HTTP status of the answer.
        status: u16,
    },
    /// Something that a newer release wrote.
    #[serde(other)]
    Unknown,
}

/// A line of the policy: a method and the pattern of a path, never the path itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Route(String);

impl Route {
    /// The text: `POST /api/v1/apps/{*rest}`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&'static Rule> for Route {
    fn from(rule: &'static Rule) -> Self {
        Self(format!("{} {}", rule.method.name(), rule.pattern))
    }
}

impl TryFrom<String> for Route {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b" /{}*._-".contains(&byte);
        let fits = text.len() <= 128 && text.bytes().all(allowed);
        fits.then_some(Self(text)).ok_or("this is no route of a policy")
    }
}

impl From<Route> for String {
    fn from(route: Route) -> Self {
        route.0
    }
}

impl From<&Identity> for Actor {
    fn from(identity: &Identity) -> Self {
        let user = identity.user.clone();
        match identity.credential {
            Credential::Session(session) => Self::Session { user, session },
            Credential::Token(token) => Self::Token { user, token },
            Credential::Certificate(key) => Self::Certificate { user, key },
        }
    }
}

impl Actor {
    /// The user, if it is one.
    #[must_use]
    pub fn user(&self) -> Option<&UserName> {
        match self {
            Self::Session { user, .. }
            | Self::Token { user, .. }
            | Self::Certificate { user, .. }
            | Self::User { user } => Some(user),
            Self::Nobody | Self::Device | Self::Console | Self::Unknown => None,
        }
    }
}

impl Action {
    /// The value of `kind` in JSON, by which entries can be found.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::TailCut { .. } => "tail-cut",
            Self::Broken { .. } => "broken",
            Self::Paired { .. } => "paired",
            Self::PairingFailed => "pairing-failed",
            Self::LoggedIn { .. } => "logged-in",
            Self::LoginFailed { .. } => "login-failed",
            Self::TokenFailed => "token-failed",
            Self::InvitationFailed => "invitation-failed",
            Self::HeldUp { .. } => "held-up",
            Self::NotListed { .. } => "not-listed",
            Self::SessionEnded { .. } => "session-ended",
            Self::PasswordChanged { .. } => "password-changed",
            Self::UserAdded { .. } => "user-added",
            Self::RoleChanged { .. } => "role-changed",
            Self::UserRemoved { .. } => "user-removed",
            Self::TokenMade { .. } => "token-made",
            Self::TokenRemoved { .. } => "token-removed",
            Self::InvitationMade { .. } => "invitation-made",
            Self::InvitationRemoved { .. } => "invitation-removed",
            Self::CertificateAdded { .. } => "certificate-added",
            Self::CertificateRemoved { .. } => "certificate-removed",
            Self::DeviceCertificateChanged { .. } => "device-certificate-changed",
            Self::Request { .. } => "request",
            Self::Unknown => "unknown",
        }
    }
}

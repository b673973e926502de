//! Who somebody turned out to be.

use crate::credential::{SessionId, TokenId};
use crate::name::UserName;
use crate::role::{Role, Scope, ScopeSet};
use crate::user::KeyDigest;

/// Who asks. Only [`crate::state::Access::authenticate`] makes one, and only from a valid credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub(crate) user: UserName,
    pub(crate) role: Role,
    pub(crate) scopes: ScopeSet,
    pub(crate) credential: Credential,
}

/// By what somebody was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Credential {
    /// A session.
    Session(SessionId),
    /// An API token.
    Token(TokenId),
    /// A client certificate.
    Certificate(KeyDigest),
}

impl Identity {
    /// The user.
    #[must_use]
    pub fn user(&self) -> &UserName {
        &self.user
    }

    /// The user's role at the time of the request.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// What may be done: with a token, what the token and the role allow.
    #[must_use]
    pub fn scopes(&self) -> ScopeSet {
        self.scopes
    }

    /// Whether something may be done.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(scope)
    }

    /// By what the user was recognised.
    #[must_use]
    pub fn credential(&self) -> Credential {
        self.credential
    }

    /// Whether it is the person who asks, and no program with a token of theirs.
    #[must_use]
    pub fn is_person(&self) -> bool {
        match self.credential {
            Credential::Session(_) | Credential::Certificate(_) => true,
            Credential::Token(_) => false,
        }
    }
}

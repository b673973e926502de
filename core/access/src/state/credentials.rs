//! What users have of their own: sessions, API tokens, client certificates.

use core::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use super::{Access, Action};
use crate::audit;
use crate::credential::{ApiToken, SessionId, TOKEN_LIFETIME, TOKENS_KEPT, TokenId};
use crate::identity::Identity;
use crate::name::{Label, UserName};
use crate::refusal::{Refusal, Thing};
use crate::role::{Scope, ScopeSet};
use crate::token::{RandomBytes, TokenKind, TokenText};
use crate::user::{CERTIFICATES_KEPT, ClientCertificate, KeyDigest};

/// The longest that a client certificate counts, in days.
const CERTIFICATE_DAYS: i64 = 3660;

/// A token that a user wants.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What it is called.
    pub label: Label,
    /// What it may.
    pub scopes: ScopeSet,
    /// Until when.
    pub expires: Timestamp,
}

/// A client certificate that is to count as a user.
#[derive(Debug, Clone)]
pub struct NewCertificate {
    /// Its key.
    pub key: KeyDigest,
    /// What it is called.
    pub label: Label,
    /// Until when: the end of the certificate, or earlier.
    pub expires: Timestamp,
}

impl Access {
    /// Makes an API token. The text is shown once.
    ///
    /// # Errors
    /// When it is not a person who asks, or the token may too much or lasts too long.
    pub fn make_token(
        &mut self,
        identity: &Identity,
        wanted: NewToken,
        address: IpAddr,
        random: &RandomBytes,
        now: Timestamp,
    ) -> Result<(TokenId, TokenText), Refusal> {
        let role = self.person(identity)?.role;
        if wanted.scopes.is_empty() || !wanted.scopes.is_subset(role.scopes()) {
            return Err(Refusal::Scopes);
        }
        if !is_within(wanted.expires, TOKEN_LIFETIME, now) {
            return Err(Refusal::Lifetime(Thing::Token, TOKEN_LIFETIME.as_hours() / 24));
        }
        self.record.tokens.retain(|token| token.is_good(now));
        if self.record.tokens.iter().filter(|token| token.user == identity.user).count() >= TOKENS_KEPT {
            return Err(Refusal::TooMany(Thing::Token, TOKENS_KEPT));
        }
        let text = TokenText::new(TokenKind::Api, random);
        let id = TokenId(self.record.take_id());
        self.record.tokens.push(ApiToken {
            id,
            user: identity.user.clone(),
            label: wanted.label,
            scopes: wanted.scopes,
            token: text.digest(),
            created: now,
            expires: wanted.expires,
            last_used: None,
        });
        self.actions.push(Action::Keep);
        let action = audit::Action::TokenMade { token: id, scopes: wanted.scopes, expires: wanted.expires };
        self.log(identity.into(), Some(address), action);
        Ok((id, text))
    }

    /// Removes an API token: one's own, or as an admin anybody's.
    ///
    /// # Errors
    /// When it is not a person who asks, or there is no such token of theirs.
    pub fn remove_token(&mut self, identity: &Identity, id: TokenId, address: IpAddr) -> Result<(), Refusal> {
        let may_all = self.person(identity)?.role.scopes().contains(Scope::AccessWrite);
        let before = self.record.tokens.len();
        self.record.tokens.retain(|token| token.id != id || !(may_all || token.user == identity.user));
        if self.record.tokens.len() == before {
            return Err(Refusal::NotFound(Thing::Token));
        }
        self.actions.push(Action::Keep);
        self.log(identity.into(), Some(address), audit::Action::TokenRemoved { token: id });
        Ok(())
    }

    /// Ends a session: logging out, or one's own elsewhere, or as an admin anybody's.
    ///
    /// # Errors
    /// When it is not a person who asks, or there is no such session of theirs.
    pub fn end_session(&mut self, identity: &Identity, id: SessionId, address: IpAddr) -> Result<(), Refusal> {
        let may_all = self.person(identity)?.role.scopes().contains(Scope::AccessWrite);
        let before = self.record.sessions.len();
        self.record.sessions.retain(|session| session.id != id || !(may_all || session.user == identity.user));
        if self.record.sessions.len() == before {
            return Err(Refusal::NotFound(Thing::Session));
        }
        self.actions.push(Action::Keep);
        self.log(identity.into(), Some(address), audit::Action::SessionEnded { session: id });
        Ok(())
    }

    /// Ends the session that a browser had before it logged in again (rotation), so that a token that was planted there is worth nothing.
    pub fn replace_session(&mut self, earlier: &TokenText) {
        let digest = earlier.digest();
        let before = self.record.sessions.len();
        self.record.sessions.retain(|session| session.token != digest);
        if self.record.sessions.len() != before {
            self.actions.push(Action::Keep);
        }
    }

    /// Lets a client certificate count as the user.
    ///
    /// # Errors
    /// When it is not a person who asks, the key counts already, or there are enough.
    pub fn add_certificate(
        &mut self,
        identity: &Identity,
        wanted: NewCertificate,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.person(identity)?;
        if !is_within(wanted.expires, SignedDuration::from_hours(CERTIFICATE_DAYS * 24), now) {
            return Err(Refusal::Lifetime(Thing::Certificate, CERTIFICATE_DAYS));
        }
        for user in &mut self.record.users {
            user.certificates.retain(|certificate| now < certificate.expires);
        }
        if self.record.user_of_key(wanted.key, now).is_some() {
            return Err(Refusal::KeyTaken);
        }
        let user = self.record.user_mut(&identity.user).ok_or(Refusal::Unknown)?;
        if user.certificates.len() >= CERTIFICATES_KEPT {
            return Err(Refusal::TooMany(Thing::Certificate, CERTIFICATES_KEPT));
        }
        let NewCertificate { key, label, expires } = wanted;
        user.certificates.push(ClientCertificate { key, label, added: now, expires });
        self.actions.push(Action::Keep);
        let action = audit::Action::CertificateAdded { user: identity.user.clone(), key };
        self.log(identity.into(), Some(address), action);
        Ok(())
    }

    /// Lets a client certificate count no more: one's own, or as an admin anybody's.
    ///
    /// # Errors
    /// When it is not a person who asks, or it does not count.
    pub fn remove_certificate(
        &mut self,
        identity: &Identity,
        owner: &UserName,
        key: KeyDigest,
        address: IpAddr,
    ) -> Result<(), Refusal> {
        let may_all = self.person(identity)?.role.scopes().contains(Scope::AccessWrite);
        let missing = Refusal::NotFound(Thing::Certificate);
        let user =
            self.record.user_mut(owner).filter(|user| may_all || user.name == identity.user).ok_or(missing.clone())?;
        let before = user.certificates.len();
        user.certificates.retain(|certificate| certificate.key != key);
        if user.certificates.len() == before {
            return Err(missing);
        }
        self.actions.push(Action::Keep);
        self.log(identity.into(), Some(address), audit::Action::CertificateRemoved { user: owner.clone(), key });
        Ok(())
    }
}

fn is_within(end: Timestamp, longest: SignedDuration, now: Timestamp) -> bool {
    let left = end.duration_since(now);
    left > SignedDuration::ZERO && left <= longest
}

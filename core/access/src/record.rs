//! What a device keeps about access, across restarts and power cuts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::credential::{ApiToken, INVITATIONS_KEPT, Invitation, SESSIONS_KEPT, Session, TOKENS_KEPT};
use crate::name::UserName;
use crate::role::Role;
use crate::user::{BROWSERS_KEPT, CERTIFICATES_KEPT, KeyDigest, User};

/// The format that this version writes.
pub const FORMAT: u32 = 1;
/// The largest record that is read, in bytes.
pub const MAXIMUM_BYTES: usize = 4 << 20;
/// Users of one device.
pub const USERS_KEPT: usize = 64;

/// Everybody who may reach the device, and by what. It holds hashes and no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// [`FORMAT`].
    pub(crate) format: u32,
    /// The number of the next session, token or invitation; none is used twice.
    pub(crate) next_id: u64,
    /// Users, in the order they came.
    pub(crate) users: Vec<User>,
    /// Who is logged in.
    pub(crate) sessions: Vec<Session>,
    /// Credentials of programs.
    pub(crate) tokens: Vec<ApiToken>,
    /// Leave to become a user.
    pub(crate) invitations: Vec<Invitation>,
}

/// A record that cannot be used. Nobody can log in then: a device that forgot its users must not take the next one who comes for its owner.
#[derive(Debug, Error)]
pub enum RecordError {
    /// Larger than any that is written.
    #[error("the record of users has more than {MAXIMUM_BYTES} bytes")]
    TooLarge,
    /// Written by a newer version.
    #[error("the record of users has format {0}, and this release reads format {FORMAT}")]
    Format(u32),
    /// Damaged.
    #[error("the record of users is damaged")]
    Syntax(#[from] serde_json::Error),
    /// It says what cannot be.
    #[error("the record of users is damaged: {0}")]
    Inconsistent(&'static str),
}

impl Default for Record {
    fn default() -> Self {
        Self {
            format: FORMAT,
            next_id: 1,
            users: Vec::new(),
            sessions: Vec::new(),
            tokens: Vec::new(),
            invitations: Vec::new(),
        }
    }
}

impl Record {
    /// Reads what [`Record::to_json`] wrote.
    ///
    /// # Errors
    /// When the text is no record, a newer version's, or says what cannot be.
    pub fn parse(text: &[u8]) -> Result<Self, RecordError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        if text.len() > MAXIMUM_BYTES {
            return Err(RecordError::TooLarge);
        }
        let head: Head = serde_json::from_slice(text)?;
        if head.format != FORMAT {
            return Err(RecordError::Format(head.format));
        }
        let record: Self = serde_json::from_slice(text)?;
        record.check().map_err(RecordError::Inconsistent)?;
        Ok(record)
    }

    /// As it is kept on disk.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).expect("invariant: a record is names, numbers and hashes");
        text.push(b'\n');
        text
    }

    /// Users, in the order they came.
    #[must_use]
    pub fn users(&self) -> &[User] {
        &self.users
    }

    /// Sessions, including those that have run out and were not looked at since.
    #[must_use]
    pub fn sessions(&self) -> &[Session] {
        &self.sessions
    }

    /// API tokens, including those that have run out.
    #[must_use]
    pub fn tokens(&self) -> &[ApiToken] {
        &self.tokens
    }

    /// Invitations, including those that have run out.
    #[must_use]
    pub fn invitations(&self) -> &[Invitation] {
        &self.invitations
    }

    /// A user.
    #[must_use]
    pub fn user(&self, name: &UserName) -> Option<&User> {
        self.users.iter().find(|user| user.name == *name)
    }

    /// The user whose client certificate has this key.
    #[must_use]
    pub fn user_of_key(&self, key: KeyDigest, now: Timestamp) -> Option<&User> {
        let good = |user: &&User| {
            user.certificates.iter().any(|certificate| certificate.key == key && now < certificate.expires)
        };
        self.users.iter().find(good)
    }

    pub(crate) fn user_mut(&mut self, name: &UserName) -> Option<&mut User> {
        self.users.iter_mut().find(|user| user.name == *name)
    }

    pub(crate) fn admins(&self) -> usize {
        self.users.iter().filter(|user| user.role == Role::Admin).count()
    }

    pub(crate) fn take_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id = self.next_id.saturating_add(1);
        id
    }

    /// What holds for every record that is written.
    fn check(&self) -> Result<(), &'static str> {
        if self.users.len() > USERS_KEPT || self.invitations.len() > INVITATIONS_KEPT {
            return Err("it has more users or invitations than there can be");
        }
        if !self.users.is_empty() && self.admins() == 0 {
            return Err("it has users and no admin");
        }
        if self.users.is_empty() && !(self.sessions.is_empty() && self.tokens.is_empty() && self.invitations.is_empty())
        {
            return Err("it has credentials and no users");
        }
        let mut names: Vec<&UserName> = self.users.iter().map(|user| &user.name).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("it has two users with one name");
        }
        let mut keys: Vec<KeyDigest> =
            self.users.iter().flat_map(|user| user.certificates.iter().map(|certificate| certificate.key)).collect();
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("one certificate belongs to two users");
        }
        for user in &self.users {
            let sessions = self.sessions.iter().filter(|session| session.user == user.name).count();
            let tokens = self.tokens.iter().filter(|token| token.user == user.name).count();
            if sessions > SESSIONS_KEPT
                || tokens > TOKENS_KEPT
                || user.browsers.len() > BROWSERS_KEPT
                || user.certificates.len() > CERTIFICATES_KEPT
            {
                return Err("a user has more credentials than there can be");
            }
        }
        let known = |name: &UserName| names.binary_search(&name).is_ok();
        if !self.sessions.iter().all(|session| known(&session.user))
            || !self.tokens.iter().all(|token| known(&token.user))
        {
            return Err("a credential belongs to nobody");
        }
        let ids = self.sessions.iter().map(|session| session.id.0).chain(self.tokens.iter().map(|token| token.id.0));
        let mut ids: Vec<u64> = ids.chain(self.invitations.iter().map(|invitation| invitation.id.0)).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) || ids.last().is_some_and(|last| *last >= self.next_id) {
            return Err("two credentials have one number");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{MAXIMUM_BYTES, Record, RecordError};
    use proptest::collection::vec;
    use proptest::prelude::{any, proptest};

    #[test]
    fn an_empty_record_is_as_documented() {
        let text = String::from_utf8(Record::default().to_json()).unwrap();
        assert_eq!(
            text.split_whitespace().collect::<String>(),
            r#"{"format":1,"next_id":1,"users":[],"sessions":[],"tokens":[],"invitations":[]}"#
        );
        assert_eq!(Record::parse(text.as_bytes()).unwrap(), Record::default());
    }

    #[test]
    fn a_record_with_everything_is_as_documented() {
        let hash = "$argon2id$v=19$m=19456,t=2,p=1$AQEBAQEBAQEBAQEBAQEBAQ$AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI";
        let noon = "2026-11-21T12:00:00Z";
        let [a, b, c, d, e, f] = ["a", "b", "c", "d", "e", "f"].map(|digit| digit.repeat(64));
        let documented = serde_json::json!({
            "format": 1,
            "next_id": 7,
            "users": [{
                "name": "alice", "role": "admin", "password": hash, "created": noon,
                "browsers": [{"token": a, "last_login": noon}],
                "certificates": [{"key": b, "label": "laptop", "added": noon, "expires": noon}],
            }],
            "sessions": [{
                "id": 1, "user": "alice", "token": c, "csrf": d, "created": noon, "last_used": noon, "address": "192.0.2.1",
            }],
            "tokens": [{
                "id": 2, "user": "alice", "label": "backup", "scopes": ["apps:read"], "token": e, "created": noon,
                "expires": noon, "last_used": null,
            }],
            "invitations": [{"id": 3, "role": "viewer", "by": "alice", "token": f, "created": noon, "expires": noon}],
        });
        let record = Record::parse(documented.to_string().as_bytes()).unwrap();
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&record.to_json()).unwrap(), documented);
    }

    #[test]
    fn a_record_that_cannot_be_is_refused_and_never_taken_for_an_empty_one() {
        let hash = "$argon2id$v=19$m=19456,t=2,p=1$AQEBAQEBAQEBAQEBAQEBAQ$AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI";
        let user = |name: &str, role: &str| {
            format!(
                r#"{{"name":"{name}","role":"{role}","password":"{hash}","created":"2026-11-21T12:00:00Z","browsers":[],"certificates":[]}}"#
            )
        };
        let record = |users: &str, invitations: &str| {
            format!(
                r#"{{"format":1,"next_id":2,"users":[{users}],"sessions":[],"tokens":[],"invitations":[{invitations}]}}"#
            )
        };
        Record::parse(record(&user("alice", "admin"), "").as_bytes()).unwrap();
        let invitation = format!(
            r#"{{"id":2,"role":"viewer","by":"alice","token":"{}","created":"2026-11-21T12:00:00Z","expires":"2026-11-21T12:00:00Z"}}"#,
            "0".repeat(64)
        );
        for bad in [
            record(&user("alice", "viewer"), ""),
            record(&user("Alice", "admin"), ""),
            record(&[user("alice", "admin"), user("alice", "viewer")].join(","), ""),
            record("", &invitation),
            record(&user("alice", "admin"), &invitation),
            record(&user("alice", "king"), ""),
            record(&vec![user("alice", "admin"); 65].join(","), ""),
            "{}".to_owned(),
            String::new(),
        ] {
            Record::parse(bad.as_bytes()).unwrap_err();
        }
        assert!(matches!(Record::parse(br#"{"format":2}"#), Err(RecordError::Format(2))));
        assert!(matches!(Record::parse(&vec![b' '; MAXIMUM_BYTES + 1]), Err(RecordError::TooLarge)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in vec(any::<u8>(), 0..300)) {
            let _answer = Record::parse(&bytes);
        }
    }
}

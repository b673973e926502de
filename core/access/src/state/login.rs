//! Logging in with a password, and changing it. Hashing takes long, so it happens between two calls.

use core::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use super::{Access, Action};
use crate::audit::{self, Actor};
use crate::credential::{SESSIONS_KEPT, Session, SessionId};
use crate::identity::{Credential, Identity};
use crate::name::UserName;
use crate::network::Network;
use crate::password::{Context, Password};
use crate::password_hash::PasswordHash;
use crate::refusal::Refusal;
use crate::token::{RandomBytes, TokenKind, TokenText};
use crate::user::{BROWSERS_KEPT, Browser};

/// Somebody wants to log in.
#[derive(Debug)]
pub struct LoginRequest<'r> {
    /// The name that was typed.
    pub name: &'r str,
    /// The password that was typed.
    pub password: &'r str,
    /// From where.
    pub address: IpAddr,
    /// What the browser sent of an earlier login.
    pub browser: Option<&'r TokenText>,
}

/// A login between its two halves. It is good for one call of [`Access::finish_login`] or [`Access::finish_password_change`].
#[derive(Debug)]
pub struct LoginTicket {
    user: Option<UserName>,
    hash: Option<PasswordHash>,
    password: Password,
    address: IpAddr,
    keys: ThrottleKeys,
    held_up: HeldUp,
}

/// Who has to wait from now on, unless the password turns out to be right.
#[derive(Debug, Clone, Copy)]
struct HeldUp {
    account: Option<SignedDuration>,
    network: Option<SignedDuration>,
}

/// Under what a failure is counted.
#[derive(Debug)]
struct ThrottleKeys {
    network: Network,
    account: AccountKey,
}

#[derive(Debug)]
enum AccountKey {
    Browser([u8; 32]),
    User(UserName),
    Stranger(UserName),
    /// What was typed cannot be a name.
    None,
}

/// What came of comparing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordCheck {
    /// The hash of the password is the one in the ticket.
    Right,
    /// It is another, or there was none in the ticket.
    Wrong,
    /// It was not computed, because too many others wait.
    NotChecked,
}

/// Fresh random bytes for a login.
#[derive(Debug, Clone)]
pub struct LoginRandom {
    /// For the session.
    pub session: RandomBytes,
    /// For its CSRF token.
    pub csrf: RandomBytes,
    /// For recognising the browser.
    pub browser: RandomBytes,
}

/// Somebody is logged in. The tokens are shown to the browser and to nobody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedIn {
    /// Who.
    pub user: UserName,
    /// The session.
    pub id: SessionId,
    /// For [`crate::request::SESSION_COOKIE`].
    pub session: TokenText,
    /// For the page, which keeps it where only pages of this device and port can read it.
    pub csrf: TokenText,
    /// For [`crate::request::BROWSER_COOKIE`].
    pub browser: TokenText,
}

impl LoginTicket {
    /// The password to be hashed.
    #[must_use]
    pub fn password(&self) -> &Password {
        &self.password
    }

    /// With what it is compared. Where there is none, as much work has to be done nevertheless, or the time would tell who is a user.
    #[must_use]
    pub fn hash(&self) -> Option<&PasswordHash> {
        self.hash.as_ref()
    }
}

impl Access {
    /// Begins a login: it counts as a failure until it succeeds, so that many at once are not one.
    ///
    /// # Errors
    /// [`Refusal::Wait`] after too many failures.
    pub fn begin_login(&mut self, request: &LoginRequest<'_>, now: Timestamp) -> Result<LoginTicket, Refusal> {
        let name = UserName::new(request.name).ok();
        let user = name.as_ref().and_then(|name| self.record.user(name));
        let browser = user.and_then(|user| {
            let digest = request.browser?.digest();
            user.browsers
                .iter()
                .find(|browser| browser.token == digest && browser.counts(now))
                .map(|browser| browser.token.key())
        });
        let account = match (browser, user, name) {
            (Some(browser), _, _) => AccountKey::Browser(browser),
            (None, Some(user), _) => AccountKey::User(user.name.clone()),
            (None, None, Some(name)) => AccountKey::Stranger(name),
            (None, None, None) => AccountKey::None,
        };
        let (user, hash) = (user.map(|user| user.name.clone()), user.map(|user| user.password.clone()));
        let keys = ThrottleKeys { network: request.address.into(), account };
        let password = Password::presented(request.password).map_err(|_| Refusal::WrongPassword);
        let held_up = self.count_attempt(&keys, now)?;
        Ok(LoginTicket { user, hash, password: password?, address: request.address, keys, held_up })
    }

    /// Ends a login. Every login makes a new session; an older one in the same browser is ended by [`Access::end_session`].
    ///
    /// # Errors
    /// [`Refusal::WrongPassword`], or [`Refusal::Busy`].
    pub fn finish_login(
        &mut self,
        ticket: LoginTicket,
        check: PasswordCheck,
        random: &LoginRandom,
        now: Timestamp,
    ) -> Result<LoggedIn, Refusal> {
        let user = self.checked(&ticket, check, now)?;
        self.forgive(&ticket.keys);
        Ok(self.begin_session(&user, ticket.address, random, now))
    }

    /// Begins the change of one's own password, with the old one.
    ///
    /// # Errors
    /// As for a login, and when it is not a person who asks.
    pub fn begin_password_change(
        &mut self,
        identity: &Identity,
        old: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<LoginTicket, Refusal> {
        self.person(identity)?;
        // Who has a session may guess as often as somebody in a browser that is known: the session is as good a mark.
        let request = LoginRequest { name: identity.user.as_str(), password: old, address, browser: None };
        self.begin_login(&request, now)
    }

    /// Looks whether a password may be chosen, before it is hashed.
    ///
    /// # Errors
    /// Why not.
    pub fn chosen_password(user: &UserName, device: &str, password: &str) -> Result<Password, Refusal> {
        Ok(Password::chosen(password, Context { user, device })?)
    }

    /// Ends the change of a password. All other sessions of the user end, and other browsers are forgotten; API tokens and certificates stay.
    ///
    /// # Errors
    /// As for a login.
    pub fn finish_password_change(
        &mut self,
        identity: &Identity,
        ticket: LoginTicket,
        check: PasswordCheck,
        new: PasswordHash,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.person(identity)?;
        let name = self.checked(&ticket, check, now)?;
        if name != identity.user {
            return Err(Refusal::WrongPassword);
        }
        self.forgive(&ticket.keys);
        self.set_password(&name, new);
        let own = match identity.credential {
            Credential::Session(id) => Some(id),
            Credential::Token(_) | Credential::Certificate(_) => None,
        };
        self.record.sessions.retain(|session| session.user != name || Some(session.id) == own);
        self.actions.push(Action::Keep);
        self.log(identity.into(), Some(ticket.address), audit::Action::PasswordChanged { user: name });
        Ok(())
    }

    pub(super) fn set_password(&mut self, name: &UserName, hash: PasswordHash) {
        if let Some(user) = self.record.user_mut(name) {
            user.password = hash;
            user.browsers.clear();
        }
    }

    pub(super) fn begin_session(
        &mut self,
        user: &UserName,
        address: IpAddr,
        random: &LoginRandom,
        now: Timestamp,
    ) -> LoggedIn {
        let session = TokenText::new(TokenKind::Session, &random.session);
        let csrf = TokenText::new(TokenKind::Csrf, &random.csrf);
        let browser = TokenText::new(TokenKind::Browser, &random.browser);
        let id = SessionId(self.record.take_id());
        self.record.sessions.retain(|session| session.is_good(now));
        let sessions = &mut self.record.sessions;
        while sessions.iter().filter(|session| session.user == *user).count() >= SESSIONS_KEPT {
            let oldest = sessions
                .iter()
                .enumerate()
                .filter(|(_, session)| session.user == *user)
                .min_by_key(|(_, session)| session.last_used);
            let Some((oldest, _)) = oldest else { break };
            sessions.remove(oldest);
        }
        sessions.push(Session {
            id,
            user: user.clone(),
            token: session.digest(),
            csrf: csrf.digest(),
            created: now,
            last_used: now,
            address,
        });
        if let Some(user) = self.record.user_mut(user) {
            user.browsers.retain(|browser| browser.counts(now));
            user.browsers.sort_by_key(|browser| browser.last_login);
            let surplus = (user.browsers.len() + 1).saturating_sub(BROWSERS_KEPT);
            user.browsers.drain(..surplus);
            user.browsers.push(Browser { token: browser.digest(), last_login: now });
        }
        self.actions.push(Action::Keep);
        self.log(Actor::User { user: user.clone() }, Some(address), audit::Action::LoggedIn { user: user.clone() });
        LoggedIn { user: user.clone(), id, session, csrf, browser }
    }

    /// The user whose password was right, if the account is still as it was.
    fn checked(&mut self, ticket: &LoginTicket, check: PasswordCheck, now: Timestamp) -> Result<UserName, Refusal> {
        if check == PasswordCheck::NotChecked {
            self.take_back(&ticket.keys);
            return Err(Refusal::Busy);
        }
        let user = ticket.user.as_ref().and_then(|name| self.record.user(name));
        let right =
            check == PasswordCheck::Right && user.is_some_and(|user| Some(&user.password) == ticket.hash.as_ref());
        match user.map(|user| user.name.clone()).filter(|_| right) {
            Some(user) => Ok(user),
            None => {
                let action = audit::Action::LoginFailed { user: ticket.user.clone() };
                self.log_failure(ticket.address, action, now);
                self.log_held_up(ticket.address, ticket.user.clone(), ticket.held_up.account, now);
                self.log_held_up(ticket.address, None, ticket.held_up.network, now);
                Err(Refusal::WrongPassword)
            }
        }
    }

    fn count_attempt(&mut self, keys: &ThrottleKeys, now: Timestamp) -> Result<HeldUp, Refusal> {
        let of_account = match &keys.account {
            AccountKey::Browser(key) => self.browsers.wait(key, now),
            AccountKey::User(name) => self.accounts.wait(name, now),
            AccountKey::Stranger(name) => self.strangers.wait(name, now),
            AccountKey::None => None,
        };
        // A known browser is not held up by what others do behind the same address.
        let of_network =
            self.networks.wait(&keys.network, now).filter(|_| !matches!(keys.account, AccountKey::Browser(_)));
        if let Some(wait) = of_network.into_iter().chain(of_account).max() {
            return Err(Refusal::Wait(wait));
        }
        let account = match &keys.account {
            AccountKey::Browser(key) => self.browsers.fail(key, now),
            AccountKey::User(name) => self.accounts.fail(name, now),
            AccountKey::Stranger(name) => self.strangers.fail(name, now),
            AccountKey::None => None,
        };
        Ok(HeldUp { account, network: self.networks.fail(&keys.network, now) })
    }

    fn take_back(&mut self, keys: &ThrottleKeys) {
        self.networks.take_back(&keys.network);
        match &keys.account {
            AccountKey::Browser(key) => self.browsers.take_back(key),
            AccountKey::User(name) => self.accounts.take_back(name),
            AccountKey::Stranger(name) => self.strangers.take_back(name),
            AccountKey::None => {}
        }
    }

    /// Success clears the account's count. The network's goes down by this attempt only: whoever has one account must not guess at others for ever.
    fn forgive(&mut self, keys: &ThrottleKeys) {
        self.networks.take_back(&keys.network);
        match &keys.account {
            AccountKey::Browser(key) => self.browsers.succeed(key),
            AccountKey::User(name) => self.accounts.succeed(name),
            AccountKey::Stranger(_) | AccountKey::None => {}
        }
    }
}

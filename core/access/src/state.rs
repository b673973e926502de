//! The state of access, and what happens to a request.

mod credentials;
mod failures;
mod login;
mod pairing;
mod people;

use core::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use crate::audit::{self, Actor, Draft, Outcome};
use crate::credential::USE_NOTED_EVERY;
use crate::identity::{Credential, Identity};
use crate::name::UserName;
use crate::network::Network;
use crate::pairing::{Code, Pairing};
use crate::policy::{self, Need, Rule};
use crate::record::Record;
use crate::refusal::{Refusal, seconds};
use crate::request::{Origin, Presented, RequestFacts};
use crate::throttle::{ACCOUNT, BROWSER, NETWORK, NETWORK_TOKENS, Throttle};
use crate::token::TokenText;
use crate::user::KeyDigest;

use failures::Failures;

pub use credentials::{NewCertificate, NewToken};
pub use login::{LoggedIn, LoginRandom, LoginRequest, LoginTicket, PasswordCheck};
pub use pairing::{PairingRequest, PairingTicket, PairingView};
pub use people::{InvitationTicket, NewUser};

/// Everything about access, as of now.
#[derive(Debug, Clone)]
pub struct Access {
    record: Record,
    pairing: Pairing,
    networks: Throttle<Network>,
    token_networks: Throttle<Network>,
    accounts: Throttle<UserName>,
    /// Accounts that do not exist: they are held up like others, or one could tell.
    strangers: Throttle<UserName>,
    browsers: Throttle<[u8; 32]>,
    failures: Failures,
    actions: Vec<Action>,
}

/// What has to be done, in this order, before the one who asked gets an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// The record has changed and must be on the disk.
    Keep,
    /// A time of use has changed; it may be written within minutes.
    KeepSoon,
    /// An entry for the log.
    Log(Draft),
    /// The console shows this pairing code, and no other.
    ShowCode(Code),
    /// The console shows no pairing code.
    HideCode,
}

/// A request that may go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// Who asks; nobody in particular where the rule needs nothing.
    pub identity: Option<Identity>,
    /// The rule that allows it.
    pub rule: &'static Rule,
}

impl Access {
    /// Goes on with what was kept. A device without users shows a pairing code from now on.
    #[must_use]
    pub fn start(record: Record, random: [u8; 5], now: Timestamp) -> Self {
        let mut access = Self {
            record,
            pairing: Pairing::Closed,
            networks: Throttle::new(NETWORK),
            token_networks: Throttle::new(NETWORK_TOKENS),
            accounts: Throttle::new(ACCOUNT),
            strangers: Throttle::new(ACCOUNT),
            browsers: Throttle::new(BROWSER),
            failures: Failures::default(),
            actions: Vec::new(),
        };
        access.open_pairing(random, now);
        access
    }

    /// What is kept.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// What the last calls want done.
    #[must_use]
    pub fn take_actions(&mut self) -> Vec<Action> {
        core::mem::take(&mut self.actions)
    }

    /// When [`Access::timer`] is due.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        self.pairing.wake_at()
    }

    /// Time has passed: a pairing code may be too old.
    pub fn timer(&mut self, random: [u8; 5], now: Timestamp) {
        self.pairing_timer(random, now);
        let drafts = self.failures.timer(now);
        self.actions.extend(drafts.map(Action::Log));
    }

    /// Decides about a request: who sent it, whether it may be sent from where it was, and whether that user may do it.
    ///
    /// # Errors
    /// Why it may not go on.
    pub fn admit(
        &mut self,
        facts: &RequestFacts,
        method: &str,
        path: &str,
        now: Timestamp,
    ) -> Result<Admitted, Refusal> {
        if let Some(rule) = policy::find(method, path).filter(|rule| rule.need == Need::Nothing) {
            if !facts.is_safe && matches!(facts.origin, Origin::Foreign | Origin::Link) {
                return Err(Refusal::Foreign);
            }
            return Ok(Admitted { identity: None, rule });
        }
        let identity = self.authenticate(facts, now)?;
        let rule = policy::authorize(Some(&identity), method, path)?;
        Ok(Admitted { identity: Some(identity), rule })
    }

    /// Says who sent a request. An API token counts before a session, and a session before a client certificate; what is in `Authorization` and is not valid is
    /// refused, whatever else there is.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] when nothing valid was sent, [`Refusal::Wait`] when that was so too often, [`Refusal::Foreign`] and [`Refusal::Csrf`] when a browser
    /// was made to send it.
    pub fn authenticate(&mut self, facts: &RequestFacts, now: Timestamp) -> Result<Identity, Refusal> {
        match &facts.bearer {
            Presented::Token(token) => self.token(token, facts, now),
            Presented::Garbage => Err(self.token_failed(facts, now)),
            Presented::Nothing => match &facts.session {
                Presented::Token(token) => match self.session(token, facts, now)? {
                    Some(identity) => Ok(identity),
                    // A browser keeps cookies of sessions that have ended.
                    None => self.certificate(facts, now),
                },
                Presented::Garbage | Presented::Nothing => self.certificate(facts, now),
            },
        }
    }

    /// Notes that a user asked for a change: an entry of the log.
    pub fn note_request(&mut self, admitted: &Admitted, facts: &RequestFacts, status: u16) {
        let outcome = match status {
            0..400 => Outcome::Done,
            400..500 => Outcome::Refused,
            _ => Outcome::Failed,
        };
        let actor = admitted.identity.as_ref().map_or(Actor::Nobody, Actor::from);
        let action = audit::Action::Request { route: admitted.rule.into(), status };
        self.actions.push(Action::Log(Draft { actor, address: Some(facts.address), action, outcome }));
    }

    /// Notes that the device presents another TLS certificate from now on: an entry of the log. Nobody in particular is the device itself.
    pub fn note_device_certificate(&mut self, by: Option<&Identity>, address: Option<IpAddr>, key: KeyDigest) {
        let actor = by.map_or(Actor::Device, Actor::from);
        self.log(actor, address, audit::Action::DeviceCertificateChanged { key });
    }

    fn token(&mut self, text: &TokenText, facts: &RequestFacts, now: Timestamp) -> Result<Identity, Refusal> {
        let digest = text.digest();
        let Some(token) = self.record.tokens.iter_mut().find(|token| token.token == digest && token.is_good(now))
        else {
            return Err(self.token_failed(facts, now));
        };
        let Some(user) = self.record.users.iter().find(|user| user.name == token.user) else {
            return Err(Refusal::Unknown);
        };
        let identity = Identity {
            user: user.name.clone(),
            role: user.role,
            // Whoever is less than they were when they made it: so are their tokens.
            scopes: token.scopes.intersection(user.role.scopes()),
            credential: Credential::Token(token.id),
        };
        if token.last_used.is_none_or(|last| is_worth_noting(last, now)) {
            token.last_used = Some(now);
            self.actions.push(Action::KeepSoon);
        }
        Ok(identity)
    }

    fn session(&mut self, text: &TokenText, facts: &RequestFacts, now: Timestamp) -> Result<Option<Identity>, Refusal> {
        let digest = text.digest();
        let Some(session) =
            self.record.sessions.iter_mut().find(|session| session.token == digest && session.is_good(now))
        else {
            return Ok(None);
        };
        let Some(user) = self.record.users.iter().find(|user| user.name == session.user) else { return Ok(None) };
        let belongs = facts.csrf.as_ref().is_some_and(|csrf| csrf.digest() == session.csrf);
        match (facts.is_safe, facts.origin) {
            (_, Origin::Foreign) | (false, Origin::Link) => return Err(Refusal::Foreign),
            (true, _) => {}
            // A browser that asks for a WebSocket cannot add a field, and always says where its page is from.
            (false, Origin::Own) if facts.is_upgrade => {}
            (false, _) if belongs => {}
            (false, _) => return Err(Refusal::Csrf),
        }
        let identity = Identity {
            user: user.name.clone(),
            role: user.role,
            scopes: user.role.scopes(),
            credential: Credential::Session(session.id),
        };
        if is_worth_noting(session.last_used, now) {
            session.last_used = now;
            self.actions.push(Action::KeepSoon);
        }
        Ok(Some(identity))
    }

    /// Browsers send client certificates by themselves, as they do with cookies.
    fn certificate(&mut self, facts: &RequestFacts, now: Timestamp) -> Result<Identity, Refusal> {
        let key = facts.certificate.ok_or(Refusal::Unknown)?;
        let user = self.record.user_of_key(key, now).ok_or(Refusal::Unknown)?;
        match (facts.is_safe, facts.origin) {
            (_, Origin::Foreign) | (false, Origin::Link) => Err(Refusal::Foreign),
            (true, _) | (false, Origin::Own | Origin::Unsaid) => Ok(Identity {
                user: user.name.clone(),
                role: user.role,
                scopes: user.role.scopes(),
                credential: Credential::Certificate(key),
            }),
        }
    }

    fn token_failed(&mut self, facts: &RequestFacts, now: Timestamp) -> Refusal {
        let network = Network::from(facts.address);
        if let Some(wait) = self.token_networks.wait(&network, now) {
            return Refusal::Wait(wait);
        }
        let wait = self.token_networks.fail(&network, now);
        self.log_failure(facts.address, audit::Action::TokenFailed, now);
        self.log_held_up(facts.address, None, wait, now);
        Refusal::Unknown
    }

    fn log(&mut self, actor: Actor, address: Option<IpAddr>, action: audit::Action) {
        self.actions.push(Action::Log(Draft { actor, address, action, outcome: Outcome::Done }));
    }

    /// Failures are listed only so often: otherwise whoever fails often enough empties the log.
    fn log_failure(&mut self, address: IpAddr, action: audit::Action, now: Timestamp) {
        let draft = Draft { actor: Actor::Nobody, address: Some(address), action, outcome: Outcome::Refused };
        let drafts = self.failures.list(draft, now);
        self.actions.extend(drafts.into_iter().map(Action::Log));
    }

    fn log_held_up(&mut self, address: IpAddr, user: Option<UserName>, wait: Option<SignedDuration>, now: Timestamp) {
        if let Some(wait) = wait {
            let seconds = u32::try_from(seconds(wait)).unwrap_or(u32::MAX);
            self.log_failure(address, audit::Action::HeldUp { user, seconds }, now);
        }
    }
}

fn is_worth_noting(last: Timestamp, now: Timestamp) -> bool {
    now.duration_since(last).abs() >= USE_NOTED_EVERY
}

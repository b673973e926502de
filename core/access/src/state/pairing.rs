//! The first administrator.

use core::net::IpAddr;

use jiff::Timestamp;

use super::{Access, Action, LoggedIn, LoginRandom};
use crate::audit::{self, Actor};
use crate::name::UserName;
use crate::network::Network;
use crate::pairing::{Pairing, PairingAction, PairingEvent, PairingRefusal, on_event};
use crate::password::Password;
use crate::password_hash::PasswordHash;
use crate::refusal::Refusal;
use crate::role::Role;
use crate::user::User;

/// Somebody wants to become the first administrator.
#[derive(Debug)]
pub struct PairingRequest<'r> {
    /// The code from the console, as typed.
    pub code: &'r str,
    /// The name that the administrator will have.
    pub name: &'r str,
    /// The password that the administrator will have.
    pub password: &'r str,
    /// The name of the device, which is no password.
    pub device: &'r str,
    /// From where.
    pub address: IpAddr,
}

/// Pairing between its two halves: the code was right, and the password is being hashed.
#[derive(Debug)]
pub struct PairingTicket {
    claim: u64,
    name: UserName,
    password: Password,
    address: IpAddr,
}

/// What everybody may know about pairing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairingView {
    /// There is a code on the console.
    Open,
    /// There is one in a moment.
    Busy,
    /// The device has an administrator.
    Closed,
}

impl PairingTicket {
    /// The password to be hashed.
    #[must_use]
    pub fn password(&self) -> &Password {
        &self.password
    }
}

impl Access {
    /// Whether the device waits for its first administrator.
    #[must_use]
    pub fn pairing(&self) -> PairingView {
        match self.pairing {
            Pairing::Closed => PairingView::Closed,
            Pairing::Open { .. } => PairingView::Open,
            Pairing::Claimed { .. } => PairingView::Busy,
        }
    }

    /// Takes the code from the console. Name and password are looked at first, so that a slip there does not use the code up.
    ///
    /// # Errors
    /// Why it cannot be the first administrator.
    pub fn begin_pairing(
        &mut self,
        request: &PairingRequest<'_>,
        random: [u8; 13],
        now: Timestamp,
    ) -> Result<PairingTicket, Refusal> {
        if self.pairing == Pairing::Closed {
            return Err(PairingRefusal::Closed.into());
        }
        let name = UserName::new(request.name)?;
        let password = Self::chosen_password(&name, request.device, request.password)?;
        let network = Network::from(request.address);
        if let Some(wait) = self.networks.wait(&network, now) {
            return Err(Refusal::Wait(wait));
        }
        let claim = self.pairing_event(PairingEvent::Tried { text: request.code, network, random }, now);
        match claim {
            Ok(Some(claim)) => Ok(PairingTicket { claim, name, password, address: request.address }),
            Ok(None) => Err(PairingRefusal::Wait.into()),
            Err(refusal) => {
                if matches!(refusal, PairingRefusal::Wrong | PairingRefusal::UsedUp) {
                    let wait = self.networks.fail(&network, now);
                    self.log_failure(request.address, audit::Action::PairingFailed, now);
                    self.log_held_up(request.address, None, wait, now);
                }
                Err(refusal.into())
            }
        }
    }

    /// Makes the first administrator, who is logged in.
    ///
    /// # Errors
    /// When it took too long.
    pub fn finish_pairing(
        &mut self,
        ticket: PairingTicket,
        password: PasswordHash,
        random: &LoginRandom,
        now: Timestamp,
    ) -> Result<LoggedIn, Refusal> {
        let holds =
            matches!(&self.pairing, Pairing::Claimed { claim, until } if *claim == ticket.claim && now < *until);
        if !holds || !self.record.users.is_empty() {
            return Err(PairingRefusal::Wait.into());
        }
        let _hidden = self.pairing_event(PairingEvent::Finished, now);
        self.record.users.push(User {
            name: ticket.name.clone(),
            role: Role::Admin,
            password,
            created: now,
            browsers: Vec::new(),
            certificates: Vec::new(),
        });
        self.log(Actor::Console, Some(ticket.address), audit::Action::Paired { user: ticket.name.clone() });
        Ok(self.begin_session(&ticket.name, ticket.address, random, now))
    }

    /// The password could not be hashed: there is a new code.
    pub fn give_up_pairing(&mut self, ticket: PairingTicket, random: [u8; 5], now: Timestamp) {
        let _none = self.pairing_event(PairingEvent::GivenUp { claim: ticket.claim, random }, now);
    }

    pub(super) fn open_pairing(&mut self, random: [u8; 5], now: Timestamp) {
        if self.record.users.is_empty() {
            let _none = self.pairing_event(PairingEvent::Opened { random }, now);
        }
    }

    pub(super) fn pairing_timer(&mut self, random: [u8; 5], now: Timestamp) {
        let _none = self.pairing_event(PairingEvent::Timer { random }, now);
    }

    fn pairing_event(&mut self, event: PairingEvent<'_>, now: Timestamp) -> Result<Option<u64>, PairingRefusal> {
        let (answer, actions) = on_event(&mut self.pairing, event, now);
        self.actions.extend(actions.into_iter().map(|action| match action {
            PairingAction::ShowCode(code) => Action::ShowCode(code),
            PairingAction::HideCode => Action::HideCode,
        }));
        answer
    }
}

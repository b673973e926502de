//! Users after the first: invitations, roles, removal.

use core::net::IpAddr;

use jiff::Timestamp;

use super::{Access, Action, LoggedIn, LoginRandom};
use crate::audit::{self, Actor};
use crate::credential::{INVITATION_LIFETIME, INVITATIONS_KEPT, Invitation, InvitationId};
use crate::identity::Identity;
use crate::name::UserName;
use crate::network::Network;
use crate::password::Password;
use crate::password_hash::PasswordHash;
use crate::policy::Forbidden;
use crate::record::USERS_KEPT;
use crate::refusal::{Refusal, Thing};
use crate::role::{Role, Scope};
use crate::token::{RandomBytes, TokenKind, TokenText};
use crate::user::User;

/// Somebody with an invitation wants to become a user.
#[derive(Debug)]
pub struct NewUser<'r> {
    /// The invitation, as sent.
    pub invitation: &'r str,
    /// The name that the user will have.
    pub name: &'r str,
    /// The password that the user will have.
    pub password: &'r str,
    /// The name of the device, which is no password.
    pub device: &'r str,
    /// From where.
    pub address: IpAddr,
}

/// Accepting an invitation between its two halves: the password is being hashed.
#[derive(Debug)]
pub struct InvitationTicket {
    invitation: InvitationId,
    name: UserName,
    password: Password,
    address: IpAddr,
}

impl InvitationTicket {
    /// The password to be hashed.
    #[must_use]
    pub fn password(&self) -> &Password {
        &self.password
    }
}

impl Access {
    /// Invites somebody. The text is shown once.
    ///
    /// # Errors
    /// When this is not an admin in person, or there are enough invitations.
    pub fn invite(
        &mut self,
        identity: &Identity,
        role: Role,
        address: IpAddr,
        random: &RandomBytes,
        now: Timestamp,
    ) -> Result<(InvitationId, TokenText), Refusal> {
        self.admin(identity)?;
        self.record.invitations.retain(|invitation| invitation.is_good(now));
        if self.record.invitations.len() >= INVITATIONS_KEPT {
            return Err(Refusal::TooMany(Thing::Invitation, INVITATIONS_KEPT));
        }
        let text = TokenText::new(TokenKind::Invitation, random);
        let id = InvitationId(self.record.take_id());
        self.record.invitations.push(Invitation {
            id,
            role,
            by: identity.user.clone(),
            token: text.digest(),
            created: now,
            expires: now.checked_add(INVITATION_LIFETIME).unwrap_or(Timestamp::MAX),
        });
        self.actions.push(Action::Keep);
        self.log(identity.into(), Some(address), audit::Action::InvitationMade { invitation: id, role });
        Ok((id, text))
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    /// When this is not an admin in person, or there is no such invitation.
    pub fn remove_invitation(&mut self, identity: &Identity, id: InvitationId, address: IpAddr) -> Result<(), Refusal> {
        self.admin(identity)?;
        let before = self.record.invitations.len();
        self.record.invitations.retain(|invitation| invitation.id != id);
        if self.record.invitations.len() == before {
            return Err(Refusal::NotFound(Thing::Invitation));
        }
        self.actions.push(Action::Keep);
        self.log(identity.into(), Some(address), audit::Action::InvitationRemoved { invitation: id });
        Ok(())
    }

    /// Begins to accept an invitation.
    ///
    /// # Errors
    /// When it is none, or name or password cannot be taken; then it can be tried again.
    pub fn begin_invitation(&mut self, request: &NewUser<'_>, now: Timestamp) -> Result<InvitationTicket, Refusal> {
        let network = Network::from(request.address);
        if let Some(wait) = self.networks.wait(&network, now) {
            return Err(Refusal::Wait(wait));
        }
        let digest = TokenText::parse(TokenKind::Invitation, request.invitation).map(|text| text.digest());
        let good = |invitation: &&Invitation| Some(invitation.token) == digest && invitation.is_good(now);
        let Some(invitation) = self.record.invitations.iter().find(good).map(|invitation| invitation.id) else {
            let wait = self.networks.fail(&network, now);
            self.log_failure(request.address, audit::Action::InvitationFailed, now);
            self.log_held_up(request.address, None, wait, now);
            return Err(Refusal::Invitation);
        };
        let name = UserName::new(request.name)?;
        self.free(&name)?;
        let password = Self::chosen_password(&name, request.device, request.password)?;
        Ok(InvitationTicket { invitation, name, password, address: request.address })
    }

    /// Makes the new user, who is logged in. The invitation is used up.
    ///
    /// # Errors
    /// When the invitation or the name has gone meanwhile.
    pub fn finish_invitation(
        &mut self,
        ticket: InvitationTicket,
        password: PasswordHash,
        random: &LoginRandom,
        now: Timestamp,
    ) -> Result<LoggedIn, Refusal> {
        self.free(&ticket.name)?;
        let good = |invitation: &Invitation| invitation.id == ticket.invitation && invitation.is_good(now);
        let at = self.record.invitations.iter().position(good).ok_or(Refusal::Invitation)?;
        let role = self.record.invitations.remove(at).role;
        self.record.users.push(User {
            name: ticket.name.clone(),
            role,
            password,
            created: now,
            browsers: Vec::new(),
            certificates: Vec::new(),
        });
        let user = ticket.name.clone();
        self.log(Actor::User { user: user.clone() }, Some(ticket.address), audit::Action::UserAdded { user, role });
        Ok(self.begin_session(&ticket.name, ticket.address, random, now))
    }

    /// Gives a user another role. What their tokens may shrinks with it at once.
    ///
    /// # Errors
    /// When this is not an admin in person, there is no such user, or it is the last admin.
    pub fn set_role(
        &mut self,
        identity: &Identity,
        name: &UserName,
        role: Role,
        address: IpAddr,
    ) -> Result<(), Refusal> {
        self.admin(identity)?;
        self.spare_last_admin(name, Some(role))?;
        let user = self.record.user_mut(name).ok_or(Refusal::NotFound(Thing::User))?;
        user.role = role;
        self.actions.push(Action::Keep);
        self.log(identity.into(), Some(address), audit::Action::RoleChanged { user: name.clone(), role });
        Ok(())
    }

    /// Removes a user with all sessions, tokens, certificates, and the invitations they made.
    ///
    /// # Errors
    /// When this is not an admin in person, there is no such user, or it is the last admin.
    pub fn remove_user(&mut self, identity: &Identity, name: &UserName, address: IpAddr) -> Result<(), Refusal> {
        self.admin(identity)?;
        self.spare_last_admin(name, None)?;
        if self.record.user(name).is_none() {
            return Err(Refusal::NotFound(Thing::User));
        }
        self.record.users.retain(|user| user.name != *name);
        self.record.sessions.retain(|session| session.user != *name);
        self.record.tokens.retain(|token| token.user != *name);
        self.record.invitations.retain(|invitation| invitation.by != *name);
        self.accounts.succeed(name);
        self.actions.push(Action::Keep);
        self.log(identity.into(), Some(address), audit::Action::UserRemoved { user: name.clone() });
        Ok(())
    }

    /// Gives a user a new password, whatever the old one was: for people who have forgotten theirs. All their sessions end.
    ///
    /// # Errors
    /// When this is not an admin in person, or there is no such user.
    pub fn reset_password(
        &mut self,
        identity: &Identity,
        name: &UserName,
        hash: PasswordHash,
        address: IpAddr,
    ) -> Result<(), Refusal> {
        self.admin(identity)?;
        if self.record.user(name).is_none() {
            return Err(Refusal::NotFound(Thing::User));
        }
        self.set_password(name, hash);
        self.record.sessions.retain(|session| session.user != *name);
        self.accounts.succeed(name);
        self.actions.push(Action::Keep);
        self.log(identity.into(), Some(address), audit::Action::PasswordChanged { user: name.clone() });
        Ok(())
    }

    /// Whether it is a user who is still there, in person.
    pub(super) fn person(&self, identity: &Identity) -> Result<&User, Refusal> {
        if !identity.is_person() {
            return Err(Forbidden::Person.into());
        }
        // The identity was made for this request, but hashing may have taken a while since.
        self.record.user(&identity.user).ok_or(Refusal::Unknown)
    }

    fn admin(&self, identity: &Identity) -> Result<(), Refusal> {
        let user = self.person(identity)?;
        if user.role.scopes().contains(Scope::AccessWrite) {
            Ok(())
        } else {
            Err(Forbidden::Scope(Scope::AccessWrite).into())
        }
    }

    fn free(&self, name: &UserName) -> Result<(), Refusal> {
        if self.record.user(name).is_some() {
            return Err(Refusal::Exists(name.clone()));
        }
        if self.record.users.len() >= USERS_KEPT {
            return Err(Refusal::TooMany(Thing::User, USERS_KEPT));
        }
        Ok(())
    }

    fn spare_last_admin(&self, name: &UserName, role: Option<Role>) -> Result<(), Refusal> {
        let is_admin = self.record.user(name).is_some_and(|user| user.role == Role::Admin);
        if is_admin && role != Some(Role::Admin) && self.record.admins() == 1 {
            return Err(Refusal::LastAdmin(name.clone()));
        }
        Ok(())
    }
}

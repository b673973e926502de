//! No sequence of events lets somebody in without a valid credential, keeps somebody out for ever, loses what had to be kept, or writes a secret down.
//!
//! Beside the device runs a model that knows every secret that was ever handed out, and whether it should still be good.

use access::credential::{SESSION_IDLE, SESSION_LIFETIME, SESSIONS_KEPT};
use access::identity::Identity;
use access::name::Label;
use access::record::Record;
use access::refusal::Refusal;
use access::role::{Role, Scope, ScopeSet};
use access::state::{LoggedIn, NewToken};
use access::throttle;
use access::token::{RandomBytes, TokenKind, TokenText};
use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof, proptest};
use proptest::sample::select;

use crate::device::{Asked, Device, address, password_of, user};

const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];
const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[derive(Debug, Clone)]
enum Happening {
    Pair { right: bool, from: u8 },
    Login { name: usize, right: bool, from: u8, known: bool },
    Ask { which: usize },
    Invent { random: [u8; 32] },
    Invite { by: usize, role: Role },
    Accept { which: usize, name: usize },
    MakeToken { by: usize, operator: bool },
    RemoveToken { by: usize, which: usize },
    EndSession { by: usize, which: usize },
    SetRole { by: usize, name: usize, role: Role },
    Remove { by: usize, name: usize },
    ChangePassword { by: usize, right: bool },
    Wait { hours: i64 },
    Restart,
}

fn happening() -> impl Strategy<Value = Happening> {
    let any_index = any::<usize>;
    let name = 0_usize..4;
    let role = select(&Role::ALL[..]);
    prop_oneof![
        2 => (any::<bool>(), 1_u8..9).prop_map(|(right, from)| Happening::Pair { right, from }),
        6 => (name.clone(), any::<bool>(), 1_u8..9, any::<bool>())
            .prop_map(|(name, right, from, known)| Happening::Login { name, right, from, known }),
        6 => any_index().prop_map(|which| Happening::Ask { which }),
        1 => any::<[u8; 32]>().prop_map(|random| Happening::Invent { random }),
        3 => (any_index(), role.clone()).prop_map(|(by, role)| Happening::Invite { by, role }),
        3 => (any_index(), name.clone()).prop_map(|(which, name)| Happening::Accept { which, name }),
        3 => (any_index(), any::<bool>()).prop_map(|(by, operator)| Happening::MakeToken { by, operator }),
        1 => (any_index(), any_index()).prop_map(|(by, which)| Happening::RemoveToken { by, which }),
        1 => (any_index(), any_index()).prop_map(|(by, which)| Happening::EndSession { by, which }),
        1 => (any_index(), name.clone(), role).prop_map(|(by, name, role)| Happening::SetRole { by, name, role }),
        1 => (any_index(), name).prop_map(|(by, name)| Happening::Remove { by, name }),
        1 => (any_index(), any::<bool>()).prop_map(|(by, right)| Happening::ChangePassword { by, right }),
        2 => select(vec![0_i64, 1, 13, 25, 200]).prop_map(|hours| Happening::Wait { hours }),
        1 => proptest::strategy::Just(Happening::Restart),
    ]
}

/// A secret that was handed out.
#[derive(Debug)]
struct Issued {
    asked: Asked,
    secret: TokenText,
    user: usize,
    id: u64,
    kind: Kind,
    created: Timestamp,
    revoked: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Session { last_used: Timestamp },
    Token { scopes: ScopeSet, expires: Timestamp },
}

#[derive(Debug)]
struct World {
    device: Device,
    /// Role, and which password, of those who are users.
    users: [Option<(Role, u8)>; 4],
    issued: Vec<Issued>,
    invitations: Vec<(TokenText, Role, Timestamp, usize, bool)>,
    browsers: [Option<TokenText>; 4],
    secrets: Vec<String>,
}

impl World {
    fn new() -> Self {
        let device = Device::new();
        Self {
            device,
            users: [None; 4],
            issued: Vec::new(),
            invitations: Vec::new(),
            browsers: [const { None }; 4],
            secrets: Vec::new(),
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Pair { right, from } => self.pair(right, from),
            Happening::Login { name, right, from, known } => self.login(name, right, from, known),
            Happening::Ask { which } => {
                let _identity = self.ask(which);
            }
            Happening::Invent { random } => self.invent(random),
            Happening::Invite { by, role } => self.invite(by, role),
            Happening::Accept { which, name } => self.accept(which, name),
            Happening::MakeToken { by, operator } => self.make_token(by, operator),
            Happening::RemoveToken { by, which } => self.remove(by, which, false),
            Happening::EndSession { by, which } => self.remove(by, which, true),
            Happening::SetRole { by, name, role } => self.set_role(by, name, role),
            Happening::Remove { by, name } => self.remove_user(by, name),
            Happening::ChangePassword { by, right } => self.change_password(by, right),
            Happening::Wait { hours } => self.device.wait(HOUR * hours as i32),
            Happening::Restart => self.device.restart(),
        }
        Record::parse(&self.device.disk).expect("what is written can be read");
    }

    fn pair(&mut self, right: bool, from: u8) {
        let code = self.device.console.clone().map(|code| code.reveal());
        self.secrets.extend(code.clone());
        let typed = code.filter(|_| right).unwrap_or_else(|| "0000-0000".to_owned());
        let may = right && self.users == [None; 4] && self.device.console.is_some();
        if let Ok(login) = self.device.pair(&typed, "alice", &password_of("alice", 0), from) {
            assert!(may, "paired without the code on the console");
            self.users[0] = Some((Role::Admin, 0));
            self.logged_in(0, login);
        }
    }

    fn login(&mut self, name: usize, right: bool, from: u8, known: bool) {
        let generation = self.users[name].map(|(_, generation)| generation);
        let password = if right {
            password_of(NAMES[name], generation.unwrap_or(0))
        } else {
            "not this one, certainly".to_owned()
        };
        self.secrets.push(password.clone());
        let browser = self.browsers[name].clone().filter(|_| known);
        match self.device.login(NAMES[name], &password, from, browser.as_ref()) {
            Ok(login) => {
                assert!(right && generation.is_some(), "logged in without the password");
                self.logged_in(name, login);
            }
            Err(refusal) => {
                assert!(!(right && generation.is_some()) || matches!(refusal, Refusal::Wait(_)), "{refusal}")
            }
        }
    }

    fn logged_in(&mut self, name: usize, login: LoggedIn) {
        let now = self.device.now;
        self.secrets.extend([&login.session, &login.csrf, &login.browser].map(|secret| secret.reveal().to_owned()));
        self.browsers[name] = Some(login.browser.clone());
        self.issued.push(Issued {
            asked: Asked::post().page_of(&login),
            secret: login.session,
            user: name,
            id: login.id.0,
            kind: Kind::Session { last_used: now },
            created: now,
            revoked: false,
        });
        // The oldest give way; the model does not say which, so it asks the device.
        let live = self.device.access.record().sessions();
        for issued in self.issued.iter_mut().filter(|issued| matches!(issued.kind, Kind::Session { .. })) {
            issued.revoked |= !live.iter().any(|session| session.id.0 == issued.id);
        }
        let of_user = live.iter().filter(|session| session.user == user(NAMES[name])).count();
        assert!(of_user <= SESSIONS_KEPT);
    }

    fn is_good(&self, issued: &Issued) -> bool {
        let now = self.device.now;
        let in_time = match issued.kind {
            Kind::Session { last_used } => {
                now.duration_since(issued.created) < SESSION_LIFETIME && now.duration_since(last_used) < SESSION_IDLE
            }
            Kind::Token { expires, .. } => now < expires,
        };
        in_time && !issued.revoked && self.users[issued.user].is_some()
    }

    /// Uses a secret that was handed out at some time.
    fn ask(&mut self, which: usize) -> Option<Identity> {
        let which = which.checked_rem(self.issued.len())?;
        let good = self.is_good(&self.issued[which]);
        let asked = self.issued[which].asked.clone();
        let answer = self.device.ask(&asked);
        let issued = &mut self.issued[which];
        match answer {
            Ok(identity) => {
                assert!(good, "let in by what is not good any more: {issued:?}");
                let (role, _) = self.users[issued.user].expect("good ones belong to users");
                assert_eq!((identity.user().as_str(), identity.role()), (NAMES[issued.user], role));
                let most = match issued.kind {
                    Kind::Session { .. } => role.scopes(),
                    Kind::Token { scopes, .. } => scopes.intersection(role.scopes()),
                };
                assert_eq!(identity.scopes(), most);
                if let Kind::Session { last_used } = &mut issued.kind {
                    *last_used = self.device.now;
                }
                Some(identity)
            }
            Err(refusal) => {
                assert!(!good, "kept out with what is good: {refusal}, {issued:?}");
                None
            }
        }
    }

    fn invent(&mut self, random: [u8; 32]) {
        let random = RandomBytes(random);
        for kind in TokenKind::ALL {
            let text = TokenText::new(kind, &random);
            self.device.ask(&Asked::get().token(&text)).unwrap_err();
            self.device.ask(&Asked::get().session(&text)).unwrap_err();
            self.device.accept(text.reveal(), "eve", &password_of("eve", 0)).unwrap_err();
        }
        // The right secret in the wrong place.
        if let Some(secret) = self.issued.first().map(|issued| (issued.secret.clone(), issued.kind)) {
            let wrong = match secret.1 {
                Kind::Session { .. } => Asked::get().token(&secret.0),
                Kind::Token { .. } => Asked::get().session(&secret.0),
            };
            self.device.ask(&wrong).unwrap_err();
        }
    }

    fn invite(&mut self, by: usize, role: Role) {
        let Some(identity) = self.ask(by) else { return };
        if let Ok(invitation) = self.device.invite(&identity, role) {
            assert!(identity.role() == Role::Admin && identity.is_person());
            self.secrets.push(invitation.reveal().to_owned());
            let by = NAMES.iter().position(|name| *name == identity.user().as_str()).unwrap();
            self.invitations.push((invitation, role, self.device.now, by, false));
        }
    }

    fn accept(&mut self, which: usize, name: usize) {
        let Some(which) = which.checked_rem(self.invitations.len()) else { return };
        let (text, role, made, _, used) = self.invitations[which].clone();
        if let Ok(login) = self.device.accept(text.reveal(), NAMES[name], &password_of(NAMES[name], 0)) {
            assert!(!used && self.users[name].is_none(), "an invitation is good once");
            assert!(self.device.now.duration_since(made) < HOUR * 48);
            self.invitations[which].4 = true;
            self.users[name] = Some((role, 0));
            self.logged_in(name, login);
        }
    }

    fn make_token(&mut self, by: usize, operator: bool) {
        let Some(identity) = self.ask(by) else { return };
        let scope = if operator { Scope::AppsWrite } else { Scope::AppsRead };
        let scopes: ScopeSet = [Scope::SystemRead, scope].into_iter().collect();
        let (now, expires) = (self.device.now, self.device.now + HOUR * 100);
        let wanted = NewToken { label: Label::new("token").unwrap(), scopes, expires };
        let random = self.device.random_bytes();
        let made = self.device.access.make_token(&identity, wanted, address(1), &random, now);
        self.device.perform();
        if let Ok((id, secret)) = made {
            assert!(identity.is_person() && scopes.is_subset(identity.role().scopes()));
            self.secrets.push(secret.reveal().to_owned());
            let user = NAMES.iter().position(|name| *name == identity.user().as_str()).unwrap();
            let asked = Asked::post().token(&secret);
            let kind = Kind::Token { scopes, expires };
            self.issued.push(Issued { asked, secret, user, id: id.0, kind, created: now, revoked: false });
        }
    }

    fn remove(&mut self, by: usize, which: usize, session: bool) {
        let (Some(identity), Some(which)) = (self.ask(by), which.checked_rem(self.issued.len())) else { return };
        let id = self.issued[which].id;
        let removed = if session {
            self.device.access.end_session(&identity, access::credential::SessionId(id), address(1))
        } else {
            self.device.access.remove_token(&identity, access::credential::TokenId(id), address(1))
        };
        self.device.perform();
        if removed.is_ok() {
            assert!(identity.is_person());
            assert!(identity.role() == Role::Admin || identity.user().as_str() == NAMES[self.issued[which].user]);
            self.issued[which].revoked = true;
        }
    }

    fn set_role(&mut self, by: usize, name: usize, role: Role) {
        let Some(identity) = self.ask(by) else { return };
        let set = self.device.access.set_role(&identity, &user(NAMES[name]), role, address(1));
        self.device.perform();
        if set.is_ok() {
            assert!(identity.role() == Role::Admin && identity.is_person());
            self.users[name].as_mut().unwrap().0 = role;
        }
    }

    fn remove_user(&mut self, by: usize, name: usize) {
        let Some(identity) = self.ask(by) else { return };
        let removed = self.device.access.remove_user(&identity, &user(NAMES[name]), address(1));
        self.device.perform();
        if removed.is_ok() {
            assert!(identity.role() == Role::Admin && identity.is_person());
            self.users[name] = None;
            self.issued.iter_mut().filter(|issued| issued.user == name).for_each(|issued| issued.revoked = true);
            self.invitations
                .iter_mut()
                .filter(|invitation| invitation.3 == name)
                .for_each(|invitation| invitation.4 = true);
        }
    }

    fn change_password(&mut self, by: usize, right: bool) {
        let Some(identity) = self.ask(by) else { return };
        let name = NAMES.iter().position(|name| *name == identity.user().as_str()).unwrap();
        let (_, generation) = self.users[name].unwrap();
        let old = password_of(NAMES[name], if right { generation } else { generation.wrapping_add(7) });
        let new = password_of(NAMES[name], generation.wrapping_add(1));
        self.secrets.extend([old.clone(), new.clone()]);
        if self.device.change_password(&identity, &old, &new).is_ok() {
            assert!(right && identity.is_person());
            self.users[name].as_mut().unwrap().1 = generation.wrapping_add(1);
            for issued in self.issued.iter_mut().filter(|issued| issued.user == name) {
                let own = identity.credential()
                    == access::identity::Credential::Session(access::credential::SessionId(issued.id));
                issued.revoked |= matches!(issued.kind, Kind::Session { .. }) && !own;
            }
        }
    }

    /// Whoever was held up gets in again, by waiting alone.
    fn everybody_gets_in_after_waiting(&mut self) {
        let longest = [throttle::NETWORK, throttle::ACCOUNT, throttle::BROWSER].map(|limit| limit.longest_wait);
        for (name, user) in NAMES.iter().zip(self.users) {
            self.device.wait(longest.into_iter().max().unwrap());
            if let Some((_, generation)) = user {
                self.device.login(name, &password_of(name, generation), 1, None).unwrap();
            }
        }
        if self.users == [None; 4] {
            let code = self.device.console.clone().map(|code| code.reveal());
            self.device.wait(SignedDuration::from_mins(15));
            let code =
                self.device.console.clone().map(|code| code.reveal()).or(code).expect("the console shows a code");
            self.device.pair(&code, "alice", &password_of("alice", 0), 1).unwrap();
        }
    }

    fn nothing_written_is_a_secret(&self) {
        let log: String = self.device.log.iter().map(|draft| serde_json::to_string(draft).unwrap()).collect();
        let disk = String::from_utf8(self.device.disk.clone()).unwrap();
        let state = format!("{:?}", self.device.access);
        for secret in &self.secrets {
            assert!(
                !log.contains(secret) && !disk.contains(secret) && !state.contains(secret),
                "{secret} is written down"
            );
        }
    }
}

proptest! {
    #[test]
    fn nobody_gets_in_without_a_credential_and_everybody_with_one(happenings in vec(happening(), 0..150)) {
        let mut world = World::new();
        for happening in happenings {
            world.happen(happening);
        }
        for which in 0..world.issued.len() {
            world.ask(which);
        }
        world.nothing_written_is_a_secret();
        world.everybody_gets_in_after_waiting();
    }

    #[test]
    fn nobody_gets_in_on_a_device_that_was_paired_first(happenings in vec(happening(), 0..150)) {
        let mut world = World::new();
        world.happen(Happening::Pair { right: true, from: 1 });
        for happening in happenings {
            world.happen(happening);
        }
        assert!(world.users.iter().flatten().any(|(role, _)| *role == Role::Admin), "somebody can administer the device");
        world.nothing_written_is_a_secret();
        world.everybody_gets_in_after_waiting();
    }
}

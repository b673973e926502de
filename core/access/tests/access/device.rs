//! A device with its driver: it keeps what is to be kept, remembers what is logged, and hashes passwords in a way that is quick and no secret.

use access::audit::Draft;
use access::identity::Identity;
use access::name::UserName;
use access::pairing::Code;
use access::password::Password;
use access::password_hash::{Cost, PasswordHash};
use access::record::Record;
use access::refusal::Refusal;
use access::request::{CSRF_FIELD, RequestFacts, RequestParts, SESSION_COOKIE};
use access::role::Role;
use access::state::{Access, Action, LoggedIn, LoginRandom, LoginRequest, NewUser, PairingRequest, PasswordCheck};
use access::token::{RandomBytes, TokenText};
use jiff::{SignedDuration, Timestamp};
use std::net::IpAddr;

pub const NAME: &str = "kitchen";

#[derive(Debug)]
pub struct Device {
    pub access: Access,
    pub now: Timestamp,
    /// What the last `Keep` wrote.
    pub disk: Vec<u8>,
    pub log: Vec<Draft>,
    pub console: Option<Code>,
    random: u64,
}

/// A request as a browser or program makes it.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    pub method: &'static str,
    pub fields: Vec<(&'static str, String)>,
    pub key: Option<access::user::KeyDigest>,
    pub address: Option<IpAddr>,
}

impl Asked {
    pub fn get() -> Self {
        Self { method: "GET", ..Self::default() }
    }

    pub fn post() -> Self {
        Self { method: "POST", ..Self::default() }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    pub fn session(self, session: &TokenText) -> Self {
        self.with("cookie", format!("{SESSION_COOKIE}={}", session.reveal()))
    }

    pub fn page_of(self, login: &LoggedIn) -> Self {
        self.session(&login.session)
            .with("host", "kitchen:8080")
            .with("origin", "https://kitchen:8080")
            .with(CSRF_FIELD, login.csrf.reveal())
    }

    pub fn token(self, token: &TokenText) -> Self {
        self.with("authorization", format!("Bearer {}", token.reveal()))
    }

    pub fn facts(&self) -> RequestFacts {
        RequestFacts::read(RequestParts {
            address: self.address.unwrap_or(address(1)),
            method: self.method,
            fields: self.fields.iter().map(|(name, value)| (*name, value.as_bytes())),
            certificate: self.key,
        })
        .unwrap()
    }
}

pub fn address(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

pub fn user(name: &str) -> UserName {
    UserName::new(name).unwrap()
}

pub fn password_of(name: &str, generation: u8) -> String {
    format!("seven quiet rivers {name} {generation}")
}

/// Stands for Argon2id: what matters here is only that another password gives another hash.
pub fn hash(password: &Password) -> PasswordHash {
    let mut hash = [0_u8; 32];
    for (at, byte) in password.bytes().iter().enumerate() {
        hash[at % 32] = hash[at % 32].wrapping_mul(31) ^ byte;
    }
    PasswordHash::new(Cost::CURRENT, [0; 16], hash)
}

pub fn check(password: &Password, expected: Option<&PasswordHash>) -> PasswordCheck {
    if expected == Some(&hash(password)) { PasswordCheck::Right } else { PasswordCheck::Wrong }
}

impl Device {
    pub fn new() -> Self {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let access = Access::start(Record::default(), [1, 2, 3, 4, 5], now);
        let disk = Record::default().to_json();
        let mut device = Self { access, now, disk, log: Vec::new(), console: None, random: 0 };
        device.perform();
        device
    }

    /// A device with its first administrator.
    pub fn paired(name: &str) -> (Self, LoggedIn) {
        let mut device = Self::new();
        let code = device.console.clone().unwrap();
        let login = device.pair(&code.reveal(), name, &password_of(name, 0), 1).unwrap();
        (device, login)
    }

    pub fn wait(&mut self, by: SignedDuration) {
        self.now += by;
        let random = self.random::<5>();
        self.access.timer(random, self.now);
        self.perform();
    }

    /// The daemon starts again with what is on the disk.
    pub fn restart(&mut self) {
        let random = self.random::<5>();
        self.console = None;
        self.access = Access::start(Record::parse(&self.disk).unwrap(), random, self.now);
        self.perform();
    }

    pub fn pair(&mut self, code: &str, name: &str, password: &str, from: u8) -> Result<LoggedIn, Refusal> {
        let request = PairingRequest { code, name, password, device: NAME, address: address(from) };
        let random = self.random::<13>();
        let ticket = self.access.begin_pairing(&request, random, self.now);
        self.perform();
        let ticket = ticket?;
        let hash = hash(ticket.password());
        let random = self.login_random();
        let login = self.access.finish_pairing(ticket, hash, &random, self.now);
        self.perform();
        login
    }

    pub fn login(
        &mut self,
        name: &str,
        password: &str,
        from: u8,
        browser: Option<&TokenText>,
    ) -> Result<LoggedIn, Refusal> {
        let request = LoginRequest { name, password, address: address(from), browser };
        let ticket = self.access.begin_login(&request, self.now);
        self.perform();
        let ticket = ticket?;
        let checked = check(ticket.password(), ticket.hash());
        let random = self.login_random();
        let login = self.access.finish_login(ticket, checked, &random, self.now);
        self.perform();
        login
    }

    pub fn change_password(&mut self, identity: &Identity, old: &str, new: &str) -> Result<(), Refusal> {
        let ticket = self.access.begin_password_change(identity, old, address(1), self.now)?;
        let new = Access::chosen_password(identity.user(), NAME, new)?;
        let checked = check(ticket.password(), ticket.hash());
        let changed = self.access.finish_password_change(identity, ticket, checked, hash(&new), self.now);
        self.perform();
        changed
    }

    pub fn invite(&mut self, identity: &Identity, role: Role) -> Result<TokenText, Refusal> {
        let random = RandomBytes(self.random());
        let invitation = self.access.invite(identity, role, address(1), &random, self.now);
        self.perform();
        Ok(invitation?.1)
    }

    pub fn accept(&mut self, invitation: &str, name: &str, password: &str) -> Result<LoggedIn, Refusal> {
        let request = NewUser { invitation, name, password, device: NAME, address: address(2) };
        let ticket = self.access.begin_invitation(&request, self.now);
        self.perform();
        let ticket = ticket?;
        let hash = hash(ticket.password());
        let random = self.login_random();
        let login = self.access.finish_invitation(ticket, hash, &random, self.now);
        self.perform();
        login
    }

    pub fn ask(&mut self, asked: &Asked) -> Result<Identity, Refusal> {
        let answer = self.access.authenticate(&asked.facts(), self.now);
        self.perform();
        answer
    }

    pub fn random_bytes(&mut self) -> RandomBytes {
        RandomBytes(self.random())
    }

    /// Performs what is wanted. A record that differs from the one on the disk must have been noticed.
    pub fn perform(&mut self) {
        let mut kept = false;
        for action in self.access.take_actions() {
            match action {
                Action::Keep | Action::KeepSoon => kept = true,
                Action::Log(draft) => self.log.push(draft),
                Action::ShowCode(code) => self.console = Some(code),
                Action::HideCode => self.console = None,
            }
        }
        let text = self.access.record().to_json();
        assert!(kept || text == self.disk, "what changed has to be kept");
        self.disk = text;
    }

    fn login_random(&mut self) -> LoginRandom {
        LoginRandom {
            session: RandomBytes(self.random()),
            csrf: RandomBytes(self.random()),
            browser: RandomBytes(self.random()),
        }
    }

    /// Different each time, which is all that these tests need.
    fn random<const N: usize>(&mut self) -> [u8; N] {
        self.random += 1;
        let mut bytes = [0; N];
        let mut state = self.random.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for byte in &mut bytes {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (state >> 56) as u8;
        }
        bytes
    }
}

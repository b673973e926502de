//! What people and programs do, one after the other.

use access::audit::{Action as Logged, Outcome};
use access::credential::{INVITATION_LIFETIME, SESSION_IDLE, SESSION_LIFETIME, SESSIONS_KEPT};
use access::name::Label;
use access::pairing::{CLAIM_LIFETIME, PairingRefusal};
use access::policy::Forbidden;
use access::refusal::Refusal;
use access::request::CSRF_FIELD;
use access::role::{Role, Scope, ScopeSet};
use access::state::{
    LoginRandom, LoginRequest, NewCertificate, NewToken, PairingRequest, PairingTicket, PairingView, PasswordCheck,
};
use access::token::{RandomBytes, TokenKind, TokenText};
use access::user::KeyDigest;
use jiff::SignedDuration;

use crate::device::{Asked, Device, NAME, address, hash, password_of, user};

fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

fn scopes(scopes: &[Scope]) -> ScopeSet {
    scopes.iter().copied().collect()
}

#[test]
fn whoever_reads_the_console_becomes_the_first_administrator_and_nobody_after_that() {
    let mut device = Device::new();
    assert_eq!(device.access.pairing(), PairingView::Open);
    let code = device.console.clone().unwrap().reveal();
    let login = device.pair(&code, "alice", &password_of("alice", 0), 1).unwrap();
    assert_eq!(device.console, None);
    let identity = device.ask(&Asked::get().session(&login.session)).unwrap();
    assert_eq!((identity.user().as_str(), identity.role()), ("alice", Role::Admin));
    let again = device.pair(&code, "mallory", &password_of("mallory", 0), 1);
    assert_eq!(again.unwrap_err(), Refusal::Pairing(PairingRefusal::Closed));
    device.restart();
    assert_eq!((device.access.pairing(), device.console.clone()), (PairingView::Closed, None));
}

#[test]
fn a_slip_in_name_or_password_does_not_use_the_code_up() {
    let mut device = Device::new();
    let code = device.console.clone().unwrap().reveal();
    assert!(matches!(device.pair(&code, "Alice!", &password_of("alice", 0), 1), Err(Refusal::Name(_))));
    assert!(matches!(device.pair(&code, "alice", "short", 1), Err(Refusal::Password(_))));
    device.pair(&code, "alice", &password_of("alice", 0), 1).unwrap();
}

#[test]
fn whoever_had_the_right_code_and_was_too_slow_comes_to_nothing() {
    let mut device = Device::new();
    let begin = |device: &mut Device, random: u8| {
        let (code, password) = (device.console.clone().unwrap().reveal(), password_of("alice", 0));
        let request =
            PairingRequest { code: &code, name: "alice", password: &password, device: NAME, address: address(1) };
        let ticket = device.access.begin_pairing(&request, [random; 13], device.now).unwrap();
        device.perform();
        ticket
    };
    let secrets =
        || LoginRandom { session: RandomBytes([1; 32]), csrf: RandomBytes([2; 32]), browser: RandomBytes([3; 32]) };
    let finish = |device: &mut Device, ticket: PairingTicket| {
        let hash = hash(ticket.password());
        let answer = device.access.finish_pairing(ticket, hash, &secrets(), device.now);
        device.perform();
        answer.map(|login| login.user)
    };
    let (slow, slower) = (begin(&mut device, 1), Err(Refusal::Pairing(PairingRefusal::Wait)));
    device.wait(CLAIM_LIFETIME);
    assert_eq!(finish(&mut device, slow), slower);
    let slow = begin(&mut device, 2);
    device.wait(CLAIM_LIFETIME);
    let quick = begin(&mut device, 3);
    assert_eq!(finish(&mut device, slow), slower, "the claim is another's by now");
    assert_eq!(finish(&mut device, quick), Ok(user("alice")));
}

#[test]
fn a_daemon_that_starts_again_shows_another_code() {
    let mut device = Device::new();
    let code = device.console.clone().unwrap();
    device.restart();
    assert_ne!(device.console.clone().unwrap(), code);
    assert!(device.pair(&code.reveal(), "alice", &password_of("alice", 0), 1).is_err());
}

#[test]
fn later_users_come_by_an_invitation_that_is_good_once_and_not_for_long() {
    let (mut device, login) = Device::paired("alice");
    let alice = device.ask(&Asked::get().session(&login.session)).unwrap();
    let invitation = device.invite(&alice, Role::Operator).unwrap();
    assert!(matches!(device.accept(invitation.reveal(), "alice", &password_of("x", 0)), Err(Refusal::Exists(_))));
    let bob = device.accept(invitation.reveal(), "bob", &password_of("bob", 0)).unwrap();
    let bob = device.ask(&Asked::get().session(&bob.session)).unwrap();
    assert_eq!(bob.role(), Role::Operator);
    assert_eq!(device.accept(invitation.reveal(), "carol", &password_of("carol", 0)), Err(Refusal::Invitation));
    assert_eq!(device.invite(&bob, Role::Admin), Err(Refusal::Forbidden(Forbidden::Scope(Scope::AccessWrite))));
    let late = device.invite(&alice, Role::Viewer).unwrap();
    device.wait(INVITATION_LIFETIME);
    assert_eq!(device.accept(late.reveal(), "carol", &password_of("carol", 0)), Err(Refusal::Invitation));
}

#[test]
fn a_session_ends_when_it_is_not_used_when_it_is_old_and_when_its_user_says_so() {
    let (mut device, login) = Device::paired("alice");
    let asked = Asked::get().session(&login.session);
    let mut passed = SignedDuration::ZERO;
    while passed + SESSION_IDLE / 2 < SESSION_LIFETIME {
        device.ask(&asked).unwrap();
        device.wait(SESSION_IDLE / 2);
        passed += SESSION_IDLE / 2;
    }
    device.wait(SESSION_IDLE / 2);
    assert_eq!(device.ask(&asked), Err(Refusal::Unknown));

    let login = device.login("alice", &password_of("alice", 0), 1, None).unwrap();
    device.wait(SESSION_IDLE);
    assert_eq!(device.ask(&Asked::get().session(&login.session)), Err(Refusal::Unknown));

    let login = device.login("alice", &password_of("alice", 0), 1, None).unwrap();
    let alice = device.ask(&Asked::get().session(&login.session)).unwrap();
    device.restart();
    device.ask(&Asked::get().session(&login.session)).unwrap();
    device.access.end_session(&alice, login.id, address(1)).unwrap();
    device.perform();
    assert_eq!(device.ask(&Asked::get().session(&login.session)), Err(Refusal::Unknown));
}

#[test]
fn a_clock_that_is_set_back_before_a_session_began_ends_it() {
    let (mut device, login) = Device::paired("alice");
    device.wait(SignedDuration::from_mins(-4));
    device.ask(&Asked::get().session(&login.session)).unwrap();
    device.wait(SignedDuration::from_hours(-1));
    assert_eq!(device.ask(&Asked::get().session(&login.session)), Err(Refusal::Unknown));
}

#[test]
fn changes_need_a_page_of_the_session() {
    let (mut device, login) = Device::paired("alice");
    device.ask(&Asked::post().page_of(&login)).unwrap();
    let bare = Asked::post().session(&login.session);
    assert_eq!(device.ask(&bare), Err(Refusal::Csrf));
    let other = TokenText::new(TokenKind::Csrf, &RandomBytes([9; 32]));
    assert_eq!(device.ask(&bare.clone().with(CSRF_FIELD, other.reveal())), Err(Refusal::Csrf));
    let foreign =
        Asked::post().session(&login.session).with(CSRF_FIELD, login.csrf.reveal()).with("host", "kitchen:8080");
    for origin in ["https://kitchen:9443", "https://evil.example", "null"] {
        assert_eq!(device.ask(&foreign.clone().with("origin", origin)), Err(Refusal::Foreign), "{origin}");
    }
    let link = Asked::get().session(&login.session).with("sec-fetch-site", "cross-site");
    assert_eq!(device.ask(&link), Err(Refusal::Foreign));
    device.ask(&link.with("sec-fetch-mode", "navigate")).unwrap();
}

#[test]
fn a_web_socket_is_opened_by_a_page_of_the_device_only() {
    let (mut device, login) = Device::paired("alice");
    let socket = Asked::get().session(&login.session).with("host", "kitchen:8080").with("upgrade", "websocket");
    assert_eq!(device.ask(&socket), Err(Refusal::Csrf));
    assert_eq!(device.ask(&socket.clone().with("origin", "https://kitchen:9000")), Err(Refusal::Foreign));
    device.ask(&socket.with("origin", "https://kitchen:8080")).unwrap();
}

#[test]
fn a_token_may_what_it_says_and_its_user_may_until_it_ends() {
    let (mut device, login) = Device::paired("alice");
    let alice = device.ask(&Asked::get().session(&login.session)).unwrap();
    let invitation = device.invite(&alice, Role::Operator).unwrap();
    let bob = device.accept(invitation.reveal(), "bob", &password_of("bob", 0)).unwrap();
    let bob = device.ask(&Asked::get().session(&bob.session)).unwrap();
    let week = SignedDuration::from_hours(7 * 24);
    let wanted = |wanted, now| NewToken { label: label("backup"), scopes: wanted, expires: now + week };
    let random = device.random_bytes();
    let both = scopes(&[Scope::AppsRead, Scope::AppsWrite]);
    let now = device.now;
    let (id, token) = device.access.make_token(&bob, wanted(both, now), address(1), &random, now).unwrap();
    device.perform();
    let as_token = device.ask(&Asked::post().token(&token)).unwrap();
    assert_eq!(as_token.scopes(), both);

    // Not more than its user, and nothing that makes more of itself.
    let too_much = wanted(scopes(&[Scope::StorageWrite]), now);
    assert_eq!(device.access.make_token(&bob, too_much, address(1), &random, now), Err(Refusal::Scopes));
    assert_eq!(
        device.access.make_token(&bob, wanted(ScopeSet::default(), now), address(1), &random, now),
        Err(Refusal::Scopes)
    );
    let more = device.access.make_token(&as_token, wanted(both, now), address(1), &random, now);
    assert_eq!(more, Err(Refusal::Forbidden(Forbidden::Person)));

    device.access.set_role(&alice, &user("bob"), Role::Viewer, address(1)).unwrap();
    device.perform();
    assert_eq!(device.ask(&Asked::get().token(&token)).unwrap().scopes(), scopes(&[Scope::AppsRead]));
    device.wait(SignedDuration::from_mins(2));
    device.ask(&Asked::get().token(&token)).unwrap();
    assert_eq!(device.access.record().tokens()[0].last_used, Some(device.now));
    device.wait(week);
    assert_eq!(device.ask(&Asked::get().token(&token)), Err(Refusal::Unknown));
    device.access.remove_token(&alice, id, address(1)).unwrap();
    device.perform();
}

#[test]
fn a_wrong_token_is_not_made_good_by_a_session_beside_it() {
    let (mut device, login) = Device::paired("alice");
    let unknown = TokenText::new(TokenKind::Api, &RandomBytes([77; 32]));
    assert_eq!(device.ask(&Asked::get().session(&login.session).token(&unknown)), Err(Refusal::Unknown));
    let garbage = Asked::get().session(&login.session).with("authorization", "Bearer x");
    assert_eq!(device.ask(&garbage), Err(Refusal::Unknown));
}

#[test]
fn a_client_certificate_counts_as_its_user_but_not_from_other_pages() {
    let (mut device, login) = Device::paired("alice");
    let alice = device.ask(&Asked::get().session(&login.session)).unwrap();
    let key = KeyDigest([8; 32]);
    let asked = Asked { key: Some(key), ..Asked::post() };
    assert_eq!(device.ask(&asked), Err(Refusal::Unknown));
    let year = SignedDuration::from_hours(365 * 24);
    let wanted = || NewCertificate { key, label: label("laptop"), expires: alice_expires(year) };
    fn alice_expires(year: SignedDuration) -> jiff::Timestamp {
        "2026-11-21T12:00:00Z".parse::<jiff::Timestamp>().unwrap() + year
    }
    let now = device.now;
    device.access.add_certificate(&alice, wanted(), address(1), now).unwrap();
    device.perform();
    assert_eq!(device.access.add_certificate(&alice, wanted(), address(1), now), Err(Refusal::KeyTaken));
    let known = device.ask(&asked).unwrap();
    assert!(known.is_person() && known.user() == alice.user());
    assert_eq!(device.ask(&asked.clone().with("sec-fetch-site", "same-site")), Err(Refusal::Foreign));
    // A stale cookie does not stand in its way.
    let stale = TokenText::new(TokenKind::Session, &RandomBytes([1; 32]));
    device.ask(&asked.clone().session(&stale)).unwrap();
    device.access.remove_certificate(&alice, alice.user(), key, address(1)).unwrap();
    device.perform();
    assert_eq!(device.ask(&asked), Err(Refusal::Unknown));
}

#[test]
fn changing_a_password_ends_the_other_sessions() {
    let (mut device, here) = Device::paired("alice");
    let elsewhere = device.login("alice", &password_of("alice", 0), 2, None).unwrap();
    let alice = device.ask(&Asked::get().session(&here.session)).unwrap();
    assert_eq!(
        device.change_password(&alice, "not the right old one", &password_of("alice", 1)),
        Err(Refusal::WrongPassword)
    );
    device.change_password(&alice, &password_of("alice", 0), &password_of("alice", 1)).unwrap();
    device.ask(&Asked::get().session(&here.session)).unwrap();
    assert_eq!(device.ask(&Asked::get().session(&elsewhere.session)), Err(Refusal::Unknown));
    assert_eq!(device.login("alice", &password_of("alice", 0), 3, None), Err(Refusal::WrongPassword));
    device.login("alice", &password_of("alice", 1), 3, None).unwrap();
}

#[test]
fn a_password_that_was_changed_while_it_was_being_checked_lets_nobody_in() {
    let (mut device, login) = Device::paired("alice");
    let alice = device.ask(&Asked::get().session(&login.session)).unwrap();
    let old = password_of("alice", 0);
    let request = LoginRequest { name: "alice", password: &old, address: address(9), browser: None };
    let ticket = device.access.begin_login(&request, device.now).unwrap();
    device.change_password(&alice, &old, &password_of("alice", 1)).unwrap();
    let random =
        LoginRandom { session: RandomBytes([1; 32]), csrf: RandomBytes([2; 32]), browser: RandomBytes([3; 32]) };
    let answer = device.access.finish_login(ticket, PasswordCheck::Right, &random, device.now);
    assert_eq!(answer, Err(Refusal::WrongPassword));
}

#[test]
fn whoever_guesses_has_to_wait_and_the_owner_logs_in_where_they_did_before() {
    let (mut device, login) = Device::paired("alice");
    let browser = login.browser.clone();
    // From many addresses, until the account is held up.
    let mut held = 0;
    for from in 10..200 {
        held +=
            usize::from(matches!(device.login("alice", "a wrong one, and long", from, None), Err(Refusal::Wait(_))));
    }
    assert_eq!(held, 180, "ten tries and no more");
    assert!(
        matches!(device.login("alice", &password_of("alice", 0), 201, None), Err(Refusal::Wait(_))),
        "also with the right one"
    );
    device.login("alice", &password_of("alice", 0), 201, Some(&browser)).unwrap();
    // Sessions, tokens and certificates go on.
    device.ask(&Asked::get().session(&login.session)).unwrap();
}

#[test]
fn accounts_that_do_not_exist_are_held_up_like_others() {
    let (mut device, _) = Device::paired("alice");
    let mut answers = |name: &str, from: u8| {
        (0..15).map(|at| device.login(name, "a wrong one, and long", from + at, None).unwrap_err()).collect::<Vec<_>>()
    };
    assert_eq!(answers("alice", 10), answers("nobody", 30));
}

#[test]
fn who_has_to_wait_is_in_the_log_and_who_got_it_right_at_last_is_not() {
    let (mut device, _) = Device::paired("alice");
    for _ in 0..4 {
        device.login("alice", "a wrong one, and long", 7, None).unwrap_err();
    }
    device.login("alice", &password_of("alice", 0), 7, None).unwrap();
    assert!(device.log.iter().all(|draft| draft.action.kind() != "held-up"));
    device.login("alice", "a wrong one, and long", 7, None).unwrap_err();
    assert_eq!(device.log.last().unwrap().action, Logged::HeldUp { user: None, seconds: 30 });
}

#[test]
fn whoever_fails_again_and_again_does_not_fill_the_log() {
    let (mut device, _) = Device::paired("alice");
    let unknown = TokenText::new(TokenKind::Api, &RandomBytes([77; 32]));
    for from in 0..200 {
        device.ask(&Asked { address: Some(address(from)), ..Asked::get().token(&unknown) }).unwrap_err();
    }
    let failures = device.log.iter().filter(|draft| draft.action == Logged::TokenFailed).count();
    assert_eq!(failures, 20);
    device.wait(SignedDuration::from_hours(1));
    assert_eq!(device.log.last().unwrap().action, Logged::NotListed { failures: 180 });
}

#[test]
fn one_address_that_guesses_at_everybody_has_to_wait() {
    let (mut device, _) = Device::paired("alice");
    let refusals: Vec<_> =
        (0..8).map(|at| device.login(&format!("user{at}"), "guessing at random", 66, None).unwrap_err()).collect();
    assert!(refusals[..5].iter().all(|refusal| *refusal == Refusal::WrongPassword));
    assert!(refusals[5..].iter().all(|refusal| matches!(refusal, Refusal::Wait(_))));
}

#[test]
fn a_login_that_could_not_be_checked_does_not_count() {
    let (mut device, _) = Device::paired("alice");
    for _ in 0..100 {
        let password = password_of("alice", 0);
        let request = LoginRequest { name: "alice", password: &password, address: address(1), browser: None };
        let ticket = device.access.begin_login(&request, device.now).unwrap();
        let random =
            LoginRandom { session: RandomBytes([1; 32]), csrf: RandomBytes([2; 32]), browser: RandomBytes([3; 32]) };
        assert_eq!(
            device.access.finish_login(ticket, PasswordCheck::NotChecked, &random, device.now),
            Err(Refusal::Busy)
        );
        device.access.take_actions().clear();
    }
}

#[test]
fn the_last_admin_stays() {
    let (mut device, login) = Device::paired("alice");
    let alice = device.ask(&Asked::get().session(&login.session)).unwrap();
    assert_eq!(device.access.remove_user(&alice, alice.user(), address(1)), Err(Refusal::LastAdmin(user("alice"))));
    assert_eq!(
        device.access.set_role(&alice, alice.user(), Role::Viewer, address(1)),
        Err(Refusal::LastAdmin(user("alice")))
    );
    let invitation = device.invite(&alice, Role::Admin).unwrap();
    device.accept(invitation.reveal(), "bob", &password_of("bob", 0)).unwrap();
    device.access.remove_user(&alice, alice.user(), address(1)).unwrap();
    device.perform();
    assert_eq!(device.ask(&Asked::get().session(&login.session)), Err(Refusal::Unknown));
    assert_eq!(device.invite(&alice, Role::Admin), Err(Refusal::Unknown), "an identity does not outlive its user");
}

#[test]
fn the_oldest_session_gives_way() {
    let (mut device, first) = Device::paired("alice");
    for _ in 0..SESSIONS_KEPT {
        device.wait(SignedDuration::from_mins(2));
        device.login("alice", &password_of("alice", 0), 1, None).unwrap();
    }
    assert_eq!(device.ask(&Asked::get().session(&first.session)), Err(Refusal::Unknown));
    assert_eq!(device.access.record().sessions().len(), SESSIONS_KEPT);
}

#[test]
fn a_session_from_before_the_login_ends_with_it() {
    let (mut device, earlier) = Device::paired("alice");
    let later = device.login("alice", &password_of("alice", 0), 1, None).unwrap();
    assert_ne!(later.session, earlier.session);
    device.access.replace_session(&earlier.session);
    device.perform();
    assert_eq!(device.ask(&Asked::get().session(&earlier.session)), Err(Refusal::Unknown));
    device.ask(&Asked::get().session(&later.session)).unwrap();
}

#[test]
fn what_was_done_is_in_the_log_and_names_that_are_no_users_are_not() {
    let (mut device, login) = Device::paired("alice");
    let _refused = device.login("my-password-typed-as-name", "a wrong one, and long", 7, None);
    let _refused = device.login("alice", "a wrong one, and long", 7, None);
    let facts = Asked::post().page_of(&login).facts();
    let admitted = device.access.admit(&facts, "POST", "/api/v1/apps", device.now).unwrap();
    device.access.note_request(&admitted, &facts, 201);
    device.perform();
    let kinds: Vec<_> = device.log.iter().map(|draft| (draft.action.kind(), draft.outcome)).collect();
    assert_eq!(
        kinds,
        [
            ("paired", Outcome::Done),
            ("logged-in", Outcome::Done),
            ("login-failed", Outcome::Refused),
            ("login-failed", Outcome::Refused),
            ("request", Outcome::Done)
        ]
    );
    assert_eq!(device.log[2].action, Logged::LoginFailed { user: None });
    assert_eq!(device.log[3].action, Logged::LoginFailed { user: Some(user("alice")) });
    assert!(serde_json::to_string(&device.log[4]).unwrap().contains("POST /api/v1/apps/{*rest}"));
}

#[test]
fn requests_are_admitted_by_who_sends_them_and_what_for() {
    let (mut device, login) = Device::paired("alice");
    let now = device.now;
    let mut admit = |asked: &Asked, path| device.access.admit(&asked.facts(), asked.method, path, now);
    assert_eq!(admit(&Asked::get(), "/api/v1/health").unwrap().identity, None);
    assert_eq!(admit(&Asked::get(), "/api/v1/users"), Err(Refusal::Unknown));
    assert_eq!(admit(&Asked::get(), "/no/such/thing"), Err(Refusal::Unknown));
    let page = Asked::get().page_of(&login);
    assert!(admit(&page, "/api/v1/users").unwrap().identity.is_some());
    assert_eq!(admit(&page, "/no/such/thing"), Err(Refusal::Forbidden(Forbidden::NoRule)));
    // A page of somebody else cannot even try a login.
    let foreign = Asked::post().with("host", "kitchen").with("origin", "https://evil.example");
    assert_eq!(admit(&foreign, "/api/v1/session"), Err(Refusal::Foreign));
    admit(&Asked::post(), "/api/v1/session").unwrap();
}

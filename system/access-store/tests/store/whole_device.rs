//! From an empty directory to an administrator who logs in after a restart, with real hashes on real files.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use access::audit::query::Query;
use access::request::{RequestFacts, RequestParts, SESSION_COOKIE};
use access::state::{Access, LoginRequest, PairingRequest};
use access_store::password_hasher::PasswordHasher;
use access_store::random;
use access_store::store::{AccessStore, Console};
use jiff::Timestamp;

const NOON: Timestamp = Timestamp::constant(1_795_262_400, 0);
const PASSWORD: &str = "five small green rivers";

fn open(directory: &std::path::Path) -> (AccessStore, Access, Console) {
    let (mut store, record) = AccessStore::open(directory, NOON).unwrap();
    let mut access = Access::start(record, random::bytes().unwrap(), NOON);
    let console = store.perform(&mut access, NOON).unwrap();
    (store, access, console)
}

fn pair(
    store: &mut AccessStore,
    access: &mut Access,
    code: &str,
) -> Result<access::state::LoggedIn, access_store::StoreError> {
    let request =
        PairingRequest { code, name: "alice", password: PASSWORD, device: "kitchen", address: [192, 0, 2, 1].into() };
    let ticket = access.begin_pairing(&request, random::bytes().unwrap(), NOON).unwrap();
    let hash = PasswordHasher::default().hash(ticket.password()).unwrap();
    let login = access.finish_pairing(ticket, hash, &random::login().unwrap(), NOON).unwrap();
    let console = store.perform(access, NOON)?;
    assert_eq!(console, Console::NoCode);
    Ok(login)
}

#[test]
fn whoever_paired_a_device_logs_in_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (mut store, mut access, console) = open(directory.path());
    let Console::Code(code) = console else { panic!("a new device shows a code") };
    let login = pair(&mut store, &mut access, &code.reveal()).unwrap();
    drop((store, access));

    let (mut store, mut access, console) = open(directory.path());
    assert_eq!(console, Console::AsBefore);
    let cookie = format!("{SESSION_COOKIE}={}", login.session.reveal());
    let fields = [("cookie", cookie.as_bytes())];
    let parts = RequestParts { address: [192, 0, 2, 1].into(), method: "GET", fields, certificate: None };
    let facts = RequestFacts::read(parts).unwrap();
    assert_eq!(access.authenticate(&facts, NOON).unwrap().user().as_str(), "alice");

    let hasher = PasswordHasher::default();
    for (password, right) in [(PASSWORD, true), ("five small green rivets", false)] {
        let request = LoginRequest { name: "alice", password, address: [192, 0, 2, 1].into(), browser: None };
        let ticket = access.begin_login(&request, NOON).unwrap();
        let checked = hasher.check(&ticket);
        assert_eq!(access.finish_login(ticket, checked, &random::login().unwrap(), NOON).is_ok(), right);
        store.perform(&mut access, NOON).unwrap();
    }
    let entries = store.log().query(&Query::default()).unwrap();
    let kinds: Vec<_> = entries.iter().rev().map(|entry| entry.draft.action.kind()).collect();
    assert_eq!(kinds, ["started", "paired", "logged-in", "started", "logged-in", "login-failed"]);
    // Neither the tokens nor the password are anywhere below the directory.
    let files = [directory.path().join("access.json"), directory.path().join("audit/00000000000000000001.log")];
    for text in files.map(|path| fs::read_to_string(path).unwrap()) {
        for secret in [PASSWORD, &code.reveal(), login.session.reveal(), login.csrf.reveal(), login.browser.reveal()] {
            assert!(!text.contains(secret));
        }
    }
}

#[test]
fn what_could_not_be_kept_is_said_and_kept_as_soon_as_it_can_be() {
    let directory = tempfile::tempdir().unwrap();
    let (mut store, mut access, console) = open(directory.path());
    let Console::Code(code) = console else { panic!("a new device shows a code") };
    // Something stands where the record goes.
    let path = directory.path().join("access.json");
    fs::create_dir(&path).unwrap();
    pair(&mut store, &mut access, &code.reveal()).unwrap_err();
    fs::remove_dir(&path).unwrap();
    store.catch_up(&access).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions(), Permissions::from_mode(0o100_600));
    let (_, access, console) = open(directory.path());
    assert_eq!((access.record().users().len(), console), (1, Console::AsBefore));
}

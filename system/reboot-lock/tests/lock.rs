//! A device and a lock manager on loopback that keeps the rules of the protocol, and one that does not.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::time::{Duration, Instant};

use reboot_lock::{LockClient, LockClientError, LockClientSettings};
use test_bench::lock_manager::{Answer, LockManager, Tls};
use update_schedule::fleet_lock::{LockAddress, LockGroup, MAXIMUM_BODY, Operation, Outcome, Request};

const FIRST: &str = "583627a932274834a8ebd99f4ed41c0d";
const SECOND: &str = "c988d2509fdf4cdcbed39037c56406fb";

fn settings() -> LockClientSettings {
    LockClientSettings { timeout: Duration::from_secs(5), ..LockClientSettings::default() }
}

fn client(manager: &LockManager, settings: &LockClientSettings) -> LockClient {
    LockClient::new(&LockAddress::new(&manager.url()).unwrap(), settings).unwrap()
}

fn ask(client: &LockClient, operation: Operation, id: &str) -> Result<Outcome, LockClientError> {
    client.ask(operation, &Request::new(&LockGroup::new("workers").unwrap(), id).unwrap())
}

#[track_caller]
fn refused(answer: Result<Outcome, LockClientError>) -> (String, String) {
    match answer.unwrap() {
        Outcome::Refused(said) => (said.kind, said.value),
        Outcome::Granted => unreachable!("it was granted"),
    }
}

#[test]
fn one_device_at_a_time_restarts_and_each_may_ask_again() {
    let manager = LockManager::start(1);
    let client = client(&manager, &settings());
    assert_eq!(ask(&client, Operation::SteadyState, FIRST).unwrap(), Outcome::Granted, "nothing is held");
    assert_eq!(ask(&client, Operation::PreReboot, FIRST).unwrap(), Outcome::Granted);
    assert_eq!(ask(&client, Operation::PreReboot, FIRST).unwrap(), Outcome::Granted, "who holds it gets it again");
    let full = ("failed_lock_semaphore_full".to_owned(), "all slots of workers are taken".to_owned());
    assert_eq!(refused(ask(&client, Operation::PreReboot, SECOND)), full);
    ask(&client, Operation::SteadyState, SECOND).unwrap();
    assert_eq!(manager.holders("workers"), [FIRST], "nobody gives back what another one holds");
    ask(&client, Operation::SteadyState, FIRST).unwrap();
    assert_eq!(ask(&client, Operation::PreReboot, SECOND).unwrap(), Outcome::Granted);
    assert_eq!(manager.holders("workers"), [SECOND]);
}

#[test]
fn a_lost_answer_is_no_lost_place() {
    let manager = LockManager::start(1);
    let client = client(&manager, &settings());
    manager.answers(Answer::Lost);
    let lost = ask(&client, Operation::PreReboot, FIRST).unwrap_err();
    assert!(matches!(lost, LockClientError::Connection { .. }), "{lost}");
    assert_eq!(manager.holders("workers"), [FIRST], "it was heard");
    manager.answers(Answer::ByTheRules);
    assert_eq!(ask(&client, Operation::PreReboot, FIRST).unwrap(), Outcome::Granted);
    manager.answers(Answer::Lost);
    ask(&client, Operation::SteadyState, FIRST).unwrap_err();
    manager.answers(Answer::ByTheRules);
    assert_eq!(ask(&client, Operation::SteadyState, FIRST).unwrap(), Outcome::Granted);
    assert!(manager.holders("workers").is_empty());
}

#[test]
fn a_manager_that_hangs_is_given_up() {
    let manager = LockManager::start(1);
    let settings = LockClientSettings { timeout: Duration::from_millis(300), ..settings() };
    let client = client(&manager, &settings);
    for hanging in [Answer::Nothing, Answer::HalfAHead, Answer::Trickle] {
        manager.answers(hanging);
        let before = Instant::now();
        let error = ask(&client, Operation::PreReboot, FIRST).unwrap_err();
        assert!(matches!(error, LockClientError::Timeout { .. }), "{hanging:?}: {error}");
        assert!(before.elapsed() < Duration::from_secs(4), "{hanging:?}");
    }
}

#[test]
fn garbage_is_no_yes() {
    let manager = LockManager::start(1);
    let client = client(&manager, &settings());
    manager.answers(Answer::Raw(b"\x00\xff no HTTP at all\r\n\r\n"));
    assert!(matches!(ask(&client, Operation::PreReboot, FIRST), Err(LockClientError::Connection { .. })));
    let say = |raw: &'static [u8]| {
        manager.answers(Answer::Raw(raw));
        refused(ask(&client, Operation::PreReboot, FIRST)).0
    };
    assert_eq!(say(b"HTTP/1.1 500 Oops\r\ncontent-length: 3\r\n\r\n{]}"), "http_500");
    assert_eq!(say(b"HTTP/1.1 204 None\r\n\r\n"), "http_204");
    // A reason that is cut off is none, and still no yes.
    assert_eq!(say(b"HTTP/1.1 409 Full\r\ncontent-length: 300\r\n\r\n{\"kind\": \"a\", \"val"), "http_409");
    // Where it leads is not followed: the request is meant for this manager.
    assert_eq!(say(b"HTTP/1.1 307 There\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"), "http_307");
    assert_eq!(
        say(b"HTTP/1.1 409 Full\r\ncontent-length: 31\r\n\r\n{\"kind\": \"x\", \"value\": \"a\\u001bb\"}"),
        "http_409"
    );
}

#[test]
fn an_endless_answer_is_read_to_its_limit() {
    let manager = LockManager::start(1);
    let client = client(&manager, &settings());
    manager.answers(Answer::Endless);
    assert_eq!(refused(ask(&client, Operation::PreReboot, FIRST)).0, "http_500");
    assert!(manager.sent() >= MAXIMUM_BODY, "{} bytes were taken", manager.sent());
    assert!(manager.sent() < 64 << 20, "{} bytes were taken", manager.sent());
}

#[test]
fn a_manager_behind_tls_is_believed_with_its_authority_only() {
    let tls = Tls::make();
    let manager = LockManager::start_with_tls(1, &tls);
    let believing = LockClientSettings { certificates: vec![tls.certificate.clone()], ..settings() };
    assert_eq!(ask(&client(&manager, &believing), Operation::PreReboot, FIRST).unwrap(), Outcome::Granted);
    let error = ask(&client(&manager, &settings()), Operation::SteadyState, FIRST).unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
    assert_eq!(manager.holders("workers"), [FIRST]);
}

#[test]
fn a_manager_that_is_not_there_is_named() {
    let gone = { LockManager::start(1).url() };
    let client = LockClient::new(&LockAddress::new(&gone).unwrap(), &settings()).unwrap();
    let error = ask(&client, Operation::PreReboot, FIRST).unwrap_err().to_string();
    assert!(error.contains(&gone) && error.contains("/v1/pre-reboot"), "{error}");
}

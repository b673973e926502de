//! Messages of FleetLock.

use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use update_schedule::fleet_lock::{ErrorBody, HEADER, LockAddress, LockGroup, Operation, Outcome, Request};

#[test]
fn requests_are_those_of_the_protocol() {
    let request = Request::new(&LockGroup::default(), "c988d2509fdf5cdcbed39037c56406fb").unwrap();
    assert_eq!(request.to_json(), r#"{"client_params":{"group":"default","id":"c988d2509fdf5cdcbed39037c56406fb"}}"#);
    assert_eq!(HEADER, ("fleet-lock-protocol", "true"));
    let base = LockAddress::new("https://example.com/base/").unwrap();
    assert_eq!(Operation::PreReboot.address(&base), "https://example.com/base/v1/pre-reboot");
    let base = LockAddress::new("http://[::1]:3333").unwrap();
    assert_eq!(Operation::SteadyState.address(&base), "http://[::1]:3333/v1/steady-state");
}

#[test]
fn a_lock_manager_reads_what_clients_send() {
    // As the protocol's documentation shows it.
    let body = b"\n{\n  \"client_params\": {\n    \"group\": \"default\",\n    \"id\": \"c988d2509fdf5cdcbed39037c56406fb\"\n  }\n}\n";
    assert_eq!(Request::parse(body).unwrap().client_params.id, "c988d2509fdf5cdcbed39037c56406fb");
    for (bad, problem) in [
        ("{}", "malformed"),
        (r#"{"client_params":{"group":"a b","id":"x"}}"#, "is no group"),
        (r#"{"client_params":{"group":"","id":"x"}}"#, "is no group"),
        (r#"{"client_params":{"group":"a","id":""}}"#, "id of a device"),
        (r#"{"client_params":{"group":"a","id":"x\n"}}"#, "id of a device"),
    ] {
        let error = Request::parse(bad.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(problem), "{bad}: {error}");
    }
    assert!(Request::parse(&[b' '; (64 << 10) + 1]).unwrap_err().to_string().contains("65536"));
}

#[test]
fn only_200_is_yes() {
    assert_eq!(Outcome::of(200, b"whatever"), Outcome::Granted);
    let full = br#"{ "kind": "failed_lock_semaphore_full", "value": "semaphore currently full, all slots are locked already" }"#;
    assert_eq!(
        Outcome::of(409, full),
        Outcome::Refused(ErrorBody {
            kind: "failed_lock_semaphore_full".to_owned(),
            value: "semaphore currently full, all slots are locked already".to_owned()
        })
    );
    for (status, body) in [
        (201, "{}"),
        (204, ""),
        (302, "<html>"),
        (503, "[1]"),
        (404, r#"{"kind":"","value":"x"}"#),
        (404, r#"{"kind":"x","value":" "}"#),
    ] {
        let Outcome::Refused(said) = Outcome::of(status, body.as_bytes()) else { panic!("{status} is no yes") };
        assert_eq!(said.kind, format!("http_{status}"));
        assert_eq!(said.value, format!("the lock manager answered with HTTP status {status} and no reason"));
    }
}

#[test]
fn addresses_and_groups_are_checked() {
    for bad in [
        "",
        "example.com",
        "ftp://a",
        "https://",
        "https:///x",
        "https://a b",
        "https://a?b",
        "https://a#b",
        "https://u:p@a",
        "https://é",
    ] {
        assert!(LockAddress::new(bad).is_err(), "{bad}");
    }
    for bad in ["", "a b", "ä", "a/b", "a_b"] {
        assert!(LockGroup::new(bad).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn what_is_shown_of_an_answer_is_one_short_line(status in 201..600u16, kind in any::<String>(), value in any::<String>()) {
        let body = ErrorBody { kind, value }.to_json();
        let Outcome::Refused(said) = Outcome::of(status, body.as_bytes()) else { panic!("not 200") };
        prop_assert!(!said.kind.is_empty() && said.kind.len() <= 256 && said.value.chars().count() <= 500);
        prop_assert!(!said.value.contains(char::is_control) && !said.kind.contains(char::is_control));
    }

    #[test]
    fn a_request_comes_back_as_it_was_written(group in "[a-zA-Z0-9.-]{1,40}", id in "[!-~]{1,64}") {
        let request = Request::new(&LockGroup::new(&group).unwrap(), &id).unwrap();
        prop_assert_eq!(Request::parse(request.to_json().as_bytes()).unwrap(), request);
    }
}

//! What the daemon does not do, and how it says so: whole responses.

use crate::support::{Daemon, Response};
use serde_json::Value;

/// Every refusal of a request that could be read is a problem document whose status is the response's.
fn assert_is_problem(response: &Response, status: u16) {
    assert_eq!(response.status(), status, "{}", response.stable());
    assert_eq!(response.field("content-type"), Some("application/problem+json"), "{}", response.stable());
    let problem = response.json();
    assert_eq!(problem["status"], Value::from(status));
    for member in ["type", "title", "detail"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {problem}");
    }
}

#[test]
fn refusals_are_problem_documents() {
    let daemon = Daemon::over_tree("piccolo-as-designed");
    let accept_html = "Accept: text/html\r\n";
    let requests = [
        ("not-found", daemon.get("/api/v1/sytem")),
        ("not-found-in-assets", daemon.get("/assets/../api")),
        ("method-not-allowed", daemon.request("DELETE", "/api/v1/system", "")),
        ("not-acceptable", daemon.request("GET", "/api/v1/system", accept_html)),
        ("query", daemon.get("/api/v1/system?verbose=1")),
        ("content", daemon.request("GET", "/api/v1/system", "Content-Length: 2\r\n")),
        ("host-missing", daemon.send(b"GET /api/v1/system HTTP/1.1\r\nConnection: close\r\n\r\n")),
    ];
    let all: Vec<String> =
        requests.iter().map(|(name, response)| format!("== {name}\n{}\n", response.stable())).collect();
    insta::assert_snapshot!(all.join("\n"));
    for ((_, response), status) in requests.iter().zip([404, 404, 405, 406, 400, 413, 400]) {
        assert_is_problem(response, status);
    }
}

#[test]
fn nothing_but_get_and_head_is_allowed_anywhere() {
    let daemon = Daemon::over_tree("piccolo-as-designed");
    for path in ["/", "/assets/status.js", "/api/v1/health", "/api/v1/system", "/api/v1/events", "/api/v1/openapi.json"]
    {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW"] {
            let response = daemon.request(method, path, "");
            assert_is_problem(&response, 405);
            assert_eq!(response.field("allow"), Some("GET,HEAD"), "{method} {path}");
            assert_is_problem(&daemon.request(method, path, "Content-Length: 5000000\r\n"), 405);
        }
    }
}

#[test]
fn every_resource_asks_whether_it_is_accepted() {
    let daemon = Daemon::over_tree("piccolo-as-designed");
    for (path, produced) in [
        ("/", "text/html"),
        ("/api/v1/health", "application/json"),
        ("/api/v1/system", "application/json"),
        ("/api/v1/openapi.json", "application/json"),
        ("/api/v1/events", "text/event-stream"),
    ] {
        assert_is_problem(&daemon.request("GET", path, "Accept: image/png\r\n"), 406);
        assert_is_problem(&daemon.request("GET", path, &format!("Accept: */*, {produced};q=0\r\n")), 406);
        // HEAD of the event stream would be a stream without events: it ends at once, like any HEAD.
        assert_eq!(
            daemon.request("HEAD", path, &format!("Accept: image/png\r\nAccept: {produced}\r\n")).status(),
            200,
            "{path}"
        );
    }
}

#[test]
fn requests_that_are_not_http_get_a_status_and_lose_the_connection() {
    let daemon = Daemon::over_tree("piccolo-as-designed");
    for (request, status) in [
        (&b"nonsense\r\n\r\n"[..], 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nbad field: x\r\n\r\n", 400),
    ] {
        assert_eq!(daemon.send(request).status(), status, "{request:?}");
    }
    assert_is_problem(&daemon.send(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n"), 400);
    assert_is_problem(
        &daemon.send(b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n"),
        413,
    );
    assert_eq!(daemon.get("/api/v1/health").status(), 200, "the daemon is well after all of this");
}

#[test]
fn long_names_are_not_sent_back_whole() {
    let daemon = Daemon::over_tree("piccolo-as-designed");
    let response = daemon.get(&format!("/{}", "a".repeat(4000)));
    assert_is_problem(&response, 404);
    assert!(response.body.len() < 500, "{}", response.body);
}

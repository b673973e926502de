//! The status page over HTTP.

use crate::support::Daemon;

#[test]
fn the_page_and_its_parts_are_served_with_their_policy() {
    let daemon = Daemon::over_tree("piccolo-as-designed");
    let page =
        daemon.request("GET", "/", "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n");
    assert_eq!(page.status(), 200);
    assert_eq!(page.field("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.field("content-security-policy"), Some(device_pages::CONTENT_SECURITY_POLICY));
    assert!(page.body.contains("<h1>kitchen</h1>") && page.body.contains("6 of 6 active"), "{}", page.body);
    for (path, media_type, content) in [
        ("/assets/status.css", "text/css; charset=utf-8", device_pages::STYLE),
        ("/assets/status.js", "text/javascript; charset=utf-8", device_pages::SCRIPT),
        ("/assets/icon.svg", "image/svg+xml", device_pages::ICON),
    ] {
        let part = daemon.get(path);
        assert_eq!(
            (part.status(), part.field("content-type"), part.body.as_str()),
            (200, Some(media_type), content),
            "{path}"
        );
        assert!(page.body.contains(&format!("\"{path}\"")), "the page does not use {path}");
    }
}

#[test]
fn the_page_carries_the_ids_of_the_events_it_shows() {
    let daemon = Daemon::over_tree("piccolo-as-designed");
    let page = daemon.get("/").body;
    for (kind, sequence) in [("identity", 1), ("health", 2)] {
        let value = page.split(&format!("data-{kind}=\"")).nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        assert!(value.len() > 16 && value.ends_with(&format!("-{sequence}")), "{kind}: {value}");
    }
}

#[test]
fn every_response_forbids_guessing_and_keeping() {
    let daemon = Daemon::over_tree("piccolo-as-designed");
    for path in ["/", "/assets/status.css", "/api/v1/system", "/api/v1/openapi.json", "/nothing"] {
        let response = daemon.get(path);
        assert_eq!(
            (response.field("x-content-type-options"), response.field("cache-control")),
            (Some("nosniff"), Some("no-store")),
            "{path}"
        );
    }
}

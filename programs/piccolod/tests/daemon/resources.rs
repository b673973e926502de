//! What the API says of recorded devices, whole.

use crate::support::Daemon;

#[test]
fn a_device_as_designed() {
    let daemon = Daemon::over_tree("piccolo-as-designed");
    insta::assert_snapshot!("designed-health", daemon.get("/api/v1/health").stable());
    insta::assert_snapshot!("designed-system", pretty(&daemon, "/api/v1/system"));
}

#[test]
fn a_device_on_trial_in_slot_b_with_secure_boot_in_setup_mode() {
    let daemon = Daemon::over_tree("piccolo-on-trial");
    insta::assert_snapshot!("trial-system", pretty(&daemon, "/api/v1/system"));
}

#[test]
fn a_machine_that_is_no_piccolo_device() {
    let daemon = Daemon::over_tree("debian-without-uefi");
    insta::assert_snapshot!("debian-system", pretty(&daemon, "/api/v1/system"));
    insta::assert_snapshot!("debian-health", pretty(&daemon, "/api/v1/health"));
}

#[test]
fn a_device_without_any_facts_cannot_work_and_says_so_with_its_status_code() {
    let nothing = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(&["--listen", "127.0.0.1:0", "--facts-from", nothing.path().to_str().unwrap()], &[]);
    let health = daemon.get("/api/v1/health");
    assert_eq!((health.status(), health.json()["status"].as_str()), (503, Some("failed")), "{}", health.body);
    assert_eq!(daemon.get("/api/v1/system").status(), 200);
    assert_eq!(daemon.get("/").status(), 200);
}

#[test]
fn updates_are_what_the_updater_published_and_nothing_where_none_runs() {
    let tree = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(&["--listen", "127.0.0.1:0", "--facts-from", tree.path().to_str().unwrap()], &[]);
    assert_eq!(daemon.get("/api/v1/updates").status(), 404);

    let published = serde_json::json!({
        "state": "idle", "message": "Release 1.4.0 runs.", "running": "1.4.0", "stream": "stable", "bad": [], "settings_problems": [],
    });
    let place = tree.path().join(device_api::UPDATES_STATUS_FILE.trim_start_matches('/'));
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::write(&place, published.to_string()).unwrap();
    // What it publishes is read every two seconds.
    let daemon = Daemon::start(&["--listen", "127.0.0.1:0", "--facts-from", tree.path().to_str().unwrap()], &[]);
    let response = daemon.get("/api/v1/updates");
    assert_eq!((response.status(), response.json()), (200, published));

    std::fs::write(&place, "{\"state\": \"from a newer updater\"}").unwrap();
    let daemon = Daemon::start(&["--listen", "127.0.0.1:0", "--facts-from", tree.path().to_str().unwrap()], &[]);
    assert_eq!(daemon.get("/api/v1/updates").status(), 404, "what is not understood is not passed on");
}

#[test]
fn head_says_what_get_would_send() {
    let daemon = Daemon::over_tree("piccolo-as-designed");
    for path in ["/", "/api/v1/health", "/api/v1/system", "/api/v1/openapi.json", "/assets/status.css"] {
        let (get, head) = (daemon.get(path), daemon.request("HEAD", path, ""));
        assert_eq!(head.body, "", "{path}");
        assert_eq!(head.field("content-length").unwrap(), get.body.len().to_string(), "{path}");
        assert_eq!(head.status(), 200, "{path}");
    }
}

fn pretty(daemon: &Daemon, path: &str) -> String {
    let response = daemon.get(path);
    assert_eq!((response.status(), response.field("content-type")), (200, Some("application/json")));
    serde_json::to_string_pretty(&response.json()).unwrap()
}

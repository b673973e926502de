//! Whole pages, as a browser gets them.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a test that cannot go on has failed")]

use device_api::event::EventId;
use device_api::health::{Check, CheckName, Health, HealthStatus};
use device_api::protection::{ProtectionEntry, ProtectionName, ProtectionStatus};
use device_api::system::{Boot, Identity, Load, Machine, Memory, ReleaseName, SlotName, System, Trial, Vitals};
use device_pages::StatusPage;

fn page(system: &System, health: &Health) -> String {
    let event = |sequence| EventId { run: 0xdead_beef, sequence };
    StatusPage { system, health, identity_event: event(1), health_event: event(2) }.to_html().unwrap()
}

fn device() -> (System, Health) {
    let entry = |name, state, advice: Option<&str>| ProtectionEntry {
        name,
        state,
        meaning: "What it means.".into(),
        advice: advice.map(Into::into),
    };
    let system = System {
        identity: Identity {
            name: "kitchen".into(),
            daemon_version: "0.1.0".into(),
            release: ReleaseName {
                id: "piccolo".into(),
                name: "Piccolo OS".into(),
                version: Some("1.4.0".into()),
                stream: Some("stable".into()),
                image: Some("vm".into()),
                image_version: Some("1.4.0".into()),
            },
            slot: Some(SlotName::A),
            boot: Boot {
                id: "7a9a5c1e-6f0e-4c83-9e5c-0a7c2f0f4d11".into(),
                trial: Some(Trial { tries_left: 2, tries_done: 1 }),
            },
            machine: Machine { architecture: "x86_64".into(), kernel: "6.12.107".into() },
            protection: vec![
                entry(ProtectionName::SecureBoot, ProtectionStatus::Missing, Some("What to do.")),
                entry(ProtectionName::Tpm, ProtectionStatus::Unavailable, None),
                entry(ProtectionName::VerifiedRoot, ProtectionStatus::Active, None),
            ],
        },
        vitals: Vitals {
            uptime_seconds: 18_750,
            memory: Memory { total_bytes: 2 << 30, available_bytes: 3 << 29, daemon_bytes: 5 << 20 },
            load: Load { one: 0.084, five: 0.03, fifteen: 0.0 },
        },
    };
    let check = |name, status| Check { name, status, message: "What was found.".into() };
    let health = Health {
        status: HealthStatus::Failed,
        checks: vec![
            check(CheckName::Root, HealthStatus::Ok),
            check(CheckName::Data, HealthStatus::Failed),
            check(CheckName::Memory, HealthStatus::Degraded),
        ],
    };
    (system, health)
}

#[test]
fn a_device_with_something_of_everything() {
    let (system, health) = device();
    insta::assert_snapshot!(page(&system, &health));
}

#[test]
fn what_is_not_known_leaves_no_trace() {
    let (mut system, mut health) = device();
    let identity = &mut system.identity;
    identity.release = ReleaseName {
        id: String::new(),
        name: String::new(),
        version: None,
        stream: None,
        image: None,
        image_version: None,
    };
    identity.slot = None;
    identity.boot.trial = None;
    health = Health { status: HealthStatus::Ok, checks: health.checks.split_off(3) };
    let page = page(&system, &health);
    assert!(page.contains(r#"<p class="release">Unknown system</p>"#), "{page}");
    for absent in ["slot", "On trial", "attention", "Image", "None", "null"] {
        assert!(!page.contains(absent), "{absent}: {page}");
    }
}

#[test]
fn names_from_the_network_are_only_text() {
    let (mut system, health) = device();
    system.identity.name = "<script>alert(1)</script>\"'".into();
    system.identity.release.name = "<img src=x onerror=y>".into();
    let page = page(&system, &health);
    assert!(!page.contains("<script>alert") && !page.contains("<img"), "{page}");
}

#[test]
fn the_page_asks_nobody_else_and_needs_no_exception_from_its_policy() {
    let (system, health) = device();
    let page = page(&system, &health);
    for part in [page.as_str(), device_pages::STYLE, device_pages::SCRIPT] {
        assert!(
            !part.contains("http:") && !part.contains("https:") && !part.contains("@import") && !part.contains("url("),
            "{part}"
        );
    }
    assert!(!page.contains(" style=") && !page.contains("<style") && !page.contains(" onclick="), "{page}");
    assert!(!device_pages::CONTENT_SECURITY_POLICY.contains("unsafe"));
    for id in ["memory", "memory-total", "memory-bar", "load", "load-five", "uptime", "daemon-memory", "live"] {
        assert!(
            page.contains(&format!("id=\"{id}\"")) && device_pages::SCRIPT.contains(&format!("\"{id}\"")),
            "the page and its script disagree about {id}"
        );
    }
}

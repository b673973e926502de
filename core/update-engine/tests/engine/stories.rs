//! What happens to a device, told step by step.

use jiff::SignedDuration;
use update_engine::event::{Event, Found, Request};
use update_engine::history::Outcome;
use update_engine::machine::Refusal;
use update_engine::offer::Way;
use update_engine::policy::{Building, Policy};
use update_engine::record::{Activity, Phase, Progress};

use crate::device::{Device, offer, version};

/// A device that has just been told of 1.1.0.
fn device_with_update() -> Device {
    let mut device = Device::new();
    device.newest = version("1.1.0");
    device.wait();
    device
}

fn staged() -> Device {
    let mut device = device_with_update();
    while !matches!(device.record.phase, Phase::Staged { .. }) {
        assert!(device.succeed());
    }
    device
}

fn on_trial() -> Device {
    let mut device = staged();
    device.succeed();
    assert!(device.reboot_asked);
    device.power_cycle();
    device
}

#[test]
fn a_healthy_release_is_found_built_started_and_kept() {
    let mut device = on_trial();
    assert!(matches!(device.record.phase, Phase::Trial { .. }));
    device.bless();
    assert_eq!((device.running, device.record.running), (version("1.1.0"), version("1.1.0")));
    assert_eq!(device.record.phase, Phase::Idle);
    let last = device.record.history.last().unwrap();
    assert_eq!((last.way, last.downloaded, &last.outcome), (Some(Way::Patch), 10, &Outcome::Updated));
    assert!(device.entries.contains_key(&version("1.0.0")), "the old release stays to go back to");
    assert_eq!(device.record.wake_at(), Some(device.now), "behind a barrier there may be further to go");
}

#[test]
fn an_unhealthy_release_is_left_behind_with_the_reason_and_not_taken_again() {
    let mut device = on_trial();
    device.fail_health();
    device.fail_health();
    assert_eq!(device.running, version("1.0.0"));
    let bad = device.record.bad_release(version("1.1.0")).unwrap();
    assert_eq!((bad.reason.as_str(), bad.output.as_str()), ("50-photos failed", "no photos"));
    assert!(!device.entries.contains_key(&version("1.1.0")));
    assert!(
        matches!(&device.record.history.last().unwrap().outcome, Outcome::RolledBack { reason } if reason == "50-photos failed")
    );

    device.wait();
    device.succeed();
    assert_eq!(device.record.phase, Phase::Idle);
    assert!(device.record.no_update.as_ref().unwrap().contains("50-photos failed"));

    device.ask(Request::Forgive(version("1.1.0"))).unwrap();
    device.ask(Request::Check).unwrap();
    device.succeed();
    assert!(matches!(device.record.phase, Phase::Writing { .. }), "the operator said so");
}

#[test]
fn a_release_that_dies_without_a_word_is_left_behind_too() {
    let mut device = on_trial();
    device.power_cycle();
    device.power_cycle();
    assert_eq!(device.running, version("1.0.0"));
    assert!(device.record.bad_release(version("1.1.0")).unwrap().reason.contains("did not come up at all"));
}

#[test]
fn a_way_that_does_not_work_is_followed_by_the_next() {
    let mut device = device_with_update();
    device.succeed();
    let ways: Vec<Way> = (0..3)
        .map(|_| {
            let way = device.record.phase.update().unwrap().way;
            device.fail(true);
            way
        })
        .collect();
    assert_eq!(ways, [Way::Patch, Way::Chunks, Way::Full]);
    assert_eq!(device.record.phase, Phase::Idle);
    assert!(device.record.failure.is_some() && device.record.next_try.is_some());
}

#[test]
fn without_a_network_the_same_way_is_tried_again_later_and_later() {
    let mut device = device_with_update();
    device.succeed();
    let mut waits = Vec::new();
    for _ in 0..10 {
        device.fail(false);
        assert!(matches!(device.record.phase, Phase::Writing { activity: Activity::Waiting, .. }));
        waits.push(device.record.next_try.unwrap().duration_since(device.now).as_mins());
        device.wait();
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 240, 240]);
    assert_eq!(device.record.phase.update().unwrap().way, Way::Patch);
}

#[test]
fn a_release_that_cannot_be_built_is_given_up_after_five_attempts() {
    let mut device = device_with_update();
    for _ in 0..5 {
        assert_eq!(device.record.bad_release(version("1.1.0")), None);
        device.succeed();
        (0..3).for_each(|_| assert!(device.fail(true)));
        device.wait();
    }
    assert!(device.record.bad_release(version("1.1.0")).unwrap().reason.contains("could not be built, 5 times"));
    device.succeed();
    assert_eq!(device.record.phase, Phase::Idle);
}

#[test]
fn a_paused_download_stays_paused_over_a_restart_and_goes_on_when_asked() {
    let mut device = device_with_update();
    device.succeed();
    device.ask(Request::Pause).unwrap();
    device.power_cycle();
    assert!(device.pending.is_empty());
    assert!(matches!(device.record.phase, Phase::Writing { activity: Activity::Paused, .. }));
    device.ask(Request::Start(None)).unwrap();
    assert!(device.succeed());
    assert!(matches!(device.record.phase, Phase::Verifying { .. }));
}

#[test]
fn a_cancelled_release_is_not_built_again_by_itself() {
    let mut device = device_with_update();
    device.succeed();
    device.ask(Request::Cancel).unwrap();
    assert_eq!(device.record.phase, Phase::Idle);
    device.wait();
    device.succeed();
    assert!(matches!(device.record.phase, Phase::Available { .. }), "it is still on offer");
    device.ask(Request::Start(None)).unwrap();
    assert!(matches!(device.record.phase, Phase::Writing { .. }));
}

#[test]
fn cancelling_a_staged_release_takes_its_boot_entry_away() {
    let mut device = staged();
    assert!(device.entries.contains_key(&version("1.1.0")));
    device.ask(Request::Cancel).unwrap();
    assert!(!device.entries.contains_key(&version("1.1.0")));
    device.power_cycle();
    assert_eq!(device.running, version("1.0.0"));
}

#[test]
fn a_power_cut_while_staged_starts_the_release() {
    let mut device = staged();
    device.power_cycle();
    assert_eq!(device.running, version("1.1.0"));
    assert!(matches!(device.record.phase, Phase::Trial { .. }));
}

#[test]
fn why_a_staged_release_waits_is_visible() {
    let mut device = staged();
    device.fail(false);
    let Phase::Staged { wait: Some(wait), .. } = &device.record.phase else { panic!("{:?}", device.record.phase) };
    assert_eq!(wait.reason, "the window opens later");
    assert_eq!(device.record.wake_at(), wait.until);
    device.wait();
    assert!(device.succeed());
    assert!(device.reboot_asked);
}

#[test]
fn a_newer_release_takes_the_place_of_a_staged_one_and_a_withdrawn_one_is_not_started() {
    let mut waiting = staged();
    waiting.fail(false);
    waiting.newest = version("1.2.0");
    waiting.ask(Request::Check).unwrap();
    assert!(waiting.succeed());
    assert_eq!(waiting.record.phase.update().unwrap().offer.version, version("1.2.0"));
    assert!(!waiting.entries.contains_key(&version("1.1.0")));

    let mut withdrawn = staged();
    withdrawn.fail(false);
    withdrawn.ask(Request::Check).unwrap();
    let operation = withdrawn.record.operation;
    let result = Ok(Found::StagedWithdrawn("it eats photos".to_owned()));
    withdrawn.send(Event::Checked { operation, result }).unwrap();
    assert!(!withdrawn.entries.contains_key(&version("1.1.0")));
    assert_eq!(withdrawn.record.no_update.as_deref(), Some("release 1.1.0 was withdrawn: it eats photos"));
}

#[test]
fn the_operator_goes_back_and_the_release_left_behind_is_remembered() {
    let mut device = on_trial();
    device.bless();
    assert_eq!(device.ask(Request::Rollback { to: None }), Err(Refusal::NoOther));
    device.ask(Request::Rollback { to: Some(version("1.0.0")) }).unwrap();
    assert!(device.reboot_asked);
    device.power_cycle();
    assert_eq!(device.running, version("1.0.0"));
    assert_eq!(device.record.history.last().unwrap().outcome, Outcome::WentBack);
    assert_eq!(device.record.bad_release(version("1.1.0")).unwrap().reason, "the operator went back from it");
}

#[test]
fn an_older_release_is_taken_only_when_asked_and_then_kept() {
    let mut device = on_trial();
    device.bless();
    device.newest = version("1.0.0");
    device.wait();
    device.succeed();
    assert_eq!(device.record.no_update.as_deref(), Some("release 1.1.0 is newer than any on offer"));

    device.ask(Request::Start(Some(version("1.0.0")))).unwrap();
    while !matches!(device.record.phase, Phase::Staged { .. }) {
        assert!(device.succeed());
    }
    let mut cut = device.clone();
    cut.power_cycle();
    assert_eq!(cut.running, version("1.1.0"), "not started before the time has come");
    assert!(matches!(cut.record.phase, Phase::Staged { .. }));

    device.succeed();
    device.power_cycle();
    assert_eq!(device.running, version("1.0.0"));
    let mut unhealthy = device.clone();
    unhealthy.fail_health();
    unhealthy.fail_health();
    assert_eq!(unhealthy.running, version("1.1.0"), "back to where it came from");

    device.bless();
    device.newest = version("1.1.0");
    device.wait();
    device.succeed();
    assert_eq!((device.running, &device.record.phase), (version("1.0.0"), &Phase::Idle));
    assert_eq!(device.record.pinned, Some(version("1.0.0")));
}

#[test]
fn a_pinned_device_takes_nothing_by_itself_and_goes_where_it_is_told() {
    let mut device = Device::new();
    device.ask(Request::Pin(version("1.0.0"))).unwrap();
    device.newest = version("1.1.0");
    device.wait();
    device.succeed();
    assert_eq!(device.record.no_update.as_deref(), Some("pinned to release 1.0.0; release 1.1.0 is there"));
    device.ask(Request::Start(Some(version("1.1.0")))).unwrap();
    device.succeed();
    assert!(matches!(device.record.phase, Phase::Writing { .. }));
}

#[test]
fn a_device_that_builds_only_when_asked_announces_the_size_and_waits() {
    let mut device = device_with_update();
    device.policy = Policy { build: Building::WhenAsked, ..Policy::default() };
    device.succeed();
    let Phase::Available { offer: found } = &device.record.phase else { panic!("{:?}", device.record.phase) };
    assert_eq!((found, found.download_bytes()), (&offer(version("1.1.0")), Some(10)));
}

#[test]
fn an_answer_that_comes_too_late_changes_nothing() {
    let mut device = device_with_update();
    let operation = device.record.operation;
    device.ask(Request::Cancel).unwrap();
    let before = device.record.clone();
    device.send(Event::Checked { operation, result: Ok(Found::Offer(offer(version("9.0.0")))) }).unwrap();
    assert_eq!(device.record, before);
}

#[test]
fn what_cannot_be_done_now_is_refused_with_the_reason() {
    let mut device = Device::new();
    assert_eq!(device.ask(Request::Cancel), Err(Refusal::Nothing));
    assert_eq!(device.ask(Request::Pause), Err(Refusal::NotPausable));
    assert_eq!(device.ask(Request::Reboot), Err(Refusal::NotStaged));
    assert_eq!(device.ask(Request::Start(Some(version("1.0.0")))), Err(Refusal::Running(version("1.0.0"))));
    assert_eq!(device.ask(Request::Forgive(version("3.0.0"))), Err(Refusal::NotBad(version("3.0.0"))));
    let mut trial = on_trial();
    assert_eq!(trial.ask(Request::Cancel), Err(Refusal::OnTrial(version("1.1.0"))));
    assert_eq!(trial.ask(Request::Check), Err(Refusal::OnTrial(version("1.1.0"))));
    let mut building = device_with_update();
    building.succeed();
    let refusal = building.ask(Request::Rollback { to: None }).unwrap_err().to_string();
    assert_eq!(refusal, "release 1.1.0 is under way (writing); cancel it first");
}

#[test]
fn an_idle_device_wakes_only_for_its_next_check() {
    let mut device = Device::new();
    device.wait();
    device.succeed();
    let next = device.record.wake_at().unwrap();
    assert_eq!(next.duration_since(device.now), device.policy.check_every.unwrap());
}

#[test]
fn a_device_that_a_rollout_has_not_reached_looks_again_when_it_does() {
    let mut device = Device::new();
    device.wait();
    let reached = device.now + SignedDuration::from_mins(7);
    device.answer_check(Found::NothingBefore(reached, "the rollout of 1.1.0 reaches this device later".to_owned()));
    assert_eq!(device.record.wake_at(), Some(reached), "not an interval later");

    device.newest = version("1.1.0");
    device.wait();
    device.succeed();
    assert!(matches!(device.record.phase, Phase::Writing { .. }), "{:?}", device.record.phase);
}

#[test]
fn an_inserted_medium_is_looked_at_at_once_also_where_no_repository_is_set() {
    let mut device = Device::new();
    device.policy = Policy { check_every: None, ..Policy::default() };
    device.send(Event::SettingsChanged).unwrap();
    device.newest = version("1.1.0");
    device.wait();
    assert_eq!(device.record.phase, Phase::Idle, "nothing is looked at by itself");
    device.send(Event::MediumInserted).unwrap();
    assert!(matches!(device.record.phase, Phase::Checking { .. }));
    device.succeed();
    // The medium is pulled out in the middle, and comes back.
    device.fail(false);
    assert!(matches!(device.record.phase, Phase::Writing { activity: Activity::Waiting, .. }));
    device.send(Event::MediumInserted).unwrap();
    assert!(matches!(device.record.phase, Phase::Writing { activity: Activity::Running, .. }));
}

#[test]
fn changed_settings_count_at_once() {
    let mut device = Device::new();
    device.policy = Policy { check_every: None, ..Policy::default() };
    device.send(Event::SettingsChanged).unwrap();
    assert_eq!(device.record.next_try, None);
    device.policy = Policy::default();
    device.send(Event::SettingsChanged).unwrap();
    assert_eq!(device.record.next_try, Some(device.now), "the repository that is set now is looked at");

    let mut device = staged();
    device.fail(false);
    let waits = |device: &Device| matches!(&device.record.phase, Phase::Staged { wait: Some(_), .. });
    assert!(waits(&device) && device.pending.is_empty());
    device.send(Event::SettingsChanged).unwrap();
    assert!(waits(&device), "what was said holds until there is another answer");
    device.succeed();
    assert!(device.reboot_asked, "the schedule was asked again");
}

#[test]
fn a_clock_that_was_ahead_and_is_set_right_does_not_put_the_next_look_off_for_years() {
    let mut device = Device::new();
    let right = device.now;
    device.now = right + SignedDuration::from_hours(3 * 365 * 24);
    device.wait();
    device.answer_check(Found::Nothing("up to date".to_owned()));
    assert!(device.record.wake_at().is_some_and(|at| at > device.now));

    device.now = right;
    device.send(Event::Timer).unwrap();
    assert!(matches!(device.record.phase, Phase::Checking { .. }), "{:?}", device.record.phase);
}

#[test]
fn reading_the_image_back_says_how_far_it_is() {
    let mut device = device_with_update();
    device.succeed();
    device.succeed();
    assert!(matches!(device.record.phase, Phase::Verifying { checked: 0, .. }));
    let operation = device.record.operation;
    let progress = Progress { image: 4096, ..Progress::default() };
    device.send(Event::Progressed { operation, progress }).unwrap();
    assert!(matches!(device.record.phase, Phase::Verifying { checked: 4096, .. }));
}

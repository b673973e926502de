//! A device with maintenance windows waits for one, says until when, and restarts within it; people and jobs delay it up to their limits.

use serde_json::Value;
use test_bench::TestMachine;

use crate::operator::{Operator, tell_source, update_machine, wait_for_updates};

/// Seconds of an hour.
const HOUR: i64 = 3600;
/// Minutes that people and jobs put a restart off in this test.
const LIMIT: i64 = 3;
/// The device's windows are in this zone, which is always five and three quarter hours ahead of UTC.
const ZONE: (&str, i64) = ("Asia/Kathmandu", 5 * HOUR + 45 * 60);
/// Every day, and people and jobs do not delay.
const EVERY_DAY: &str = "days = [\"Mon\", \"Tue\", \"Wed\", \"Thu\", \"Fri\", \"Sat\", \"Sun\"]";

#[test]
fn a_device_waits_for_its_window_says_until_when_and_restarts_within() {
    let mut operator = Operator::new();
    let [old, new] = ["1.0.0", "1.1.0"].map(|version| operator.build(version, ""));
    operator.publish(&old, 8);
    let mut machine = TestMachine::start(&old.image(), update_machine());
    let first_boot = machine.boot_id();
    let far = next_minute(&mut machine) + 12 * HOUR;
    write_settings(&mut machine, "60-window", &window(far));
    operator.publish(&new, 8);
    tell_source(&mut machine, &operator.url());

    let staged = wait_for_updates(&mut machine, "staged", |updates| updates["state"] == "staged");
    let staged = if staged["waits"].is_object() { staged } else { until_it_waits(&mut machine, "window") };
    let opens = format!("the next maintenance window opens at {}", local(&mut machine, far));
    assert!(staged["waits"]["reason"].as_str().is_some_and(|reason| reason.starts_with(&opens)), "{opens}: {staged}");
    assert_eq!(time(&mut machine, &staged["waits"]["until"]), far, "{staged}");

    // What cannot be meant is refused, with its place; what was set before holds.
    write_settings(&mut machine, "70-now", "strategy = \"sometimes\"\n");
    let refused = machine.run("systemctl reload piccolo-updater");
    assert_ne!(refused.status, 0, "{refused:?}");
    let kept = wait_for_updates(&mut machine, "with a refused setting", |updates| {
        updates["settings_problems"][0].is_string() && updates["waits"].is_object()
    });
    let problem = kept["settings_problems"][0].as_str().unwrap_or_default();
    assert!(problem.starts_with("/run/piccolo/updates.d/70-now.toml:1: `strategy` is no strategy"), "{kept}");
    assert!(kept["waits"]["reason"].as_str().is_some_and(|reason| reason.starts_with(&opens)), "{kept}");

    somebody_logs_in_and_a_job_runs(&mut machine);
    let near = next_minute(&mut machine);
    let delays = format!("[delay]\nsessions_minutes = {LIMIT}\njobs_minutes = {LIMIT}\nnotice_minutes = 1\n");
    write_settings(&mut machine, "70-now", &format!("{}{delays}", window(near)));
    machine.succeed("systemctl reload piccolo-updater");
    let told = until_it_waits(&mut machine, "logged in");
    let reason = told["waits"]["reason"].as_str().unwrap_or_default().to_owned();
    assert!(reason.contains("root is logged in") && reason.contains("nightly backup is running"), "{told}");
    assert_eq!(told["settings_problems"], Value::Array(Vec::new()), "{told}");
    let screen = machine.succeed("tr -s ' ' < /dev/vcs9");
    assert!(screen.contains("Release 1.1.0 is installed. This device restarts at"), "{screen}");

    // A restart of the updater does not begin the delay anew.
    machine.succeed("systemctl restart piccolo-updater");
    let again = until_it_waits(&mut machine, "logged in");
    assert_eq!(again["waits"]["reason"], reason.as_str(), "{again}");

    machine.wait_for_restart(&first_boot);
    let kept =
        wait_for_updates(&mut machine, "kept", |updates| updates["state"] == "idle" && updates["running"] == "1.1.0");
    assert_eq!(kept["failure"], Value::Null, "{kept}");
    let ended = ended_at(&mut machine);
    let limit = near + LIMIT * 60;
    let closes = near + 30 * 60;
    assert!((limit..closes).contains(&ended), "the restart at {ended} was not between {limit} and {closes}");
}

/// A window of half an hour that begins at this time.
fn window(begins: i64) -> String {
    let (zone, offset) = ZONE;
    let of_day = (begins + offset).rem_euclid(24 * HOUR);
    let (hour, minute) = (of_day / HOUR, of_day % HOUR / 60);
    format!(
        "strategy = \"windows\"\ntime_zone = \"{zone}\"\n[[window]]\n{EVERY_DAY}\nstart = \"{hour:02}:{minute:02}\"\nlength_minutes = 30\n"
    )
}

fn write_settings(machine: &mut TestMachine, name: &str, text: &str) {
    machine.succeed(&format!(
        "mkdir -p /run/piccolo/updates.d && cat > /run/piccolo/updates.d/{name}.toml <<'END'\n{text}END"
    ));
}

/// The first full minute that leaves time for what comes before it.
fn next_minute(machine: &mut TestMachine) -> i64 {
    let now: i64 = machine.succeed("date +%s").parse().unwrap();
    (now + 119) / 60 * 60
}

/// As the device shows it.
fn local(machine: &mut TestMachine, at: i64) -> String {
    machine.succeed(&format!("TZ={} date --date=@{at} '+%Y-%m-%d %H:%M'", ZONE.0))
}

fn time(machine: &mut TestMachine, shown: &Value) -> i64 {
    machine.succeed(&format!("date --date={shown} +%s")).parse().unwrap()
}

fn until_it_waits(machine: &mut TestMachine, why: &str) -> Value {
    wait_for_updates(machine, why, |updates| {
        updates["waits"]["reason"].as_str().is_some_and(|reason| reason.contains(why))
    })
}

/// A person at the ninth terminal, and somebody who asks not to be interrupted.
fn somebody_logs_in_and_a_job_runs(machine: &mut TestMachine) {
    machine.succeed(
        "systemd-run --quiet --unit=person -p PAMName=login -p User=root -p TTYPath=/dev/tty9 -p StandardInput=tty \
         -p StandardOutput=tty sleep 3600",
    );
    machine.succeed(
        "systemd-run --quiet --unit=backup systemd-inhibit --what=shutdown --mode=block --who='nightly backup' \
         --why='it would begin anew' sleep 3600",
    );
    machine.succeed("until grep -q TTY=tty9 /run/systemd/sessions/*; do sleep 0.2; done");
    machine.succeed("until grep -q backup /run/systemd/inhibit/*; do sleep 0.2; done");
}

/// When the boot before this one ended.
fn ended_at(machine: &mut TestMachine) -> i64 {
    let last = machine.succeed("journalctl -b -1 -n 1 -o json --output-fields=__REALTIME_TIMESTAMP");
    let last: Value = serde_json::from_str(&last).unwrap();
    let microseconds: i64 = last["__REALTIME_TIMESTAMP"].as_str().unwrap_or_default().parse().unwrap();
    microseconds / 1_000_000
}

//! A release whose kernel panics or that hangs uses up its tries without anybody's help, and the device goes back to the one before.

use serde_json::Value;
use test_bench::{TestMachine, TestOptions};

use crate::operator::{Operator, history, update_machine, wait_for_updates};

/// The kernel finds no first program in its initrd and no root file system it could mount: it panics before anything else runs.
const PANIC: &str = "kernel:\n  command_line:\n    - rdinit=/nowhere\n    - panic=1\n";

/// The first process crashes as soon as the watchdog watches it. systemd then freezes: nothing starts or ends any more, and nobody feeds the
/// watchdog.
const HANG: &str = "  - path: /usr/lib/systemd/system/hang.service
    content: |
      [Unit]
      DefaultDependencies=no
      [Service]
      Type=oneshot
      ExecStart=/bin/sh -c 'until grep -qx active /sys/class/watchdog/watchdog0/state; do sleep 1; done; kill -SEGV 1'
      [Install]
      WantedBy=sysinit.target
  - path: /usr/lib/systemd/system.conf.d/60-impatient.conf
    content: |
      [Manager]
      RuntimeWatchdogSec=10s
units:
  enable: [hang.service]
";

#[test]
fn a_release_whose_kernel_panics_is_left_behind_and_remembered() {
    let machine = left_behind(PANIC, update_machine());
    let panics = machine.console().matches("Kernel panic - not syncing").count();
    assert_eq!(panics, 3, "each try ends in a panic");
}

#[test]
fn a_release_that_hangs_is_reset_by_the_watchdog_left_behind_and_remembered() {
    let machine = left_behind(HANG, TestOptions { watchdog: true, ..update_machine() });
    let hangs = machine.console().matches("Freezing execution").count();
    assert_eq!(hangs, 3, "each try ends in a hang");
}

/// Has a device update to a release with this in its recipe, which does not come up, and waits until it is back.
fn left_behind(more: &str, options: TestOptions) -> TestMachine {
    let mut operator = Operator::new();
    let [old, new] = [operator.build("1.0.0", ""), operator.build("1.1.0", more)];
    operator.publish(&old, 0);
    operator.publish(&new, 1);
    let mut machine = operator.start(&old, options);
    let back = wait_for_updates(&mut machine, "back where they were", |updates| {
        updates["running"] == "1.0.0" && updates["bad"].as_array().is_some_and(|bad| !bad.is_empty())
    });
    let bad = &back["bad"][0];
    assert_eq!(bad["version"], "1.1.0", "{back}");
    assert!(bad["reason"].as_str().is_some_and(|reason| reason.contains("did not come up at all")), "{back}");
    assert_eq!(back["state"], "idle", "{back}");
    let history = history(&mut machine);
    assert_eq!(history[0]["outcome"], "rolled-back", "{history}");
    assert_eq!(machine.succeed("ls /efi/EFI/Linux"), "piccolo_1.0.0.efi", "no litter");
    assert_eq!(machine.api_get("/api/v1/health")["status"], Value::from("ok"));
    machine
}

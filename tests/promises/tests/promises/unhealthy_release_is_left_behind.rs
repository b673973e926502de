//! A release that does not come up healthy is left behind by itself, and the device says which check failed.

use crate::operator::{Operator, history, update_machine, wait_for_updates};

/// A check that fails, and says why.
const FAILING_CHECK: &str = "  - path: /usr/lib/piccolo/health/required.d/50-photos
    mode: 0755
    content: |
      #!/bin/sh
      echo the photos are gone
      exit 7
";

#[test]
fn a_release_that_is_not_healthy_is_left_behind_with_the_reason_and_not_tried_again() {
    let mut operator = Operator::new();
    let old = operator.build("1.0.0", "");
    let new = operator.build("1.1.0", FAILING_CHECK);
    operator.publish(&old, 0);
    operator.publish(&new, 1);
    let mut machine = operator.start(&old, update_machine());
    let back = wait_for_updates(&mut machine, "back where they were", |updates| {
        updates["running"] == "1.0.0" && updates["bad"].as_array().is_some_and(|bad| !bad.is_empty())
    });
    let bad = &back["bad"][0];
    assert_eq!(bad["version"], "1.1.0", "{back}");
    let reason = bad["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("/usr/lib/piccolo/health/required.d/50-photos ended with exit status 7"), "{back}");
    assert_eq!(bad["output"], "the photos are gone\n", "{back}");
    let history = history(&mut machine);
    assert_eq!(history[0]["outcome"], "rolled-back", "{history}");

    assert_eq!(machine.succeed("ls /efi/EFI/Linux"), "piccolo_1.0.0.efi", "no litter");
    machine.succeed("piccolo device update check");
    let refused = wait_for_updates(&mut machine, "idle again", |updates| {
        updates["state"] == "idle" && updates["message"].as_str().is_some_and(|message| message.contains("left behind"))
    });
    assert_eq!(refused["running"], "1.0.0", "{refused}");
}

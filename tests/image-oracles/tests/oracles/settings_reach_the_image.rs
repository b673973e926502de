//! Promises: what a recipe says about modules, scripts, presets and users is in the image, and nothing else changes.

use std::fs;

use crate::checkout::{Build, Checkout, Workshop};
use crate::image::Image;
use crate::listing::{self, Listing};

/// Settings that no other test builds with. The packages stay the same, so the lockfile still answers.
const LAYER: &str = r##"
kernel:
  modules:
    exclude:
      - industrial-io
      - infiniband
      - "kernel/fs/btrfs/**"
post_process:
  - name: mark
    content: |
      #!/bin/sh
      set -eu
      test ! -e /sys/class/net/eth0
      printf 'made by %s\n' "$(id -u)" > /usr/lib/marked
      rm /usr/lib/piccolo/unwanted
files:
  - path: /usr/lib/piccolo/unwanted
    content: "goes away again\n"
  - path: /usr/lib/piccolo/capable
    content: "#!/bin/sh\n"
    mode: 04750
    owner: app
    group: 12
    xattrs: {user.note: mine}
sysusers:
  app: u app 850 "The app" /var/lib/app
tmpfiles:
  app: d /var/lib/app 0750 app app
presets:
  10-mine: |
    disable fstrim.timer
"##;

#[test]
fn modules_scripts_presets_users_and_attributes_of_a_recipe_reach_the_image() {
    let workshop = Workshop::new();
    let checkout = Checkout::new(&workshop, "checkout", "022");
    let layer = checkout.root.join("more.yaml");
    fs::write(&layer, LAYER).unwrap();
    let layers = format!("{}:{}", checkout.build().layers, layer.display());
    let build = Build { layers, ..checkout.build() };
    build.succeed();
    let changed = of_image(&build.image());
    let plain = of_image(&Image::under_test());

    // The core of InfiniBand stays, because file systems over a network that were not excluded depend on it.
    for excluded in ["/kernel/drivers/comedi/", "/kernel/drivers/infiniband/hw/", "/kernel/fs/btrfs/"] {
        assert!(has(&plain, excluded), "the test image has no {excluded}: exclude something that it has");
        assert!(!has(&changed, excluded), "{excluded} is still there");
    }
    // What stays is whole: no module depends on one that went.
    let modules = |listing: &Listing| listing.keys().filter(|path| path.ends_with(".ko")).count();
    assert!(
        modules(&changed) > 200 && modules(&changed) < modules(&plain),
        "{} of {}",
        modules(&changed),
        modules(&plain)
    );

    assert!(changed["/usr/lib/marked"].what.starts_with("file of 10 bytes"), "{:?}", changed["/usr/lib/marked"]);
    assert!(!changed.contains_key("/usr/lib/piccolo/unwanted"), "scripts run after files are added");

    let capable = &changed["/usr/lib/piccolo/capable"];
    assert_eq!((capable.mode.as_str(), capable.owner), ("4750", Some((850, 12))));
    assert_eq!(capable.attributes, [("user.note".to_owned(), hex::encode("mine"))].into());
    assert!(
        changed.contains_key("/usr/lib/sysusers.d/app.conf") && changed.contains_key("/usr/lib/tmpfiles.d/app.conf")
    );

    let timer = "/etc/systemd/system/timers.target.wants/fstrim.timer";
    assert!(plain.contains_key(timer), "the test image does not enable fstrim.timer: disable a unit that it does");
    assert!(!changed.contains_key(timer));
}

fn has(listing: &Listing, part: &str) -> bool {
    listing.keys().any(|path| path.contains(part) && path.ends_with(".ko"))
}

fn of_image(image: &Image) -> Listing {
    let (tree, blobs) = image.root_tree();
    listing::of_tree(&tree, &blobs)
}

//! Somebody's files fill the EFI system partition: the device says what it lacks, takes nothing away, and goes on once there is room.

use test_bench::TestMachine;

use crate::operator::{Operator, set, tell_source, update_machine, wait_for_updates};

/// The smallest that a recipe may ask for, which is filled the quickest.
const SMALL_ESP: &str = "image:\n  sizes:\n    esp: 260MiB\n";
/// Somebody's files, in MiB. They leave room for one kernel and not for two.
const PHOTOS: u64 = 180;

#[test]
fn an_update_waits_for_room_on_the_esp_and_takes_no_file_that_is_not_its_own() {
    let mut operator = Operator::new();
    let [old, new] = ["1.0.0", "1.1.0"].map(|version| operator.build(version, SMALL_ESP));
    operator.publish(&old, 0);
    operator.publish(&new, 1);
    let mut machine = TestMachine::start(&old.image(), update_machine());
    let photos = machine.succeed(&format!(
        "dd if=/dev/zero of=/efi/photos.tar bs=1M count={PHOTOS} && sync -f /efi && sha256sum /efi/photos.tar"
    ));
    set(&mut machine, "60-strategy", "strategy = \"manual\"");
    tell_source(&mut machine, &operator.url());

    let waits = wait_for_updates(&mut machine, "without room", |updates| {
        updates["failure"]["reason"].as_str().is_some_and(|reason| reason.contains("EFI system partition"))
    });
    let reason = waits["failure"]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("bytes free") && reason.contains("remove what is not needed"), "{waits}");
    let foreign =
        reason.split_once("not Piccolo's take ").and_then(|(_, rest)| rest.split(' ').next()?.parse::<u64>().ok());
    // The photos, the boot loader and what the file system itself needs.
    assert!(
        foreign.is_some_and(|foreign| (PHOTOS << 20..(PHOTOS + 8) << 20).contains(&foreign)),
        "how much is somebody else's: {waits}"
    );
    assert_eq!(machine.succeed("ls /efi/EFI/Linux"), "piccolo_1.0.0.efi", "what runs stays, and nothing else is there");
    assert_eq!(machine.succeed("sha256sum /efi/photos.tar"), photos);
    assert!(
        waits["progress"].is_null() || waits["progress"]["image_bytes"] == 0,
        "nothing was written in vain: {waits}"
    );

    machine.succeed("rm /efi/photos.tar && piccolo device update start");
    let staged = wait_for_updates(&mut machine, "staged", |updates| updates["state"] == "staged");
    assert!(staged["failure"].is_null(), "{staged}");
    let names = machine.succeed("ls /efi/EFI/Linux");
    assert_eq!(names, "piccolo_1.0.0.efi\npiccolo_1.1.0+3-0.efi");
}

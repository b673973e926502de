//! The promises of the product, each in a file of its own, kept in virtual machines with real firmware and a real TPM emulator.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod barrier_is_not_jumped_over;
mod boots_to_a_healthy_api;
mod crashing_release_is_left_behind;
mod damaged_slot_does_not_stop_an_update;
mod data_partition_is_created_once_and_kept;
mod device_without_tpm_boots_and_says_so;
mod etc_changes_survive_and_the_image_stays;
mod every_crash_point_leaves_a_system_that_boots;
mod false_metadata_is_refused;
mod flipped_byte_is_refused;
mod full_data_partition_stops_no_update_for_good;
mod full_esp_blocks_an_update_and_loses_nothing;
mod half_a_gigabyte_of_memory_is_enough;
mod interrupted_first_boot_finishes_later;
mod interrupted_update_goes_on;
mod line;
mod media_are_left_alone_unless_allowed;
mod operator;
mod other_disks_with_the_same_names_are_left_alone;
mod reboot_lock_is_asked_for_and_given_back;
mod root_is_read_only_erofs_on_verity;
mod support;
mod ten_updates_leave_no_litter;
mod unhealthy_release_is_left_behind;
mod updates_from_a_stick;
mod updates_itself_and_keeps_a_healthy_release;
mod window_is_respected;
mod workshop;

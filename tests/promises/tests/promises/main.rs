//! The promises of the product, each in a file of its own, kept in virtual machines with real firmware and a real TPM emulator.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod boots_to_a_healthy_api;
mod data_partition_is_created_once_and_kept;
mod device_without_tpm_boots_and_says_so;
mod etc_changes_survive_and_the_image_stays;
mod flipped_byte_is_refused;
mod interrupted_first_boot_finishes_later;
mod media_are_left_alone_unless_allowed;
mod one_gigabyte_of_memory_is_enough;
mod operator;
mod other_disks_with_the_same_names_are_left_alone;
mod root_is_read_only_erofs_on_verity;
mod support;
mod unhealthy_release_is_left_behind;
mod updates_from_a_stick;
mod updates_itself_and_keeps_a_healthy_release;
mod window_is_respected;

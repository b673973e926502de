//! Assembles and reads unified kernel images (PE files made from systemd-stub)

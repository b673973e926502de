//! QEMU's command line: a pure function of what the machine is made of.

use crate::acceleration::Acceleration;
use crate::disks::Disk;
use crate::firmware::Firmware;
use crate::settings::{Flushes, ForwardedPort, GUEST_API_PORT, MachineSettings};
use crate::{qmp, software_tpm};
use std::path::Path;

/// The serial console's socket in the machine's directory.
pub const SERIAL_SOCKET: &str = "serial.sock";
/// The guest agent's socket in the machine's directory.
pub const AGENT_SOCKET: &str = "agent.sock";
/// The name of the guest agent's serial port in the guest.
const AGENT_PORT: &str = "org.qemu.guest_agent.0";

/// What the command line is made from, besides the settings.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// How instructions are run.
    pub acceleration: Acceleration,
    /// The firmware.
    pub firmware: &'a Firmware,
    /// The machine's own copy of the firmware's variables.
    pub variables: &'a Path,
    /// The disks in the guest's order.
    pub disks: &'a [Disk],
    /// Where the console is logged.
    pub console_log: &'a Path,
}

/// The arguments of `qemu-system-x86_64`. Sockets are relative: it must run in the machine's directory.
#[must_use]
pub fn arguments(settings: &MachineSettings, parts: &Parts<'_>) -> Vec<String> {
    let mut arguments = Vec::new();
    let mut add = |name: &str, value: String| arguments.extend([format!("-{name}"), value]);

    let smm = if parts.firmware.system_management_mode { "on" } else { "off" };
    add("machine", format!("q35,smm={smm},vmport=off,hpet=off"));
    match parts.acceleration {
        Acceleration::Kvm => {
            add("accel", "kvm".into());
            add("cpu", "host".into());
        }
        Acceleration::Emulation => {
            add("accel", "tcg,thread=multi".into());
            add("cpu", "max".into());
        }
    }
    add("smp", settings.cpus.max(1).to_string());
    add("m", format!("{}M", settings.memory.div_ceil(1 << 20).max(64)));
    // Nothing that is not said: no floppy, no graphics, no default network.
    arguments.extend(["-nodefaults", "-no-user-config"].map(String::from));
    let mut add = |name: &str, value: String| arguments.extend([format!("-{name}"), value]);
    add("display", "none".into());

    if parts.firmware.system_management_mode {
        // Without this the guest could write the variables behind the firmware's back, keys included.
        add("global", "driver=cfi.pflash01,property=secure,value=on".into());
    }
    let (code, variables) = (&parts.firmware.code, &parts.firmware.variables);
    add("drive", format!("if=pflash,unit=0,readonly=on,format={},file={}", code.format, path(&code.filename)));
    add("drive", format!("if=pflash,unit=1,format={},file={}", variables.format, path(parts.variables)));

    add("device", "virtio-rng-pci".into());
    for disk in parts.disks {
        let name = &disk.name;
        // Written through the host's cache. A power cut of the guest loses nothing that the guest flushed, which is what is tested:
        // QEMU hands everything to the host at each flush also where it does not wait for the host's disk ("unsafe"). A log of
        // what is written has the flushes, too: there, they are not left out.
        let cache = match settings.flushes {
            Flushes::ToTheHost if disk.write_log.is_none() => ",cache=unsafe",
            _ => "",
        };
        add("drive", format!("if=none,id={name},discard=unmap{cache},{}", drive(disk)));
        let boot_index = disk.boot_index.map(|index| format!(",bootindex={index}")).unwrap_or_default();
        add("device", format!("virtio-blk-pci,drive={name},serial={name}{boot_index}"));
    }

    let host_port = match settings.port {
        ForwardedPort::AnyFree => 0,
        ForwardedPort::Exactly(port) => port,
    };
    add("netdev", format!("user,id=network,hostfwd=tcp:127.0.0.1:{host_port}-:{GUEST_API_PORT}"));
    add("device", "virtio-net-pci,netdev=network,romfile=".into());

    add(
        "chardev",
        format!(
            "socket,id=console,path={SERIAL_SOCKET},server=on,wait=off,logappend=on,logfile={}",
            path(parts.console_log)
        ),
    );
    add("serial", "chardev:console".into());
    add("qmp", format!("unix:{},server=on,wait=off", qmp::SOCKET));

    if settings.tpm {
        add("chardev", format!("socket,id=tpm,path={}", software_tpm::SOCKET));
        add("tpmdev", "emulator,id=tpm,chardev=tpm".into());
        add("device", "tpm-crb,tpmdev=tpm".into());
    }
    if settings.guest_agent {
        add("device", "virtio-serial-pci".into());
        add("chardev", format!("socket,id=agent,path={AGENT_SOCKET},server=on,wait=off"));
        add("device", format!("virtserialport,chardev=agent,name={AGENT_PORT}"));
    }
    if settings.watchdog {
        add("device", "i6300esb".into());
        add("action", "watchdog=reset".into());
    }
    arguments
}

/// What holds a disk's bytes. It is written through the host's cache: a power cut of the guest loses nothing that the guest
/// flushed, which is what is tested.
fn drive(disk: &Disk) -> String {
    let overlay = path(&disk.overlay);
    let Some(log) = &disk.write_log else { return format!("format=qcow2,file={overlay}") };
    format!(
        "driver=blklogwrites,log.driver=file,log.filename={},file.driver=qcow2,file.discard=unmap,file.file.driver=file,\
         file.file.filename={overlay}",
        path(log)
    )
}

/// A path in a list of options, in which a comma is written twice.
fn path(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::{Parts, arguments, drive};
    use crate::acceleration::Acceleration;
    use crate::disks::Disk;
    use crate::firmware::{Firmware, FlashFile};
    use crate::settings::{Flushes, MachineSettings};
    use std::path::{Path, PathBuf};

    fn disk() -> Disk {
        Disk { name: "system".into(), overlay: "/m/a,b.qcow2".into(), boot_index: Some(10), write_log: None }
    }

    fn rendered(settings: &MachineSettings, acceleration: Acceleration, system_management_mode: bool) -> String {
        let file = |name: &str| FlashFile { filename: PathBuf::from(name), format: "raw".into() };
        let firmware = Firmware { code: file("/code.fd"), variables: file("/vars.fd"), system_management_mode };
        let parts = Parts {
            acceleration,
            firmware: &firmware,
            variables: Path::new("/m/vars.fd"),
            disks: &[disk()],
            console_log: Path::new("/m/console.log"),
        };
        arguments(settings, &parts).join(" ")
    }

    #[test]
    fn a_comma_in_a_path_stays_in_the_path() {
        let text = rendered(&MachineSettings::of_image("/image"), Acceleration::Emulation, false);
        assert!(text.contains("file=/m/a,,b.qcow2"), "{text}");
    }

    #[test]
    fn a_logged_disk_writes_through_the_log() {
        assert_eq!(drive(&disk()), "format=qcow2,file=/m/a,,b.qcow2");
        let logged = drive(&Disk { write_log: Some("/m/w,l".into()), ..disk() });
        assert!(
            logged.starts_with("driver=blklogwrites,log.driver=file,log.filename=/m/w,,l,file.driver=qcow2"),
            "{logged}"
        );
    }

    #[test]
    fn secure_firmware_keeps_its_variables_from_the_guest() {
        let settings = MachineSettings::of_image("/image");
        let secure = rendered(&settings, Acceleration::Kvm, true);
        assert!(secure.contains("q35,smm=on") && secure.contains("property=secure,value=on"), "{secure}");
        let plain = rendered(&settings, Acceleration::Kvm, false);
        assert!(plain.contains("q35,smm=off") && !plain.contains("property=secure"), "{plain}");
    }

    #[test]
    fn flushes_reach_the_disk_unless_they_need_not() {
        let usual = rendered(&MachineSettings::of_image("/image"), Acceleration::Emulation, false);
        assert!(!usual.contains("cache="), "{usual}");
        let settings = MachineSettings { flushes: Flushes::ToTheHost, ..MachineSettings::of_image("/image") };
        let quick = rendered(&settings, Acceleration::Emulation, false);
        assert!(quick.contains("cache=unsafe"), "{quick}");
    }

    #[test]
    fn devices_are_there_only_when_asked_for() {
        let bare = MachineSettings { tpm: false, ..MachineSettings::of_image("/image") };
        let text = rendered(&bare, Acceleration::Emulation, false);
        for absent in ["tpm", "agent", "i6300esb"] {
            assert!(!text.contains(absent), "{absent} is in {text}");
        }
        let full = MachineSettings { guest_agent: true, watchdog: true, ..MachineSettings::of_image("/image") };
        let text = rendered(&full, Acceleration::Emulation, false);
        for present in ["-device tpm-crb,tpmdev=tpm", "name=org.qemu.guest_agent.0", "-device i6300esb", "-cpu max"] {
            assert!(text.contains(present), "{present} is missing in {text}");
        }
    }
}

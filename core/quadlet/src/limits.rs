//! How much of the device a unit may use.
//!
//! Podman 5.4 puts a container into the control group of its service (`--cgroups=split`), so limits of systemd hold for it; options of Podman hold
//! besides. The smallest counts.

use crate::app::Unit;
use crate::check::podman_options;
use crate::keys::{Value, value};
use crate::unit_file::{EditError, Position, UnitFile};
use crate::unit_kind::UnitKind;
use crate::value::parse_size;

/// The limits that are written in a unit, in the order of systemd's before Podman's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Memory, in bytes.
    pub memory: Vec<Limit>,
    /// Processes and threads, in number.
    pub processes: Vec<Limit>,
    /// Time of processors, in thousandths of one.
    pub processors: Vec<Limit>,
    /// What `/dev/shm` holds, in bytes.
    pub shared_memory: Vec<Limit>,
    /// What the container may write beside its volumes, in bytes.
    pub storage: Vec<Limit>,
}

/// One limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The key or option that sets it.
    pub written_as: String,
    /// The value as it is written.
    pub text: String,
    /// The amount; none where it is unlimited, or where only the device knows (percent of its memory).
    pub amount: Option<u64>,
    /// Where it is written.
    pub position: Position,
}

impl Limits {
    /// The limits of a unit.
    #[must_use]
    pub fn of(unit: &Unit) -> Self {
        let mut limits = Self::default();
        for entry in unit.file.entries_of("Service") {
            let text = entry.text();
            let (list, amount) = match entry.key.as_str() {
                "MemoryMax" => (&mut limits.memory, systemd_size(text)),
                "TasksMax" => (&mut limits.processes, text.parse().ok()),
                "CPUQuota" => (&mut limits.processors, percent(text)),
                _ => continue,
            };
            // A later line replaces an earlier one, and an empty one takes it back.
            list.clear();
            if !text.is_empty() {
                let written_as = format!("[Service] {}", entry.key);
                list.push(Limit { written_as, text: text.to_owned(), amount, position: entry.value_position() });
            }
        }
        limits.add_keys(unit);
        limits.add_options(unit);
        limits
    }

    fn add_keys(&mut self, unit: &Unit) {
        let of = |key: &str, amount: fn(&str) -> Option<u64>| {
            let Value { text, position } = value(&unit.file, unit.kind, key)?;
            Some(Limit { written_as: key.to_owned(), amount: amount(&text), text, position })
        };
        self.processes.extend(of("PidsLimit", positive));
        self.shared_memory.extend(of("ShmSize", |text| parse_size(text).ok()));
    }

    fn add_options(&mut self, unit: &Unit) {
        for option in podman_options(unit) {
            let Some(text) = option.value else { continue };
            let (list, amount) = match option.name.as_str() {
                "--memory" => (&mut self.memory, parse_size(&text).ok().filter(|bytes| *bytes != 0)),
                "--pids-limit" => (&mut self.processes, positive(&text)),
                "--cpus" => (&mut self.processors, thousandths(&text)),
                "--shm-size" => (&mut self.shared_memory, parse_size(&text).ok()),
                "--storage-opt" => {
                    let Some(size) = text.strip_prefix("size=") else { continue };
                    (&mut self.storage, parse_size(size).ok())
                }
                _ => continue,
            };
            list.push(Limit { written_as: option.name, text, amount, position: option.position });
        }
    }
}

/// The limit that holds: the smallest of those that are known.
#[must_use]
pub fn strictest(limits: &[Limit]) -> Option<&Limit> {
    limits.iter().filter(|limit| limit.amount.is_some()).min_by_key(|limit| limit.amount)
}

/// A limit that is to be: taken away, or an amount in the unit of [`Limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Leave it as it is written.
    Unchanged,
    /// No limit by systemd.
    Unlimited,
    /// At most so much.
    AtMost(u64),
}

/// Writes limits of systemd into a unit file: `MemoryMax=`, `TasksMax=` and `CPUQuota=` in `[Service]`. Other lines stay as they are.
///
/// # Errors
/// Where the file cannot be changed; it is unchanged or changed in part then.
pub fn write(file: &mut UnitFile, memory: Wanted, processes: Wanted, processors: Wanted) -> Result<(), EditError> {
    let mut set = |key: &str, wanted: Wanted, text: fn(u64) -> String| match wanted {
        Wanted::Unchanged => Ok(()),
        Wanted::Unlimited => {
            file.remove("Service", key);
            Ok(())
        }
        Wanted::AtMost(amount) => file.set("Service", key, &text(amount)),
    };
    set("MemoryMax", memory, systemd_text)?;
    set("TasksMax", processes, |amount| amount.to_string())?;
    // systemd counts in percent of one processor, with up to two decimals.
    set("CPUQuota", processors, |thousandths| match thousandths % 10 {
        0 => format!("{}%", thousandths / 10),
        rest => format!("{}.{rest}%", thousandths / 10),
    })
}

/// Whether units of this kind run processes, for which limits mean something.
#[must_use]
pub const fn has_limits(kind: UnitKind) -> bool {
    matches!(kind, UnitKind::Container | UnitKind::Pod | UnitKind::Kube | UnitKind::Build)
}

/// Bytes in the largest unit that holds them whole.
fn systemd_text(bytes: u64) -> String {
    let units = [("T", 40), ("G", 30), ("M", 20), ("K", 10)];
    let fitting = units.into_iter().find(|(_, shift)| bytes != 0 && bytes.is_multiple_of(1_u64 << shift));
    fitting.map_or_else(|| bytes.to_string(), |(unit, shift)| format!("{}{unit}", bytes >> shift))
}

/// A size as systemd reads it (systemd.resource-control(5)): powers of 1024; percent and `infinity` have no amount.
fn systemd_size(text: &str) -> Option<u64> {
    parse_size(text).ok().filter(|_| !text.ends_with(['b', 'B']) || text.ends_with("iB"))
}

fn positive(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number| *number != 0)
}

/// Percent of one processor, in thousandths of it.
fn percent(text: &str) -> Option<u64> {
    let number = text.strip_suffix('%')?.parse::<f64>().ok()?;
    amount(number * 10.0)
}

fn thousandths(text: &str) -> Option<u64> {
    amount(text.parse::<f64>().ok()? * 1000.0)
}

fn amount(number: f64) -> Option<u64> {
    // A device with a million processors is none.
    let known = number.is_finite() && number > 0.0 && number < 1e9;
    known.then_some(number.round() as u64)
}

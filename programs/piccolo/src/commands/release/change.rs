//! Subcommands that change what metadata says, and nothing else.

use crate::failure::{Failure, FailureKind, OrFail};
use crate::release::place::{PlaceArgs, failure};
use crate::release::rollout::RolloutArgs;
use crate::report::Report;
use anyhow::anyhow;
use jiff::Timestamp;
use release_metadata::reason::Reason;
use release_metadata::stream::StreamName;
use release_metadata::updates::{Barrier, DeadEnd, ReleaseEntry, Rollout, Withdrawal};
use release_metadata::version::Version;
use release_repository::keys::{self, FileKey};
use release_repository::repository::{LIFETIMES, is_reserved};
use signed_metadata::publish::keys_of;
use signed_metadata::role::{ROOT, SNAPSHOT, TIMESTAMP};
use signed_metadata::signed::Signer;

/// Which release.
#[derive(Debug, clap::Args)]
pub struct WhichArgs {
    /// The release.
    #[arg(value_name = "VERSION")]
    release: Version,
    /// Its stream.
    #[arg(long, short, value_name = "NAME", default_value = "stable")]
    stream: StreamName,
}

/// Add a stream; needs the targets key
#[derive(Debug, clap::Args)]
pub struct AddStreamArgs {
    /// Its name.
    stream: StreamName,
}

/// Lead devices to a release: all at once, or a growing share
#[derive(Debug, clap::Args)]
pub struct RolloutCommandArgs {
    #[command(flatten)]
    which: WhichArgs,
    #[command(flatten)]
    rollout: RolloutArgs,
    /// Keep the share where it is now.
    #[arg(long, conflicts_with_all = ["start", "share", "duration", "stop"])]
    pause: bool,
    /// Lead nobody to it any more. Devices that have it keep it.
    #[arg(long, conflicts_with_all = ["start", "share", "duration"])]
    stop: bool,
}

/// Offer a release to nobody any more
#[derive(Debug, clap::Args)]
pub struct WithdrawArgs {
    #[command(flatten)]
    which: WhichArgs,
    #[command(flatten)]
    why: WhyArgs,
}

/// Have updates from older to newer releases go through this one
#[derive(Debug, clap::Args)]
pub struct BarrierArgs {
    #[command(flatten)]
    which: WhichArgs,
    #[command(flatten)]
    why: WhyArgs,
}

/// Lead no update away from a release; its rollout ends
#[derive(Debug, clap::Args)]
pub struct DeadEndArgs {
    #[command(flatten)]
    which: WhichArgs,
    #[command(flatten)]
    why: WhyArgs,
}

/// The reason, or that there is none any more.
#[derive(Debug, clap::Args)]
pub struct WhyArgs {
    /// Why, in one line; operators of devices read it.
    #[arg(long, value_name = "TEXT", required_unless_present = "undo")]
    reason: Option<Reason>,
    /// Take it back.
    #[arg(long, conflicts_with = "reason")]
    undo: bool,
}

/// Sign metadata anew before it expires
///
/// Signs what has less than half of its time left, and always the timestamp, as far as the keys at hand go. Says what needs other keys.
#[derive(Debug, clap::Args)]
pub struct RefreshArgs {}

/// Replace the key of a role
///
/// Makes a new key and signs for the old and the new one, so that devices follow whenever they next look. Needs the old key, and that of
/// the role above: root, or targets for a stream.
#[derive(Debug, clap::Args)]
pub struct RotateArgs {
    /// root, targets, snapshot, timestamp, or a stream.
    role: String,
}

/// Adds a stream.
pub fn add_stream(place: &PlaceArgs, args: &AddStreamArgs, report: &Report) -> Result<(), Failure> {
    if is_reserved(&args.stream) {
        let error = anyhow!("{} is a role of every repository; choose another name", args.stream);
        return Err(Failure::new(FailureKind::Usage, error));
    }
    let repository = place.open()?;
    let mut keys = place.read_keys()?;
    let key = keys::read_or_make(place.first_keys()?, args.stream.as_str()).or_fail(FailureKind::Requirement)?;
    let mut edit = repository.edit();
    edit.add_stream(&args.stream, key.key(), Timestamp::now()).map_err(failure)?;
    keys.add(key);
    let written = place.commit(&repository, edit, &keys)?;
    report.result(&format!("added the stream {}\n{}", args.stream, written.summary()), &written);
    Ok(())
}

/// Starts, changes, pauses or ends a rollout.
pub fn rollout(place: &PlaceArgs, args: &RolloutCommandArgs, report: &Report) -> Result<(), Failure> {
    let now = Timestamp::now();
    let asked = if args.pause || args.stop { None } else { Some(args.rollout.required(now)?) };
    let done = if args.stop { "is led to no more" } else { "has its rollout" };
    change(place, &args.which, done, report, |entry| {
        entry.rollout = match (asked, &entry.rollout) {
            (Some(rollout), _) => Some(rollout),
            (None, Some(running)) if args.pause => Some(paused(running, now)),
            (None, None) if args.pause => return Err(anyhow!("release {} has no rollout to pause", entry.version)),
            (None, _) => None,
        };
        Ok(())
    })
}

fn paused(running: &Rollout, now: Timestamp) -> Rollout {
    let reached = crate::release::rollout::reached(running, now);
    let initial_share = release_metadata::share::Share::new(reached).unwrap_or(running.initial_share);
    Rollout { start: running.start, initial_share, duration_minutes: None }
}

/// Withdraws a release.
pub fn withdraw(place: &PlaceArgs, args: &WithdrawArgs, report: &Report) -> Result<(), Failure> {
    let done = if args.why.undo { "is offered again" } else { "is withdrawn" };
    change(place, &args.which, done, report, |entry| {
        entry.withdrawn = args.why.reason.clone().map(|reason| Withdrawal { reason });
        Ok(())
    })
}

/// Makes a release a barrier.
pub fn barrier(place: &PlaceArgs, args: &BarrierArgs, report: &Report) -> Result<(), Failure> {
    let done = if args.why.undo { "is no barrier any more" } else { "is a barrier" };
    change(place, &args.which, done, report, |entry| {
        entry.barrier = args.why.reason.clone().map(|reason| Barrier { reason });
        Ok(())
    })
}

/// Makes a release a dead end.
pub fn dead_end(place: &PlaceArgs, args: &DeadEndArgs, report: &Report) -> Result<(), Failure> {
    let done = if args.why.undo { "is no dead end any more" } else { "is a dead end" };
    change(place, &args.which, done, report, |entry| {
        entry.dead_end = args.why.reason.clone().map(|reason| DeadEnd { reason });
        if entry.dead_end.is_some() {
            entry.rollout = None;
        }
        Ok(())
    })
}

/// Changes one release of `updates.json`.
fn change(
    place: &PlaceArgs,
    which: &WhichArgs,
    done: &str,
    report: &Report,
    change: impl FnOnce(&mut ReleaseEntry) -> anyhow::Result<()>,
) -> Result<(), Failure> {
    let repository = place.open()?;
    let mut updates = repository.updates(&which.stream).map_err(failure)?;
    let entry = updates.releases.iter_mut().find(|entry| entry.version == which.release);
    let entry = entry.ok_or_else(|| {
        anyhow!("{} has no release {}; piccolo release list shows those it has", which.stream, which.release)
    });
    change(entry.or_fail(FailureKind::Input)?).or_fail(FailureKind::Input)?;
    let now = Timestamp::now();
    updates.updated = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let mut edit = repository.edit();
    edit.set_updates(&updates).map_err(failure)?;
    let written = place.commit(&repository, edit, &place.read_keys()?)?;
    report.result(&format!("{} {} {done}\n{}", which.stream, which.release, written.summary()), &written);
    Ok(())
}

/// Renews what is due.
pub fn refresh(place: &PlaceArgs, _args: &RefreshArgs, report: &Report) -> Result<(), Failure> {
    let repository = place.open()?;
    let keys = place.read_keys()?;
    let keyring = keys.keyring();
    let published = repository.published();
    let mut edit = repository.edit();
    edit.renew(TIMESTAMP);
    for (role, expires) in published.due(&LIFETIMES, Timestamp::now()) {
        let at_hand = |role: &str| {
            keys_of(published, role).is_some_and(|keys| keys.keyids.iter().any(|id| keyring.contains_key(id)))
        };
        // All but the root and the timestamp are listed in the snapshot, which changes with them.
        if at_hand(role) && (role == ROOT || role == TIMESTAMP || at_hand(SNAPSHOT)) {
            edit.renew(role);
        } else {
            report.note(&format!("{role} expires on {expires}: run this again with the directory of its key"));
        }
    }
    let written = place.commit(&repository, edit, &keys)?;
    report.result(&written.summary(), &written);
    Ok(())
}

/// Replaces a key.
pub fn rotate(place: &PlaceArgs, args: &RotateArgs, report: &Report) -> Result<(), Failure> {
    let repository = place.open()?;
    let role = args.role.as_str();
    if keys_of(repository.published(), role).is_none() {
        let error = anyhow!(
            "the repository has no role {role}; its roles are root, targets, snapshot, timestamp and its streams"
        );
        return Err(Failure::new(FailureKind::Input, error));
    }
    let mut keys = place.read_keys()?;
    let version = repository.published().root.common.version + repository.published().targets.common.version;
    let path = keys::path(place.first_keys()?, &format!("{role}-{version}"));
    // One that is there was made by a rotation that did not come to its end.
    let key = if path.exists() { FileKey::read(&path) } else { FileKey::make(&path) };
    let key = key.or_fail(FailureKind::Requirement)?;
    let mut edit = repository.edit();
    edit.rotate(role, key.key()).map_err(failure)?;
    keys.add(key);
    let written = place.commit(&repository, edit, &keys)?;
    let text = format!(
        "{role} is signed with {} from now on; the key before it can be destroyed\n{}",
        path.display(),
        written.summary()
    );
    report.result(&text, &written);
    Ok(())
}

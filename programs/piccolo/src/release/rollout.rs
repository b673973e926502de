//! How devices are led to a release, as a person writes it.

use crate::failure::{Failure, FailureKind, OrFail};
use anyhow::anyhow;
use jiff::Timestamp;
use release_metadata::share::Share;
use release_metadata::updates::Rollout;

/// Start, share and duration.
#[derive(Debug, clap::Args)]
pub struct RolloutArgs {
    /// When it starts, as 2026-11-21T06:00:00Z [default: now].
    #[arg(long, value_name = "TIME")]
    start: Option<Timestamp>,
    /// The share of devices that it reaches at its start, as 5% or 0.05.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    share: Option<Share>,
    /// How long until it reaches all devices, as 90m, 48h or 7d. Without it the share stays as it is.
    #[arg(long, value_name = "DURATION", value_parser = minutes)]
    duration: Option<u32>,
}

impl RolloutArgs {
    /// The rollout asked for; nothing when none of it is given.
    pub fn rollout(&self, now: Timestamp) -> Option<Rollout> {
        let asked = self.start.is_some() || self.share.is_some() || self.duration.is_some();
        let start = self.start.unwrap_or(now);
        asked.then(|| Rollout {
            start: Timestamp::from_second(start.as_second()).unwrap_or(start),
            initial_share: self.share.unwrap_or(if self.duration.is_some() { Share::NONE } else { Share::ALL }),
            duration_minutes: self.duration,
        })
    }

    /// The rollout asked for, or a failure that says how to ask.
    pub fn required(&self, now: Timestamp) -> Result<Rollout, Failure> {
        let asked = self.rollout(now);
        asked
            .ok_or_else(|| anyhow!("say how: --share 100%, or --share 5% --duration 48h; --pause and --stop end one"))
            .or_fail(FailureKind::Usage)
    }
}

/// The share that a rollout has reached.
pub fn reached(rollout: &Rollout, now: Timestamp) -> f64 {
    let (start, initial) = (rollout.start, rollout.initial_share.get());
    if now < start {
        return 0.0;
    }
    let Some(minutes) = rollout.duration_minutes else { return initial };
    let passed = now.duration_since(start).as_secs_f64() / (f64::from(minutes) * 60.0);
    (initial + (1.0 - initial) * passed.min(1.0)).clamp(0.0, 1.0)
}

fn share(text: &str) -> Result<Share, String> {
    let number = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
        None => text.parse(),
    };
    let number = number.map_err(|_| format!("`{text}` is no share; write 5% or 0.05"))?;
    Share::new(number).map_err(|error| error.to_string())
}

fn minutes(text: &str) -> Result<u32, String> {
    let refuse = || format!("`{text}` is no duration; write 90m, 48h or 7d");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(refuse)?;
    let factor = match unit {
        "m" => 1,
        "h" => 60,
        "d" => 24 * 60,
        _ => return Err(refuse()),
    };
    let number: u32 = number.parse().map_err(|_| refuse())?;
    number.checked_mul(factor).filter(|minutes| *minutes > 0).ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use super::{minutes, reached, share};
    use release_metadata::share::Share;
    use release_metadata::updates::Rollout;

    #[test]
    fn shares_and_durations_as_people_write_them() {
        assert_eq!(share("5%").unwrap(), Share::new(0.05).unwrap());
        assert_eq!(share("0.5").unwrap(), Share::new(0.5).unwrap());
        assert!(share("120%").is_err() && share("many").is_err() && share("NaN").is_err());
        assert_eq!((minutes("90m"), minutes("48h"), minutes("7d")), (Ok(90), Ok(2880), Ok(10_080)));
        for bad in ["", "h", "0h", "-1h", "48", "4 h", "é", "99999999d"] {
            assert!(minutes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_rollout_grows_evenly() {
        let start: jiff::Timestamp = "2026-11-21T06:00:00Z".parse().unwrap();
        let rollout = Rollout { start, initial_share: Share::new(0.2).unwrap(), duration_minutes: Some(60) };
        let at = |text: &str| reached(&rollout, text.parse().unwrap());
        assert!((at("2026-11-21T05:59:59Z")).abs() < 1e-9);
        assert!((at("2026-11-21T06:30:00Z") - 0.6).abs() < 1e-9);
        assert!((at("2026-11-22T06:30:00Z") - 1.0).abs() < 1e-9);
    }
}

//! From findings to a verdict, and from a verdict to what is done.

/// Whether a boot depends on a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// If it fails, the boot is unhealthy.
    Required,
    /// If it fails, somebody is told.
    Wanted,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at: a unit, a path, a sentence's subject.
    pub name: String,
    /// Whether the boot depends on it.
    pub need: Need,
    /// What was found.
    pub outcome: Outcome,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All is well.
    Passed,
    /// It is not.
    Failed {
        /// How, for people: "ended with exit status 1".
        how: String,
        /// What it printed.
        output: String,
    },
}

/// What the findings come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The boot is healthy.
    Healthy,
    /// It is not.
    Unhealthy {
        /// Every required check that failed, and how.
        reason: String,
        /// What the first of them printed.
        output: String,
    },
}

/// What is known of the boot entry that runs, and of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entries {
    /// The running entry has not yet shown that it is good.
    pub on_trial: bool,
    /// Another entry could be started instead: a good one, or the running one has tries left.
    pub alternative: bool,
}

/// What to do about a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// The boot is good: systemd-bless-boot may take the counter off.
    Bless,
    /// Restart: the next boot tries again, or starts the other release.
    Restart,
    /// Stay: restarting would change nothing, and a machine that is half well is better than one that restarts for ever.
    Stay,
}

impl Verdict {
    /// What these findings come to.
    #[must_use]
    pub fn of(findings: &[Finding]) -> Self {
        let failed = findings.iter().filter(|finding| finding.need == Need::Required).filter_map(|finding| {
            match &finding.outcome {
                Outcome::Passed => None,
                Outcome::Failed { how, output } => Some((format!("{} {how}", finding.name), output.clone())),
            }
        });
        let failed: Vec<(String, String)> = failed.collect();
        match failed.first() {
            None => Self::Healthy,
            Some((_, output)) => {
                let reason = failed.iter().map(|(reason, _)| reason.as_str()).collect::<Vec<_>>().join("; ");
                Self::Unhealthy { reason, output: output.clone() }
            }
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn consequence(&self, entries: Entries) -> Consequence {
        match self {
            Self::Healthy => Consequence::Bless,
            Self::Unhealthy { .. } if entries.on_trial && entries.alternative => Consequence::Restart,
            Self::Unhealthy { .. } => Consequence::Stay,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Consequence, Entries, Finding, Need, Outcome, Verdict};

    fn failed(name: &str, need: Need) -> Finding {
        let outcome =
            Outcome::Failed { how: "ended with exit status 1".to_owned(), output: format!("{name} says why") };
        Finding { name: name.to_owned(), need, outcome }
    }

    #[test]
    fn only_required_checks_make_a_boot_unhealthy() {
        let passed = Finding { name: "a".to_owned(), need: Need::Required, outcome: Outcome::Passed };
        assert_eq!(Verdict::of(&[passed.clone(), failed("b", Need::Wanted)]), Verdict::Healthy);
        let verdict = Verdict::of(&[passed, failed("c", Need::Required), failed("d", Need::Required)]);
        let reason = "c ended with exit status 1; d ended with exit status 1".to_owned();
        assert_eq!(verdict, Verdict::Unhealthy { reason, output: "c says why".to_owned() });
    }

    #[test]
    fn an_unhealthy_boot_restarts_only_where_that_can_help() {
        let unhealthy = Verdict::of(&[failed("c", Need::Required)]);
        for (on_trial, alternative, expected) in [
            (true, true, Consequence::Restart),
            (true, false, Consequence::Stay),
            (false, true, Consequence::Stay),
            (false, false, Consequence::Stay),
        ] {
            assert_eq!(unhealthy.consequence(Entries { on_trial, alternative }), expected);
            assert_eq!(Verdict::Healthy.consequence(Entries { on_trial, alternative }), Consequence::Bless);
        }
    }
}

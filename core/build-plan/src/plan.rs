//! The plan of a build.

use crate::key::StepKey;
use serde::Serialize;

/// Whether a step runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum StepState {
    /// Its output is there already.
    Cached,
    /// It will run.
    Needed {
        /// Why: what is missing or changed.
        reason: String,
    },
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Short name.
    pub name: &'static str,
    /// What it does, with counts and sizes.
    pub action: String,
    /// Hash of its inputs, where they are known before it runs.
    pub key: Option<StepKey>,
    /// Whether it runs.
    #[serde(flatten)]
    pub state: StepState,
}

/// All steps, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
}

impl Plan {
    /// Whether nothing needs to run.
    #[must_use]
    pub fn is_up_to_date(&self) -> bool {
        self.steps.iter().all(|step| step.state == StepState::Cached)
    }

    /// The plan for a person: a line per step.
    #[must_use]
    pub fn rendered(&self) -> String {
        let width = self.steps.iter().map(|step| step.name.len()).max().unwrap_or_default();
        let mut text = String::new();
        for step in &self.steps {
            let state = match &step.state {
                StepState::Cached => "cached".to_owned(),
                StepState::Needed { reason } => format!("will run: {reason}"),
            };
            text.push_str(&format!("{:width$}  {} ({state})\n", step.name, step.action));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{Plan, Step, StepState};

    #[test]
    fn a_plan_reads_as_a_list_of_steps() {
        let plan = Plan {
            steps: vec![
                Step { name: "packages", action: "fetch 3 packages".into(), key: None, state: StepState::Cached },
                Step {
                    name: "tree",
                    action: "install them".into(),
                    key: None,
                    state: StepState::Needed { reason: "not built yet".into() },
                },
            ],
        };
        assert_eq!(
            plan.rendered(),
            "packages  fetch 3 packages (cached)\ntree      install them (will run: not built yet)\n"
        );
        assert!(!plan.is_up_to_date());
    }
}

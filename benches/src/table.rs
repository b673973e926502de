//! The figures of a bench: a table for people, JSON for programs
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use serde_json::{Value, json};

/// One line.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What was measured.
    pub what: String,
    /// Unit of the values.
    pub unit: &'static str,
    /// Ours.
    pub ours: f64,
    /// The peer's, where there is one.
    pub theirs: Option<f64>,
    /// What is to be reached.
    pub target: Option<Target>,
}

/// What a figure is to reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// Ours divided by theirs is at most this.
    Ratio(f64),
    /// Ours is at most this.
    AtMost(f64),
}

impl Figure {
    /// A figure without peer and target.
    pub fn new(what: impl Into<String>, unit: &'static str, ours: f64) -> Self {
        Self { what: what.into(), unit, ours, theirs: None, target: None }
    }

    /// With the peer's value.
    pub fn against(self, theirs: f64) -> Self {
        Self { theirs: Some(theirs), ..self }
    }

    /// With a target.
    pub fn target(self, target: Target) -> Self {
        Self { target: Some(target), ..self }
    }

    fn ratio(&self) -> Option<f64> {
        self.theirs.map(|theirs| self.ours / theirs)
    }

    fn met(&self) -> Option<bool> {
        match self.target? {
            Target::Ratio(most) => self.ratio().map(|ratio| ratio <= most),
            Target::AtMost(most) => Some(self.ours <= most),
        }
    }

    fn line(&self) -> String {
        let value = |value: f64| format!("{value:.1} {}", self.unit);
        let target = match (self.target, self.met()) {
            (Some(Target::Ratio(most)), met) => format!("ratio ≤ {most}: {}", verdict(met)),
            (Some(Target::AtMost(most)), met) => format!("≤ {most} {}: {}", self.unit, verdict(met)),
            (None, _) => String::new(),
        };
        let line = format!(
            "{:<44} {:>12} {:>12} {:>7}  {target}",
            self.what,
            value(self.ours),
            self.theirs.map(value).unwrap_or_default(),
            self.ratio().map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
        );
        line.trim_end().to_owned()
    }

    fn json(&self) -> Value {
        let (ratio_target, target) = match self.target {
            Some(Target::Ratio(most)) => (Some(most), None),
            Some(Target::AtMost(most)) => (None, Some(most)),
            None => (None, None),
        };
        json!({
            "what": self.what, "unit": self.unit, "ours": self.ours, "theirs": self.theirs, "ratio": self.ratio(),
            "target": target, "ratio_target": ratio_target, "met": self.met(),
        })
    }
}

fn verdict(met: Option<bool>) -> &'static str {
    match met {
        Some(true) => "met",
        Some(false) => "missed",
        None => "not measured",
    }
}

/// Prints the figures below what they were measured on.
pub fn print(circumstances: &str, notes: &[String], figures: &[Figure], as_json: bool) {
    if as_json {
        let figures: Vec<Value> = figures.iter().map(Figure::json).collect();
        println!("{:#}", json!({ "circumstances": circumstances, "notes": notes, "figures": figures }));
        return;
    }
    println!("{circumstances}");
    notes.iter().for_each(|note| println!("{note}"));
    println!("\n{:<44} {:>12} {:>12} {:>7}  target", "", "ours", "mkosi", "ratio");
    figures.iter().for_each(|figure| println!("{}", figure.line()));
}

#[cfg(test)]
mod tests {
    use super::{Figure, Target};

    #[test]
    fn a_line_says_whether_its_target_is_met() {
        let figure = Figure::new("time", "s", 30.0).against(60.0).target(Target::Ratio(0.6));
        assert!(figure.line().ends_with("30.0 s       60.0 s    0.50  ratio ≤ 0.6: met"), "{}", figure.line());
        let figure = Figure::new("initrd", "MB", 41.0).target(Target::AtMost(40.0));
        assert!(figure.line().ends_with("≤ 40 MB: missed"), "{}", figure.line());
    }
}

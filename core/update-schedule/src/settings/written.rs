//! A file of settings as written.

use std::ops::Range;

use release_metadata::share::Share;
use release_metadata::stream::StreamName;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::fleet_lock::{LockAddress, LockGroup};
use crate::settings::Build;
use crate::settings::key;
use crate::settings::problem::Problem;
use crate::settings::source::{RemovableMedia, SourceAddress};
use crate::windows::{Weekdays, Window, WindowLength};
use crate::zone::ZoneName;

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Located<T> {
    pub value: T,
    pub file: String,
    pub line: usize,
}

/// What one file says.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub strategy: Option<Located<String>>,
    pub wariness: Option<Located<Share>>,
    pub check_interval_minutes: Option<Located<u32>>,
    pub build: Option<Located<Build>>,
    pub source_url: Option<Located<SourceAddress>>,
    pub source_stream: Option<Located<StreamName>>,
    pub removable_media: Option<Located<RemovableMedia>>,
    pub time_zone: Option<Located<ZoneName>>,
    pub windows: Vec<Located<Window>>,
    pub lock_url: Option<Located<LockAddress>>,
    pub lock_group: Option<Located<LockGroup>>,
    pub sessions_minutes: Option<Located<u32>>,
    pub jobs_minutes: Option<Located<u32>>,
    pub notice_minutes: Option<Located<u32>>,
}

type Value<'i> = Spanned<DeValue<'i>>;

impl Written {
    /// Reads a file; everything that is wrong in it is found at once.
    pub(super) fn read(file: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader { file, text, problems: Vec::new() };
        let mut written = Self::default();
        match DeTable::parse(text) {
            Ok(table) => reader.file(table.get_ref(), &mut written),
            Err(error) => {
                let line = error.span().map_or(1, |span| reader.line(span));
                reader.problem(line, format!("is not TOML: {}", error.message().replace('\n', ", ")));
            }
        }
        if reader.problems.is_empty() { Ok(written) } else { Err(reader.problems) }
    }
}

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn file(&mut self, table: &DeTable<'_>, written: &mut Written) {
        for (name, value) in table {
            match name.get_ref().as_ref() {
                "strategy" => written.strategy = self.strategy(value),
                "wariness" => written.wariness = self.wariness(value),
                "check_interval_minutes" => {
                    written.check_interval_minutes = self.minutes("check_interval_minutes", value, 15..10_081);
                }
                "build" => written.build = self.build(value),
                "source" => self.source(value, written),
                "time_zone" => written.time_zone = self.text("time_zone", value, |text| text.parse().map_err(say)),
                "window" => written.windows = self.windows(value),
                "reboot_lock" => self.reboot_lock(value, written),
                "delay" => self.delay(value, written),
                other => self.unknown(other, name.span(), &key::TOP),
            }
        }
    }

    fn strategy(&mut self, value: &Value<'_>) -> Option<Located<String>> {
        self.text("strategy", value, |text| {
            if key::STRATEGIES.contains(&text) {
                return Ok(text.to_owned());
            }
            let nearest = key::nearest(text, &key::STRATEGIES).unwrap_or_default();
            Err(format!("is no strategy; did you mean \"{nearest}\"? Known are {}", key::STRATEGIES.join(", ")))
        })
    }

    fn build(&mut self, value: &Value<'_>) -> Option<Located<Build>> {
        self.text("build", value, |text| match text {
            "automatic" => Ok(Build::Automatic),
            "when-asked" => Ok(Build::WhenAsked),
            other => {
                let nearest = key::nearest(other, &key::BUILDS).unwrap_or_default();
                Err(format!("is not known; did you mean \"{nearest}\"? Known are {}", key::BUILDS.join(", ")))
            }
        })
    }

    fn source(&mut self, value: &Value<'_>, written: &mut Written) {
        let Some(table) = self.table("source", value) else { return };
        for (name, value) in table {
            match name.get_ref().as_ref() {
                "url" => written.source_url = self.text("url", value, |text| SourceAddress::new(text).map_err(say)),
                "stream" => written.source_stream = self.text("stream", value, |text| text.parse().map_err(say)),
                "removable_media" => written.removable_media = self.removable_media(value),
                other => self.unknown(other, name.span(), &key::SOURCE),
            }
        }
    }

    fn removable_media(&mut self, value: &Value<'_>) -> Option<Located<RemovableMedia>> {
        let media = match value.get_ref().as_bool() {
            Some(true) => Ok(RemovableMedia::Allowed),
            Some(false) => Ok(RemovableMedia::Ignored),
            None => Err("is neither true nor false".to_owned()),
        };
        self.settle("removable_media", value, media)
    }

    fn wariness(&mut self, value: &Value<'_>) -> Option<Located<Share>> {
        let number = match value.get_ref() {
            DeValue::Float(number) => number.as_str().parse().ok(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
            _ => None,
        };
        let share = number.and_then(|number| Share::new(number).ok());
        self.settle("wariness", value, share.ok_or_else(|| "is not a number from 0.0 (early) to 1.0 (late)".to_owned()))
    }

    fn windows(&mut self, value: &Value<'_>) -> Vec<Located<Window>> {
        let Some(entries) = value.get_ref().as_array() else {
            self.problem(self.line(value.span()), "`window` is a list; begin each window with [[window]]".to_owned());
            return Vec::new();
        };
        entries.iter().filter_map(|entry| self.window(entry)).collect()
    }

    fn window(&mut self, entry: &Value<'_>) -> Option<Located<Window>> {
        let line = self.line(entry.span());
        let Some(table) = entry.get_ref().as_table() else {
            self.problem(line, "`window` is a list of tables; begin each window with [[window]]".to_owned());
            return None;
        };
        let before = self.problems.len();
        let (mut days, mut start, mut length) = (None, None, None);
        for (name, value) in table {
            match name.get_ref().as_ref() {
                "days" => days = self.days(value),
                "start" => start = self.text("start", value, |text| text.parse().map_err(say)),
                "length_minutes" => length = self.length(value),
                other => self.unknown(other, name.span(), &key::WINDOW),
            }
        }
        match (days, start, length) {
            (Some(days), Some(start), Some(length)) => {
                let window = Window { days: days.value, start: start.value, length: length.value };
                Some(Located { value: window, file: self.file.to_owned(), line })
            }
            _ => {
                if self.problems.len() == before {
                    self.problem(
                        line,
                        "a window has `days`, `start` and `length_minutes`; one of them is missing".to_owned(),
                    );
                }
                None
            }
        }
    }

    fn days(&mut self, value: &Value<'_>) -> Option<Located<Weekdays>> {
        let names = value
            .get_ref()
            .as_array()
            .map(|days| days.iter().map(|day| day.get_ref().as_str()).collect::<Option<Vec<_>>>());
        let days = match names.flatten() {
            Some(names) => Weekdays::from_names(names).map_err(say),
            None => Err("is not a list of days; write it as [\"Sat\", \"Sun\"]".to_owned()),
        };
        self.settle("days", value, days)
    }

    fn length(&mut self, value: &Value<'_>) -> Option<Located<WindowLength>> {
        // A number that is not readable is no length either.
        let length = WindowLength::new(integer(value).unwrap_or(0)).map_err(say);
        self.settle("length_minutes", value, length)
    }

    fn reboot_lock(&mut self, value: &Value<'_>, written: &mut Written) {
        let Some(table) = self.table("reboot_lock", value) else { return };
        for (name, value) in table {
            match name.get_ref().as_ref() {
                "url" => written.lock_url = self.text("url", value, |text| LockAddress::new(text).map_err(say)),
                "group" => written.lock_group = self.text("group", value, |text| LockGroup::new(text).map_err(say)),
                other => self.unknown(other, name.span(), &key::REBOOT_LOCK),
            }
        }
    }

    fn delay(&mut self, value: &Value<'_>, written: &mut Written) {
        let Some(table) = self.table("delay", value) else { return };
        for (name, value) in table {
            match name.get_ref().as_ref() {
                "sessions_minutes" => written.sessions_minutes = self.minutes("sessions_minutes", value, 0..10_081),
                "jobs_minutes" => written.jobs_minutes = self.minutes("jobs_minutes", value, 0..10_081),
                "notice_minutes" => written.notice_minutes = self.minutes("notice_minutes", value, 0..1441),
                other => self.unknown(other, name.span(), &key::DELAY),
            }
        }
    }

    fn table<'v, 'i>(&mut self, name: &str, value: &'v Value<'i>) -> Option<&'v DeTable<'i>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.problem(self.line(value.span()), format!("`{name}` is a table; begin it with [{name}]"));
        }
        table
    }

    fn minutes(&mut self, name: &str, value: &Value<'_>, range: Range<u32>) -> Option<Located<u32>> {
        let number =
            integer(value).and_then(|number| u32::try_from(number).ok()).filter(|number| range.contains(number));
        let last = range.end - 1;
        self.settle(
            name,
            value,
            number.ok_or_else(|| format!("is not a whole number of minutes from {} to {last}", range.start)),
        )
    }

    fn text<T>(
        &mut self,
        name: &str,
        value: &Value<'_>,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Located<T>> {
        let parsed = match value.get_ref().as_str() {
            Some(text) => parse(text),
            None => Err("is not text; write it in quotation marks".to_owned()),
        };
        self.settle(name, value, parsed)
    }

    fn settle<T>(&mut self, name: &str, value: &Value<'_>, parsed: Result<T, String>) -> Option<Located<T>> {
        let line = self.line(value.span());
        match parsed {
            Ok(value) => Some(Located { value, file: self.file.to_owned(), line }),
            Err(problem) => {
                self.problem(line, format!("`{name}` {problem}"));
                None
            }
        }
    }

    fn unknown(&mut self, name: &str, span: Range<usize>, known: &[&str]) {
        self.problem(self.line(span), key::unknown(name, known));
    }

    fn problem(&mut self, line: usize, problem: String) {
        self.problems.push(Problem { file: Some(self.file.to_owned()), line: Some(line), problem });
    }

    fn line(&self, span: Range<usize>) -> usize {
        let before = self.text.as_bytes().get(..span.start.min(self.text.len())).unwrap_or_default();
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }
}

fn integer(value: &Value<'_>) -> Option<u64> {
    match value.get_ref() {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
        _ => None,
    }
}

fn say(error: impl std::fmt::Display) -> String {
    error.to_string()
}

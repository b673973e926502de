//! How findings are laid out for a person.

use std::fmt::Display;

/// Lines of aligned text. Everything from an image goes through [`plain`]: it may hold sequences that drive a terminal.
#[derive(Debug, Default)]
pub struct Text(String);

/// Width of the names in front of values.
const NAME_WIDTH: usize = 13;

impl Text {
    /// A line of its own.
    pub fn line(&mut self, text: impl Display) {
        self.0.push_str(&text.to_string());
        self.0.push('\n');
    }

    /// An empty line and a line that names what follows.
    pub fn heading(&mut self, text: impl Display) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.line(text);
    }

    /// A name and its value.
    pub fn field(&mut self, name: &str, value: impl Display) {
        self.line(format!("  {name:<NAME_WIDTH$} {value}"));
    }

    /// A name and its value, where there is one.
    pub fn optional(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.field(name, value);
        }
    }

    /// Lines of a table, each column as wide as its widest cell and two spaces apart. The columns in `right` end evenly.
    pub fn table(&mut self, rows: &[Vec<String>], right: &[usize]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width =
            |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        for row in rows {
            let cells =
                row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match right.contains(&column) {
                    true => format!("{cell:>width$}"),
                    false => format!("{cell:<width$}"),
                });
            let cells: Vec<String> = cells.collect();
            self.line(format!("  {}", cells.join("  ").trim_end()));
        }
    }

    /// The text.
    pub fn into_string(self) -> String {
        self.0
    }
}

/// Text from an image on one line: control characters and characters that change the direction of writing are escaped.
pub fn plain(text: &str) -> String {
    let is_odd = |character: char| {
        character.is_control()
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .map(|character| if is_odd(character) { character.escape_default().to_string() } else { character.into() })
        .collect()
}

/// A number of things, with the word in the plural where it belongs.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// A UUID stored first byte first, as file systems do, in its usual form.
pub fn uuid(bytes: &[u8; 16]) -> String {
    let digits = hex::encode(bytes);
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

/// Seconds since 1970 as a date and time in UTC (days to civil date after H. Hinnant's `civil_from_days`).
pub fn utc(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Beyond the year 9999 a date is of no use to anybody, and the arithmetic below stays far from overflow.
    if !(-719_162..2_932_897).contains(&days) {
        return format!("{seconds} seconds after 1970");
    }
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::{Text, plain, utc, uuid};

    #[test]
    fn dates_are_right_around_leap_days() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(951_782_400 + 86_399), "2000-02-29 23:59:59 UTC");
        assert_eq!(utc(1_788_600_600), "2026-09-05 09:30:00 UTC");
        assert_eq!(utc(-1), "1969-12-31 23:59:59 UTC");
        assert_eq!(utc(i64::MAX), "9223372036854775807 seconds after 1970");
    }

    #[test]
    fn what_drives_a_terminal_is_escaped() {
        assert_eq!(plain("a\u{1b}[2Jb\nc\u{202e}d é"), "a\\u{1b}[2Jb\\nc\\u{202e}d é");
    }

    #[test]
    fn uuids_have_their_dashes() {
        assert_eq!(uuid(&std::array::from_fn(|index| index as u8)), "00010203-0405-0607-0809-0a0b0c0d0e0f");
    }

    #[test]
    fn tables_are_aligned() {
        let mut text = Text::default();
        text.table(&[vec!["a".into(), "10".into(), "x".into()], vec!["bcd".into(), "9".into()]], &[1]);
        assert_eq!(text.into_string(), "  a    10  x\n  bcd   9\n");
    }
}

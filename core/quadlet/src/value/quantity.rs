//! Booleans, numbers, durations and sizes.

use super::Problem;
use std::time::Duration;

/// A boolean as Podman's generator reads it; it takes every word that it does not know for false.
pub(super) fn boolean(text: &str, others: &[&str]) -> Result<(), Problem> {
    let known = ["1", "yes", "true", "on", "0", "no", "false", "off"];
    if known.iter().chain(others).any(|word| word.eq_ignore_ascii_case(text)) {
        return Ok(());
    }
    let words: Vec<&str> = ["true", "false"].into_iter().chain(others.iter().copied()).collect();
    Err(Problem::new(
        "is neither true nor false, and Podman would silently take it for false",
        format!("write {}", words.join(" or ")),
    ))
}

/// A whole number.
pub(super) fn number(text: &str, minimum: i64) -> Result<(), Problem> {
    match text.parse::<i64>() {
        Ok(number) if number >= minimum => Ok(()),
        Ok(_) => Err(Problem::new("is too small", format!("write {minimum} or more"))),
        Err(_) => Err(Problem::new("is not a whole number", format!("write a number, {minimum} or more"))),
    }
}

/// A duration as Go writes it: numbers with units, `1h30m`, `1.5s`.
///
/// # Errors
/// What is wrong with it.
pub fn duration(text: &str) -> Result<Duration, Problem> {
    let problem = || Problem::new("is not a duration", "write numbers with units, such as 30s, 1m30s or 500ms");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text;
    let mut seconds = 0.0_f64;
    while !rest.is_empty() {
        let digits =
            rest.find(|character: char| !character.is_ascii_digit() && character != '.').ok_or_else(problem)?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|character: char| character.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let factor = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(problem()),
        };
        seconds += number.parse::<f64>().map_err(|_| problem())? * factor;
        rest = after;
    }
    if text.is_empty() {
        return Err(problem());
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| problem())
}

/// An amount of memory in bytes, as Podman reads it: a number with `b`, `k`, `m`, `g`, `t` or `p` (and `kb`, `kib`, …), all powers of 1024.
///
/// # Errors
/// What is wrong with it.
pub fn parse_size(text: &str) -> Result<u64, Problem> {
    let problem = || Problem::new("is not a size", "write a number with a unit, such as 512m or 2g");
    let end = text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim_start().to_ascii_lowercase();
    let letter = match unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(&unit) {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return Err(problem()),
    };
    let factor = 1024_u64.pow(letter);
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor).ok_or_else(problem);
    }
    let value = number.parse::<f64>().map_err(|_| problem())? * factor as f64;
    // The largest size that a 64-bit float and a u64 both hold exactly enough.
    if value.is_finite() && (0.0..9e18).contains(&value) { Ok(value as u64) } else { Err(problem()) }
}

//! The keys of the settings.

/// Keys of a file.
pub(super) const TOP: [&str; 9] = [
    "strategy",
    "wariness",
    "check_interval_minutes",
    "build",
    "source",
    "time_zone",
    "window",
    "reboot_lock",
    "delay",
];
/// Keys of `[source]`.
pub(super) const SOURCE: [&str; 3] = ["url", "stream", "removable_media"];
/// Values of `build`.
pub(super) const BUILDS: [&str; 2] = ["automatic", "when-asked"];
/// Keys of `[[window]]`.
pub(super) const WINDOW: [&str; 3] = ["days", "start", "length_minutes"];
/// Keys of `[reboot_lock]`.
pub(super) const REBOOT_LOCK: [&str; 2] = ["url", "group"];
/// Keys of `[delay]`.
pub(super) const DELAY: [&str; 3] = ["sessions_minutes", "jobs_minutes", "notice_minutes"];
/// Values of `strategy`.
pub(super) const STRATEGIES: [&str; 4] = ["immediate", "windows", "reboot-lock", "manual"];

/// The known word that a mistyped one resembles most.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    // Longer words resemble nothing, and comparing them would take long.
    let word = word.get(..word.len().min(64)).unwrap_or_default();
    let likeness = |known: &str| strsim::jaro_winkler(word, known);
    known.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
}

/// `unknown key …`, with the nearest one.
pub(super) fn unknown(key: &str, known: &[&str]) -> String {
    let shown: String = key.chars().take(64).filter(|c| !c.is_control()).collect();
    match nearest(key, known) {
        Some(nearest) => {
            format!("there is no key `{shown}` here; did you mean `{nearest}`? Known are {}", known.join(", "))
        }
        None => format!("there is no key `{shown}` here"),
    }
}

//! What somebody may have meant.

/// The candidate that is nearest to what was written; none where none is near.
pub fn nearest<'known>(written: &str, known: impl Iterator<Item = &'known str>) -> Option<&'known str> {
    let written = written.to_ascii_lowercase();
    let allowed = (written.chars().count() / 3).clamp(1, 4);
    // A name that is longer or shorter by more cannot be near, and the comparison of long texts is dear.
    let of_like_length = known.filter(|name| name.len().abs_diff(written.len()) <= allowed + 2);
    let distances =
        of_like_length.map(|name| (strsim::damerau_levenshtein(&written, &name.to_ascii_lowercase()), name));
    distances.filter(|(distance, _)| *distance <= allowed).min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

//! Content negotiation: does `Accept` take what a route produces (RFC 9110, section 12.5.1)?

/// Ranges beyond this number are not looked at; browsers send fewer than ten.
const MAX_RANGES: usize = 64;

/// Whether a client that sent this `Accept` takes `produced`, a media type without parameters such as `application/json`.
///
/// The most specific range that matches decides; `q=0` refuses. An empty header takes everything, and a range that
/// is not a media range matches nothing.
pub fn accepts(accept: &str, produced: &str) -> bool {
    if accept.trim().is_empty() {
        return true;
    }
    accept
        .split(',')
        .take(MAX_RANGES)
        .filter_map(|range| specificity(range, produced))
        .max_by_key(|(specificity, taken)| (*specificity, *taken))
        .is_some_and(|(_, taken)| taken)
}

/// How closely the range names `produced` (2 exactly, 1 its kind, 0 anything), and whether its weight is above zero.
fn specificity(range: &str, produced: &str) -> Option<(u8, bool)> {
    let mut parts = range.split(';');
    let media = parts.next()?.trim();
    let (kind, subtype) = produced.split_once('/')?;
    let (range_kind, range_subtype) = media.split_once('/')?;
    let specificity = match (range_kind, range_subtype) {
        ("*", "*") => 0,
        (range_kind, "*") if range_kind.eq_ignore_ascii_case(kind) => 1,
        (range_kind, range_subtype)
            if range_kind.eq_ignore_ascii_case(kind) && range_subtype.eq_ignore_ascii_case(subtype) =>
        {
            2
        }
        _ => return None,
    };
    let weight = parts
        .filter_map(|parameter| parameter.trim().split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    let refused = weight.is_some_and(|(_, weight)| weight.trim().chars().all(|digit| matches!(digit, '0' | '.')));
    Some((specificity, !refused))
}

#[cfg(test)]
mod tests {
    use super::accepts;
    use proptest::proptest;

    #[test]
    fn the_most_specific_range_decides() {
        for (accept, expected) in [
            ("*/*", true),
            ("", true),
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/*", true),
            ("text/html, application/json;q=0.1", true),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true),
            ("text/html", false),
            ("application/json;q=0", false),
            ("application/json;q=0.0, */*", false),
            ("application/json, */*;q=0", true),
            ("json", false),
            ("/", false),
            (";;;,,,", false),
        ] {
            assert_eq!(accepts(accept, "application/json"), expected, "{accept}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_answered(accept in "[ -~]{0,80}") {
            let _ = accepts(&accept, "application/json");
        }
    }
}

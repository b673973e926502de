//! A part of the audit log, as it is found on the disk: what is read of it is bound together, and is read the same when it is cut off where it ends.
#![no_main]

use access::audit::chain::{Chain, Part, Rest};
use access::audit::query::Query;
use access::audit::{Action, Actor, Draft, Outcome};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Hashes cannot be guessed, so a part of our own making comes first.
    let mut own = Chain::START.header();
    let mut chain = Chain::START;
    for action in [Action::Started, Action::LoginFailed { user: None }] {
        let draft = Draft { actor: Actor::Nobody, address: None, action, outcome: Outcome::Refused };
        let (line, next) = chain.line(&draft, jiff::Timestamp::UNIX_EPOCH);
        own.push_str(&line);
        chain = next;
    }
    for text in [bytes.to_vec(), [own.as_bytes(), bytes].concat()] {
        let Ok(part) = Part::read(&text) else { continue };
        assert_eq!(part.end.next - part.begin.next, part.entries.len() as u64);
        assert!(part.good <= text.len() && (part.rest == Rest::Nothing) == (part.good == text.len()));
        let again = Part::read(&text[..part.good]).expect("what was good is good");
        assert_eq!((&again.entries, again.end, again.rest), (&part.entries, part.end, Rest::Nothing));
        let query = Query::default();
        assert!(query.select(part.entries, 3).len() <= 3);
    }
});

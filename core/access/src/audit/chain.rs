//! The log as lines, each bound to the one before it.
//!
//! A part of the log begins with `piccolo-audit 1 NUMBER HASH`: the number of its first entry, and the hash of the entry before that. Every other line is `HASH JSON`,
//! where the hash is the SHA-256 of the hash before it (32 bytes) and the JSON (as it stands there). So no entry can be changed, taken out or put in without
//! changing all hashes that follow; whoever has kept one of those outside of the device can tell.

use core::fmt;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{Draft, Entry};

/// The longest line, in bytes.
pub const LINE_LIMIT: usize = 2048;
/// A part of the log that has this many bytes is followed by another.
pub const PART_LIMIT: usize = 1 << 20;
const MAGIC: &str = "piccolo-audit 1";
const HASH_DIGITS: usize = 64;

/// The hash of an entry and of everything before it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LinkHash([u8; 32]);

/// Where the log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    /// The number of the next entry.
    pub next: u64,
    /// The hash of the last one.
    pub last: LinkHash,
}

/// A part of the log as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where it begins.
    pub begin: Chain,
    /// Where it ends.
    pub end: Chain,
    /// What is in it.
    pub entries: Vec<Entry>,
    /// How many bytes of it are good.
    pub good: usize,
    /// What follows those.
    pub rest: Rest,
}

/// What follows the good lines of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Nothing.
    Nothing,
    /// What a power cut leaves of lines that were being written: nothing in it is an entry.
    Torn {
        /// Bytes.
        bytes: usize,
    },
    /// Lines that do not fit: somebody changed the log, or the disk is damaged.
    Broken,
}

/// A part that cannot be read at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PartError {
    /// It does not begin as one.
    #[error("this is no part of an audit log that this release can read")]
    Header,
    /// Larger than any that is written.
    #[error("this part of the audit log has more than {} bytes", PART_LIMIT + LINE_LIMIT)]
    TooLarge,
}

impl Chain {
    /// Where every log begins.
    pub const START: Self = Self { next: 1, last: LinkHash([0; 32]) };

    /// The first line of a part that goes on here.
    #[must_use]
    pub fn header(&self) -> String {
        format!("{MAGIC} {} {}\n", self.next, self.last)
    }

    /// Gives an entry its place: the line to be written. Goes on only when it has been written.
    #[must_use]
    pub fn line(&self, draft: &Draft, at: Timestamp) -> (String, Self) {
        let entry = Entry { number: self.next, at, draft: draft.clone() };
        let json = serde_json::to_string(&entry).expect("invariant: an entry is names and numbers");
        let last = self.last.link(&json);
        (format!("{last} {json}\n"), Self { next: self.next.saturating_add(1), last })
    }

    /// Reads a line, without its end.
    fn read(&self, line: &[u8]) -> Option<(Entry, Self)> {
        let line = str::from_utf8(line).ok().filter(|line| line.len() < LINE_LIMIT)?;
        let (hash, json) = line.split_once(' ')?;
        let last = LinkHash::parse(hash)?;
        if self.last.link(json) != last {
            return None;
        }
        let entry: Entry = serde_json::from_str(json).ok()?;
        (entry.number == self.next).then_some((entry, Self { next: self.next.checked_add(1)?, last }))
    }
}

impl Part {
    /// Reads a part.
    ///
    /// # Errors
    /// When it has no header, or is too large. Everything else is said by [`Part::rest`].
    pub fn read(bytes: &[u8]) -> Result<Self, PartError> {
        if bytes.len() > PART_LIMIT + LINE_LIMIT {
            return Err(PartError::TooLarge);
        }
        let header = bytes.iter().position(|byte| *byte == b'\n').ok_or(PartError::Header)?;
        let begin = read_header(&bytes[..header]).ok_or(PartError::Header)?;
        let mut part = Self { begin, end: begin, entries: Vec::new(), good: header + 1, rest: Rest::Nothing };
        while part.good < bytes.len() {
            let rest = &bytes[part.good..];
            let length = rest.iter().position(|byte| *byte == b'\n');
            match length.and_then(|length| Some((length, part.end.read(&rest[..length])?))) {
                Some((length, (entry, end))) => {
                    part.entries.push(entry);
                    part.end = end;
                    part.good += length + 1;
                }
                None => {
                    part.rest = if has_entries(rest) { Rest::Broken } else { Rest::Torn { bytes: rest.len() } };
                    break;
                }
            }
        }
        Ok(part)
    }
}

fn read_header(line: &[u8]) -> Option<Chain> {
    let (number, hash) = str::from_utf8(line).ok()?.strip_prefix(MAGIC)?.strip_prefix(' ')?.split_once(' ')?;
    let next: u64 = number.parse().ok()?;
    let chain = Chain { next, last: LinkHash::parse(hash)? };
    // The one way to write it.
    (next > 0 && chain.header().as_bytes().strip_suffix(b"\n") == Some(line)).then_some(chain)
}

/// Whether there are whole lines that look like entries. A power cut leaves at most the beginning of one, or zeros.
fn has_entries(rest: &[u8]) -> bool {
    let whole = rest.iter().rposition(|byte| *byte == b'\n').map_or(&rest[..0], |end| &rest[..end]);
    whole.split(|byte| *byte == b'\n').any(|line| {
        let json = line.get(HASH_DIGITS + 1..).filter(|_| line[..HASH_DIGITS].iter().all(u8::is_ascii_hexdigit));
        json.is_some_and(|json| serde_json::from_slice::<Entry>(json).is_ok())
    })
}

impl LinkHash {
    fn link(self, json: &str) -> Self {
        Self(Sha256::new().chain_update(self.0).chain_update(json).finalize().into())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let small = text.bytes().all(|digit| !digit.is_ascii_uppercase());
        (small && hex::decode_to_slice(text, &mut bytes).is_ok()).then_some(Self(bytes))
    }
}

impl fmt::Display for LinkHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for LinkHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "LinkHash({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::{Chain, Part, PartError, Rest};
    use crate::audit::{Action, Actor, Draft, Outcome, Route};
    use crate::credential::{InvitationId, SessionId, TokenId};
    use crate::name::UserName;
    use crate::policy::POLICY;
    use crate::role::{Role, ScopeSet};
    use crate::user::KeyDigest;
    use jiff::Timestamp;
    use proptest::collection::vec;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    const NOON: Timestamp = Timestamp::constant(1_795_262_400, 0);

    fn draft(action: Action) -> Draft {
        Draft { actor: Actor::Device, address: Some([192, 0, 2, 1].into()), action, outcome: Outcome::Done }
    }

    fn log(entries: u64) -> (String, Chain) {
        let mut chain = Chain::START;
        let mut text = chain.header();
        for _ in 0..entries {
            let (line, next) = chain.line(&draft(Action::Started), NOON);
            text.push_str(&line);
            chain = next;
        }
        (text, chain)
    }

    fn all_actions() -> Vec<Action> {
        let user = || UserName::new("alice").unwrap();
        let key = KeyDigest([3; 32]);
        let role = Role::Viewer;
        vec![
            Action::Started,
            Action::TailCut { bytes: 3 },
            Action::Broken { first: 3 },
            Action::Paired { user: user() },
            Action::PairingFailed,
            Action::LoggedIn { user: user() },
            Action::LoginFailed { user: None },
            Action::TokenFailed,
            Action::InvitationFailed,
            Action::HeldUp { user: Some(user()), seconds: 30 },
            Action::NotListed { failures: 9 },
            Action::SessionEnded { session: SessionId(1) },
            Action::PasswordChanged { user: user() },
            Action::UserAdded { user: user(), role },
            Action::RoleChanged { user: user(), role },
            Action::UserRemoved { user: user() },
            Action::TokenMade { token: TokenId(1), scopes: Role::Viewer.scopes(), expires: NOON },
            Action::TokenRemoved { token: TokenId(1) },
            Action::InvitationMade { invitation: InvitationId(1), role },
            Action::InvitationRemoved { invitation: InvitationId(1) },
            Action::CertificateAdded { user: user(), key },
            Action::CertificateRemoved { user: user(), key },
            Action::DeviceCertificateChanged { key },
            Action::Request { route: Route::from(&POLICY[0]), status: 200 },
        ]
    }

    #[test]
    fn every_kind_of_entry_is_written_under_its_name_and_read_again() {
        let mut chain = Chain::START;
        let mut text = chain.header();
        for action in all_actions() {
            let kind = action.kind();
            let (line, next) = chain.line(&draft(action), NOON);
            assert!(line.contains(&format!(r#""action":{{"kind":"{kind}""#)), "{line}");
            assert!(line.len() < super::LINE_LIMIT);
            text.push_str(&line);
            chain = next;
        }
        let part = Part::read(text.as_bytes()).unwrap();
        assert_eq!((part.rest, part.end), (Rest::Nothing, chain));
        assert_eq!(part.entries.into_iter().map(|entry| entry.draft.action).collect::<Vec<_>>(), all_actions());
    }

    #[test]
    fn a_line_is_as_documented() {
        let (line, _) = Chain::START.line(&draft(Action::LoginFailed { user: None }), NOON);
        let (hash, json) = line.trim_end().split_once(' ').unwrap();
        assert_eq!(
            json,
            concat!(
                r#"{"number":1,"at":"2026-11-21T12:00:00Z","actor":{"kind":"device"},"address":"192.0.2.1","#,
                r#""action":{"kind":"login-failed","user":null},"outcome":"done"}"#
            )
        );
        use sha2::Digest;
        assert_eq!(hash, hex::encode(sha2::Sha256::digest([&[0; 32][..], json.as_bytes()].concat())));
        assert_eq!(Chain::START.header(), format!("piccolo-audit 1 1 {}\n", "0".repeat(64)));
    }

    #[test]
    fn what_a_newer_release_wrote_is_kept_and_does_not_break_the_log() {
        let chain = Chain::START;
        let json = r#"{"number":1,"at":"2026-11-21T12:00:00Z","actor":{"kind":"robot","x":1},"address":null,"action":{"kind":"sang","song":"x"},"outcome":"loud","new":true}"#;
        let text = format!("{}{} {json}\n", chain.header(), chain.last.link(json));
        let part = Part::read(text.as_bytes()).unwrap();
        assert_eq!(part.rest, Rest::Nothing);
        assert_eq!(part.entries[0].draft.action, Action::Unknown);
        assert_eq!(part.entries[0].draft.outcome, Outcome::Unknown);
    }

    #[test]
    fn an_entry_that_is_changed_taken_out_or_put_in_is_noticed() {
        let (text, _) = log(5);
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let rest = |lines: &[&str]| Part::read(lines.concat().as_bytes()).unwrap().rest;
        let changed = lines[2].replace("192.0.2.1", "192.0.2.2");
        assert_eq!(rest(&[lines[0], lines[1], &changed, lines[3]]), Rest::Broken);
        assert_eq!(rest(&[lines[0], lines[1], lines[3]]), Rest::Broken);
        assert_eq!(rest(&[lines[0], lines[1], lines[1], lines[2]]), Rest::Broken);
        assert_eq!(rest(&lines), Rest::Nothing);
    }

    #[test]
    fn without_a_header_nothing_is_read() {
        let (text, _) = log(1);
        for bad in ["", "piccolo-audit 1", "piccolo-audit 2 1 00\n", "piccolo-audit 1 0 00\n", &text[1..]] {
            assert_eq!(Part::read(bad.as_bytes()), Err(PartError::Header));
        }
        assert_eq!(Part::read(&vec![b'x'; 2 << 20]), Err(PartError::TooLarge));
    }

    proptest! {
        #[test]
        fn wherever_a_power_cut_ends_the_log_the_entries_before_it_are_good(cut in 0_usize..2000, garbage in vec(any::<u8>(), 0..100)) {
            let (text, _) = log(6);
            let header = Chain::START.header().len();
            let cut = header + cut % (text.len() - header);
            let mut bytes = text.as_bytes()[..cut].to_vec();
            let whole = bytes.iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
            bytes.extend(garbage.iter().filter(|byte| **byte != b'\n'));
            let part = Part::read(&bytes).unwrap();
            prop_assert_eq!(part.good, whole);
            let torn = matches!(part.rest, Rest::Torn { .. });
            prop_assert!(torn || bytes.len() == whole);
            prop_assert_eq!(part.entries.len() as u64 + 1, part.end.next);
        }

        #[test]
        fn any_bytes_are_answered(bytes in vec(any::<u8>(), 0..500)) {
            let mut with_header = Chain::START.header().into_bytes();
            with_header.extend(&bytes);
            prop_assert!(Part::read(&with_header).unwrap().entries.is_empty());
            let _answer = Part::read(&bytes);
        }
    }

    #[test]
    fn scopes_of_a_token_are_listed_by_name() {
        let action = Action::TokenMade { token: TokenId(4), scopes: ScopeSet::default(), expires: NOON };
        assert!(serde_json::to_string(&action).unwrap().contains(r#""scopes":[]"#));
    }
}

//! How a device gets its first administrator: whoever reads the code on its console.
//!
//! ```text
//! Closed ──opened──▶ Open ──right code──▶ Claimed ──user made──▶ Closed
//!                    │  ▲                    │
//!                    └──┴─── new code ◀──────┘ given up, or too slow
//!             used up, or too old
//! ```
//!
//! The code is in memory only: a daemon that starts again shows another.

use core::fmt;

use jiff::{SignedDuration, Timestamp};
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::network::Network;

/// How long a code is shown.
pub const CODE_LIFETIME: SignedDuration = SignedDuration::from_mins(15);
/// Wrong codes after which there is a new one.
pub const TRIES: usize = 10;
/// Of these, how many one network may have: so one hostile machine alone cannot use a code up.
pub const TRIES_OF_ONE_NETWORK: usize = 3;
/// How long after a code was used up no other is taken.
pub const PAUSE: SignedDuration = SignedDuration::from_secs(10);
/// How long whoever had the right code has for becoming a user.
pub const CLAIM_LIFETIME: SignedDuration = SignedDuration::from_mins(2);

/// Crockford's base 32: no I, L, O and U, which are read as others or make words.
const SYMBOLS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CODE_SYMBOLS: usize = 8;

/// 40 random bits, shown as `7KQ2-M9XV`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Code([u8; CODE_SYMBOLS]);

impl Code {
    /// Writes random bits as a code.
    #[must_use]
    pub fn new(random: [u8; 5]) -> Self {
        let number = random.into_iter().fold(0_u64, |number, byte| number << 8 | u64::from(byte));
        Self(core::array::from_fn(|at| SYMBOLS[(number >> (35 - 5 * at)) as usize % 32]))
    }

    /// Takes what a person typed: small letters, spaces and hyphens, and O, I and L for the digits they look like, are understood.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.get(..text.len().min(64)).filter(|short| *short == text)?;
        let mut typed = text.bytes().filter(|byte| !matches!(byte, b' ' | b'-'));
        let mut symbols = [0; CODE_SYMBOLS];
        for symbol in &mut symbols {
            let meant = match typed.next()?.to_ascii_uppercase() {
                b'O' => b'0',
                b'I' | b'L' => b'1',
                other => other,
            };
            *symbol = Some(meant).filter(|meant| SYMBOLS.contains(meant))?;
        }
        typed.next().is_none().then_some(Self(symbols))
    }

    /// As it is shown on the console.
    #[must_use]
    pub fn reveal(&self) -> String {
        let (first, second) = self.0.split_at(CODE_SYMBOLS / 2);
        format!("{}-{}", String::from_utf8_lossy(first), String::from_utf8_lossy(second))
    }
}

/// Takes as long whatever the difference is.
impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Code {}

impl fmt::Debug for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Code(…)")
    }
}

/// Where pairing stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pairing {
    /// The device has an administrator, or nothing has been asked yet.
    Closed,
    /// A code is on the console.
    Open {
        /// The code.
        code: Code,
        /// From when on it is taken.
        from: Timestamp,
        /// Until when.
        until: Timestamp,
        /// Who has tried it wrongly, at most [`TRIES`].
        wrong: Vec<Network>,
    },
    /// Somebody had the right code and is becoming the administrator.
    Claimed {
        /// Who: only the holder of this number goes on.
        claim: u64,
        /// Until when this is waited for.
        until: Timestamp,
    },
}

/// What happens to pairing. `random` is fresh from the operating system each time.
#[derive(Debug)]
pub enum PairingEvent<'e> {
    /// The device has no user.
    Opened {
        /// For a code.
        random: [u8; 5],
    },
    /// Time has passed.
    Timer {
        /// For a code.
        random: [u8; 5],
    },
    /// Somebody sent a code.
    Tried {
        /// What was typed.
        text: &'e str,
        /// From where.
        network: Network,
        /// For the next code, and to name the claim.
        random: [u8; 13],
    },
    /// Whoever had the right code did not become a user after all.
    GivenUp {
        /// Who.
        claim: u64,
        /// For a code.
        random: [u8; 5],
    },
    /// The first administrator is there.
    Finished,
}

/// What the console has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PairingAction {
    /// Show this code, and no other.
    ShowCode(Code),
    /// Show none.
    HideCode,
}

/// Why a code was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PairingRefusal {
    /// The device has an administrator.
    #[error("this device has an administrator already; ask for an invitation")]
    Closed,
    /// It is another code.
    #[error("this is not the code on the device's console")]
    Wrong,
    /// It is another code, and the last try.
    #[error("this is not the code on the device's console, which shows a new one now")]
    UsedUp,
    /// Somebody is becoming administrator, or too much was tried; wait.
    #[error("the device takes no code right now; look at its console again shortly")]
    Wait,
}

impl Pairing {
    /// When [`PairingEvent::Timer`] is due.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        match self {
            Self::Closed => None,
            Self::Open { until, .. } | Self::Claimed { until, .. } => Some(*until),
        }
    }
}

/// Takes an event: the number of the claim if the right code was presented, and what the console has to do.
///
/// # Errors
/// Why a code was not taken.
pub fn on_event(
    pairing: &mut Pairing,
    event: PairingEvent<'_>,
    now: Timestamp,
) -> (Result<Option<u64>, PairingRefusal>, Vec<PairingAction>) {
    match event {
        PairingEvent::Opened { random } => match pairing {
            Pairing::Closed => (Ok(None), vec![open(pairing, random, now, now)]),
            Pairing::Open { .. } | Pairing::Claimed { .. } => (Ok(None), Vec::new()),
        },
        PairingEvent::Timer { random } => {
            let due = pairing.wake_at().is_some_and(|until| is_over(until, now));
            (Ok(None), due.then(|| open(pairing, random, now, now)).into_iter().collect())
        }
        PairingEvent::Tried { text, network, random } => tried(pairing, text, network, random, now),
        PairingEvent::GivenUp { claim, random } => {
            let held = matches!(pairing, Pairing::Claimed { claim: holder, .. } if *holder == claim);
            (Ok(None), held.then(|| open(pairing, random, now, now)).into_iter().collect())
        }
        PairingEvent::Finished => {
            *pairing = Pairing::Closed;
            (Ok(None), vec![PairingAction::HideCode])
        }
    }
}

fn tried(
    pairing: &mut Pairing,
    text: &str,
    network: Network,
    random: [u8; 13],
    now: Timestamp,
) -> (Result<Option<u64>, PairingRefusal>, Vec<PairingAction>) {
    let (next, claim) = random.split_at(5);
    let next = next.try_into().unwrap_or_default();
    if pairing.wake_at().is_some_and(|until| is_over(until, now)) {
        // What was typed is older than what the console should show.
        return (Err(PairingRefusal::Wait), vec![open(pairing, next, now, now)]);
    }
    match pairing {
        Pairing::Closed => (Err(PairingRefusal::Closed), Vec::new()),
        Pairing::Claimed { .. } => (Err(PairingRefusal::Wait), Vec::new()),
        Pairing::Open { from, .. } if now < *from => (Err(PairingRefusal::Wait), Vec::new()),
        Pairing::Open { code, wrong, .. } => {
            if wrong.iter().filter(|tried| **tried == network).count() >= TRIES_OF_ONE_NETWORK {
                return (Err(PairingRefusal::Wait), Vec::new());
            }
            if Code::parse(text).is_some_and(|typed| typed == *code) {
                let claim = u64::from_le_bytes(claim.try_into().unwrap_or_default());
                *pairing = Pairing::Claimed { claim, until: later(now, CLAIM_LIFETIME) };
                return (Ok(Some(claim)), vec![PairingAction::HideCode]);
            }
            wrong.push(network);
            if wrong.len() < TRIES {
                return (Err(PairingRefusal::Wrong), Vec::new());
            }
            (Err(PairingRefusal::UsedUp), vec![open(pairing, next, later(now, PAUSE), now)])
        }
    }
}

fn open(pairing: &mut Pairing, random: [u8; 5], from: Timestamp, now: Timestamp) -> PairingAction {
    let code = Code::new(random);
    *pairing = Pairing::Open { code: code.clone(), from, until: later(now, CODE_LIFETIME), wrong: Vec::new() };
    PairingAction::ShowCode(code)
}

/// A time further ahead than any that is set means that the clock was set back: then it is over, too.
fn is_over(until: Timestamp, now: Timestamp) -> bool {
    now >= until || until.duration_since(now) > CODE_LIFETIME
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::{
        CLAIM_LIFETIME, CODE_LIFETIME, Code, PAUSE, Pairing, PairingAction, PairingEvent, PairingRefusal, TRIES,
        on_event,
    };
    use crate::network::Network;
    use core::net::IpAddr;
    use jiff::{SignedDuration, Timestamp};
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    const NOON: Timestamp = Timestamp::constant(1_795_262_400, 0);
    const RANDOM: [u8; 13] = [9; 13];

    fn network(last: u8) -> Network {
        IpAddr::from([192, 0, 2, last]).into()
    }

    fn opened() -> (Pairing, Code) {
        let mut pairing = Pairing::Closed;
        let (_, actions) = on_event(&mut pairing, PairingEvent::Opened { random: [1, 2, 3, 4, 5] }, NOON);
        let [PairingAction::ShowCode(code)] = &actions[..] else { panic!("{actions:?}") };
        (pairing, code.clone())
    }

    fn try_code(pairing: &mut Pairing, text: &str, from: u8, now: Timestamp) -> Result<Option<u64>, PairingRefusal> {
        on_event(pairing, PairingEvent::Tried { text, network: network(from), random: RANDOM }, now).0
    }

    #[test]
    fn the_code_on_the_console_is_taken_once() {
        let (mut pairing, code) = opened();
        assert!(try_code(&mut pairing, &code.reveal().to_lowercase(), 1, NOON).unwrap().is_some());
        assert_eq!(try_code(&mut pairing, &code.reveal(), 1, NOON), Err(PairingRefusal::Wait));
        on_event(&mut pairing, PairingEvent::Finished, NOON).0.unwrap();
        assert_eq!(try_code(&mut pairing, &code.reveal(), 1, NOON), Err(PairingRefusal::Closed));
    }

    #[test]
    fn a_code_that_was_tried_too_often_is_replaced_after_a_pause() {
        let (mut pairing, code) = opened();
        for from in 0..TRIES as u8 - 1 {
            assert_eq!(try_code(&mut pairing, "0000-0000", from, NOON), Err(PairingRefusal::Wrong));
        }
        assert_eq!(try_code(&mut pairing, "0000-0000", 100, NOON), Err(PairingRefusal::UsedUp));
        let next = Code::new([9; 5]);
        assert_eq!(try_code(&mut pairing, &next.reveal(), 1, NOON), Err(PairingRefusal::Wait));
        assert_eq!(try_code(&mut pairing, &code.reveal(), 1, NOON + PAUSE), Err(PairingRefusal::Wrong));
        try_code(&mut pairing, &next.reveal(), 1, NOON + PAUSE).unwrap();
    }

    #[test]
    fn one_hostile_machine_cannot_use_the_code_up() {
        let (mut pairing, code) = opened();
        let refusals: Vec<_> = (0..50).map(|_| try_code(&mut pairing, "ZZZZ-ZZZZ", 66, NOON).unwrap_err()).collect();
        assert_eq!(
            refusals[..4],
            [PairingRefusal::Wrong, PairingRefusal::Wrong, PairingRefusal::Wrong, PairingRefusal::Wait]
        );
        try_code(&mut pairing, &code.reveal(), 1, NOON).unwrap();
    }

    #[test]
    fn an_old_code_and_a_claim_that_leads_to_nothing_give_a_new_code() {
        let (mut pairing, code) = opened();
        assert_eq!(pairing.wake_at(), Some(NOON + CODE_LIFETIME));
        assert_eq!(try_code(&mut pairing, &code.reveal(), 1, NOON + CODE_LIFETIME), Err(PairingRefusal::Wait));
        let (mut pairing, code) = opened();
        let claim = try_code(&mut pairing, &code.reveal(), 1, NOON).unwrap().unwrap();
        let (_, actions) = on_event(&mut pairing, PairingEvent::GivenUp { claim: claim + 1, random: [3; 5] }, NOON);
        assert!(actions.is_empty(), "only its holder gives a claim up");
        let late = NOON + CLAIM_LIFETIME;
        let (_, actions) = on_event(&mut pairing, PairingEvent::Timer { random: [3; 5] }, late);
        assert_eq!(actions, [PairingAction::ShowCode(Code::new([3; 5]))]);
        assert!(matches!(pairing, Pairing::Open { .. }));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_keep_a_code() {
        let (mut pairing, code) = opened();
        let before = NOON - SignedDuration::from_hours(24);
        assert_eq!(try_code(&mut pairing, &code.reveal(), 1, before), Err(PairingRefusal::Wait));
    }

    #[test]
    fn letters_that_look_like_digits_are_understood() {
        assert_eq!(Code::parse("oil1 2345"), Code::parse("0111-2345"));
        for bad in ["", "1234567", "123456789", "ABCD-EFGU", "ABCD_EFGH", &"-".repeat(100)] {
            assert_eq!(Code::parse(bad), None);
        }
    }

    proptest! {
        #[test]
        fn every_code_can_be_typed(random: [u8; 5]) {
            let code = Code::new(random);
            let shown = code.reveal();
            prop_assert_eq!(shown.len(), 9);
            prop_assert_eq!(Code::parse(&shown), Some(code));
        }

        #[test]
        fn any_text_is_answered(text: String) {
            prop_assert!(Code::parse(&text).is_none_or(|code| Code::parse(&code.reveal()) == Some(code)));
        }
    }
}

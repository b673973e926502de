//! Who may do what on a device, and how they show who they are: decisions without effects.
//!
//! Time, random bytes and the results of hashing passwords are arguments. Whoever performs effects keeps one [`state::Access`], calls it for every request, and
//! after every call performs what [`state::Access::take_actions`] gives before it answers.
//!
//! ```text
//! request ─▶ RequestFacts::read ─▶ Access::admit(facts, method, path, now) ─▶ Admitted { identity, rule } ─▶ handler
//!                                        │                                                               │
//!                                        └─ Refusal ─▶ 401, 403, 429 …               Access::note_request(…, status)
//!
//! login   ─▶ Access::begin_login ─▶ LoginTicket ─▶ hash and compare, which takes long ─▶ Access::finish_login ─▶ LoggedIn: the tokens for cookies and page
//! ```
//!
//! The promises, each of which has a test: nobody is let in without a valid credential; nothing is kept of which a credential could be made; memory is bounded
//! whoever asks; every wait ends; what is done is in the log, and no secret is.

pub mod audit;
pub mod credential;
pub mod identity;
pub mod name;
pub mod network;
pub mod pairing;
pub mod password;
pub mod password_hash;
pub mod policy;
pub mod record;
pub mod refusal;
pub mod request;
pub mod role;
pub mod state;
pub mod throttle;
pub mod token;
pub mod user;

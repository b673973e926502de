//! Access as a whole: stories, and what holds whatever happens.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod device;
mod stories;
mod whatever_happens;

//! Access as a whole: stories, and what holds whatever happens.

mod device;
mod stories;
mod whatever_happens;

//! Chunks from outside: the image comes out, hostile input is refused, and the reference says the truth.

mod hostile;
mod known_answers;
mod round_trip;
mod support;

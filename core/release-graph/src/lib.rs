//! Which release a device takes next.
//!
//! [`next::next`] answers from a stream's signed `updates.json`: the device's version, architecture and wariness and the time go in, a
//! release or the reasons for none come out. [`cincinnati`] says the same as a graph of nodes and edges, in the protocol that Fedora CoreOS uses,
//! for servers that pace rollouts and for clients of such servers. Both follow one [`policy`]. [`request`] is for an operator who
//! asks for one release by its version.
//!
//! The rules are in `docs/reference/update-graph.md`.

pub mod cincinnati;
pub mod next;
pub mod policy;
pub mod refusal;
pub mod request;
pub mod wariness;

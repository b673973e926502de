//! What `bench update` can be told

use super::pairs::Kind;
use super::peers::Peer;
use super::suites::Suite;
use anyhow::{Context, bail};

/// Seconds of processor time that a peer gets for one pair.
const LIMIT: u64 = 900;

/// What is compared.
#[derive(Debug)]
pub struct Options {
    /// The image for virtual machines, whose kernel has fewer modules.
    pub quick: bool,
    /// Whether ours is measured by chunks, too.
    pub chunks: bool,
    /// Seconds of processor time that a peer gets for one pair.
    pub limit: u64,
    /// Which suites.
    pub suites: Vec<Suite>,
    /// Which pairs.
    pub kinds: Vec<Kind>,
    /// Which peers.
    pub peers: Vec<Peer>,
}

/// Reads arguments.
///
/// # Errors
/// For what is neither an option nor a suite, a pair or a peer.
pub fn parse(arguments: &[String]) -> anyhow::Result<Options> {
    let mut options =
        Options { quick: false, chunks: true, limit: LIMIT, suites: Vec::new(), kinds: Vec::new(), peers: Vec::new() };
    let (mut alone, mut arguments) = (false, arguments.iter());
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => options.quick = true,
            "--alone" => alone = true,
            "--no-chunks" => options.chunks = false,
            "--limit" => {
                let seconds = arguments.next().and_then(|seconds| seconds.parse().ok());
                options.limit = seconds.context("--limit takes seconds of processor time")?;
            }
            name => {
                if let Some(suite) = Suite::ALL.into_iter().find(|suite| suite.name() == name) {
                    options.suites.push(suite);
                } else if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.name() == name) {
                    options.kinds.push(kind);
                } else if let Some(peer) = Peer::ALL.into_iter().find(|peer| peer.short_name() == name) {
                    options.peers.push(peer);
                } else {
                    bail!("{name:?} is no option, suite, pair or peer: {}", names());
                }
            }
        }
    }
    if options.suites.is_empty() {
        options.suites = Suite::ALL.to_vec();
    }
    if options.kinds.is_empty() {
        options.kinds = Kind::ALL.to_vec();
    }
    if options.peers.is_empty() && !alone {
        options.peers = Peer::ALL.into_iter().filter(|peer| !(options.quick && peer.is_slow())).collect();
    }
    Ok(options)
}

fn names() -> String {
    let suites = Suite::ALL.map(Suite::name).join(", ");
    let kinds = Kind::ALL.map(Kind::name).join(", ");
    format!("{suites}; {kinds}; {}", Peer::ALL.map(Peer::short_name).join(", "))
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::update::pairs::Kind;
    use crate::update::peers::Peer;
    use crate::update::suites::Suite;

    fn of(arguments: &[&str]) -> super::Options {
        parse(&arguments.iter().map(|&argument| argument.to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn names_choose_suites_pairs_and_peers() {
        let options = of(&["bookworm", "curl", "casync", "--limit", "60"]);
        assert_eq!((options.suites, options.kinds), (vec![Suite::Bookworm], vec![Kind::Curl]));
        assert_eq!((options.peers, options.limit), (vec![Peer::Casync], 60));
        assert!(of(&["--alone"]).peers.is_empty());
        assert!(!of(&["--quick"]).peers.contains(&Peer::Bsdiff));
    }

    #[test]
    fn everything_is_compared_where_nothing_is_named() {
        let options = of(&[]);
        assert_eq!((options.suites.len(), options.kinds.len(), options.peers.len()), (2, 6, 7));
        assert!(parse(&["sid".to_owned()]).is_err());
    }
}

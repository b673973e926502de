//! Ports.

use super::Problem;
use core::net::IpAddr;
use std::fmt::{self, Display, Formatter};

/// One port or several in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortRange {
    /// The first.
    pub first: u16,
    /// The last; the same as the first for one port.
    pub last: u16,
}

impl PortRange {
    fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let digits = |part: &str| part.parse::<u16>().ok().filter(|port| *port != 0 && !part.starts_with('+'));
        let range = Self { first: digits(first)?, last: digits(last)? };
        (range.first <= range.last).then_some(range)
    }

    /// How many ports, less one.
    #[must_use]
    pub const fn span(self) -> u16 {
        self.last - self.first
    }

    /// Whether a port is in both.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

impl Display for PortRange {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self.span() {
            0 => write!(formatter, "{}", self.first),
            _ => write!(formatter, "{}-{}", self.first, self.last),
        }
    }
}

/// What is spoken on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP, where nothing else is written.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "tcp" => Some(Self::Tcp),
            "udp" => Some(Self::Udp),
            "sctp" => Some(Self::Sctp),
            _ => None,
        }
    }
}

impl Display for Protocol {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        })
    }
}

/// A published port: `[[IP:][HOST]:]CONTAINER[/PROTOCOL]`, podman-run(1), `--publish`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortMapping {
    /// The address of the device where it is open; none for all IPv4 addresses.
    pub address: Option<IpAddr>,
    /// The ports of the device; none where Podman chooses them.
    pub host: Option<PortRange>,
    /// The ports of the container.
    pub container: PortRange,
    /// What is spoken.
    pub protocol: Protocol,
}

impl PortMapping {
    /// Reads a mapping.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let advice = "write it as 8080:80, 127.0.0.1:8080:80, [::1]:8080:80 or 8080:80/udp";
        let problem = |message: &str| Problem::new(message, advice);
        let (ports, protocol) = match text.split_once('/') {
            Some((ports, protocol)) => (ports, Protocol::parse(protocol)),
            None => (text, Some(Protocol::Tcp)),
        };
        let protocol = protocol.ok_or_else(|| problem("has a protocol that is none of tcp, udp and sctp"))?;
        let (address, ports) = split_address(ports).ok_or_else(|| problem("has an address that is none"))?;
        let (host, container) = match ports.split_once(':') {
            Some((host, container)) => (Some(host).filter(|host| !host.is_empty()), container),
            None => (None, ports),
        };
        let range = |text| PortRange::parse(text).ok_or_else(|| problem("has a port that is not from 1 to 65535"));
        let mapping = Self { address, host: host.map(range).transpose()?, container: range(container)?, protocol };
        if mapping.host.is_some_and(|host| host.span() != mapping.container.span()) {
            return Err(Problem::new("has more ports on one side than on the other", "write two ranges of one length"));
        }
        Ok(mapping)
    }

    /// Whether both cannot be open at the same time.
    #[must_use]
    pub fn collides_with(&self, other: &Self) -> bool {
        let everywhere = |address: Option<IpAddr>| address.is_none_or(|address| address.is_unspecified());
        let same_version = self.address.is_none_or(|address| address.is_ipv4())
            == other.address.is_none_or(|address| address.is_ipv4());
        let addresses = match (self.address, other.address) {
            (Some(mine), Some(theirs)) if mine == theirs => true,
            (mine, theirs) => same_version && (everywhere(mine) || everywhere(theirs)),
        };
        let ports = self.host.zip(other.host).is_some_and(|(mine, theirs)| mine.overlaps(theirs));
        self.protocol == other.protocol && addresses && ports
    }
}

/// The address at the beginning, if there is one, and the rest. None where what should be an address is not.
fn split_address(text: &str) -> Option<(Option<IpAddr>, &str)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, ports) = rest.split_once("]:")?;
        return Some((Some(address.parse().ok()?), ports));
    }
    match text.match_indices(':').count() {
        0 | 1 => Some((None, text)),
        _ => {
            let (address, ports) = text.split_once(':')?;
            if address.is_empty() {
                return Some((None, ports));
            }
            Some((Some(address.parse().ok()?), ports))
        }
    }
}

/// `PORT[-PORT][/PROTOCOL]`.
pub(super) fn exposed(text: &str) -> Result<(), Problem> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    if PortRange::parse(ports).is_some() && matches!(protocol, "tcp" | "udp") {
        return Ok(());
    }
    Err(Problem::new("is not a port", "write a port or a range, such as 80, 50-59 or 53/udp"))
}

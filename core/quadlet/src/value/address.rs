//! IP addresses and what is made of them.

use super::Problem;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) fn any(text: &str) -> Result<(), Problem> {
    parse(text).map(drop)
}

fn parse(text: &str) -> Result<IpAddr, Problem> {
    text.parse().map_err(|_| Problem::new("is not an IP address", "write one such as 192.168.1.1 or fd00::1"))
}

pub(super) fn version4(text: &str) -> Result<(), Problem> {
    let parsed = text.parse::<Ipv4Addr>();
    parsed.map(drop).map_err(|_| Problem::new("is not an IPv4 address", "write one such as 192.168.1.1"))
}

pub(super) fn version6(text: &str) -> Result<(), Problem> {
    let parsed = text.parse::<Ipv6Addr>();
    parsed.map(drop).map_err(|_| Problem::new("is not an IPv6 address", "write one such as fd00::1"))
}

pub(super) fn subnet(text: &str) -> Result<(), Problem> {
    let problem = || Problem::new("is not a subnet", "write an address and a prefix length, such as 10.89.1.0/24");
    let (address, prefix) = text.split_once('/').ok_or_else(problem)?;
    let address = parse(address).map_err(|_| problem())?;
    let prefix = prefix.parse::<u8>().map_err(|_| problem())?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    if prefix <= longest { Ok(()) } else { Err(problem()) }
}

pub(super) fn range(text: &str) -> Result<(), Problem> {
    let Some((first, last)) = text.split_once('-') else { return subnet(text) };
    match (parse(first)?, parse(last)?) {
        (IpAddr::V4(first), IpAddr::V4(last)) if first <= last => Ok(()),
        (IpAddr::V6(first), IpAddr::V6(last)) if first <= last => Ok(()),
        _ => Err(Problem::new("is not a range of addresses", "write the lower address first, both of one version")),
    }
}

pub(super) fn host_entry(text: &str) -> Result<(), Problem> {
    let problem = || Problem::new("is not NAME:ADDRESS", "write it as name:192.168.1.1 or name:host-gateway");
    let (names, address) = text.split_once(':').ok_or_else(problem)?;
    let names_are_fine = names.split(';').all(|name| !name.is_empty() && !name.contains(char::is_whitespace));
    if names_are_fine && (address == "host-gateway" || parse(address).is_ok()) { Ok(()) } else { Err(problem()) }
}

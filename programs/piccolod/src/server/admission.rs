//! Who gets a connection: so many in all, and so many from one address, so that one client cannot lock out the others.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use super::Limits;

/// Counts connections.
#[derive(Debug, Clone)]
pub struct Admission {
    limits: Limits,
    /// Connections by neighbourhood. Only neighbourhoods with connections are in it, so the limits bound its size.
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// The right to one connection; dropping it gives the place back.
#[derive(Debug)]
pub struct Place {
    admission: Admission,
    neighbourhood: IpAddr,
}

impl Admission {
    /// Nobody is connected yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, open: Arc::default() }
    }

    /// A place for a client at `address`, unless it or everybody together has too many.
    pub fn admit(&self, address: IpAddr) -> Option<Place> {
        let neighbourhood = neighbourhood(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = open.values().sum();
        let near = open.get(&neighbourhood).copied().unwrap_or(0);
        if all >= self.limits.connections || near >= self.limits.connections_per_address {
            return None;
        }
        open.insert(neighbourhood, near + 1);
        Some(Place { admission: self.clone(), neighbourhood })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.admission.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(near) = open.get_mut(&self.neighbourhood) {
            *near -= 1;
            if *near == 0 {
                open.remove(&self.neighbourhood);
            }
        }
    }
}

/// An IPv4 address, or the /64 of an IPv6 address: one host can have all addresses of its /64.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::{Admission, Limits};

    #[test]
    fn one_address_cannot_take_every_place_and_places_come_back() {
        let admission = Admission::new(Limits { connections: 3, connections_per_address: 2, ..Limits::default() });
        let admit = |address: &str| admission.admit(address.parse().unwrap());
        let first = admit("2001:db8::1");
        let second = admit("2001:db8::2");
        assert!(first.is_some() && second.is_some());
        assert!(admit("2001:db8::3").is_none(), "the third of one /64");
        let third = admit("192.0.2.1");
        assert!(third.is_some(), "another address has places left");
        assert!(admit("192.0.2.2").is_none(), "all places are taken");
        drop(first);
        assert!(admit("2001:db8::3").is_some(), "a place came back");
        drop((second, third));
        assert!(admission.open.lock().unwrap().is_empty(), "nothing is kept of those who left");
    }

    #[test]
    fn an_ipv4_client_is_the_same_one_on_a_dual_stack_socket() {
        let admission = Admission::new(Limits { connections_per_address: 1, ..Limits::default() });
        let _first = admission.admit("192.0.2.1".parse().unwrap());
        assert!(admission.admit("::ffff:192.0.2.1".parse().unwrap()).is_none());
    }
}

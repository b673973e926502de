//! Binding the port that the daemon answers on.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};
use tracing::info;

/// The port of the API and the status page.
const PORT: u16 = 8080;
/// Connections the kernel completes while the daemon is busy.
const BACKLOG: u32 = 128;

/// The port cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: is another program using it, and does the address belong to this machine?")]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}

/// Binds `address`, or port 8080 of every address: IPv6 with IPv4, or IPv4 alone where the kernel runs without IPv6.
///
/// Neither needs a network to be up.
///
/// # Errors
/// [`BindError`] when the address is in use or not this machine's.
pub fn bind(address: Option<SocketAddr>) -> Result<TcpListener, BindError> {
    let Some(address) = address else {
        let everything = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), PORT);
        return match listen(everything) {
            Err(error) if is_without_ipv6(&error) => {
                info!("IPv6 is switched off, answering on IPv4 only");
                let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), PORT);
                listen(address).map_err(|source| BindError { address, source })
            }
            result => result.map_err(|source| BindError { address: everything, source }),
        };
    };
    listen(address).map_err(|source| BindError { address, source })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
        // `net.ipv6.bindv6only` may say otherwise; the device answers on both.
        rustix::net::sockopt::set_ipv6_v6only(&socket, false)?;
    }
    // Connections of the previous run in TIME_WAIT must not keep a restarted daemon from its port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// `ipv6.disable=1` takes the address family away, `disable_ipv6=1` the addresses.
fn is_without_ipv6(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    [rustix::io::Errno::AFNOSUPPORT, rustix::io::Errno::ADDRNOTAVAIL]
        .iter()
        .any(|errno| code == Some(errno.raw_os_error()))
}

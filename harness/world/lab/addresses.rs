//! The addresses of a scenario's parties, in either network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use socket2::{Domain, Socket, Type};

use super::super::{Context, Plan, StepFailure, fix};
use crate::net::{NetKind, Slice, bind};

const SIP_PORT: u16 = 5060;
const DNS_PORT: u16 = 53;
const DNS_PORT_UNPRIVILEGED: u16 = 5353;

/// The addresses of a scenario's parties.
pub(super) struct Addresses {
    pub slice: Option<Arc<Slice>>,
    ipv6: bool,
    /// The places of the nodes that have IPv4 only, whatever the others have.
    ipv4_only: Vec<usize>,
}

impl Addresses {
    /// Those of the simulated network are of the ranges for documentation (RFC 5737, RFC 3849).
    fn host(&self, number: u8) -> SocketAddr {
        self.host_of(number, self.ipv6)
    }
    fn host_of(&self, number: u8, ipv6: bool) -> SocketAddr {
        let ip = match (&self.slice, ipv6) {
            (Some(slice), false) => slice.ip(number),
            (Some(slice), true) => slice.ipv6(number),
            (None, false) => IpAddr::V4(Ipv4Addr::new(192, 0, 2, number)),
            (None, true) => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number.into())),
        };
        SocketAddr::new(ip, SIP_PORT)
    }
    /// Of their own for this scenario.
    pub fn claim(context: &Context, plan: &Plan) -> Result<Addresses, StepFailure> {
        let slice = match context.net {
            NetKind::Virtual => None,
            NetKind::Loopback => {
                Some(Arc::new(Slice::claim().map_err(|error| StepFailure::lab(error, fix::NO_LOOPBACK))?))
            }
        };
        if let (Some(slice), true) = (&slice, plan.ipv6)
            && !slice.has_ipv6()
        {
            return Err(StepFailure::NotExercised(Slice::NO_IPV6.to_owned()));
        }
        let places = (0..plan.nodes.len()).filter(|place| plan.ipv4_only.contains(&plan.nodes[*place]));
        Ok(Addresses { slice, ipv6: plan.ipv6, ipv4_only: places.collect() })
    }
    pub fn node(&self, index: usize) -> SocketAddr {
        let ipv6 = self.ipv6 && !self.ipv4_only.contains(&index);
        self.host_of(11 + u8::try_from(index).unwrap_or(0), ipv6)
    }
    /// On port 53, or on 5353 where this process may not have that.
    pub fn dns(&self) -> SocketAddr {
        let at = |port| SocketAddr::new(self.host(10).ip(), port);
        let refused = |addr: SocketAddr| {
            let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, None);
            self.slice.is_some() && socket.and_then(|socket| bind(&socket, addr)).is_err()
        };
        if refused(at(DNS_PORT)) { at(DNS_PORT_UNPRIVILEGED) } else { at(DNS_PORT) }
    }
    pub fn far_end(&self) -> SocketAddr {
        self.host(100)
    }
    pub fn phone(&self) -> SocketAddr {
        self.host(200)
    }
    pub fn second_phone(&self) -> SocketAddr {
        self.host(201)
    }
}

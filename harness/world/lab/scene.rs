//! What stands in the capture before anything else: who is where, and how much can be seen of it.

use std::net::{IpAddr, SocketAddr};

use sipfarm_core::Span;
use sipfarm_core::machine::Transport;
use sipfarm_core::profile::Profile;
use sipfarm_judge::mark;

use super::super::{Context, DNS_NODE, FAR_END_NODE, Place, Plan};
use super::addresses::Addresses;
use super::farm::speaks_tls;
use super::{SOCKET_PATIENCE, program};
use crate::net::{NetKind, VirtualNet};

/// How late a packet may pass the tap: the kernel stamps it within a millisecond.
const TAP_LATENCY: Span = Span::from_millis(5);
/// How late a socket may tell: what comes over TCP is stamped when it is read.
const SOCKET_LATENCY: Span = Span::from_millis(SOCKET_PATIENCE.as_millis() as i64);

/// Of a scenario that is about to begin.
pub(super) fn scene(
    context: &Context,
    place: &Place,
    plan: &Plan,
    (profile, time_scale): (&Profile, f64),
    addresses: &Addresses,
    dns_addr: SocketAddr,
) -> mark::Scene {
    let server = |(index, name): (usize, &String)| mark::Node {
        name: name.clone(),
        addr: addresses.node(index),
        tls: speaks_tls(profile).then(|| Transport::Tls.beside(addresses.node(index))),
        server: profile.servers.order.contains(name),
        dns: false,
    };
    let mut nodes: Vec<mark::Node> = plan.nodes.iter().enumerate().map(server).collect();
    nodes.push(mark::Node {
        name: FAR_END_NODE.to_owned(),
        addr: addresses.far_end(),
        tls: None,
        server: false,
        dns: false,
    });
    if plan.dns.is_some() {
        nodes.push(mark::Node {
            name: DNS_NODE.to_owned(),
            addr: dns_addr,
            tls: None,
            server: false,
            dns: true,
        });
    }
    let link = plan.link.or(context.link).unwrap_or_default();
    let (frames, latency) = match (context.net, &context.tap) {
        (NetKind::Virtual, _) => (true, VirtualNet::LATENCY + link.longest()),
        (NetKind::Loopback, Some(_)) => (true, TAP_LATENCY),
        (NetKind::Loopback, None) => (false, SOCKET_LATENCY),
    };
    mark::Scene {
        name: place.name.clone(),
        feature: place.feature.clone(),
        line: place.line,
        tags: place.tags.clone(),
        seed: place.seed,
        net: context.net.as_str().to_owned(),
        sight: mark::Sight { frames, lossy: link.is_lossy(), latency },
        phone: phone_addresses(context, profile, addresses),
        lines: plan.lines.of_scene(profile),
        nodes,
        servers: plan.servers.clone(),
        profile: profile.clone(),
        time_scale,
    }
}

/// The phone's own address, and those that its profile says besides.
fn phone_addresses(context: &Context, profile: &Profile, addresses: &Addresses) -> Vec<IpAddr> {
    let program = profile.control.process.as_ref().filter(|_| program::is_phone(context, profile));
    let also = program.into_iter().flat_map(|program| program.also_from.iter().copied());
    std::iter::once(addresses.phone().ip()).chain(also).collect()
}

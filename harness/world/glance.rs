//! What somebody who asks is told of a scenario that waits: what was on the wire last, and which faults are on.

use std::net::SocketAddr;

use sipfarm_core::sip::Message;
use sipfarm_core::{Instant, Span};
use sipfarm_judge::mark::Scene;
use sipfarm_judge::timeline::{EventKind, FaultWindow};
use sipfarm_judge::{Mark, Timeline};

/// The last message that passed the tap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastMessage {
    /// The number of its first packet in the capture.
    pub packet: u32,
    /// What it is, from whom, to whom.
    pub what: String,
    /// How long the lab had stood when it passed.
    pub elapsed: Span,
}

/// The last SIP or DNS message on the timeline of a lab that has stood since `begun`.
pub(super) fn last_message(timeline: &Timeline, begun: Instant) -> Option<LastMessage> {
    let scene = timeline.marks().find_map(|(_, mark)| match mark {
        Mark::Scenario(scene) => Some(scene),
        _ => None,
    })?;
    timeline.events().iter().rev().find_map(|event| {
        let (what, src, dst) = match &event.kind {
            EventKind::Sip(sip) => (start_of(&sip.message), sip.src, sip.dst),
            EventKind::Dns(dns) => (dns.to_string(), dns.src, dns.dst),
            _ => return None,
        };
        let what = format!("{what} from {} to {}", who(scene, src), who(scene, dst));
        Some(LastMessage { packet: *event.packets.first()?, what, elapsed: event.at - begun })
    })
}

/// The faults that are on, each as `"primary": silent`, in the order in which they began.
pub(super) fn faults(timeline: &Timeline) -> Vec<String> {
    let on = timeline.faults().into_iter().filter(FaultWindow::is_on);
    on.map(|FaultWindow { node, fault, .. }| format!("\"{node}\": {fault}")).collect()
}

fn start_of(message: &Message) -> String {
    match (message.method(), message.status()) {
        (Some(method), _) => method.to_string(),
        (None, Some(code)) => {
            let method = message.cseq().map(|cseq| format!(" ({})", cseq.method)).unwrap_or_default();
            format!("{code}{method}")
        }
        (None, None) => "what is no SIP".to_owned(),
    }
}

/// The name of a party, or its address.
fn who(scene: &Scene, addr: SocketAddr) -> String {
    // Of a connection that a node has opened, the port says nothing.
    match scene.nodes.iter().find(|node| node.addr.ip() == addr.ip()) {
        Some(node) => format!("\"{}\"", node.name),
        None if scene.phone.contains(&addr.ip()) => "the phone".to_owned(),
        None => addr.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use sipfarm_judge::timeline::Event;

    use super::*;

    #[test]
    fn a_fault_is_on_until_it_or_all_of_its_node_end() {
        let mut timeline = Timeline::default();
        let mut at = Instant::EPOCH;
        let mut faults_after = |node: &str, fault: &str, on| {
            at += Span::from_secs(1);
            let mark = Mark::Fault { node: node.into(), fault: fault.into(), on };
            timeline.insert(Event { at, packets: Vec::new(), kind: EventKind::Mark(mark) });
            faults(&timeline)
        };
        faults_after("primary", "silent", true);
        faults_after("primary", "delay ms=200", true);
        let three = faults_after("secondary", "silent", true);
        assert_eq!(three, ["\"primary\": silent", "\"primary\": delay ms=200", "\"secondary\": silent"]);
        assert_eq!(faults_after("primary", "silent", false), three[1..]);
        assert_eq!(faults_after("primary", "all", false), three[2..]);
    }
}

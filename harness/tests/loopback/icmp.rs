//! ICMP errors of our own making, on a real network: the kernel of the phone's host hands them to the phone,
//! the phone tells the right ones from the wrong ones, and Wireshark finds nothing wrong with them.

use std::net::SocketAddr;

use sipfarm_core::machine::Transport;
use sipfarm_judge::timeline::EventKind;

use super::common::{captures, sipfarm};
use super::{an_audit_agrees, may_watch_packets, nothing_stands_against_the_phone, scene, tshark};

/// The scenarios say what the phone must do: leave at once, or stay. Here it is said that what it
/// was sent was what they mean.
#[test]
fn the_phone_heeds_a_forged_error_that_quotes_what_it_sent_and_no_other() {
    if !may_watch_packets() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let run = ["run", "features/failover/icmp.feature", "--net", "loopback", "--out", out.to_str().unwrap()];
    nothing_stands_against_the_phone(&sipfarm(&run), &out);
    an_audit_agrees(&out);
    let mut quotations = [0, 0];
    for capture in captures(&out) {
        let (timeline, scene) = scene(&capture);
        let primary = scene.nodes.iter().find(|node| node.name == "primary").unwrap().addr;
        let quoted: Vec<(Transport, SocketAddr, SocketAddr)> = timeline
            .events()
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::Icmp(icmp) => Some(icmp.quoted.unwrap()),
                _ => None,
            })
            .collect();
        assert!(!quoted.is_empty(), "{}", scene.name);
        let is_right = !scene.name.contains("never sent");
        for (transport, from, to) in &quoted {
            assert_eq!((*transport, *from), (Transport::Udp, SocketAddr::new(scene.phone[0], 5060)));
            assert_eq!((to.ip(), *to == primary), (primary.ip(), is_right), "{}", scene.name);
        }
        quotations[usize::from(is_right)] += 1;
        if tshark::is_installed() {
            // The kernel has errors of its own for audio that comes when its port has closed.
            let sums = tshark::checked(
                &capture,
                "icmp and udp.port == 5060",
                &["ip.checksum.status", "icmp.checksum.status"],
            );
            assert_eq!(sums.len(), quoted.len(), "{}", scene.name);
            for sum in sums {
                let outer = sum[0].split(',').next();
                assert_eq!((outer, &*sum[1]), (Some("1"), "1"), "good, in {}", scene.name);
            }
        }
    }
    assert!(quotations.iter().all(|count| *count > 0), "{quotations:?}");
}

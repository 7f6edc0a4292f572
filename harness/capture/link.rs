//! Link layers: where the IP packet starts in a frame.

use sipfarm_core::frame::{Frame, LinkType};

use super::octets::{u8_at, u16_at};

/// BSD loopback: four octets of address family in the order of the capturing host.
const NULL: LinkType = LinkType(0);
/// Raw IP under the numbers that some BSDs give it.
const RAW_BSD: [LinkType; 2] = [LinkType(12), LinkType(14)];
/// OpenBSD loopback: as [`NULL`], in network order.
const LOOP: LinkType = LinkType(108);
/// Linux "cooked" capture, as on the interface `any`.
const SLL: LinkType = LinkType(113);
/// Raw IPv4.
const IPV4: LinkType = LinkType(228);
/// Raw IPv6.
const IPV6: LinkType = LinkType(229);
/// Linux "cooked" capture, version 2.
const SLL2: LinkType = LinkType(276);

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
/// 802.1Q, 802.1ad and the number used for stacked tags before it.
const ETHERTYPES_VLAN: [u16; 3] = [0x8100, 0x88a8, 0x9100];

/// ARPHRD_LOOPBACK in `if_arp.h`.
const HARDWARE_LOOPBACK: u16 = 772;
/// PACKET_OUTGOING in `if_packet.h`.
const OUTGOING: u16 = 4;

/// Whether packets of that link type can be read at all.
pub fn is_known(link: LinkType) -> bool {
    let known = [LinkType::ETHERNET, LinkType::RAW, NULL, LOOP, SLL, SLL2, IPV4, IPV6];
    known.contains(&link) || RAW_BSD.contains(&link)
}

/// The IP packet in a frame, with whatever padding follows it. `None` for anything else, and for
/// the outgoing copy of a packet on the loopback interface, which is seen once more coming in.
pub fn ip_packet(frame: &Frame) -> Option<&[u8]> {
    let data = frame.data.as_slice();
    match frame.link {
        LinkType::ETHERNET => after_ethertype(data, 12),
        LinkType::RAW | IPV4 | IPV6 => Some(data),
        link if RAW_BSD.contains(&link) => Some(data),
        // The family's number differs from system to system; the version nibble does not.
        NULL | LOOP => data.get(4..),
        SLL if !seen_again(u16_at(data, 0)?, u16_at(data, 2)?) => after_ethertype(data, 14),
        SLL2 if !seen_again(u16::from(u8_at(data, 10)?), u16_at(data, 8)?) => {
            is_ip(u16_at(data, 0)?).then(|| data.get(20..))?
        }
        _ => None,
    }
}

fn seen_again(direction: u16, hardware: u16) -> bool {
    direction == OUTGOING && hardware == HARDWARE_LOOPBACK
}

fn is_ip(ethertype: u16) -> bool {
    ethertype == ETHERTYPE_IPV4 || ethertype == ETHERTYPE_IPV6
}

/// What follows the EtherType at `at`, past any VLAN tags.
fn after_ethertype(data: &[u8], mut at: usize) -> Option<&[u8]> {
    loop {
        let ethertype = u16_at(data, at)?;
        if is_ip(ethertype) {
            return data.get(at + 2..);
        }
        if !ETHERTYPES_VLAN.contains(&ethertype) {
            return None;
        }
        at += 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sipfarm_core::Instant;

    fn strip(link: u32, head: &[u8]) -> Option<Vec<u8>> {
        let mut data = head.to_vec();
        data.extend_from_slice(b"IP");
        ip_packet(&Frame { at: Instant::EPOCH, link: LinkType(link), data }).map(<[u8]>::to_vec)
    }

    #[test]
    fn ethernet_with_and_without_tags() {
        let mut head = vec![0; 12];
        head.extend([0x08, 0x00]);
        assert_eq!(strip(1, &head), Some(b"IP".to_vec()));
        let mut tagged = vec![0; 12];
        tagged.extend([0x88, 0xa8, 0, 1, 0x81, 0x00, 0, 2, 0x86, 0xdd]);
        assert_eq!(strip(1, &tagged), Some(b"IP".to_vec()));
        let mut arp = vec![0; 12];
        arp.extend([0x08, 0x06]);
        assert_eq!(strip(1, &arp), None);
    }

    #[test]
    fn loopback_and_raw() {
        assert_eq!(strip(0, &[2, 0, 0, 0]), Some(b"IP".to_vec()));
        assert_eq!(strip(108, &[0, 0, 0, 30]), Some(b"IP".to_vec()));
        for raw in [12, 14, 101, 228, 229] {
            assert_eq!(strip(raw, &[]), Some(b"IP".to_vec()));
        }
        assert_eq!(strip(105, &[]), None, "802.11 is not read");
    }

    #[test]
    fn cooked_captures_of_loopback_count_a_packet_once() {
        let sll = |direction: u8, hardware: u16| {
            let mut head = vec![0, direction];
            head.extend(hardware.to_be_bytes());
            head.extend([0; 10]);
            head.extend([0x08, 0x00]);
            strip(113, &head)
        };
        assert_eq!(sll(0, 772), Some(b"IP".to_vec()));
        assert_eq!(sll(4, 772), None);
        assert_eq!(sll(4, 1), Some(b"IP".to_vec()));

        let sll2 = |direction: u8, hardware: u16| {
            let mut head = vec![0x08, 0x00, 0, 0, 0, 0, 0, 1];
            head.extend(hardware.to_be_bytes());
            head.extend([direction, 6]);
            head.extend([0; 8]);
            strip(276, &head)
        };
        assert_eq!(sll2(0, 772), Some(b"IP".to_vec()));
        assert_eq!(sll2(4, 772), None);
        assert_eq!(sll2(4, 1), Some(b"IP".to_vec()));
    }
}

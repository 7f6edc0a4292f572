//! From frames to events. One decoder for the live tap, the simulated network and files.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sipfarm_core::Instant;
use sipfarm_core::dns::DnsMessage;
use sipfarm_core::frame::Frame;
use sipfarm_core::machine::Transport;
use sipfarm_core::rtp::{RtpHeader, rtcp_goodbyes};
use sipfarm_core::sip::Message;
use sipfarm_judge::audio::RtpPacket;
use sipfarm_judge::mark::Mark;
use sipfarm_judge::timeline::{DnsEvent, Event, EventKind, GoodbyeEvent, SipEvent};

use super::fragments::Reassembler;
use super::ip::{self, protocol};
use super::octets::u16_at;
use super::sip::{Ports, Service};
use super::tcp::{Known, Streams};
use super::tls::Secrets;
use super::whose::{Direction, Whose};
use super::{icmp, link, marks, sip};

/// Decodes frames one by one, in the order of the capture. What it holds between frames
/// (fragments, parts of streams) is bounded, whatever the frames say.
///
/// As soon as the capture says who is who, strangers' packets that are broken or incomplete are no trouble any
/// more, and nothing of theirs drives out what is held of the phone's.
///
/// An event's time is that of the frame that completed it, and the last of its packets is that
/// frame. Frames without SIP, DNS, RTCP BYE, ICMP errors, TCP handshakes or marks give nothing, and
/// neither does what stands on a port of DNS and cannot be read as DNS. RTP is no event: there is too
/// much of it.
#[derive(Debug, Default)]
pub struct Decoder {
    ports: Ports,
    whose: Whose,
    fragments: Reassembler,
    streams: Streams,
    secrets: Secrets,
}

/// A transport payload with its way through the network.
struct Carried<'a> {
    at: Instant,
    packets: Vec<u32>,
    src: IpAddr,
    dst: IpAddr,
    payload: &'a [u8],
    cut_off: usize,
}

/// A packet of audio, with its head: the octets from the IP header to the end of the RTP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audio<'a> {
    /// The packet.
    pub packet: RtpPacket,
    /// Its head.
    pub head: &'a [u8],
    /// The length of the whole IP packet.
    pub octets: usize,
}

impl Decoder {
    /// The packet of audio in the frame that has this number in the capture. To be asked first; what
    /// is none is for [`Decoder::push`].
    pub fn audio<'a>(&self, packet_number: u32, frame: &'a Frame) -> Option<Audio<'a>> {
        let data = link::ip_packet(frame).filter(|_| frame.link != marks::LINK)?;
        let ip = ip::parse(data).filter(|ip| ip.protocol == protocol::UDP && ip.fragment.is_none())?;
        let (src, dst) = (u16_at(ip.payload, 0)?, u16_at(ip.payload, 2)?);
        if self.ports.service(src, dst) != Service::Any {
            return None;
        }
        let header = RtpHeader::read(ip.payload.get(8..)?)?;
        let before = ip.payload.as_ptr().addr() - data.as_ptr().addr();
        let packet = RtpPacket {
            at: frame.at,
            packet: packet_number,
            src: SocketAddr::new(ip.src, src),
            dst: SocketAddr::new(ip.dst, dst),
            header,
        };
        let head = &data[..before + 8 + RtpHeader::OCTETS];
        Some(Audio { packet, head, octets: before + ip.payload.len() + ip.cut_off })
    }

    /// Which way a frame goes, as far as the capture has said who is who.
    pub fn direction(&self, frame: &Frame) -> Option<Direction> {
        let packet = link::ip_packet(frame).and_then(ip::parse)?;
        self.whose.direction(packet.src, packet.dst)
    }

    /// Takes secrets of TLS, as lines of NSS's key log. They open what comes after them.
    pub fn secrets(&mut self, lines: &str) {
        self.secrets.add(lines);
    }

    /// Takes the frame that has this number in the capture (from 1, as Wireshark counts).
    pub fn push(&mut self, packet_number: u32, frame: &Frame) -> Vec<Event> {
        if frame.link == marks::LINK {
            return self.mark(packet_number, frame).into_iter().collect();
        }
        self.packet(packet_number, frame).unwrap_or_default()
    }

    fn mark(&mut self, packet_number: u32, frame: &Frame) -> Option<Event> {
        let mark = marks::from_frame(frame)?;
        if let Mark::SecondPhone { addresses } = &mark {
            self.whose.also(addresses);
        }
        if let Mark::Scenario(scene) = &mark {
            self.whose.read(scene);
            for node in &scene.nodes {
                let service = if node.dns { Service::Dns } else { Service::Sip };
                self.ports.add(node.addr.port(), service);
                node.tls.iter().for_each(|addr| self.ports.add(addr.port(), service));
            }
        }
        Some(Event { at: frame.at, packets: vec![packet_number], kind: EventKind::Mark(mark) })
    }

    fn packet(&mut self, packet_number: u32, frame: &Frame) -> Option<Vec<Event>> {
        let packet = ip::parse(link::ip_packet(frame)?)?;
        let carried = |packets, payload, cut_off| Carried {
            at: frame.at,
            packets,
            src: packet.src,
            dst: packet.dst,
            payload,
            cut_off,
        };
        let Some(fragment) = packet.fragment else {
            let carried = carried(vec![packet_number], packet.payload, packet.cut_off);
            return self.transport(packet.protocol, carried);
        };
        let whole = self.fragments.push(frame.at, packet_number, &packet, fragment, &self.whose)?;
        let (protocol, payload) = match packet.src {
            IpAddr::V4(_) => (whole.protocol, whole.payload.as_slice()),
            IpAddr::V6(_) => match ip::after_extensions(whole.protocol, &whole.payload)? {
                (protocol, payload, None) => (protocol, payload),
                (_, _, Some(_)) => return None, // a fragment within a fragment is none of ours
            },
        };
        if protocol == protocol::UDP && !ip::udp_checksum_fits(packet.src, packet.dst, payload) {
            // Pieces of two packets that had one identification, or an octet that is wrong.
            if !self.whose.may_matter(packet.src, packet.dst) {
                return None;
            }
            let what = format!("fragments from {} to {} that do not belong together", packet.src, packet.dst);
            let kind = EventKind::Mark(Mark::Trouble { what, since: Some(frame.at) });
            return Some(vec![Event { at: frame.at, packets: whole.packets, kind }]);
        }
        self.transport(protocol, carried(whole.packets, payload, 0))
    }

    fn transport(&mut self, protocol: u8, carried: Carried<'_>) -> Option<Vec<Event>> {
        match protocol {
            protocol::UDP => self.datagram(carried).map(|event| vec![event]),
            protocol::TCP => {
                let Carried { at, packets, src, dst, payload, .. } = carried;
                let known = Known { ports: &self.ports, whose: &self.whose, secrets: &self.secrets };
                self.streams.push(at, &packets, (src, dst), payload, &known)
            }
            protocol::ICMP if carried.src.is_ipv4() => self.icmp(carried),
            protocol::ICMPV6 if carried.src.is_ipv6() => self.icmp(carried),
            _ => None,
        }
    }

    /// RFC 768.
    fn datagram(&self, carried: Carried<'_>) -> Option<Event> {
        let data = carried.payload;
        let src = SocketAddr::new(carried.src, u16_at(data, 0)?);
        let dst = SocketAddr::new(carried.dst, u16_at(data, 2)?);
        let end = match usize::from(u16_at(data, 4)?) {
            0 => data.len(), // a jumbo datagram (RFC 2675)
            octets => octets.min(data.len()),
        };
        let service = self.ports.service(src.port(), dst.port());
        let payload = data.get(8..end)?;
        if service == Service::Dns {
            let message = Arc::new(DnsMessage::decode(payload).ok()?);
            let kind = EventKind::Dns(DnsEvent { transport: Transport::Udp, src, dst, message });
            return Some(Event { at: carried.at, packets: carried.packets, kind });
        }
        if service == Service::Any
            && let Some(sources) = rtcp_goodbyes(payload)
        {
            let says_so = !sources.is_empty();
            let kind = EventKind::Goodbye(GoodbyeEvent { src, dst, sources });
            return says_so.then_some(Event { at: carried.at, packets: carried.packets, kind });
        }
        let message = sip::in_datagram(payload, service == Service::Sip)?;
        let kind = if carried.cut_off > 0 {
            if !self.whose.may_matter(carried.src, carried.dst) {
                return None;
            }
            let what =
                format!("the capture cut {} octets off a SIP message from {src} to {dst}", carried.cut_off);
            EventKind::Mark(Mark::Trouble { what, since: Some(carried.at) })
        } else {
            let message = Arc::new(Message::parse(message));
            EventKind::Sip(SipEvent { transport: Transport::Udp, src, dst, message })
        };
        Some(Event { at: carried.at, packets: carried.packets, kind })
    }

    /// Errors about audio are no events: there may be one for each of its packets, and nobody has to act
    /// on them.
    fn icmp(&self, carried: Carried<'_>) -> Option<Vec<Event>> {
        let error = icmp::parse(carried.src, carried.dst, carried.payload)?;
        let is_audio = |(_, src, dst): (Transport, SocketAddr, SocketAddr)| {
            self.ports.service(src.port(), dst.port()) == Service::Any && icmp::quotes_rtp(carried.payload)
        };
        let kind = EventKind::Icmp(error.clone());
        let event = Event { at: carried.at, packets: carried.packets, kind };
        (!error.quoted.is_some_and(is_audio)).then(|| vec![event])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use sipfarm_core::dns::{RecordKind, ResponseCode};
    use sipfarm_core::frame::LinkType;
    use sipfarm_core::machine::IcmpKind;
    use sipfarm_core::sip::Method;
    use sipfarm_judge::timeline::TcpStep;

    use super::super::frames::*;
    use super::*;

    const PHONE: &str = "127.0.1.1:5060";
    const PRIMARY: &str = "127.0.1.2:5060";
    const PHONE_V6: &str = "[fd00::1]:5060";
    const PRIMARY_V6: &str = "[fd00::2]:5060";

    fn options(subject: &str) -> Vec<u8> {
        format!("OPTIONS sip:primary SIP/2.0\r\nSubject: {subject}\r\nContent-Length: 0\r\n\r\n").into_bytes()
    }

    fn decode(frames: &[Frame]) -> Vec<Event> {
        let mut decoder = Decoder::default();
        frames.iter().zip(1..).flat_map(|(frame, number)| decoder.push(number, frame)).collect()
    }

    fn sip(event: &Event) -> &SipEvent {
        match &event.kind {
            EventKind::Sip(sip) => sip,
            other => panic!("not SIP: {other:?}"),
        }
    }

    #[test]
    fn a_datagram_becomes_a_message() {
        let events = decode(&[datagram(5, PHONE, PRIMARY, &options("a"))]);
        assert_eq!(events.len(), 1);
        assert_eq!((events[0].at, &events[0].packets), (Instant::from_nanos(5), &vec![1]));
        let sip = sip(&events[0]);
        assert_eq!((sip.transport, sip.src, sip.dst), (Transport::Udp, addr(PHONE), addr(PRIMARY)));
        assert!(sip.message.is_request(&Method::Options));
    }

    #[test]
    fn padding_of_the_link_layer_is_no_part_of_the_message() {
        let mut frame = datagram(5, PHONE, PRIMARY, &options("a"));
        frame.data.extend([0; 9]);
        assert_eq!(sip(&decode(&[frame])[0]).message.raw, options("a"));
    }

    #[test]
    fn fragments_become_one_message_of_several_packets() {
        for (src, dst) in [(PHONE, PRIMARY), (PHONE_V6, PRIMARY_V6)] {
            let (src, dst) = (addr(src), addr(dst));
            let message = options(&"x".repeat(3000));
            let packets = fragments(src.ip(), dst.ip(), UDP, &udp(src, dst, &message), 1480);
            let frames: Vec<Frame> = packets.iter().zip(10..).map(|(p, at)| ethernet(at, p)).collect();
            let events = decode(&frames);
            assert_eq!(events.len(), 1);
            assert_eq!((events[0].at, &events[0].packets), (Instant::from_nanos(12), &vec![1, 2, 3]));
            assert_eq!(sip(&events[0]).message.raw, message);
        }
    }

    /// Two packets that had one identification, of which the capture lacks a piece each.
    #[test]
    fn fragments_that_do_not_belong_together_make_no_message() {
        let (src, dst) = (PHONE.parse::<SocketAddr>().unwrap(), PRIMARY.parse::<SocketAddr>().unwrap());
        let pieces = |subject: &str| {
            let message = options(&subject.repeat(2_000));
            fragments(src.ip(), dst.ip(), UDP, &udp(src, dst, &message), 1480)
        };
        let (one, other) = (pieces("a"), pieces("b"));
        let frames: Vec<Frame> = [&one[0], &other[1]]
            .into_iter()
            .map(|data| Frame { at: Instant::EPOCH, link: LinkType::RAW, data: data.clone() })
            .collect();
        let events = decode(&frames);
        let told = matches!(&events[..], [Event { kind: EventKind::Mark(Mark::Trouble { .. }), .. }]);
        assert!(told, "{events:?}");
    }

    #[test]
    fn options_and_extension_headers_are_passed_over() {
        let (src, dst) = (addr(PHONE), addr(PRIMARY));
        let mut packet = ip(src.ip(), dst.ip(), UDP, &udp(src, dst, &options("a")));
        packet[0] = 0x46; // one word of options: four no-operations
        packet.splice(20..20, [1, 1, 1, 1]);
        let octets = (packet.len() as u16).to_be_bytes();
        packet[2..4].copy_from_slice(&octets);
        assert_eq!(sip(&decode(&[ethernet(0, &packet)])[0]).message.raw, options("a"));

        let (src, dst) = (addr(PHONE_V6), addr(PRIMARY_V6));
        let mut body = vec![60, 0, 1, 4, 0, 0, 0, 0]; // hop-by-hop, then destination options
        body.extend([UDP, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        body.extend(udp(src, dst, &options("a")));
        let packet = ipv6(src.ip(), dst.ip(), 0, &body);
        assert_eq!(sip(&decode(&[ethernet(0, &packet)])[0]).message.raw, options("a"));
    }

    #[test]
    fn icmp_errors_quote_who_sent_to_whom() {
        for (src, dst, v6) in [(PHONE, PRIMARY, false), (PHONE_V6, PRIMARY_V6, true)] {
            let (src, dst) = (addr(src), addr(dst));
            let quoted = ip(src.ip(), dst.ip(), UDP, &udp(src, dst, &options("a")));
            let kind = IcmpKind::port_unreachable(dst.ip());
            let packet = icmp(dst.ip(), src.ip(), kind.kind, kind.code, &quoted);
            let events = decode(&[ethernet(0, &packet)]);
            let EventKind::Icmp(icmp) = &events[0].kind else { panic!("{events:?}") };
            assert_eq!((icmp.src, icmp.dst, icmp.kind.v6), (dst.ip(), src.ip(), v6));
            assert_eq!((icmp.kind, icmp.quoted), (kind, Some((Transport::Udp, src, dst))));
        }
        let (src, dst) = (addr(PHONE).ip(), addr(PRIMARY).ip());
        assert_eq!(decode(&[ethernet(0, &icmp(src, dst, 8, 0, b"ping"))]), []);
    }

    #[test]
    fn handshakes_and_resets_are_events() {
        let flags = [SYN, SYN | ACK, ACK, FIN | ACK, RST];
        let frames: Vec<Frame> =
            flags.iter().map(|flags| segment(0, PHONE, PRIMARY, *flags, 1, 1, b"")).collect();
        let steps: Vec<_> = decode(&frames)
            .into_iter()
            .map(|event| match event.kind {
                EventKind::Tcp(tcp) => (event.packets[0], tcp.what),
                other => panic!("{other:?}"),
            })
            .collect();
        let expected = [(1, TcpStep::Syn), (2, TcpStep::SynAck), (4, TcpStep::Fin), (5, TcpStep::Rst)];
        assert_eq!(steps, expected);
    }

    #[test]
    fn a_message_that_the_capture_cut_is_trouble_and_accuses_nobody() {
        let mut frame = datagram(5, PHONE, PRIMARY, &options("a"));
        frame.data.truncate(70);
        let events = decode(&[frame]);
        assert!(matches!(&events[0].kind, EventKind::Mark(Mark::Trouble { .. })), "{events:?}");
    }

    #[test]
    fn a_strangers_message_that_the_capture_cut_is_no_trouble_once_it_is_known_who_is_who() {
        let mut frame = datagram(5, "127.0.1.77:5060", PRIMARY, &options("a"));
        frame.data.truncate(70);
        assert_eq!(decode(&[frame.clone()]).len(), 1, "it may be the phone's");
        let mut decoder = Decoder { whose: Whose::of(PHONE, PRIMARY), ..Decoder::default() };
        assert_eq!(decoder.push(1, &frame), []);
        let mut own = datagram(5, PHONE, PRIMARY, &options("a"));
        own.data.truncate(70);
        assert_eq!(decoder.push(2, &own).len(), 1);
    }

    fn dns(event: &Event) -> String {
        match &event.kind {
            EventKind::Dns(dns) => format!("{} {} > {}: {dns}", dns.transport, dns.src, dns.dst),
            other => panic!("not DNS: {other:?}"),
        }
    }

    #[test]
    fn dns_is_read_on_its_port_and_where_the_scene_has_a_dns_server() {
        let query = DnsMessage::query(7, "_sip._udp.example.test", RecordKind::Srv).encode().unwrap();
        let on_53 = datagram(0, "127.0.1.1:33000", "127.0.1.9:53", &query);
        let elsewhere = datagram(0, "127.0.1.1:33000", "127.0.1.9:5353", &query);
        let events = decode(&[on_53, elsewhere.clone()]);
        assert_eq!(
            events.iter().map(dns).collect::<Vec<_>>(),
            ["UDP 127.0.1.1:33000 > 127.0.1.9:53: DNS SRV _sip._udp.example.test"]
        );
        let mut decoder = Decoder::default();
        decoder.ports.add(5353, Service::Dns);
        assert_eq!(decoder.push(1, &elsewhere).iter().map(dns).count(), 1);
    }

    #[test]
    fn an_answer_says_what_came_of_it() {
        let query = DnsMessage::query(7, "example.test", RecordKind::Naptr);
        let said = |answer: DnsMessage| {
            dns(&decode(&[datagram(0, "127.0.1.9:53", "127.0.1.1:33000", &answer.encode().unwrap())])[0])
                .rsplit_once("DNS NAPTR example.test: ")
                .unwrap()
                .1
                .to_owned()
        };
        let bare = |code| query.answer(code, Vec::new(), Vec::new());
        assert_eq!(said(bare(ResponseCode::NxDomain)), "NXDOMAIN");
        assert_eq!(said(bare(ResponseCode::NoError)), "no such record");
        assert_eq!(said(DnsMessage { truncated: true, ..bare(ResponseCode::NoError) }), "truncated");
    }

    #[test]
    fn what_is_no_dns_is_no_event_on_a_port_of_dns() {
        let query = DnsMessage::query(7, "example.test", RecordKind::A).encode().unwrap();
        let payloads = [b"".as_slice(), b"hello", &query[..query.len() - 1], &[0xff; 600], &options("a")];
        for payload in payloads {
            assert_eq!(decode(&[datagram(0, "127.0.1.1:33000", "127.0.1.9:53", payload)]), []);
        }
        let stream = |payload: &[u8]| {
            decode(&[
                segment(0, "127.0.1.1:33000", "127.0.1.9:53", SYN, 1, 0, b""),
                segment(0, "127.0.1.1:33000", "127.0.1.9:53", ACK, 2, 1, payload),
            ])
            .len()
        };
        assert_eq!(stream(b"\0\x05hello"), 1, "the SYN");
        assert_eq!(stream(&[b"\0\x05hello\0\x1e", query.as_slice()].concat()), 2, "what follows is read");
    }

    /// A datagram with the twelve octets of an RTP header.
    fn frames_of_audio() -> Vec<u8> {
        udp(addr("127.0.1.1:4000"), addr("127.0.1.2:4000"), &[0x80, 8, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4])
    }

    #[test]
    fn audio_is_told_apart_and_its_head_is_kept() {
        let rtp = [&[0x80, 0x88, 0, 7, 0, 0, 0, 160, 1, 2, 3, 4][..], &[0xd5; 160]].concat();
        let pairs = [("127.0.1.1:4000", "127.0.1.2:40000", 20), ("[fd00::1]:4000", "[fd00::2]:40000", 40)];
        for (src, dst, header) in pairs {
            let frame = datagram(5, src, dst, &rtp);
            let decoder = Decoder::default();
            let audio = decoder.audio(3, &frame).unwrap();
            let packet = audio.packet;
            assert_eq!((packet.at, packet.packet), (frame.at, 3));
            assert_eq!((packet.src, packet.dst), (addr(src), addr(dst)));
            assert_eq!((packet.header.sequence, packet.header.ssrc), (7, 0x0102_0304));
            assert_eq!((audio.head.len(), audio.octets), (header + 8 + 12, header + 8 + 172));
            let again = Frame { at: frame.at, link: LinkType::RAW, data: audio.head.to_vec() };
            assert_eq!(decoder.audio(3, &again), Some(audio), "what is kept of it says the same");
        }
        let decoder = Decoder::default();
        assert_eq!(decoder.audio(1, &datagram(0, PHONE, PRIMARY, &rtp)), None, "on a port of SIP");
        assert_eq!(decoder.audio(1, &datagram(0, PHONE, PRIMARY, &options("a"))), None);
    }

    #[test]
    fn a_goodbye_is_an_event_and_other_rtcp_is_none() {
        let bye = [0x81, 203, 0, 1, 1, 2, 3, 4];
        let events = decode(&[datagram(0, "127.0.1.1:4001", "127.0.1.2:40001", &bye)]);
        let EventKind::Goodbye(said) = &events[0].kind else { panic!("{events:?}") };
        assert_eq!(said.sources, [0x0102_0304]);
        let report = [0x80, 201, 0, 1, 1, 2, 3, 4];
        assert_eq!(decode(&[datagram(0, "127.0.1.1:4001", "127.0.1.2:40001", &report)]), []);
    }

    #[test]
    fn other_traffic_is_no_event() {
        let rtp = datagram(0, "127.0.1.1:4000", "127.0.1.2:4000", &[0x80, 8, 0, 1, 0, 0, 0, 0]);
        let quoted = ip(addr(PRIMARY).ip(), addr(PHONE).ip(), UDP, &frames_of_audio());
        let unheard = ethernet(0, &icmp(addr(PHONE).ip(), addr(PRIMARY).ip(), 3, 3, &quoted));
        assert_eq!(decode(&[unheard]), []);
        let keep_alive = datagram(0, PHONE, PRIMARY, b"\r\n\r\n");
        let unknown_link = Frame { link: LinkType(147), ..datagram(0, PHONE, PRIMARY, &options("a")) };
        assert_eq!(decode(&[rtp, keep_alive, unknown_link]), []);
    }
}

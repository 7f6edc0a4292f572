//! TCP: connections that cannot be opened or that break, their reuse, messages cut anywhere
//! (RFC 3261 section 18, YL-06, YL-07).

use crate::common::*;
use sipfarm_core::machine::{Input, Output, StreamEnd, StreamId, Transport};
use sipfarm_core::profile::Profile;
use sipfarm_core::sip::{Message, Method};

fn bench(profile: Profile) -> Bench {
    Bench::with_servers(profile, 3, Transport::Tcp)
}

fn dial(bench: &mut Bench) {
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
}

fn connects(bench: &Bench) -> Vec<(f64, String)> {
    let name = |at: std::net::SocketAddr| NAMES[(0..3).find(|n| addr(*n) == at).unwrap()].to_owned();
    bench
        .other
        .iter()
        .filter_map(|(at, output)| match output {
            Output::Connect { remote, .. } => Some((*at, name(*remote))),
            _ => None,
        })
        .collect()
}

#[test]
fn nothing_is_repeated_and_timer_b_runs_all_the_same() {
    let mut bench = bench(Profile::default());
    dial(&mut bench);
    bench.run(100.0);
    assert_eq!(bench.times("INVITE", "primary"), [0.0]);
    assert_eq!(bench.times("INVITE", "secondary"), [32.0]);
    assert_eq!(bench.times("INVITE", "fallback"), [64.0]);
    let via = bench.sent[0].message.top_via().unwrap();
    assert_eq!((via.transport.as_str(), via.params.has("rport")), ("TCP", false));
    assert_eq!(bench.reports(), ["call failed: no answer"]);
}

#[test]
fn a_refused_connection_moves_on_at_once() {
    let mut bench = bench(Profile::default());
    bench.tcp.insert(addr(0), Tcp::Refuse);
    bench.healthy(1);
    dial(&mut bench);
    assert_eq!(connects(&bench), [(0.0, "primary".to_owned()), (0.0, "secondary".to_owned())]);
    assert_eq!(bench.reports(), ["alerting", "call established"]);
}

#[test]
fn a_connection_that_hangs_is_given_up_after_the_profiles_time() {
    let mut profile = Profile::default();
    profile.timers.connect_timeout_ms = Some(5_000);
    let mut bench = bench(profile);
    bench.tcp.insert(addr(0), Tcp::Ignore);
    bench.healthy(1);
    dial(&mut bench);
    bench.run(6.0);
    assert_eq!(bench.times("INVITE", "secondary"), [5.0]);
    let closed = |(at, output): &(f64, Output)| {
        *at == 5.0 && *output == Output::CloseStream { stream: StreamId(1), reset: false }
    };
    assert!(bench.other.iter().any(closed));
}

#[test]
fn without_one_timer_b_gives_it_up() {
    let mut bench = bench(Profile::default());
    bench.tcp.insert(addr(0), Tcp::Ignore);
    bench.healthy(1);
    dial(&mut bench);
    bench.run(40.0);
    assert_eq!(bench.times("INVITE", "secondary"), [32.0]);
    assert!(bench.other.contains(&(32.0, Output::CloseStream { stream: StreamId(1), reset: false })));
}

#[test]
fn a_reset_before_any_answer_moves_on() {
    let mut bench = bench(Profile::default());
    bench.healthy(1);
    dial(&mut bench);
    bench.run(1.0);
    bench.close_stream(StreamId(1), StreamEnd::Reset);
    assert_eq!(bench.times("INVITE", "secondary"), [1.0]);
    assert_eq!(bench.reports(), ["alerting", "call established"]);
}

#[test]
fn a_reset_after_an_answer_does_not() {
    let mut bench = bench(Profile::default());
    bench.always(0, 100);
    dial(&mut bench);
    bench.close_stream(StreamId(1), StreamEnd::Reset);
    bench.run(100.0);
    assert!(bench.times("INVITE", "secondary").is_empty());
}

#[test]
fn an_open_connection_is_used_again_and_a_closed_one_opened_anew() {
    let mut bench = bench(Profile::default());
    bench.healthy(0);
    bench.tell(|phone, now| phone.register(now));
    dial(&mut bench);
    assert_eq!(connects(&bench).len(), 1);
    assert_eq!(bench.requests("INVITE", "primary")[0].stream, Some(StreamId(1)));
    bench.tell(|phone, now| phone.hang_up(now)).unwrap();
    bench.close_stream(StreamId(1), StreamEnd::Fin);
    dial(&mut bench);
    assert_eq!(bench.requests("INVITE", "primary")[1].stream, Some(StreamId(2)));
}

#[test]
fn ack_and_cancel_use_the_connection_of_their_invite() {
    let mut bench = bench(Profile::default());
    bench.script(0, |request| match request.method().unwrap() {
        Method::Invite => vec![reply(request, 180)],
        Method::Cancel => vec![reply(request, 200)],
        _ => vec![],
    });
    dial(&mut bench);
    bench.tell(|phone, now| phone.hang_up(now)).unwrap();
    let invite = bench.requests("INVITE", "primary")[0].message.clone();
    let data = reply(&invite, 487).to_bytes();
    bench.hear(Input::StreamData { stream: StreamId(1), data });
    let streams: Vec<_> = bench.sent.iter().map(|sent| sent.stream).collect();
    assert_eq!(streams, [Some(StreamId(1)); 3]);
    assert_eq!(bench.sent[1].message.values("Via"), invite.values("Via"));
    assert_eq!(bench.sent[2].message.values("Via"), invite.values("Via"));
}

#[test]
fn a_response_is_read_wherever_the_network_cuts_it() {
    let mut bench = bench(Profile::default());
    dial(&mut bench);
    let invite = bench.sent[0].message.clone();
    let octets = [reply(&invite, 180).to_bytes(), accepted(&invite, "callee").to_bytes()].concat();
    for octet in octets {
        bench.hear(Input::StreamData { stream: StreamId(1), data: vec![octet] });
    }
    assert_eq!(bench.reports(), ["alerting", "call established"]);
}

#[test]
fn an_incoming_request_is_answered_on_its_connection_or_on_a_new_one() {
    let mut bench = bench(Profile::default());
    let stream = StreamId(StreamId::ACCEPTED | 1);
    let remote = "192.0.2.10:33333".parse().unwrap();
    let over_tcp = |message: sipfarm_core::sip::MessageBuilder, branch: &str| {
        message.set("Via", format!("SIP/2.0/TCP 192.0.2.10:5060;branch=z9hG4bK{branch}")).to_bytes()
    };
    // Answers on that connection reach the bench under the peer's ephemeral port.
    bench.accept(stream, remote);
    bench.hear(Input::StreamData { stream, data: over_tcp(request("OPTIONS", "a", 1), "a") });
    assert_eq!(bench.sent[0].stream, Some(stream));
    bench.hear(Input::StreamData { stream, data: over_tcp(invite("b"), "b") });
    bench.close_stream(stream, StreamEnd::Fin);
    bench.tell(|phone, now| phone.reject(486, now)).unwrap();
    assert_eq!(connects(&bench), [(0.0, "primary".to_owned())], "to the port that Via names");
    assert_eq!(bench.last_response().status(), Some(486));
}

#[test]
fn pings_are_answered_and_lost_streams_closed() {
    let mut bench = bench(Profile::default());
    let stream = StreamId(StreamId::ACCEPTED | 1);
    bench.accept(stream, "192.0.2.10:33333".parse().unwrap());
    bench.hear(Input::StreamData { stream, data: b"\r\n\r\n".to_vec() });
    assert_eq!(bench.pongs, 1);
    bench.hear(Input::StreamData { stream, data: vec![b'x'; 100_000] });
    assert_eq!(bench.other.last().unwrap().1, Output::CloseStream { stream, reset: false });
}

#[test]
fn a_request_too_long_for_a_datagram_goes_over_tcp() {
    let mut bench = Bench::with_servers(Profile::default(), 1, Transport::Udp);
    let target = format!("sip:{}@example.org", "1".repeat(900));
    bench.tell(|phone, now| phone.dial(&target, now)).unwrap();
    assert_eq!(bench.sent[0].transport, Transport::Tcp);
    assert_eq!(bench.sent[0].message.top_via().unwrap().transport, "TCP");
}

#[test]
fn and_over_udp_after_all_where_there_is_no_tcp() {
    let mut bench = Bench::with_servers(Profile::default(), 1, Transport::Udp);
    bench.tcp.insert(addr(0), Tcp::Refuse);
    bench.always(0, 486);
    let target = format!("sip:{}@example.org", "1".repeat(900));
    bench.tell(|phone, now| phone.dial(&target, now)).unwrap();
    let seen: Vec<_> = bench.sent.iter().map(|sent| (sent.transport, via_transport(&sent.message))).collect();
    let over_udp = (Transport::Udp, "UDP".to_owned());
    assert_eq!(seen, [over_udp.clone(), over_udp], "the INVITE and the ACK of its 486");
    assert_eq!(bench.reports(), ["call failed: 486"]);
}

fn via_transport(message: &Message) -> String {
    message.top_via().unwrap().transport
}

#[test]
fn after_a_fin_the_response_may_come_on_a_connection_of_the_servers_own() {
    let mut bench = bench(Profile::default());
    dial(&mut bench);
    let invite = bench.sent[0].message.clone();
    bench.close_stream(StreamId(1), StreamEnd::Fin);
    assert!(bench.times("INVITE", "secondary").is_empty(), "the server had the request (section 18.2.2)");
    let stream = StreamId(StreamId::ACCEPTED | 1);
    bench.accept(stream, "192.0.2.10:33333".parse().unwrap());
    bench.hear(Input::StreamData { stream, data: accepted(&invite, "callee").to_bytes() });
    assert_eq!(bench.reports(), ["call established"]);
}

//! `sipfarm phone` by hand: what can be got wrong, what it answers, and that it ends.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{Ran, program};
use sipfarm::net::Slice;
use sipfarm_core::dns::{DnsMessage, Record, RecordData, RecordKind, ResponseCode, Srv};

const SERVER: &str = "primary=192.0.2.11:5060";

/// `sipfarm phone` with these arguments and this on its standard input.
fn phone(args: &[&str], input: &[u8]) -> Ran {
    let mut child = piped(args).spawn().unwrap();
    // A phone that has ended already takes none of it.
    let _ = child.stdin.take().unwrap().write_all(input);
    Ran::from(child.wait_with_output().unwrap())
}

fn piped(args: &[&str]) -> Command {
    let mut command = program();
    command.arg("phone").args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn the_help_says_what_it_can_be_told() {
    let ran = phone(&["--help"], b"");
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in [
        "--server <NAME=HOST[:PORT]",
        "--dns <ADDR>",
        "dial TARGET",
        "reject CODE",
        "refused: REASON",
        "SIPFARM_PASSWORD",
    ] {
        assert!(ran.out.contains(part), "{part} is missing in:\n{}", ran.out);
    }
}

#[test]
fn wrong_arguments_are_the_users_and_say_what_is_right() {
    let table: [(&[&str], &str); 12] = [
        (&[], "--server"),
        (&["--server", "192.0.2.11:5060"], "primary=192.0.2.11:5060"),
        (&["--server", "primary=192.0.2"], "192.0.2.11:5060"),
        (&["--server", "primary=192.0.2.11:0"], "1 to 65535"),
        (&["--server", "main=sip.example.test"], "--dns"),
        (&["--server", "main=sip.example.test;transport=sctp"], "transport=tcp"),
        (&["--server", "main=sip.example.test", "--dns", "dns.test"], "192.0.2.9"),
        (&["--server", "main=sip.example.test", "--dns", "[2001:db8::9]"], "IPv6"),
        (&["--server", "=192.0.2.11:5060"], "primary=192.0.2.11:5060"),
        (&["--server", SERVER, "--server", SERVER], "stands twice"),
        (&["--server", SERVER, "--profile", "yealnk-t5x"], "yealink-t5x"),
        (&["--server", SERVER, "--local", "here"], "--local"),
    ];
    for (args, told) in table {
        let ran = phone(args, b"register\n");
        assert_eq!(ran.code, 2, "{args:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(told), "{args:?}: {}", ran.err);
        assert_eq!(ran.out, "", "{args:?}");
    }
}

/// An idle phone of which somebody asks what shows at it.
#[test]
fn it_says_of_itself_what_a_person_would_see() {
    let slice = Slice::claim().unwrap();
    let local = SocketAddr::new(slice.ip(200), 5060).to_string();
    let asked = "is it so that the display shows a call\nis it so that a feature menu opens\n\
                 is it so that the moon is full\n";
    let ran = phone(&["--server", SERVER, "--local", &local], asked.as_bytes());
    let said: Vec<&str> = ran.out.lines().filter(|line| !line.starts_with("- ")).collect();
    assert_eq!(said[..3], ["ready", "no", "yes"], "{}", ran.out);
    assert!(
        said[3].starts_with("error: nobody at a phone is asked whether  the moon is full"),
        "{}",
        ran.out
    );
}

#[test]
fn a_broken_profile_on_standard_input_is_told_with_its_place() {
    let profile = b"schema: sipfarm.profile/1\nid: x\n\ntimerz: {}\n";
    let ran = phone(&["--server", SERVER, "--profile", "-"], profile);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("standard input:4:1"), "{}", ran.err);
}

#[test]
fn a_port_in_use_is_a_matter_of_the_lab() {
    let slice = Slice::claim().unwrap();
    let local = SocketAddr::new(slice.ip(200), 5060);
    let _taken = UdpSocket::bind(local).unwrap();
    let ran = phone(&["--server", SERVER, "--local", &local.to_string()], b"");
    assert_eq!(ran.code, 5, "{}", ran.err);
    for part in [&format!("cannot bind UDP {local}"), "ss -lunpt", "--local"] {
        assert!(ran.err.contains(part), "{part} is missing in:\n{}", ran.err);
    }
}

#[test]
fn garbage_is_answered_and_the_end_of_input_ends_it() {
    let slice = Slice::claim().unwrap();
    let local = format!("{}:5060", slice.ip(200));
    let input = b"regster\n\n\x00\x01\xff\nreject 200\nhang up\n";
    let ran = phone(&["--server", SERVER, "--local", &local], input);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let said: Vec<&str> = ran.out.lines().filter(|line| !line.starts_with("- ")).collect();
    let begins =
        ["ready", "error: no such command", "error: a line that is no UTF-8", "error: reject", "refused: "];
    assert_eq!(said.len(), begins.len(), "{said:?}");
    assert!(said.iter().zip(begins).all(|(said, begin)| said.starts_with(begin)), "{said:?}");
}

#[test]
fn it_does_as_told_while_it_is_told() {
    let slice = Slice::claim().unwrap();
    let [server, local] = [11, 200].map(|host| SocketAddr::new(slice.ip(host), 5060));
    let primary = UdpSocket::bind(server).unwrap();
    primary.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let (server, local) = (format!("primary={server}"), local.to_string());
    let mut child = piped(&["--server", &server, "--local", &local]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut input = child.stdin.take().unwrap();
    assert_eq!(lines.next().unwrap(), "ready");
    writeln!(input, "register").unwrap();
    assert_eq!(lines.find(|line| !line.starts_with("- ")).unwrap(), "ok");
    let mut request = [0; 2_000];
    let (length, from) = primary.recv_from(&mut request).unwrap();
    assert_eq!(from.to_string(), local);
    assert!(request[..length].starts_with(b"REGISTER sip:lab.example SIP/2.0\r\n"));
    drop(input);
    assert!(child.wait().unwrap().success());
    UdpSocket::bind(&local).unwrap();
}

/// The next datagram, whatever signal comes before.
fn receive(socket: &UdpSocket, octets: &mut [u8]) -> (usize, SocketAddr) {
    loop {
        match socket.recv_from(octets) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            received => return received.unwrap(),
        }
    }
}

/// A DNS server that knows one host, `one.pbx.test`, behind the service of `pbx.test` over UDP.
fn answer_questions(dns: &UdpSocket, host: SocketAddr) {
    let mut octets = [0; 512];
    loop {
        let (length, from) = receive(dns, &mut octets);
        let query = DnsMessage::decode(&octets[..length]).unwrap();
        let question = query.question().unwrap().clone();
        let data = match (question.kind, question.name.as_str(), host) {
            (RecordKind::Srv, "_sip._udp.pbx.test", _) => {
                let target = "one.pbx.test".to_owned();
                Some(RecordData::Srv(Srv { priority: 0, weight: 0, port: host.port(), target }))
            }
            (RecordKind::A, "one.pbx.test", SocketAddr::V4(host)) => Some(RecordData::A(*host.ip())),
            _ => None,
        };
        let records = data.map(|data| Record { name: question.name, ttl_s: 60, data });
        let answer = query.answer(ResponseCode::NoError, records.into_iter().collect(), Vec::new());
        dns.send_to(&answer.encode().unwrap(), from).unwrap();
    }
}

#[test]
fn it_finds_a_server_by_name() {
    let slice = Slice::claim().unwrap();
    let [server, local] = [11, 200].map(|host| SocketAddr::new(slice.ip(host), 5060));
    let dns = UdpSocket::bind((slice.ip(9), 5353)).unwrap();
    let dns_addr = dns.local_addr().unwrap().to_string();
    std::thread::spawn(move || answer_questions(&dns, server));
    let one = UdpSocket::bind(server).unwrap();
    one.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let args = ["--server", "main=pbx.test", "--dns", &dns_addr, "--local", &local.to_string()];
    let mut child = piped(&args).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "register").unwrap();
    let mut request = [0; 2_000];
    let (length, from) = receive(&one, &mut request);
    assert_eq!(from, local);
    assert!(request[..length].starts_with(b"REGISTER sip:lab.example SIP/2.0\r\n"));
    drop(input);
    assert!(child.wait().unwrap().success());
}

//! What a DNS node says on the wire.
#![allow(clippy::unwrap_used)]

use sipfarm_core::dns::{DnsMessage, RecordKind, ResponseCode};

use super::testing::{Lab, config, words};
use super::{DnsNode, Row};

#[test]
fn every_kind_of_record_is_answered_with_its_ttl() {
    let mut lab = Lab::new();
    for question in [
        "NAPTR example.test",
        "SRV _sip._udp.example.test",
        "A r.example.test",
        "AAAA six.example.test",
        "A www.example.test",
    ] {
        lab.ask(question);
    }
    assert_eq!(
        lab.answers(),
        [
            "UDP example.test 60 NAPTR 10 10 s SIP+D2U _sip._udp.example.test",
            "UDP _sip._udp.example.test 60 SRV 10 0 5060 p.example.test, \
             _sip._udp.example.test 60 SRV 20 0 5060 q.example.test",
            "UDP r.example.test 60 A 192.0.2.13, r.example.test 60 A 192.0.2.14",
            "UDP six.example.test 60 AAAA 2001:db8::1",
            "UDP www.example.test 60 CNAME p.example.test, p.example.test 60 A 192.0.2.11",
        ]
    );
}

/// RFC 2782: the addresses of the targets come along; RFC 3403: so do the SRV behind NAPTR.
#[test]
fn what_will_be_asked_next_comes_along() {
    let mut lab = Lab::new();
    lab.ask("SRV _sip._udp.example.test");
    lab.ask("NAPTR example.test");
    let events = lab.events();
    let along: Vec<Vec<String>> =
        events.iter().map(|event| event.message.additional.iter().map(words).collect()).collect();
    assert_eq!(along[0], ["p.example.test 60 A 192.0.2.11", "q.example.test 60 A 192.0.2.12"]);
    assert_eq!(
        along[1][..2],
        [
            "_sip._udp.example.test 60 SRV 10 0 5060 p.example.test",
            "_sip._udp.example.test 60 SRV 20 0 5060 q.example.test"
        ]
    );
    assert_eq!(along[1].len(), 4);
}

/// RFC 2308: a name without such a record is not a name that there is not. RFC 8020: a name with
/// something below it exists.
#[test]
fn no_such_record_is_told_from_no_such_name() {
    let mut lab = Lab::new();
    lab.ask("AAAA p.example.test");
    lab.ask("A _udp.example.test");
    lab.ask("A nobody.example.test");
    lab.ask("A dead.example.test");
    lab.ask("A away.example.test");
    lab.ask("A example.org");
    lab.ask("A notexample.test");
    assert_eq!(
        lab.answers(),
        [
            "UDP NOERROR",
            "UDP NOERROR",
            "UDP NXDOMAIN",
            "UDP dead.example.test 60 CNAME nowhere.example.test",
            "UDP away.example.test 60 CNAME elsewhere.example.org",
            "UDP REFUSED",
            "UDP REFUSED",
        ]
    );
    lab.ask("A dead.example.test");
    assert_eq!(lab.events()[0].message.code, ResponseCode::NxDomain, "that of the last name (RFC 6604)");
}

#[test]
fn a_cname_that_leads_to_itself_ends() {
    let mut lab = Lab::new();
    lab.ask("A loop.example.test");
    assert!(lab.answers()[0].starts_with("UDP loop.example.test 60 CNAME loop.example.test"));
}

/// RFC 1035 section 4.2.1, and 4.2.2.
#[test]
fn what_a_datagram_cannot_hold_is_truncated_and_comes_over_tcp() {
    let many = (0..40u8).map(|n| format!("many 60 A 192.0.2.{n}").parse().unwrap());
    let mut lab = Lab::with(super::DnsConfig { records: many.collect(), ..config() });
    lab.ask("A many.example.test");
    lab.ask_tcp("A many.example.test");
    let events = lab.events();
    assert!(events[0].message.truncated && events[0].message.answers.is_empty());
    assert!(!events[1].message.truncated);
    assert_eq!(events[1].message.answers.len(), 40);
}

#[test]
fn two_questions_over_one_connection_are_both_answered() {
    let mut lab = Lab::new();
    lab.ask_tcp("A p.example.test");
    let query = DnsMessage::query(77, "q.example.test", RecordKind::A).encode().unwrap();
    lab.write(&sipfarm_core::dns::to_stream(&query).unwrap());
    assert_eq!(lab.answers(), ["TCP p.example.test 60 A 192.0.2.11", "TCP q.example.test 60 A 192.0.2.12"]);
}

#[test]
fn what_cannot_be_read_gets_formerr_and_what_is_no_query_gets_nothing() {
    let mut lab = Lab::new();
    let query = DnsMessage::query(5, "p.example.test", RecordKind::A);
    let octets = query.encode().unwrap();
    lab.say(&octets[..octets.len() - 3]);
    let heard = lab.events();
    assert_eq!((heard[0].message.id, heard[0].message.code), (5, ResponseCode::FormErr));
    lab.say(b"");
    lab.say(b"hello");
    lab.say(&query.answer(ResponseCode::NoError, Vec::new(), Vec::new()).encode().unwrap());
    assert_eq!(lab.left_the_node(), 0);
    let two = DnsMessage {
        questions: [query.questions.clone(), query.questions].concat(),
        ..DnsMessage::query(6, "a", RecordKind::A)
    };
    lab.say(&two.encode().unwrap());
    assert_eq!(lab.answers(), ["UDP FORMERR"]);
}

/// The faults of every node, at this one.
#[test]
fn faults_of_every_node_work_here_too() {
    let mut lab = Lab::new();
    lab.fault_on("delay ms=300 kind=request");
    lab.ask("A p.example.test");
    assert_eq!(lab.left_the_node(), 0);
    lab.run_ms(300);
    assert_eq!(lab.answers().len(), 1);
    lab.faults_off();

    lab.fault_on("drop k=1 n=2 direction=in");
    lab.ask("A p.example.test");
    lab.ask("A q.example.test");
    assert_eq!(lab.answers(), ["UDP q.example.test 60 A 192.0.2.12"]);
    lab.faults_off();

    lab.fault_on("duplicate count=2 direction=out");
    lab.ask("A p.example.test");
    assert_eq!(lab.answers().len(), 3);
    lab.faults_off();

    lab.fault_on("silent");
    lab.ask("A p.example.test");
    assert_eq!(lab.left_the_node(), 0);
    lab.faults_off();

    lab.fault_on("closed");
    lab.ask("A p.example.test");
    assert_eq!(lab.left_the_node(), 1, "ICMP port unreachable");
    assert!(lab.answers().is_empty());
    assert!(lab.connect().is_some());
    lab.faults_off();
    lab.ask("A p.example.test");
    assert_eq!(lab.answers().len(), 1);
}

#[test]
fn what_a_fault_holds_goes_on_when_it_ends() {
    let mut lab = Lab::new();
    lab.fault_on("delay ms=60000 direction=in");
    lab.ask("A p.example.test");
    lab.faults_off();
    lab.run_ms(20);
    assert_eq!(lab.answers().len(), 1);
}

#[test]
fn a_fault_of_sip_says_that_it_does_nothing_here() {
    let mut lab = Lab::new();
    let problem = lab.try_fault("status code=503");
    assert!(problem.contains("\"status\" does nothing at a DNS server"), "{problem}");
    assert!(problem.contains("dns-servfail") && problem.contains("silent"), "{problem}");
    assert!(!problem.contains("trying-then-silent"), "{problem}");
    assert!(lab.try_fault("drop method=INVITE").contains("no meaning"));
}

#[test]
fn a_zone_that_cannot_be_is_refused_with_what_is_wrong() {
    let problem = |row: &str| {
        let records = row.parse::<Row>().map(|row| vec![row]);
        let node = records.and_then(|records| DnsNode::new(super::DnsConfig { records, ..config() }));
        node.err().unwrap_or_default()
    };
    assert!(problem("p x A 192.0.2.1").contains("TTL"));
    assert!(problem("p 60 MX 10 mail").contains("there are A, AAAA, CNAME, SRV, NAPTR"));
    assert!(problem("_sip._udp 60 SRV 10 0 p").contains("priority, weight, port, target"));
    assert!(problem("p 60 A tertiary").contains("there are \"primary\", \"secondary\""));
    assert!(problem("p 60").contains("name ttl type data"));
    assert_eq!(problem("p 60 A primary"), "");
}

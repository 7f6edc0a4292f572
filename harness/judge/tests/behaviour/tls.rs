//! `no-clear-text`, `refuses-certificate`, and what a failed handshake means to the rules of order.
use crate::common::Story;
use sipfarm_core::machine::Transport;
use sipfarm_judge::Verdict;
use sipfarm_judge::timeline::{TcpStep, TlsStep};

const CLEAR: &str = "no-clear-text";
const CERTIFICATE: &str = "refuses-certificate";

/// A phone that speaks TLS and nothing else.
fn secure() -> Story {
    let mut story = Story::new();
    story.profile.transport.default = Transport::Tls;
    story.profile.transport.allowed = vec![Transport::Tls];
    story.transport = Transport::Tls;
    story
}

/// TCP opens, and the phone asks for TLS.
fn asks(story: &mut Story, at: f64, node: &str) {
    story.at(at).syn(node);
    story.at(at + 0.01).tcp_from(node, TcpStep::SynAck);
    story.at(at + 0.02).tls(node, true, TlsStep::ClientHello);
}

#[test]
fn a_request_in_clear_text_fails_and_one_over_tls_passes() {
    let mut story = secure();
    story.at(0.0).phone().sends("OPTIONS", "primary");
    story.at(0.1).node("primary").answers("OPTIONS", 200);
    assert_eq!(story.verdict(CLEAR, 5.0), Verdict::Pass);
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut story = story.clone();
        story.transport = transport;
        story.at(1.0).phone().sends("OPTIONS", "primary");
        assert_eq!(story.verdict(CLEAR, 5.0), Verdict::Fail, "{transport}");
    }
}

#[test]
fn a_phone_that_may_speak_without_tls_is_not_asked_to() {
    let mut story = Story::new();
    story.profile.transport.allowed.push(Transport::Tls);
    story.at(0.0).phone().sends("OPTIONS", "primary");
    assert_eq!(story.verdict(CLEAR, 5.0), Verdict::NotExercised);
}

#[test]
fn what_was_sent_in_clear_text_after_a_failure_names_the_packet_of_that() {
    let mut story = secure();
    asks(&mut story, 0.0, "primary");
    story.at(0.03).tls("primary", false, TlsStep::Alert(40));
    story.transport = Transport::Udp;
    story.at(0.1).phone().sends("OPTIONS", "primary");
    let finding = story.findings(CLEAR, 5.0).into_iter().find(|f| f.verdict == Verdict::Fail).unwrap();
    assert!(finding.seen.contains("over UDP, after TLS had failed in packet"), "{}", finding.seen);
}

#[test]
fn a_wrong_certificate_must_be_refused_and_a_right_one_may_be_taken() {
    let verdict = |fault: Option<&str>, end: TlsStep| {
        let mut story = secure();
        if let Some(fault) = fault {
            story.at(0.0).fault("primary", fault, true);
        }
        asks(&mut story, 1.0, "primary");
        story.at(1.03).tls("primary", false, TlsStep::Finished);
        story.at(1.04).tls("primary", true, end);
        story.verdict(CERTIFICATE, 5.0)
    };
    for fault in ["tls-wrong-ca", "tls-self-signed", "tls-expired", "tls-wrong-name"] {
        assert_eq!(verdict(Some(fault), TlsStep::Finished), Verdict::Fail, "{fault}");
        assert_eq!(verdict(Some(fault), TlsStep::Alert(48)), Verdict::Pass, "{fault}");
    }
    assert_eq!(verdict(None, TlsStep::Finished), Verdict::NotExercised);
    assert_eq!(verdict(Some("silent"), TlsStep::Finished), Verdict::NotExercised);
}

#[test]
fn a_certificate_that_became_wrong_during_the_handshake_accuses_nobody() {
    let mut story = secure();
    asks(&mut story, 1.0, "primary");
    story.at(1.015).fault("primary", "tls-expired", true);
    story.at(1.04).tls("primary", true, TlsStep::Finished);
    assert_eq!(story.verdict(CERTIFICATE, 5.0), Verdict::NotExercised);
}

#[test]
fn a_server_may_be_passed_over_when_tls_with_it_has_failed_and_only_then() {
    let verdict = |end: TlsStep| {
        let mut story = secure();
        asks(&mut story, 0.0, "primary");
        story.at(0.03).tls("primary", true, end);
        story.at(0.1).phone().sends("INVITE", "secondary");
        story.at(0.2).node("secondary").answers("INVITE", 503);
        story.at(0.2).phone().acks("secondary");
        story.verdict("server-order", 10.0)
    };
    assert_ne!(verdict(TlsStep::Alert(48)), Verdict::Fail);
    assert_eq!(verdict(TlsStep::Finished), Verdict::Fail);
}

/// Some verify the name when the handshake has ended: what counts is that nothing is said on that connection.
#[test]
fn a_certificate_may_be_refused_right_after_the_handshake() {
    let story = |says: bool, closes: bool| {
        let mut story = secure();
        story.at(0.0).fault("primary", "tls-wrong-name", true);
        asks(&mut story, 1.0, "primary");
        story.at(1.03).tls("primary", false, TlsStep::Finished);
        story.at(1.04).tls("primary", true, TlsStep::Finished);
        if says {
            story.at(1.05).phone().sends("REGISTER", "primary");
        }
        if closes {
            let primary = story.addr("primary");
            story.at(1.06).tcp(crate::common::PHONE, primary, TcpStep::Fin);
        }
        story.verdict(CERTIFICATE, 5.0)
    };
    assert_eq!(story(false, true), Verdict::Pass);
    assert_eq!(story(true, true), Verdict::Fail);
    assert_eq!(story(true, false), Verdict::Fail);
    assert_eq!(story(false, false), Verdict::Fail, "it keeps the connection");
}

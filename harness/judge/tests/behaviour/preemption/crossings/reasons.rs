//! Other reasons for which a call ends, and what else looks like a fault beside a call of higher precedence.

use super::*;

#[test]
fn a_session_that_nobody_refreshes_ends_without_preemption() {
    let ended = |timer: &str| {
        let mut line = Line::with(2);
        line.invite_with(40.0, "a", "Resource-Priority: dsn.routine\r\nSupported: timer\r\n");
        line.answers(41.0, "a", 200, timer);
        line.server_says(41.1, "a", "ACK", 1, "", "");
        line.invite(100.0, "x", "flash");
        line.answers(100.05, "x", 180, "");
        line.asks(101.0, "a", "BYE", "", "");
        line.verdict("preemption-occasion")
    };
    assert_eq!(ended("Require: timer\r\nSession-Expires: 90;refresher=uac\r\n"), Verdict::Pass);
    assert_eq!(ended(""), Verdict::Fail);
}

#[test]
fn a_challenge_of_long_ago_ends_no_call() {
    let ended = |code: u16| {
        let mut line = Line::with(2);
        line.occupy(&[("a", "routine", "active", 20.0)]);
        let cseq = line.asks(50.0, "a", "INVITE", "", &sdp("sendrecv", 4_000));
        let challenge = if code == 401 { CHALLENGE } else { "" };
        let text = format!(
            "SIP/2.0 {code} Because\r\nVia: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bKp{cseq}\r\n\
             From: <sip:1001@example.com>;tag=pa\r\nTo: <sip:1002@example.com>;tag=fa\r\n\
             Call-ID: call-a\r\nCSeq: {cseq} INVITE\r\n{challenge}Content-Length: 0\r\n\r\n"
        );
        line.send(50.1, false, text);
        line.invite(100.0, "x", "flash");
        line.answers(100.05, "x", 180, "");
        line.asks(101.0, "a", "BYE", "", "");
        line.verdict("preemption-occasion")
    };
    assert_eq!((ended(401), ended(491)), (Verdict::Fail, Verdict::Fail));
    assert_eq!(ended(481), Verdict::Pass, "the other side has lost it");
}

#[test]
fn a_call_that_is_dialled_is_over_when_it_is_and_not_before() {
    let mut line = Line::with(2);
    let untouched = Expectation::CallsUntouched { but: Vec::new(), during: span(60.0) };
    line.dials(99.0, "z9hG4bKd1", 1, "");
    let expected = line.story.expect(99.5, untouched);
    line.is_told(103.0, "z9hG4bKd1", 1, 180, "f1");
    assert_eq!(line.story.check(&expected, 170.0).verdict, Verdict::Pass);
}

#[test]
fn an_acknowledged_refusal_need_not_say_what_was_asked_for() {
    const FLASH: &str = "Resource-Priority: dsn.flash\r\n";
    let mut line = Line::with(2);
    line.story.at(100.0).mark(Mark::CallNamed { name: "out".to_owned(), call_id: "call-out".to_owned() });
    let carries = Expectation::CallCarries {
        call: "out".to_owned(),
        method: sipfarm_core::sip::Method::Ack,
        header: "Resource-Priority".to_owned(),
        value: "dsn.flash".to_owned(),
    };
    line.dials(100.0, "z9hG4bKd1", 1, FLASH);
    line.is_told(100.1, "z9hG4bKd1", 1, 401, "f0");
    let ack = |branch: &str, cseq: u32, tag: &str, fields: &str| {
        format!(
            "ACK sip:1002@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.5:5060;branch={branch}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:1001@example.com>;tag=pout\r\nTo: <sip:1002@example.com>;tag={tag}\r\n\
             Call-ID: call-out\r\nCSeq: {cseq} ACK\r\n{fields}Content-Length: 0\r\n\r\n"
        )
    };
    line.send(100.15, true, ack("z9hG4bKd1", 1, "f0", ""));
    line.dials(100.2, "z9hG4bKd2", 2, FLASH);
    line.is_answered(101.0, "");
    let mut bare = Line { story: line.story.clone(), cseq: line.cseq };
    let verdict = |line: &mut Line, fields: &str| {
        line.send(101.1, true, ack("z9hG4bKe", 2, "fout", fields));
        let expected = line.story.expect(105.0, carries.clone());
        let expected = sipfarm_judge::mark::Expected { since: crate::common::when(99.0), ..expected };
        sipfarm_judge::judge_one(
            &line.story.timeline(),
            &line.story.profile,
            &expected,
            crate::common::when(140.0),
        )
        .verdict
    };
    assert_eq!(verdict(&mut line, FLASH), Verdict::Pass);
    assert_eq!(verdict(&mut bare, ""), Verdict::Fail);
}

#[test]
fn a_call_that_the_other_side_holds_is_active_or_held_where_there_is_room() {
    let fallen = |falls: bool, state: &str| {
        let mut line = Line::with(3);
        line.story.profile.mlpp.requires_all_appearances = false;
        line.occupy(&[("a", "routine", state, 20.0)]);
        if state == "active" {
            line.server_says(50.0, "a", "INVITE", 2, "", &sdp("sendonly", 40_000));
            line.accepts(50.1, "a", 2, "recvonly");
        }
        line.invite(100.0, "x", "flash");
        line.answers(100.05, "x", 180, "");
        if falls {
            line.falls(100.1, "a");
        }
        line.verdict("preemption-occasion")
    };
    assert_eq!((fallen(true, "active"), fallen(false, "active")), (Verdict::Pass, Verdict::Pass));
    assert_eq!((fallen(true, "held"), fallen(false, "held")), (Verdict::Fail, Verdict::Pass));
}

#[test]
fn who_is_preempted_at_once_was_not_refused_as_busy() {
    // One appearance; the second call comes before the phone has rung for the first.
    let came = |second: &str| {
        let mut line = Line::holding(&[("a", "routine", "active", 20.0)]);
        line.invite(100.0, "x", "flash");
        line.falls(100.01, "a");
        line.invite(100.015, "y", second);
        line.answers(100.02, "x", 486, REASON);
        line.answers(100.03, "y", 180, "");
        line.verdict("preemption-occasion")
    };
    assert_eq!((came("flash-override"), came("flash")), (Verdict::Pass, Verdict::Fail));
}

#[test]
fn what_is_judged_as_it_should_be_at_the_edges() {
    // Three higher calls at once.
    let three = |fallen: &[&str]| {
        let mut line = Line::holding(&[
            ("a", "routine", "active", 20.0),
            ("b", "priority", "held", 40.0),
            ("c", "immediate", "held", 60.0),
        ]);
        for (place, name) in ["x", "y", "z"].iter().enumerate() {
            line.invite(100.0 + 0.005 * place as f64, name, "flash");
            line.answers(100.02 + 0.005 * place as f64, name, 180, "");
        }
        fallen.iter().for_each(|name| line.falls(100.05, name));
        line.verdicts()
    };
    assert_eq!(three(&["a", "b", "c"]), [Verdict::Pass; 3]);
    assert_eq!(three(&["a", "b"])[0], Verdict::Fail);
    // A call that may not come in does not profit from one that ends later.
    let mut line = Line::holding(&[("a", "flash", "active", 20.0)]);
    line.invite(100.0, "x", "immediate");
    line.answers(100.05, "x", 180, "");
    line.server_says(101.0, "a", "BYE", 2, "", "");
    assert_eq!(line.verdict("preemption-occasion"), Verdict::Fail);
    // Taken back while somebody falls for it.
    let mut line = full();
    line.server_says(100.08, "x", "CANCEL", 1, "", "");
    line.falls(100.1, "b");
    line.answers(100.12, "x", 487, "");
    assert_eq!(line.verdicts(), [Verdict::Pass; 3]);
}

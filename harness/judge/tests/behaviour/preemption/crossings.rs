//! What crosses a call of higher precedence on its way, and what looks like preemption and is none.

mod reasons;

use sipfarm_core::sip::Message;
use sipfarm_judge::mark::Line as SceneLine;

use super::*;
use crate::common::PHONE;

const CHALLENGE: &str = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n";

/// Two routine calls on a line for two, and a flash call that the phone lets in.
fn full() -> Line {
    let mut line = Line::holding(&[("a", "routine", "active", 20.0), ("b", "routine", "held", 40.0)]);
    line.invite(100.0, "x", "flash");
    line.answers(100.05, "x", 180, "");
    line
}

impl Line {
    /// An INVITE to these addresses.
    fn invite_to(&mut self, at: f64, name: &str, level: &str, uri: &str, to: &str) {
        let (server, phone) = (self.story.addr("primary"), PHONE.parse().unwrap());
        let body = sdp("sendrecv", 40_000);
        let text = format!(
            "INVITE sip:{uri}@10.0.0.5 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.1.1:5060;branch=z9hG4bKINVITE1{name}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:1002@example.com>;tag=f{name}\r\nTo: <sip:{to}@example.com>\r\n\
             Call-ID: call-{name}\r\nCSeq: 1 INVITE\r\nContact: <sip:1002@10.0.1.1>\r\n\
             Resource-Priority: dsn.{level}\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.story.push_sip(at, server, phone, Message::parse(text.as_bytes()));
    }

    /// A response to an INVITE of the phone's call `out`, from the side with that tag.
    fn is_told(&mut self, at: f64, branch: &str, cseq: u32, code: u16, tag: &str) {
        let body = if code == 200 { sdp("sendrecv", 40_000) } else { String::new() };
        let kind = match code {
            200 => "Content-Type: application/sdp\r\n",
            401 => CHALLENGE,
            _ => "",
        };
        let text = format!(
            "SIP/2.0 {code} Because\r\nVia: SIP/2.0/UDP 10.0.0.5:5060;branch={branch}\r\n\
             From: <sip:1001@example.com>;tag=pout\r\nTo: <sip:1002@example.com>;tag={tag}\r\n\
             Call-ID: call-out\r\nCSeq: {cseq} INVITE\r\nContact: <sip:1002@10.0.1.1>\r\n{kind}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.send(at, false, text);
    }

    /// The phone's CANCEL or BYE of the call `out`.
    fn ends_out(&mut self, at: f64, method: &str, branch: &str, tag: &str, fields: &str) {
        let (cseq, to_tag) = match method {
            "CANCEL" => (1, String::new()),
            _ => (9, format!(";tag={tag}")),
        };
        let text = format!(
            "{method} sip:1002@10.0.1.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.5:5060;branch={branch}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:1001@example.com>;tag=pout\r\nTo: <sip:1002@example.com>{to_tag}\r\n\
             Call-ID: call-out\r\nCSeq: {cseq} {method}\r\n{fields}Content-Length: 0\r\n\r\n"
        );
        self.send(at, true, text);
    }

    /// The phone's 200 to a further INVITE of the server's.
    fn accepts(&mut self, at: f64, name: &str, cseq: u32, direction: &str) {
        let body = sdp(direction, 4_000);
        let text = format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.1.1:5060;branch=z9hG4bKINVITE{cseq}{name}\r\n\
             From: <sip:1002@example.com>;tag=f{name}\r\nTo: <sip:1001@example.com>;tag=p{name}\r\n\
             Call-ID: call-{name}\r\nCSeq: {cseq} INVITE\r\nContact: <sip:1001@10.0.0.5>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.send(at, true, text);
    }

    #[track_caller]
    fn is_not_accused(&self) {
        for (rule, verdict) in ["occasion", "victim", "teardown"].iter().zip(self.verdicts()) {
            assert_ne!(verdict, Verdict::Fail, "preemption-{rule}");
        }
    }
}

#[test]
fn all_calls_of_a_phone_with_one_line_are_of_that_line() {
    // A call of a hunt group has the group's address in To.
    let called = |falls: bool| {
        let mut line = Line::with(2);
        line.occupy(&[("a", "routine", "active", 20.0)]);
        line.invite_to(40.0, "b", "routine", "1001", "sales");
        line.answers(40.1, "b", 180, "");
        line.invite(100.0, "x", "flash");
        line.answers(100.05, "x", 180, "");
        if falls {
            line.answers(100.1, "b", 486, REASON);
        }
        line.verdicts()
    };
    assert_eq!(called(true), [Verdict::Pass; 3]);
    assert_eq!(called(false)[0], Verdict::Fail);
}

#[test]
fn of_several_lines_a_call_is_of_the_one_that_its_request_uri_names() {
    let called = |uri: &str, falls: bool| {
        let mut line = Line::with(2);
        line.story.lines =
            ["1001", "2001"].map(|user| SceneLine { user: user.to_owned(), appearances: 1 }).to_vec();
        line.invite_to(20.0, "a", "routine", uri, "2001");
        line.answers(20.1, "a", 180, "");
        line.invite(100.0, "x", "flash");
        line.answers(100.05, "x", 180, "");
        if falls {
            line.answers(100.1, "a", 486, REASON);
        }
        line.verdict("preemption-occasion")
    };
    assert_eq!((called("1001", true), called("1001", false)), (Verdict::Pass, Verdict::Fail));
    // By an address that is no line's own, To decides.
    assert_eq!((called("x7f3", true), called("x7f3", false)), (Verdict::Fail, Verdict::Pass));
}

#[test]
fn a_call_that_is_refused_before_it_rings_takes_no_room_and_does_not_fall() {
    for (came, code) in [(99.99, 486), (99.99, 302), (100.02, 486)] {
        let mut line = Line::holding(&[("a", "routine", "active", 20.0), ("b", "routine", "held", 40.0)]);
        line.invite(came, "late", "routine");
        line.invite(100.0, "x", "flash");
        line.answers(100.03, "late", code, "");
        line.answers(100.05, "x", 180, "");
        line.falls(100.1, "b");
        assert_eq!(line.verdicts(), [Verdict::Pass; 3], "{came} {code}");
    }
}

#[test]
fn the_user_may_reject_what_somebody_fell_for() {
    let mut line = full();
    line.falls(100.1, "b");
    let mut by_itself = Line { story: line.story.clone(), cseq: line.cseq };
    line.story.at(101.0).command("reject 486");
    line.answers(101.02, "x", 486, "");
    assert_eq!(line.verdicts(), [Verdict::Pass; 3]);
    by_itself.answers(101.02, "x", 486, "");
    assert_eq!(by_itself.verdict("preemption-occasion"), Verdict::Fail);
}

#[test]
fn nobody_falls_for_a_call_that_is_refused_for_another_reason() {
    let mut line = Line::holding(&[("a", "routine", "active", 20.0)]);
    line.invite(100.0, "x", "flash");
    line.falls(100.05, "a");
    line.answers(100.1, "x", 488, "");
    assert_eq!(line.verdict("preemption-occasion"), Verdict::Fail);
}

#[test]
fn who_preempted_may_be_preempted() {
    let mut line = Line::holding(&[("a", "flash", "active", 20.0), ("b", "routine", "held", 40.0)]);
    line.invite(100.0, "x", "immediate");
    line.answers(100.05, "x", 180, "");
    line.falls(100.1, "b");
    line.invite(101.0, "y", "flash-override");
    line.answers(101.05, "y", 180, "");
    line.answers(101.1, "x", 486, REASON);
    assert_eq!(line.verdicts(), [Verdict::Pass; 3]);
}

#[test]
fn room_that_comes_while_the_phone_acts_is_room() {
    // The other side hangs up, after the higher call has begun to ring, and before anybody has fallen.
    for at in [100.06, 100.5] {
        let mut line = full();
        line.server_says(at, "a", "BYE", 2, "", "");
        line.is_not_accused();
    }
    let mut line = full();
    line.story.at(100.06).command("hang up");
    line.asks(100.07, "a", "BYE", "", "");
    line.is_not_accused();
    assert_eq!(full().verdict("preemption-occasion"), Verdict::Fail, "no room");
    // A phone that gives its victim three seconds.
    let mut line = full();
    line.story.profile.mlpp.preempt_delay_s.local = 3;
    line.server_says(102.0, "b", "BYE", 2, "", "");
    line.is_not_accused();
}

#[test]
fn victims_with_a_delay_fall_one_for_each_call() {
    let fallen = |names: &[&str]| {
        let mut line = Line::holding(&[
            ("a", "routine", "active", 20.0),
            ("b", "priority", "held", 40.0),
            ("c", "flash", "held", 60.0),
        ]);
        line.story.profile.mlpp.preempt_delay_s.local = 3;
        line.invite(100.0, "x", "flash");
        line.answers(100.05, "x", 180, "");
        line.invite(102.0, "y", "flash");
        line.answers(102.05, "y", 180, "");
        for (place, name) in names.iter().enumerate() {
            line.falls(103.0 + 2.0 * place as f64, name);
        }
        line.verdicts()
    };
    assert_eq!(fallen(&["a", "b"]), [Verdict::Pass; 3]);
    assert_eq!(fallen(&["a"])[0], Verdict::Fail);
    assert_eq!(fallen(&["a", "c"])[1], Verdict::Fail);
}

#[test]
fn two_at_once_need_two_places() {
    for behind in [0.0, 0.005] {
        let two = |fallen: &[&str]| {
            let mut line =
                Line::holding(&[("a", "routine", "active", 20.0), ("b", "priority", "held", 40.0)]);
            line.invite(100.0, "x", "flash");
            line.invite(100.0 + behind, "y", "flash");
            line.answers(100.02, "x", 180, "");
            line.answers(100.03, "y", 180, "");
            fallen.iter().for_each(|name| line.falls(100.04, name));
            line.verdicts()
        };
        assert_eq!(two(&["a", "b"]), [Verdict::Pass; 3], "{behind}");
        assert_eq!(two(&["a"])[0], Verdict::Fail, "{behind}");
    }
    // One place is free: it is of the first, and for the second, which is below all, there is none.
    let mut line = Line::with(3);
    line.occupy(&[("a", "flash", "active", 20.0), ("b", "flash", "held", 40.0)]);
    line.invite(100.0, "x", "flash-override");
    line.invite(100.0, "y", "routine");
    line.answers(100.02, "x", 180, "");
    line.answers(100.03, "y", 486, "");
    line.is_not_accused();
}

#[test]
fn an_invite_that_was_asked_for_more_comes_again() {
    for (code, falls) in [(401, true), (422, true), (401, false)] {
        let mut line = Line::with(1);
        line.invite(20.0, "a", "routine");
        let asked = if code == 401 { CHALLENGE } else { "Min-SE: 90\r\n" };
        line.answers(20.1, "a", code, asked);
        let text = "INVITE sip:1001@10.0.0.5 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.1.1:5060;branch=z9hG4bKINVITE2a\r\n\
             Max-Forwards: 70\r\nFrom: <sip:1002@example.com>;tag=fa\r\nTo: <sip:1001@example.com>\r\n\
             Call-ID: call-a\r\nCSeq: 2 INVITE\r\nContact: <sip:1002@10.0.1.1>\r\nContent-Length: 0\r\n\r\n";
        line.send(20.2, false, text.to_owned());
        let text = "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP 10.0.1.1:5060;branch=z9hG4bKINVITE2a\r\n\
             From: <sip:1002@example.com>;tag=fa\r\nTo: <sip:1001@example.com>;tag=pa\r\n\
             Call-ID: call-a\r\nCSeq: 2 INVITE\r\nContent-Length: 0\r\n\r\n";
        line.send(20.3, true, text.to_owned());
        line.invite(100.0, "x", "flash");
        line.answers(100.05, "x", 180, "");
        if falls {
            line.send(
                100.1,
                true,
                text.replace("180 Ringing", "486 Busy Here")
                    .replace("Content-L", &format!("{REASON}Content-L")),
            );
            assert_eq!(line.verdicts(), [Verdict::Pass; 3], "{code}");
        } else {
            assert_eq!(line.verdict("preemption-occasion"), Verdict::Fail);
        }
    }
}

#[test]
fn a_forked_call_is_over_with_its_last_dialog() {
    let mut line = Line::with(1);
    line.dials(20.0, "z9hG4bKd1", 1, "");
    line.is_told(21.0, "z9hG4bKd1", 1, 200, "f1");
    line.is_told(21.1, "z9hG4bKd1", 1, 200, "f2");
    line.ends_out(21.2, "BYE", "z9hG4bKe", "f2", "");
    line.invite(100.0, "x", "flash");
    line.answers(100.05, "x", 180, "");
    line.ends_out(100.1, "BYE", "z9hG4bKf", "f1", REASON);
    assert_eq!(line.verdicts(), [Verdict::Pass; 3]);
}

#[test]
fn a_phone_that_has_started_anew_has_no_calls() {
    let mut line = Line::holding(&[("a", "routine", "active", 20.0)]);
    line.story.at(80.0).command("reboot");
    line.story.at(95.0).phone().sends("REGISTER", "primary");
    line.invite(100.0, "x", "flash");
    line.answers(100.05, "x", 180, "");
    line.is_not_accused();
    // While it starts, it answers nobody.
    let mut line = Line::holding(&[("a", "routine", "active", 20.0)]);
    line.story.at(80.0).command("reboot");
    line.invite(100.0, "x", "flash");
    line.is_not_accused();
}

#[test]
fn a_call_that_the_phone_dials_may_be_over_without_a_word() {
    // Nobody has answered, so that there is nothing to cancel.
    let given_up = |at: f64| {
        let mut line = Line::with(1);
        line.dials(90.0, "z9hG4bKd1", 1, "");
        line.story.at(at).command("hang up");
        line.invite(100.0, "x", "flash");
        line.answers(100.05, "x", 180, "");
        line.verdict("preemption-occasion")
    };
    assert_ne!(given_up(95.0), Verdict::Fail);
    assert_eq!(given_up(110.0), Verdict::Fail);
    let mut line = Line::with(1);
    line.dials(90.0, "z9hG4bKd1", 1, "");
    line.story.at(90.01).icmp("primary");
    line.invite(100.0, "x", "flash");
    line.answers(100.05, "x", 180, "");
    line.is_not_accused();
}

#[test]
fn the_reason_may_stand_in_the_cancel_that_was_crossed() {
    let crossed = |cancel: &str, bye: &str| {
        let mut line = Line::with(1);
        line.dials(90.0, "z9hG4bKd1", 1, "");
        line.is_told(90.1, "z9hG4bKd1", 1, 180, "f1");
        line.invite(100.0, "x", "flash");
        line.answers(100.05, "x", 180, "");
        line.ends_out(100.1, "CANCEL", "z9hG4bKd1", "", cancel);
        line.is_told(100.11, "z9hG4bKd1", 1, 200, "f1");
        line.ends_out(100.15, "BYE", "z9hG4bKe", "f1", bye);
        line.verdict("preemption-teardown")
    };
    assert_eq!(crossed(REASON, REASON), Verdict::Pass);
    assert_eq!(crossed(REASON, ""), Verdict::Pass);
    assert_eq!(crossed("", ""), Verdict::Fail);
}

#[test]
fn a_call_that_is_being_put_on_hold_is_either() {
    let falls = |code: Option<u16>, name: &str| {
        let mut line = Line::holding(&[("a", "routine", "active", 20.0), ("b", "routine", "active", 40.0)]);
        let cseq = line.asks(99.0, "a", "INVITE", "", &sdp("sendonly", 4_000));
        if let Some(code) = code {
            let text = format!(
                "SIP/2.0 {code} Because\r\nVia: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bKp{cseq}\r\n\
                 From: <sip:1001@example.com>;tag=pa\r\nTo: <sip:1002@example.com>;tag=fa\r\n\
                 Call-ID: call-a\r\nCSeq: {cseq} INVITE\r\nContent-Length: 0\r\n\r\n"
            );
            line.send(99.1, false, text);
        }
        line.invite(100.0, "x", "flash");
        line.answers(100.05, "x", 180, "");
        line.falls(100.1, name);
        line.verdicts()
    };
    for code in [None, Some(491)] {
        assert_eq!(falls(code, "a"), [Verdict::Pass; 3], "{code:?}: as held");
        assert_eq!(falls(code, "b"), [Verdict::Pass; 3], "{code:?}: as active, the newer");
    }
}

#[test]
fn who_queues_is_not_held_to_be_busy() {
    let mut line = Line::holding(&[("a", "ets.4", "active", 20.0)]);
    line.story.profile.mlpp.namespace = Some("ets".to_owned());
    line.story.profile.mlpp.levels = ["4", "3", "2", "1", "0"].map(str::to_owned).to_vec();
    line.invite(100.0, "x", "ets.0");
    line.answers(100.05, "x", 182, "");
    let mut preempts = Line { story: line.story.clone(), cseq: line.cseq };
    assert_eq!(line.verdict("preemption-occasion"), Verdict::Pass);
    preempts.falls(100.1, "a");
    assert_eq!(preempts.verdict("preemption-occasion"), Verdict::Fail);
}

#[test]
fn who_is_refused_for_its_precedence_may_ask_for_another() {
    const FLASH: &str = "Resource-Priority: dsn.flash\r\n";
    let again = |code: u16, fields: &str| {
        let mut line = Line::with(2);
        line.dials(10.0, "z9hG4bKd1", 1, FLASH);
        line.is_told(10.1, "z9hG4bKd1", 1, code, "f0");
        line.dials(10.2, "z9hG4bKd2", 2, fields);
        line.verdict("precedence-kept")
    };
    assert_ne!(again(417, "Resource-Priority: dsn.immediate\r\n"), Verdict::Fail);
    assert_ne!(again(403, ""), Verdict::Fail);
    assert_eq!(again(401, ""), Verdict::Fail);
    assert_eq!(again(503, ""), Verdict::Fail);
}

#[test]
fn a_level_that_the_phone_refuses_does_not_hold() {
    let mut line = Line::holding(&[("a", "routine", "active", 20.0), ("b", "priority", "held", 40.0)]);
    line.server_says(60.0, "a", "INVITE", 2, "Resource-Priority: dsn.flash\r\n", &sdp("sendrecv", 40_000));
    let text = "SIP/2.0 491 Request Pending\r\nVia: SIP/2.0/UDP 10.0.1.1:5060;branch=z9hG4bKINVITE2a\r\n\
         From: <sip:1002@example.com>;tag=fa\r\nTo: <sip:1001@example.com>;tag=pa\r\n\
         Call-ID: call-a\r\nCSeq: 2 INVITE\r\nContent-Length: 0\r\n\r\n";
    line.send(60.1, true, text.to_owned());
    line.invite(100.0, "x", "flash");
    line.answers(100.05, "x", 180, "");
    line.falls(100.1, "a");
    assert_eq!(line.verdict("preemption-victim"), Verdict::Pass);
}

#[test]
fn a_call_that_comes_with_the_trigger_was_not_there_before() {
    let mut line = Line::holding(&[("a", "flash", "active", 20.0)]);
    let untouched = Expectation::CallsUntouched { but: Vec::new(), during: span(5.0) };
    let expected = line.story.expect(100.0, untouched);
    line.invite(100.0, "x", "routine");
    line.answers(100.05, "x", 486, "");
    assert_eq!(line.story.check(&expected, 140.0).verdict, Verdict::Pass);
}

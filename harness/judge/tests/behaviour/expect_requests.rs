//! Expectations about requests: `sends`, `sends-nothing`, `order`.
use crate::common::{Story, span, when};
use sipfarm_core::sip::Method;
use sipfarm_judge::mark::Expected;
use sipfarm_judge::timeline::TcpStep;
use sipfarm_judge::{Expectation, Finding, Mark, Verdict};

fn sends(method: Method, node: &str, within: f64) -> Expectation {
    Expectation::Sends { method, node: node.to_owned(), within: Some(span(within)) }
}

fn nothing(method: Option<Method>, node: Option<&str>, during: f64) -> Expectation {
    Expectation::SendsNothing { method, node: node.map(str::to_owned), during: span(during) }
}

fn order(nodes: &[&str], only: bool) -> Expectation {
    Expectation::Order { method: Method::Invite, nodes: nodes.iter().map(|&n| n.to_owned()).collect(), only }
}

#[test]
fn a_request_in_time_passes_and_names_its_packet() {
    let mut story = Story::new();
    let expected = story.expect(0.0, sends(Method::Invite, "primary", 1.0));
    story.at(0.2).phone().sends("INVITE", "primary");
    let finding = story.run(&expected, 40.0);
    assert_eq!(finding.verdict, Verdict::Pass);
    assert_eq!(finding.packets, [1]);
    assert!(finding.expected.contains("\"primary\" (10.0.1.1:5060)"), "{}", finding.expected);
}

#[test]
fn a_late_request_fails_and_says_by_how_much() {
    let mut story = Story::new();
    let expected = story.expect(0.0, sends(Method::Register, "secondary", 32.0));
    story.at(16.0).phone().sends("REGISTER", "primary");
    story.at(20.0).phone().sends("OPTIONS", "secondary");
    story.at(37.5).phone().sends("REGISTER", "secondary");
    assert_eq!(story.run(&expected, 60.0).verdict, Verdict::Fail);
    let findings = story.findings("sends", 60.0);
    assert!(findings[0].seen.contains("late by 5.40 s"), "{}", findings[0].seen);
    let whys: Vec<_> = findings[0].nearest.iter().map(|near| near.why.as_str()).collect();
    assert!(whys.contains(&"other target") && whys.contains(&"other method"), "{whys:?}");
    assert!(whys.contains(&"late by 5.40 s"), "{whys:?}");
}

#[test]
fn a_repetition_is_not_a_new_request() {
    let mut story = Story::new();
    story.at(0.0).phone().sends("INVITE", "primary");
    let expected = story.expect(0.2, sends(Method::Invite, "primary", 2.0));
    story.at(0.5).phone().repeats("INVITE", "primary");
    let finding = story.run(&expected, 10.0);
    assert_eq!(finding.verdict, Verdict::Fail);
    assert!(finding.nearest[0].why.contains("a retransmission, not a new request"), "{:?}", finding.nearest);
}

#[test]
fn waiting_is_pending_while_live_and_inconclusive_when_the_capture_ends() {
    let mut story = Story::new();
    let expected = story.expect(0.0, sends(Method::Invite, "primary", 5.0));
    let finding = story.live(&expected, 1.0);
    assert_eq!(finding.verdict, Verdict::Pending);
    assert_eq!(finding.until, Some(crate::common::just_after(5.1)));
    assert_eq!(story.verdict("sends", 1.0), Verdict::Inconclusive);
    // The end of the scenario is the end of waiting.
    story.at(2.0).end();
    assert_eq!(story.live(&expected, 60.0).verdict, Verdict::Inconclusive);
    assert_eq!(story.verdict("sends", 60.0), Verdict::Inconclusive);
}

#[test]
fn what_a_key_is_for_breaks_the_silence_however_quick_it_is() {
    let verdict = |key: &str, key_line: u32, method: Method| {
        let mut story = Story::new();
        for line in [5, 6] {
            let mark = Mark::Step { keyword: "When".into(), text: "a key, or a fault".into(), line };
            story.at(0.0).mark(mark);
            if line == key_line {
                story.at(0.0).command(key);
            } else {
                story.at(0.0).fault("secondary", "silent", true);
            }
        }
        let asked = story.expect(0.0, nothing(Some(method.clone()), Some("primary"), 5.0));
        let expected = Expected { since_line: Some(6), ..asked };
        story.at(0.0).phone().sends(method.as_str(), "primary");
        story.run(&expected, 10.0).verdict
    };
    assert_eq!(verdict("dial 1002", 6, Method::Invite), Verdict::Fail);
    assert_eq!(verdict("register", 6, Method::Register), Verdict::Fail);
    // The key came before the trigger: the request may have been on its way.
    assert_eq!(verdict("dial 1002", 5, Method::Invite), Verdict::Pass);
}

#[test]
fn another_phones_request_satisfies_nothing() {
    let mut story = Story::new();
    let expected = story.expect(0.0, sends(Method::Invite, "primary", 5.0));
    // From the far end to the primary: neither end is the phone.
    let other = story.addr("far-end");
    let primary = story.addr("primary");
    story.stranger(1.0, other, primary, "INVITE");
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Fail);
}

#[test]
fn a_request_in_the_phones_name_from_elsewhere_is_named() {
    let strange = |user: &str| {
        let mut story = Story::new();
        story.at(0.0).phone().sends("OPTIONS", "primary");
        let (other, primary) = ("127.0.0.1:5060".parse().unwrap(), story.addr("primary"));
        story.stranger_named(2.0, other, primary, "INVITE", user);
        story
    };
    let why = "from 127.0.0.1, which is not the phone's address";
    let is_named = |finding: &Finding| {
        finding.nearest.iter().any(|near| near.why == why && near.what == "INVITE to \"primary\"")
    };
    for (user, named) in [("1001", true), ("1003", false)] {
        let mut story = strange(user);
        let expected = story.expect(1.0, sends(Method::Invite, "primary", 5.0));
        let finding = story.run(&expected, 10.0);
        assert_eq!((finding.verdict, is_named(&finding)), (Verdict::Fail, named), "{user}");
        let mut story = strange(user);
        let expected = story.expect(1.0, nothing(Some(Method::Invite), Some("primary"), 5.0));
        let finding = story.run(&expected, 10.0);
        assert_eq!((finding.verdict, is_named(&finding)), (Verdict::Pass, named), "{user}");
    }
    // Another node, another method, another time: nothing to tell of silence.
    for (method, node, since) in
        [("INVITE", "secondary", 1.0), ("REGISTER", "primary", 1.0), ("INVITE", "primary", 3.0)]
    {
        let mut story = strange("1001");
        let expected = story.expect(since, nothing(Some(Method::from(method)), Some(node), 5.0));
        assert_eq!(story.run(&expected, 10.0).nearest, [], "{method} {node}");
    }
}

#[test]
fn a_refused_connection_is_a_try_and_without_frames_nobody_knows() {
    // The primary refuses the connection; the phone goes on to the secondary.
    let mut story = Story::new().tcp();
    let expected = story.expect(0.0, order(&["primary", "secondary"], false));
    story.at(0.1).syn("primary");
    story.at(0.11).tcp_from("primary", TcpStep::Rst);
    story.at(0.2).phone().sends("INVITE", "secondary");
    let finding = story.run(&expected, 40.0);
    assert_eq!(finding.verdict, Verdict::Pass);
    assert!(finding.seen.contains("\"primary\" +0.10 s (connection only)"), "{}", finding.seen);
    // Nothing at all went to the primary.
    let skipping = |story: Story| {
        let mut story = story.tcp();
        let expected = story.expect(0.0, order(&["primary", "secondary"], false));
        story.at(0.2).phone().sends("INVITE", "secondary");
        story.run(&expected, 40.0)
    };
    assert_eq!(skipping(Story::new()).verdict, Verdict::Fail);
    let finding = skipping(Story::new().without_frames());
    assert_eq!(finding.verdict, Verdict::Inconclusive);
    assert!(finding.seen.contains("refused connection cannot be seen"), "{}", finding.seen);
}

#[test]
fn trouble_over_the_window_makes_it_inconclusive() {
    let mut story = Story::new();
    let expected = story.expect(0.0, sends(Method::Invite, "primary", 5.0));
    story.at(3.0).trouble(2.0);
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Inconclusive);
}

#[test]
fn trouble_elsewhere_changes_nothing() {
    let mut story = Story::new();
    let expected = story.expect(0.0, sends(Method::Invite, "primary", 5.0));
    story.at(9.0).trouble(8.0);
    assert_eq!(story.verdict("sends", 10.0), Verdict::Fail);
    assert_eq!(story.live(&expected, 7.0).verdict, Verdict::Fail);
}

#[test]
fn lateness_of_ours_excuses_what_came_late() {
    let mut story = Story::new();
    story.expect(0.0, sends(Method::Invite, "primary", 5.0));
    story.at(5.3).phone().sends("INVITE", "primary");
    assert_eq!(story.verdict("sends", 10.0), Verdict::Fail);
    story.at(5.3).late(4.9);
    assert_eq!(story.verdict("sends", 10.0), Verdict::Inconclusive);
}

#[test]
fn lateness_of_ours_hides_nothing_but_what_was_due_at_the_end() {
    for (late_from, late_to, verdict) in
        [(1.0, 2.0, Verdict::Pass), (4.9, 5.2, Verdict::Inconclusive), (6.0, 7.0, Verdict::Pass)]
    {
        let mut story = Story::new();
        story.expect(0.0, nothing(Some(Method::Invite), None, 5.0));
        story.at(late_to).late(late_from);
        assert_eq!(story.verdict("sends-nothing", 10.0), verdict, "late from {late_from} to {late_to}");
    }
}

#[test]
fn what_could_not_be_triggered_was_not_exercised() {
    let mut story = Story::new();
    story.at(0.0).mark(Mark::CommandFailed { command: "dial".to_owned(), reason: "no answer".to_owned() });
    let expected = story.expect(0.0, sends(Method::Invite, "primary", 5.0));
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::NotExercised);
    // Silence of a phone that was not asked proves nothing, either.
    let expected = story.expect(0.0, nothing(Some(Method::Invite), None, 5.0));
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::NotExercised);
}

#[test]
fn an_unmet_condition_makes_it_inconclusive() {
    let mut story = Story::new();
    story.at(0.0).mark(Mark::Unmet { precondition: "the phone is registered".to_owned() });
    let expected = story.expect(0.0, sends(Method::Invite, "primary", 5.0));
    story.at(1.0).phone().sends("INVITE", "primary");
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Inconclusive);
}

#[test]
fn an_ack_is_a_request_too() {
    let mut story = Story::new();
    story.at(0.1).phone().sends("INVITE", "primary");
    story.at(0.2).node("primary").answers("INVITE", 486);
    story.at(0.3).phone().acks("primary");
    let sent = story.expect(0.0, sends(Method::Ack, "primary", 1.0));
    assert_eq!(story.run(&sent, 10.0).verdict, Verdict::Pass);
    let not = story.expect(0.0, sends(Method::Ack, "secondary", 1.0));
    assert_eq!(story.run(&not, 10.0).verdict, Verdict::Fail);
    let none = story.expect(0.0, nothing(Some(Method::Ack), None, 1.0));
    assert_eq!(story.run(&none, 10.0).verdict, Verdict::Fail);
    let none = story.expect(0.0, nothing(Some(Method::Ack), Some("secondary"), 1.0));
    assert_eq!(story.run(&none, 10.0).verdict, Verdict::Pass);
}

#[test]
fn silence_passes_when_its_time_is_over() {
    let mut story = Story::new();
    story.at(0.0).command("dial sip:1002@example.com");
    let expected = story.expect(0.0, nothing(Some(Method::Invite), Some("secondary"), 5.0));
    story.at(0.1).phone().sends("INVITE", "primary");
    story.at(6.0).phone().sends("INVITE", "secondary");
    assert_eq!(story.live(&expected, 4.0).verdict, Verdict::Pending);
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Pass);
}

#[test]
fn silence_fails_at_the_first_request() {
    let mut story = Story::new();
    story.at(0.0).command("dial sip:1002@example.com");
    let expected = story.expect(0.0, nothing(Some(Method::Invite), Some("secondary"), 5.0));
    story.at(0.1).phone().sends("INVITE", "primary");
    story.at(0.15).phone().sends("INVITE", "secondary");
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Fail);
}

#[test]
fn a_phone_faster_than_the_taps_latency_breaks_the_silence_all_the_same() {
    let mut story = Story::new().latency(0.005);
    story.at(0.0).command("dial sip:1002@example.com");
    let expected = story.expect(0.0, nothing(Some(Method::Invite), Some("secondary"), 5.0));
    story.at(0.001).phone().sends("INVITE", "primary");
    story.at(0.002).node("primary").answers("INVITE", 404);
    story.at(0.003).phone().sends("INVITE", "secondary");
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Fail);
}

#[test]
fn the_transaction_that_detects_a_fault_does_not_break_the_silence() {
    let mut story = Story::new();
    story.at(0.0).phone().sends("REGISTER", "primary");
    story.at(0.2).fault("primary", "silent", true);
    let expected = story.expect(0.2, nothing(Some(Method::Register), Some("primary"), 5.0));
    for at in [0.5, 1.5, 3.5] {
        story.at(at).phone().repeats("REGISTER", "primary");
    }
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Pass);
}

#[test]
fn a_keep_alive_register_is_no_attempt_to_register() {
    let mut story = Story::new();
    let expected = story.expect(0.0, nothing(Some(Method::Register), Some("secondary"), 5.0));
    story.at(1.0).phone().sends_with("REGISTER", "secondary", |b| b.set("Expires", 0));
    story.at(2.0).phone().sends_with("REGISTER", "secondary", |b| b.remove("Contact"));
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Pass);
    // Where no request at all may come, they count.
    let expected = story.expect(0.0, nothing(None, Some("secondary"), 5.0));
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Fail);
}

#[test]
fn servers_in_order_pass() {
    let mut story = Story::new();
    let expected = story.expect(0.0, order(&["primary", "secondary", "fallback"], false));
    refused_then_next(&mut story);
    assert_eq!(story.run(&expected, 60.0).verdict, Verdict::Pass);
}

#[test]
fn a_skipped_server_fails() {
    let mut story = Story::new();
    let expected = story.expect(0.0, order(&["primary", "secondary", "fallback"], false));
    story.at(0.1).phone().sends("INVITE", "primary");
    story.at(0.2).node("primary").answers("INVITE", 503);
    story.at(0.3).phone().sends("INVITE", "fallback");
    assert_eq!(story.run(&expected, 60.0).verdict, Verdict::Fail);
}

#[test]
fn a_server_tried_twice_fails_unless_it_asked_for_credentials() {
    let mut story = Story::new();
    let expected = story.expect(0.0, order(&["primary", "secondary"], false));
    story.at(0.1).phone().sends("INVITE", "primary");
    story.at(0.2).node("primary").answers("INVITE", 503);
    story.at(0.3).phone().sends("INVITE", "primary");
    assert_eq!(story.run(&expected, 60.0).verdict, Verdict::Fail);

    let mut story = Story::new();
    let expected = story.expect(0.0, order(&["primary", "secondary"], false));
    story.at(0.1).phone().sends("INVITE", "primary");
    story.at(0.2).node("primary").answers("INVITE", 401);
    story.at(0.3).phone().sends_with("INVITE", "primary", |b| {
        b.set("CSeq", "2 INVITE").header("Authorization", "Digest nonce=\"1\"")
    });
    story.at(0.4).node("primary").answers("INVITE", 503);
    story.at(0.5).phone().sends("INVITE", "secondary");
    assert_eq!(story.run(&expected, 60.0).verdict, Verdict::Pass);
}

#[test]
fn to_no_other_waits_and_then_passes_or_fails() {
    let mut story = Story::new();
    let expected = story.expect(0.0, order(&["primary", "secondary", "fallback"], true));
    refused_then_next(&mut story);
    story.at(0.7).node("fallback").answers("INVITE", 503);
    assert_eq!(story.live(&expected, 1.0).verdict, Verdict::Pending);
    assert_eq!(story.run(&expected, 60.0).verdict, Verdict::Pass);

    let mut story = Story::new();
    let expected = story.expect(0.0, order(&["primary", "secondary", "fallback"], true));
    refused_then_next(&mut story);
    story.at(0.7).node("fallback").answers("INVITE", 503);
    story.at(0.8).phone().sends("INVITE", "primary");
    assert_eq!(story.run(&expected, 60.0).verdict, Verdict::Fail);
}

fn refused_then_next(story: &mut Story) {
    story.at(0.1).phone().sends("INVITE", "primary");
    story.at(0.2).node("primary").answers("INVITE", 503);
    story.at(0.3).phone().acks("primary");
    story.at(0.4).phone().sends("INVITE", "secondary");
    story.at(0.5).node("secondary").answers("INVITE", 503);
    story.at(0.55).phone().acks("secondary");
    story.at(0.6).phone().sends("INVITE", "fallback");
}

#[test]
fn a_packet_at_the_deadline_itself_changes_no_verdict() {
    // Virtual time is exact: the wait wakes at the instant at which the packet comes.
    let mut story = Story::new();
    let expected = story.expect(0.0, nothing(Some(Method::Invite), None, 5.0));
    story.at(5.0).phone().sends("INVITE", "primary");
    assert_eq!(story.live(&expected, 5.0).verdict, Verdict::Pending);
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Pass);
    let mut story = Story::new();
    let expected = story.expect(0.0, sends(Method::Invite, "primary", 5.0));
    story.at(5.1).phone().sends("INVITE", "primary");
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Pass);
}

#[test]
fn a_scenario_that_stopped_at_a_condition_or_a_command_says_so_without_an_expectation() {
    use sipfarm_judge::verdict;
    let mut story = Story::new();
    story.at(0.0).mark(Mark::Unmet { precondition: "the phone is registered".to_owned() });
    assert_eq!(verdict(&story.judge_at(1.0)), Verdict::Inconclusive);
    let mut story = Story::new();
    story.at(0.0).mark(Mark::CommandFailed { command: "dial".to_owned(), reason: "no answer".to_owned() });
    story.at(0.5).mark(Mark::End);
    assert_eq!(verdict(&story.judge_at(1.0)), Verdict::NotExercised);
}

#[test]
fn a_capture_of_a_scenario_that_is_cut_before_its_end_never_passes() {
    use sipfarm_judge::verdict;
    let mut story = Story::new();
    story.at(0.0).phone().sends("INVITE", "primary");
    assert_eq!(verdict(&story.judge_at(0.1)), Verdict::Inconclusive);
    story.at(0.1).mark(Mark::End);
    assert_ne!(verdict(&story.judge_at(0.1)), Verdict::Inconclusive);
}

/// However long a phone takes to dial: the step before has waited for that very call.
#[test]
fn the_call_that_was_dialled_is_no_call_too_many() {
    for (second_call, verdict) in [(None, Verdict::Pass), (Some(5.0), Verdict::Fail)] {
        let mut story = Story::new();
        story.at(0.0).command("dial 1002");
        story.expect(0.0, Expectation::CallFails { code: Some(486) });
        story.at(0.3).phone().sends("INVITE", "primary");
        story.at(0.4).node("primary").answers("INVITE", 486);
        story.at(0.4).phone().acks("primary");
        let expectation = nothing(Some(Method::Invite), None, 10.0);
        let expected = Expected {
            id: 2,
            text: "a step".into(),
            line: 8,
            since: when(0.0),
            since_line: None,
            expectation,
        };
        story.at(0.5).mark(Mark::Expect(expected.clone()));
        if let Some(at) = second_call {
            story.at(at).phone().new_call().sends("INVITE", "secondary");
        }
        assert_eq!(story.run(&expected, 20.0).verdict, verdict);
    }
}

fn carries(header: &str, value: Option<&str>) -> Expectation {
    let (header, value) = (header.to_owned(), value.map(str::to_owned));
    let node = "primary".to_owned();
    Expectation::Carries { method: Method::Invite, node, header, value, within: Some(span(2.0)) }
}

#[test]
fn a_header_field_is_found_by_name_or_with_its_value() {
    let verdict = |header, value| {
        let mut story = Story::new();
        let expected = story.expect(0.0, carries(header, value));
        story.at(0.1).phone().sends_with("INVITE", "primary", |b| {
            b.header("k", "replaces, outbound").header("X-Empty", "").header("Retry-After", 120)
        });
        story.run(&expected, 10.0).verdict
    };
    for (header, value) in [
        ("Supported", None),
        ("supported", Some("outbound")),
        ("Supported", Some("replaces, outbound")),
        ("X-Empty", None),
        ("Retry-After", Some("120")),
    ] {
        assert_eq!(verdict(header, value), Verdict::Pass, "{header}: {value:?}");
    }
    for (header, value) in [("Require", None), ("Supported", Some("out")), ("Retry-After", Some("12"))] {
        assert_eq!(verdict(header, value), Verdict::Fail, "{header}: {value:?}");
    }
}

/// What lacks it decides nothing before the time is over, and what is missing is said.
#[test]
fn a_header_field_counts_in_time_only_and_in_repetitions_too() {
    let story = |again: f64, node: &str| {
        let mut story = Story::new();
        let expected = story.expect(0.0, carries("Require", None));
        story.at(0.1).phone().sends("INVITE", "primary");
        story.at(again).phone().sends_with("INVITE", node, |b| b.header("Require", "100rel"));
        (story, expected)
    };
    let (mut in_time, expected) = story(1.0, "primary");
    assert_eq!(in_time.live(&expected, 0.5).verdict, Verdict::Pending);
    assert_eq!(in_time.run(&expected, 10.0).verdict, Verdict::Pass);
    for (again, node) in [(5.0, "primary"), (1.0, "secondary")] {
        let (mut story, expected) = story(again, node);
        let finding = story.run(&expected, 10.0);
        assert_eq!(finding.verdict, Verdict::Fail);
        assert!(finding.seen.contains("INVITE without Require (packet 1)"), "{}", finding.seen);
    }
}

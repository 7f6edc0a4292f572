//! Expectations about calls and registrations: `call-established`, `call-fails`, `call-ends`,
//! `registered`, `answers`.
use crate::common::{Story, span, when};
use sipfarm_core::profile::OnExhausted;
use sipfarm_core::sip::Method;
use sipfarm_judge::mark::Expected;
use sipfarm_judge::timeline::TcpStep;
use sipfarm_judge::{Expectation, Mark, Verdict};

fn established(within: Option<f64>) -> Expectation {
    Expectation::CallEstablished { through: Some("primary".into()), within: within.map(span) }
}

#[test]
fn a_2xx_with_its_ack_establishes_a_call() {
    let mut story = Story::new();
    let expected = story.expect(0.0, established(Some(2.0)));
    story.at(0.1).phone().sends("INVITE", "primary");
    story.at(1.0).node("primary").answers("INVITE", 200);
    assert_eq!(story.live(&expected, 1.5).verdict, Verdict::Pending);
    story.at(1.1).phone().acks("primary");
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Pass);
}

#[test]
fn without_ack_or_in_time_there_is_no_call() {
    let mut story = Story::new();
    let expected = story.expect(0.0, established(Some(2.0)));
    story.at(0.1).phone().sends("INVITE", "primary");
    story.at(1.0).node("primary").answers("INVITE", 200);
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Fail);
    let mut story = Story::new();
    let expected = story.expect(0.0, established(Some(2.0)));
    story.at(0.1).phone().sends("INVITE", "primary");
    story.at(3.0).node("primary").answers("INVITE", 200);
    story.at(3.1).phone().acks("primary");
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Inconclusive);
}

#[test]
fn who_is_answered_late_is_not_late_himself() {
    let verdict = |sent: f64, provisional: Option<u16>, through: Option<&str>| {
        let mut story = Story::new();
        let through = through.map(str::to_owned);
        let expected = story.expect(0.0, Expectation::CallEstablished { through, within: Some(span(2.0)) });
        story.at(sent).phone().sends("INVITE", "primary");
        if let Some(status) = provisional {
            story.at(sent + 0.01).node("primary").answers("INVITE", status);
        }
        story.at(sent + 5.0).node("primary").answers("INVITE", 200);
        story.at(sent + 5.1).phone().acks("primary");
        let finding = story.run(&expected, 20.0);
        (finding.verdict, finding.seen)
    };
    let (told, seen) = verdict(0.1, Some(180), Some("primary"));
    assert_eq!(told, Verdict::Inconclusive);
    assert!(
        seen.ends_with("(packet 1) waits since +0.10 s for an answer, which the phone cannot hasten"),
        "{seen}"
    );
    assert_eq!(verdict(0.1, None, Some("primary")).0, Verdict::Inconclusive);
    assert_eq!(verdict(0.1, Some(180), None).0, Verdict::Inconclusive);
    // Another server would have done, and nobody said that this one works on it.
    assert_eq!(verdict(0.1, Some(100), None).0, Verdict::Fail);
    assert_eq!(verdict(0.1, None, None).0, Verdict::Fail);
    // What was sent too late could not be answered in time.
    assert_eq!(verdict(2.5, Some(180), Some("primary")).0, Verdict::Fail);
    assert_eq!(verdict(0.1, Some(180), Some("secondary")).0, Verdict::Fail);
}

#[test]
fn a_call_through_another_node_is_not_it_and_is_named() {
    let mut story = Story::new();
    let expected = story.expect(0.0, established(Some(2.0)));
    story.at(0.1).phone().sends("INVITE", "secondary");
    story.at(0.2).node("secondary").answers("INVITE", 200);
    story.at(0.3).phone().acks("secondary");
    let finding = story.run(&expected, 10.0);
    assert_eq!(finding.verdict, Verdict::Fail);
    assert_eq!(finding.nearest[0].why, "other node");
    assert_eq!(finding.seen, "200 to INVITE from \"secondary\" +0.20 s, none through \"primary\"");
}

#[test]
fn a_failure_to_establish_says_what_was_late_and_what_never_came() {
    // Within 2 s, and the grace of the judge: what comes at 5 s is late by the rest.
    let seen = |answered: f64, acknowledged: Option<f64>| {
        let mut story = Story::new();
        let expected = story.expect(0.0, established(Some(2.0)));
        story.at(0.1).phone().sends("INVITE", "primary");
        story.at(answered).node("primary").answers("INVITE", 200);
        if let Some(at) = acknowledged {
            story.at(at).phone().acks("primary");
        }
        let finding = story.live(&expected, 10.0);
        assert_ne!(finding.verdict, Verdict::Pass);
        let grace = finding.window.unwrap().to - when(2.0);
        let late = span(3.0) - grace;
        (finding.seen, format!("late by {late:.2}"))
    };
    let (told, _) = seen(1.0, None);
    assert_eq!(told, "200 to INVITE +1.00 s (packet 2), never acknowledged");
    let (told, late) = seen(1.0, Some(5.0));
    assert_eq!(
        told,
        format!("200 to INVITE +1.00 s (packet 2), acknowledged only +5.00 s (packet 3), {late}")
    );
    let (told, late) = seen(5.0, Some(5.1));
    let late = format!("200 to INVITE +5.00 s (packet 2), {late}; ");
    assert!(told.starts_with(&late), "{told}");
}

#[test]
fn what_a_window_counts_from_is_named_by_the_mark_of_it_and_no_other() {
    let counted = |since_line, mark: &dyn Fn(&mut Story)| {
        let mut story = Story::new();
        story.at(-0.1).fault("primary", "silent", true);
        mark(&mut story);
        let asked = story.expect(0.001, established(Some(2.0)));
        let expected = Expected { since: when(0.0), since_line, ..asked };
        let finding = story.live(&expected, 10.0);
        finding.expected.split_once(" s of ").unwrap().1.to_owned()
    };
    // On a real network a command is noted a moment after the time that events count from.
    assert_eq!(
        counted(None, &|story| story.at(0.0002).command("dial 1002")),
        "\"dial 1002\" (tolerance 0.10 s)"
    );
    assert_eq!(
        counted(None, &|story| story.at(0.0).command("dial 1002")),
        "\"dial 1002\" (tolerance 0.10 s)"
    );
    let ends = |story: &mut Story| story.at(0.0).fault("primary", "silent", false);
    assert_eq!(counted(None, &ends), "the end of fault \"silent\" at \"primary\" (tolerance 0.10 s)");
    let far_end_calls = |story: &mut Story| {
        let mark = Mark::Step { keyword: "When".into(), text: "the far end calls".into(), line: 12 };
        story.at(-0.1).mark(mark);
    };
    assert_eq!(
        counted(Some(12), &far_end_calls),
        "line 12 (tolerance 0.10 s)",
        "nothing was told to the phone then"
    );
    // Of two steps in one instant, the one that events count from.
    let both = |story: &mut Story| {
        for (line, fault) in [(12, "503"), (13, "silent")] {
            let mark = Mark::Step { keyword: "When".into(), text: "a fault".into(), line };
            story.at(0.0).mark(mark);
            story.at(0.0).fault("primary", fault, true);
        }
    };
    assert_eq!(counted(Some(12), &both), "fault \"503\" at \"primary\" (tolerance 0.10 s)");
    assert_eq!(counted(Some(13), &both), "fault \"silent\" at \"primary\" (tolerance 0.10 s)");
    assert_eq!(counted(None, &|_| {}), "the start of the scenario (tolerance 0.10 s)");
}

#[test]
fn an_incoming_call_is_established_by_the_other_sides_ack() {
    let mut story = Story::new();
    story.at(0.0).node("primary").sends("INVITE");
    let expected = story.expect(1.0, established(Some(2.0)));
    story.at(1.1).phone().answers(200);
    story.at(1.2).node("primary").acks();
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Pass);
}

fn fails(code: Option<u16>) -> Expectation {
    Expectation::CallFails { code }
}

#[test]
fn a_refused_call_fails_with_its_code() {
    for (code, verdict) in [(Some(486), Verdict::Pass), (None, Verdict::Pass), (Some(480), Verdict::Fail)] {
        let mut story = Story::new();
        let expected = story.expect(0.0, fails(code));
        story.at(0.1).phone().sends("INVITE", "primary");
        story.at(0.2).node("primary").answers("INVITE", 486);
        story.at(0.3).phone().acks("primary");
        assert_eq!(story.run(&expected, 10.0).verdict, verdict, "{code:?}");
    }
}

#[test]
fn the_last_refusal_counts() {
    let mut story = Story::new();
    let expected = story.expect(0.0, fails(Some(486)));
    story.at(0.1).phone().sends("INVITE", "primary");
    story.at(0.2).node("primary").answers("INVITE", 503);
    story.at(0.3).phone().sends("INVITE", "secondary");
    story.at(0.4).node("secondary").answers("INVITE", 486);
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Pass);
}

#[test]
fn an_accepted_call_does_not_fail() {
    let mut story = Story::new();
    let expected = story.expect(0.0, fails(None));
    story.at(0.1).phone().sends("INVITE", "primary");
    story.at(0.2).node("primary").answers("INVITE", 503);
    story.at(0.3).phone().sends("INVITE", "secondary");
    story.at(0.4).node("secondary").answers("INVITE", 200);
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Fail);
}

#[test]
fn a_silent_call_fails_after_timer_b() {
    let mut story = Story::new();
    let expected = story.expect(0.0, fails(None));
    story.at(0.0).phone().sends("INVITE", "primary");
    for at in [0.5, 1.5, 3.5, 7.5, 15.5, 31.5] {
        story.at(at).phone().repeats("INVITE", "primary");
    }
    assert_eq!(story.live(&expected, 33.0).verdict, Verdict::Pending);
    assert_eq!(story.run(&expected, 100.0).verdict, Verdict::Pass);
}

#[test]
fn a_call_that_was_under_way_at_the_trigger_counts() {
    let mut story = Story::new();
    story.at(0.0).phone().sends("INVITE", "primary");
    story.at(0.1).node("primary").answers("INVITE", 180);
    story.at(2.0).command("hang up");
    let expected = story.expect(2.0, fails(Some(487)));
    story.at(2.1).phone().cancels("primary");
    story.at(2.2).node("primary").answers("CANCEL", 200);
    story.at(2.3).node("primary").answers("INVITE", 487);
    story.at(2.4).phone().acks("primary");
    assert_eq!(story.run(&expected, 60.0).verdict, Verdict::Pass);
}

#[test]
fn refused_connects_end_a_call_too() {
    let mut story = Story::new().tcp();
    let expected = story.expect(0.0, fails(None));
    for (n, node) in ["primary", "secondary", "fallback"].into_iter().enumerate() {
        story.at(0.1 * n as f64).syn(node);
        story.at(0.1 * n as f64 + 0.01).tcp_from(node, TcpStep::Rst);
    }
    assert_eq!(story.run(&expected, 60.0).verdict, Verdict::Pass);
}

/// A phone that goes round and round its servers, each of which refuses at once, with a second between.
fn goes_round(rounds: u32) -> Story {
    let mut story = Story::new();
    for n in 0..rounds {
        for (place, node) in ["primary", "secondary", "fallback"].into_iter().enumerate() {
            let at = f64::from(n) * 1.5 + 0.1 * place as f64;
            story.at(at).phone().sends("INVITE", node);
            story.at(at + 0.01).node(node).answers("INVITE", 503);
            story.at(at + 0.02).phone().acks(node);
        }
    }
    story
}

#[test]
fn a_phone_that_starts_over_for_ever_does_not_let_its_call_fail() {
    // One walk along three servers takes 3 x 2 x (32 s + 2 s) at the most: credentials included.
    let mut story = goes_round(200);
    let expected = story.expect(0.0, fails(None));
    assert_eq!(story.live(&expected, 150.0).verdict, Verdict::Pending);
    let finding = story.live(&expected, 290.0);
    assert_eq!(finding.verdict, Verdict::Fail);
    assert!(finding.seen.contains("still tries"), "{}", finding.seen);
}

#[test]
fn a_profile_that_starts_over_may() {
    let mut story = goes_round(200);
    story.profile.failover.on_exhausted = OnExhausted::RestartList;
    let expected = story.expect(0.0, fails(None));
    assert_ne!(story.live(&expected, 290.0).verdict, Verdict::Fail);
}

#[test]
fn connects_without_end_may_be_for_something_else() {
    let mut story = Story::new().tcp();
    let expected = story.expect(0.0, fails(None));
    for n in 0..400 {
        story.at(f64::from(n)).syn("primary");
        story.at(f64::from(n) + 0.01).tcp_from("primary", TcpStep::Rst);
    }
    assert_eq!(story.live(&expected, 390.0).verdict, Verdict::Inconclusive);
}

#[test]
fn no_call_at_all_is_not_exercised() {
    let mut story = Story::new();
    let expected = story.expect(0.0, fails(None));
    assert_eq!(story.run(&expected, 500.0).verdict, Verdict::NotExercised);
}

#[test]
fn a_bye_with_its_2xx_ends_a_call_in_either_direction() {
    let ends = || Expectation::CallEnds { through: "primary".into(), within: Some(span(2.0)) };
    let talking = || {
        let mut story = Story::new();
        story.at(0.0).phone().sends("INVITE", "primary");
        story.at(0.1).node("primary").answers("INVITE", 200);
        story.at(0.2).phone().acks("primary");
        story
    };
    let mut story = talking();
    let expected = story.expect(5.0, ends());
    story.at(5.1).phone().sends("BYE", "primary");
    story.at(5.2).node("primary").answers("BYE", 200);
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Pass);

    let mut story = talking();
    let expected = story.expect(5.0, ends());
    story.at(5.1).node("primary").sends("BYE");
    story.at(5.2).phone().answers(200);
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Pass);

    let mut story = talking();
    let expected = story.expect(5.0, ends());
    story.at(5.1).phone().sends("BYE", "primary");
    story.at(5.2).node("primary").answers("BYE", 481);
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Fail);
}

fn registered(within: Option<f64>) -> Expectation {
    Expectation::Registered { with: "primary".into(), within: within.map(span) }
}

#[test]
fn a_2xx_to_a_register_registers() {
    for (code, at, verdict) in
        [(200, 0.5, Verdict::Pass), (200, 3.0, Verdict::Inconclusive), (403, 0.5, Verdict::Fail)]
    {
        let mut story = Story::new();
        let expected = story.expect(0.0, registered(Some(2.0)));
        story.at(0.1).phone().sends("REGISTER", "primary");
        story.at(at).node("primary").answers("REGISTER", code);
        assert_eq!(story.run(&expected, 10.0).verdict, verdict, "{code} at {at}");
    }
    // Who asks too late cannot be answered in time.
    let mut story = Story::new();
    let expected = story.expect(0.0, registered(Some(2.0)));
    story.at(2.5).phone().sends("REGISTER", "primary");
    story.at(3.0).node("primary").answers("REGISTER", 200);
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Fail);
}

#[test]
fn a_query_or_an_unregister_registers_nobody() {
    let mut story = Story::new();
    let expected = story.expect(0.0, registered(Some(2.0)));
    story.at(0.1).phone().sends_with("REGISTER", "primary", |b| b.remove("Contact"));
    story.at(0.2).node("primary").answers("REGISTER", 200);
    story.at(0.3).phone().sends_with("REGISTER", "primary", |b| b.set("Expires", 0));
    story.at(0.4).node("primary").answers("REGISTER", 200);
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Fail);
}

#[test]
fn a_registration_from_before_the_trigger_does_not_count() {
    let mut story = Story::new();
    story.at(0.1).phone().sends("REGISTER", "primary");
    story.at(0.2).node("primary").answers("REGISTER", 200);
    let expected = story.expect(1.0, registered(Some(2.0)));
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Fail);
}

fn answers(code: u16) -> Expectation {
    Expectation::Answers { method: Method::Invite, node: "primary".into(), code, within: Some(span(1.0)) }
}

#[test]
fn an_answer_in_time_passes_a_late_or_another_one_fails() {
    for (code, at, verdict) in
        [(180, 0.2, Verdict::Pass), (180, 1.5, Verdict::Fail), (486, 0.2, Verdict::Fail)]
    {
        let mut story = Story::new();
        let expected = story.expect(0.0, answers(180));
        story.at(0.1).node("primary").sends("INVITE");
        story.at(at).phone().answers(code);
        assert_eq!(story.run(&expected, 10.0).verdict, verdict, "{code} at {at}");
    }
    // Who asks too late cannot be answered in time.
    let mut story = Story::new();
    let expected = story.expect(0.0, registered(Some(2.0)));
    story.at(2.5).phone().sends("REGISTER", "primary");
    story.at(3.0).node("primary").answers("REGISTER", 200);
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Fail);
}

#[test]
fn who_was_not_asked_cannot_answer() {
    let mut story = Story::new();
    let expected = story.expect(0.0, answers(180));
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Inconclusive);
    let expected = story.expect(0.0, answers(180));
    story.at(0.1).node("secondary").sends("INVITE");
    story.at(0.2).phone().answers(180);
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Inconclusive);
}

#[test]
fn the_request_may_have_come_before_the_trigger() {
    let mut story = Story::new();
    story.at(-5.0).node("primary").sends("INVITE");
    story.at(-4.9).phone().answers(180);
    let expected = story.expect(0.0, answers(200));
    story.at(0.1).phone().answers(200);
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Pass);
}

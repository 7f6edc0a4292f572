//! Phones with two lines, two AORs that register each for itself: none is accused of what the other did,
//! and none is excused by it.
use crate::common::Story;
use sipfarm_core::profile::FailbackMode;
use sipfarm_core::sip::MessageBuilder;
use sipfarm_judge::Verdict;

/// A REGISTER of the second line.
fn second(builder: MessageBuilder, cseq: u32) -> MessageBuilder {
    builder
        .set("From", "<sip:1009@example.com>;tag=second")
        .set("To", "<sip:1009@example.com>")
        .set("Call-ID", "second")
        .set("CSeq", format!("{cseq} REGISTER"))
        .set("Contact", "<sip:1009@10.0.0.5:5060>")
}

/// The first line's REGISTER is refused at once, the second's comes right after.
fn refused(code: u16) -> Story {
    let mut story = Story::new();
    story.at(0.0).phone().sends("REGISTER", "primary");
    story.at(0.02).node("primary").answers("REGISTER", code);
    story.at(0.1).phone().sends_with("REGISTER", "primary", |b| second(b, 1));
    story
}

#[test]
fn each_line_may_ask_a_registrar_that_refused_the_other() {
    let rule = "no-hammering";
    for code in [403, 503] {
        let mut story = refused(code);
        story.at(0.12).node("primary").answers("REGISTER", 200);
        assert_eq!(story.verdict(rule, 60.0), Verdict::Pass, "{code}");

        // Its own second try is one too many, though the other line's lies between.
        let mut story = refused(code);
        story.at(0.12).node("primary").answers("REGISTER", code);
        story.at(0.3).phone().sends("REGISTER", "primary");
        assert_eq!(story.verdict(rule, 60.0), Verdict::Fail, "{code}");
        assert_eq!(story.findings(rule, 60.0).len(), 1, "{code}: the second line has done nothing wrong");
    }
}

#[test]
fn each_line_may_wait_for_a_silent_registrar() {
    let repeated = [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5];
    for tcp in [false, true] {
        let mut story = if tcp { Story::new().tcp() } else { Story::new() };
        story.at(0.0).phone().sends("REGISTER", "primary");
        repeated.iter().filter(|_| !tcp).for_each(|at| story.at(*at).phone().repeats("REGISTER", "primary"));
        story.at(0.1).phone().sends_with("REGISTER", "primary", |b| second(b, 1));
        repeated
            .iter()
            .filter(|_| !tcp)
            .for_each(|at| story.at(at + 0.1).phone().repeats("REGISTER", "primary"));
        assert_ne!(story.verdict("no-hammering", 60.0), Verdict::Fail, "over TCP: {tcp}");
        story.at(32.2).phone().sends_with("REGISTER", "primary", |b| second(b, 2));
        assert_eq!(story.verdict("no-hammering", 60.0), Verdict::Fail, "over TCP: {tcp}");
    }
}

/// The names of the two lines.
const FIRST: &str = "1001";
const SECOND: &str = "1009";

/// A REGISTER of a line for so many seconds, and its answer.
fn registers(story: &mut Story, at: f64, line: &str, node: &str, expires: u32, code: u16) {
    let cseq = (at * 100.0) as u32 + 1;
    story.at(at).phone().sends_with("REGISTER", node, |b| {
        let builder = if line == SECOND { second(b, cseq) } else { b };
        builder.set("Expires", expires)
    });
    story.at(at + 0.02).node(node).answers("REGISTER", code);
}

/// A call of a line through a server that accepts or refuses it.
fn calls(story: &mut Story, at: f64, line: &str, node: &str, code: u16) {
    let from = format!("<sip:{line}@example.com>;tag=caller");
    story.at(at).phone().sends_with("INVITE", node, |b| b.set("From", from));
    story.at(at + 0.1).node(node).answers("INVITE", code);
    story.at(at + 0.1).phone().acks(node);
}

/// The first line is registered with the primary, which refused the second: that one is at the secondary.
fn apart(mode: FailbackMode) -> Story {
    let mut story = Story::new();
    story.profile.failback.mode = mode;
    story.profile.failback.only_when_idle = Some(true);
    story.profile.failback.timeout_s = 3600;
    registers(&mut story, 0.0, FIRST, "primary", 600, 200);
    registers(&mut story, 10.0, SECOND, "primary", 3600, 503);
    registers(&mut story, 10.05, SECOND, "secondary", 3600, 200);
    story
}

const TIMED: [FailbackMode; 3] = [FailbackMode::Duration, FailbackMode::Registration, FailbackMode::DnsTtl];

#[test]
fn a_line_that_never_left_goes_nowhere_back() {
    let during_a_call = |mode, line: &str| {
        let mut story = apart(mode);
        story.at(400.0).node("primary").sends("INVITE");
        story.at(400.1).phone().answers(200);
        story.at(400.2).node("primary").acks();
        registers(&mut story, 500.0, line, "primary", 600, 200);
        story
    };
    for mode in TIMED {
        let refresh = during_a_call(mode, FIRST);
        for rule in ["failback", "idle-failback"] {
            assert_ne!(refresh.verdict(rule, 600.0), Verdict::Fail, "{rule}, {mode:?}");
        }
        assert_eq!(during_a_call(mode, SECOND).verdict("idle-failback", 600.0), Verdict::Fail, "{mode:?}");
    }
}

#[test]
fn each_line_goes_back_in_its_own_time() {
    let mut story = apart(FailbackMode::Duration);
    registers(&mut story, 500.0, FIRST, "primary", 600, 200);
    assert_ne!(story.verdict("failback", 600.0), Verdict::Fail);
    registers(&mut story, 500.5, SECOND, "primary", 600, 200);
    assert_eq!(story.verdict("failback", 600.0), Verdict::Fail, "too early");

    let mut story = apart(FailbackMode::Registration);
    registers(&mut story, 500.0, FIRST, "primary", 600, 200);
    registers(&mut story, 2_000.0, SECOND, "secondary", 3600, 200);
    assert_eq!(story.verdict("failback", 2_100.0), Verdict::Fail, "the first line's refresh is no try of it");
}

#[test]
fn one_line_may_try_for_all() {
    let mut story = apart(FailbackMode::Registration);
    registers(&mut story, 20.0, FIRST, "primary", 600, 503);
    registers(&mut story, 20.05, FIRST, "secondary", 3600, 200);
    registers(&mut story, 2_000.0, FIRST, "primary", 600, 503);
    registers(&mut story, 2_000.05, FIRST, "secondary", 3600, 200);
    let both = |mut story: Story| {
        registers(&mut story, 2_000.1, SECOND, "secondary", 3600, 200);
        story.verdict("failback", 2_100.0)
    };
    assert_eq!(both(story), Verdict::Pass);
}

#[test]
fn each_line_calls_where_it_is_registered() {
    for mode in TIMED {
        let verdict = |line: &str| {
            let mut story = apart(mode);
            registers(&mut story, 500.0, FIRST, "primary", 600, 200);
            calls(&mut story, 510.0, line, "secondary", 200);
            story.verdict("server-order", 600.0)
        };
        assert_eq!(verdict(SECOND), Verdict::Pass, "{mode:?}");
        assert_eq!(verdict(FIRST), Verdict::Fail, "{mode:?}");
    }
}

#[test]
fn a_line_that_unregisters_leaves_the_other_its_binding() {
    let verdict = |line: &str| {
        let mut story = Story::new();
        story.profile.failover.only_signal_with_registered = true;
        registers(&mut story, 0.0, FIRST, "primary", 3600, 200);
        registers(&mut story, 0.1, SECOND, "primary", 3600, 200);
        registers(&mut story, 5.0, SECOND, "primary", 0, 200);
        calls(&mut story, 10.0, line, "primary", 200);
        story.verdict("signals-with-registered", 20.0)
    };
    assert_eq!(verdict(FIRST), Verdict::Pass);
    assert_eq!(verdict(SECOND), Verdict::Fail);
    assert_eq!(verdict("anonymous"), Verdict::Pass, "it may be the first");
}

#[test]
fn the_binding_of_one_line_is_none_of_the_other() {
    let signals = |line: &str| {
        let mut story = apart(FailbackMode::Never);
        story.profile.failover.only_signal_with_registered = true;
        calls(&mut story, 510.0, line, "secondary", 200);
        story.verdict("signals-with-registered", 600.0)
    };
    assert_eq!(signals(SECOND), Verdict::Pass);
    assert_eq!(signals(FIRST), Verdict::Fail);

    let ahead = |line: &str| {
        let mut story = Story::new();
        story.profile.failover.register_before_invite = true;
        registers(&mut story, 0.0, FIRST, "primary", 3600, 200);
        registers(&mut story, 0.1, SECOND, "primary", 3600, 200);
        registers(&mut story, 0.2, line, "secondary", 3600, 200);
        if line == FIRST {
            registers(&mut story, 1.0, SECOND, "secondary", 3600, 200);
            registers(&mut story, 5.0, SECOND, "secondary", 0, 200);
        }
        calls(&mut story, 10.0, FIRST, "primary", 503);
        calls(&mut story, 10.2, FIRST, "secondary", 200);
        story.verdict("registers-before-invite", 20.0)
    };
    assert_eq!(ahead(FIRST), Verdict::Pass);
    assert_eq!(ahead(SECOND), Verdict::Fail);
}

#[test]
fn the_subscriptions_of_a_line_stay_where_it_is_registered() {
    let verdict = |line: &str| {
        let mut story = apart(FailbackMode::Never);
        let from = format!("<sip:{line}@example.com>;tag=watcher");
        story.at(20.0).phone().sends_with("SUBSCRIBE", "primary", |b| {
            b.set("From", from).set("Event", "message-summary").set("Expires", 60)
        });
        story.at(20.1).node("primary").answers_with("SUBSCRIBE", 200, |b| b.set("Expires", 60));
        story.verdict("subscription-refresh", 100.0)
    };
    assert_eq!(verdict(FIRST), Verdict::Fail);
    assert_eq!(verdict(SECOND), Verdict::NotExercised, "that line has left the server");
}

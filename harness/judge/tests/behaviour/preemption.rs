//! Which call falls for a higher one, how, and when none does.

mod crossings;
mod line;
mod situations;

use sipfarm_core::profile::{
    CallAction, ConferenceLevel, EqualPrecedence, PreemptState, SignallingLoss, Tie,
};
use sipfarm_judge::mark::Mark;
use sipfarm_judge::{Expectation, Verdict};

use self::line::{Line, REASON, Situation, is_right, sdp};
use crate::common::span;

#[test]
fn the_lowest_falls() {
    let levels: Situation<'_> = &[
        ("a", "priority", "active", 50.0),
        ("b", "routine", "held", 40.0),
        ("c", "immediate", "held", 30.0),
        ("d", "", "alerting", 20.0),
    ];
    // Routine, and none, which is as routine: then the state decides.
    assert!(is_right(levels, &["d"]));
    assert!(!is_right(levels, &["a"]) && !is_right(levels, &["b"]) && !is_right(levels, &["c"]));
    assert!(!is_right(&levels[..3], &["a"]) && is_right(&levels[..3], &["b"]));
    assert!(!is_right(levels, &[]), "nobody");
    assert!(!is_right(levels, &["d", "b"]), "two");
}

#[test]
fn among_equals_alerting_falls_before_held_before_active() {
    let equals: Situation<'_> = &[
        ("a", "routine", "active", 50.0),
        ("b", "routine", "held", 40.0),
        ("c", "routine", "alerting", 30.0),
    ];
    assert!(is_right(equals, &["c"]) && !is_right(equals, &["b"]) && !is_right(equals, &["a"]));
    assert!(is_right(&equals[..2], &["b"]) && !is_right(&equals[..2], &["a"]));
    assert!(is_right(&equals[..1], &["a"]));
}

#[test]
fn among_those_in_the_same_state_age_decides_as_the_profile_says() {
    let held: Situation<'_> =
        &[("a", "routine", "held", 20.0), ("b", "routine", "held", 40.0), ("c", "routine", "held", 60.0)];
    let alerting: Situation<'_> = &[("a", "routine", "alerting", 20.0), ("b", "routine", "alerting", 40.0)];
    assert!(is_right(held, &["c"]) && !is_right(held, &["a"]) && !is_right(held, &["b"]));
    assert!(is_right(alerting, &["b"]) && !is_right(alerting, &["a"]));
    let right = |tie: Tie, fallen: &str| {
        let mut line = Line::holding(held);
        line.story.profile.mlpp.tie.held = tie;
        line.invite(100.0, "x", "flash");
        line.answers(100.05, "x", 180, "");
        line.falls(100.1, fallen);
        line.verdict("preemption-victim") == Verdict::Pass
    };
    assert!(right(Tie::Longest, "a") && !right(Tie::Longest, "c"));
    assert!(right(Tie::Any, "b"));
    let mut line = Line::holding(&[("a", "routine", "active", 20.0), ("b", "routine", "held", 40.0)]);
    line.story.profile.mlpp.order = vec![PreemptState::Active, PreemptState::Held, PreemptState::Alerting];
    line.invite(100.0, "x", "flash");
    line.answers(100.05, "x", 180, "");
    line.falls(100.1, "a");
    assert_eq!(line.verdicts(), [Verdict::Pass; 3]);
}

#[test]
fn with_room_nobody_falls_and_the_call_is_let_in() {
    let came = |does: &dyn Fn(&mut Line)| {
        let mut line = Line::with(3);
        line.occupy(&[("a", "routine", "active", 20.0), ("b", "routine", "held", 40.0)]);
        line.invite(100.0, "x", "flash");
        does(&mut line);
        line.verdict("preemption-occasion")
    };
    assert_eq!(came(&|line| line.answers(100.1, "x", 180, "")), Verdict::Pass);
    assert_eq!(came(&|line| line.answers(100.1, "x", 486, "")), Verdict::Fail);
    assert_eq!(came(&|_| {}), Verdict::Fail);
    let preempts = |line: &mut Line| {
        line.answers(100.1, "x", 180, "");
        line.falls(100.2, "b");
    };
    assert_eq!(came(&preempts), Verdict::Fail);
    // RFC 4412 section 4.7.2.1 lets a phone end the call that its user is in.
    let mut line = Line::with(3);
    line.story.profile.mlpp.requires_all_appearances = false;
    line.occupy(&[("a", "routine", "active", 20.0), ("b", "routine", "held", 40.0)]);
    line.invite(100.0, "x", "flash");
    line.answers(100.1, "x", 180, "");
    let mut other = Line { story: line.story.clone(), cseq: line.cseq };
    line.falls(100.2, "a");
    other.falls(100.2, "b");
    assert_eq!(line.verdicts(), [Verdict::Pass; 3]);
    assert_eq!(other.verdict("preemption-victim"), Verdict::Fail);
}

#[test]
fn a_phone_that_ends_the_call_of_its_user_may_do_so_on_a_full_line() {
    let falls = |fallen: &str, all: bool| {
        let mut line = Line::holding(&[("a", "priority", "active", 20.0), ("b", "routine", "held", 40.0)]);
        line.story.profile.mlpp.requires_all_appearances = all;
        line.invite(100.0, "x", "flash");
        line.answers(100.05, "x", 180, "");
        line.falls(100.1, fallen);
        line.verdict("preemption-victim")
    };
    assert_eq!((falls("a", false), falls("b", false)), (Verdict::Pass, Verdict::Pass));
    assert_eq!((falls("a", true), falls("b", true)), (Verdict::Fail, Verdict::Pass));
}

#[test]
fn who_is_not_above_any_other_is_busy() {
    for level in ["flash", "immediate", ""] {
        let came = |does: &dyn Fn(&mut Line)| {
            let mut line = Line::holding(&[("a", "flash", "active", 20.0), ("b", "flash", "held", 40.0)]);
            line.invite(100.0, "x", level);
            does(&mut line);
            line.verdict("preemption-occasion")
        };
        assert_eq!(came(&|line| line.answers(100.1, "x", 486, "")), Verdict::Pass, "{level}");
        assert_eq!(came(&|line| line.answers(100.1, "x", 480, "")), Verdict::Fail, "{level}");
        assert_eq!(came(&|line| line.answers(100.1, "x", 180, "")), Verdict::Fail, "{level}");
        let preempts = |line: &mut Line| {
            line.answers(100.1, "x", 180, "");
            line.falls(100.2, "b");
        };
        assert_eq!(came(&preempts), Verdict::Fail, "{level}");
    }
    // It is above one of them: that is enough (F-16).
    let middle: Situation<'_> = &[
        ("a", "flash-override", "active", 20.0),
        ("b", "immediate", "held", 40.0),
        ("c", "flash", "held", 60.0),
    ];
    assert!(is_right(middle, &["b"]) && !is_right(middle, &["c"]));
}

#[test]
fn a_call_above_all_is_not_refused() {
    let mut line = Line::holding(&[("a", "routine", "active", 20.0)]);
    line.invite(100.0, "x", "flash");
    line.answers(100.1, "x", 486, "");
    assert_eq!(line.verdict("preemption-occasion"), Verdict::Fail);
    // Unless its caller has taken it back, or it was refused for something else.
    let mut line = Line::holding(&[("a", "routine", "active", 20.0)]);
    line.invite(100.0, "x", "flash");
    line.server_says(100.02, "x", "CANCEL", 1, "", "");
    line.answers(100.1, "x", 487, "");
    assert_ne!(line.verdict("preemption-occasion"), Verdict::Fail);
    let mut line = Line::holding(&[("a", "routine", "active", 20.0)]);
    line.invite(100.0, "x", "flash");
    line.answers(100.1, "x", 488, "");
    assert_ne!(line.verdict("preemption-occasion"), Verdict::Fail);
}

#[test]
fn a_higher_level_of_the_two_special_namespaces() {
    let mut line = Line::holding(&[("a", "drsn.flash-override-override", "active", 20.0)]);
    line.story.profile.mlpp.namespace = Some("drsn".to_owned());
    line.story.profile.mlpp.levels.push("flash-override-override".to_owned());
    line.invite(100.0, "x", "drsn.flash-override-override");
    line.answers(100.05, "x", 180, "");
    line.falls(100.1, "a");
    assert_eq!(line.verdicts(), [Verdict::Pass; 3]);
    // A model may know some of the levels only.
    line.story.profile.mlpp.levels.drain(..3);
    assert_eq!(line.verdicts(), [Verdict::Pass; 3]);
    // Another namespace says nothing here: the call ranks lowest, and is refused.
    let mut line = Line::holding(&[("a", "routine", "active", 20.0)]);
    line.invite(100.0, "x", "q735.0");
    line.answers(100.05, "x", 486, "");
    assert_eq!(line.verdict("preemption-occasion"), Verdict::Pass);
}

/// AM-23: nothing can be done with a preserved call but to end it.
#[test]
fn a_phone_that_keeps_a_call_without_its_server_may_refuse_another() {
    let verdict = |allowed: Vec<CallAction>, lost: bool| {
        let mut line = Line::with(2);
        line.story.profile.call_in_progress.on_signalling_loss = SignallingLoss::Preserve;
        line.story.profile.mcp.supported = true;
        line.story.profile.mcp.allowed_actions = allowed;
        line.occupy(&[("a", "routine", "active", 20.0)]);
        line.story.at(30.0).phone().sends_with("REGISTER", "primary", |b| b.set("Expires", 60));
        line.story.at(30.1).node("primary").answers("REGISTER", if lost { 408 } else { 200 });
        line.invite(100.0, "x", "flash");
        line.answers(100.1, "x", 486, "");
        line.verdict("preemption-occasion")
    };
    assert_ne!(verdict(vec![CallAction::End], true), Verdict::Fail);
    assert_eq!(verdict(vec![CallAction::End, CallAction::AnswerIncoming], true), Verdict::Fail);
    assert_eq!(verdict(vec![CallAction::End], false), Verdict::Fail, "its server is there");
}

#[test]
fn a_call_is_torn_down_in_the_way_of_its_state_and_says_why() {
    let teardown = |state: &str, does: &dyn Fn(&mut Line)| {
        let mut line = Line::holding(&[("a", "routine", state, 20.0)]);
        line.invite(100.0, "x", "flash");
        line.answers(100.05, "x", 180, "");
        does(&mut line);
        assert_eq!(line.verdict("preemption-victim"), Verdict::Pass);
        line.verdict("preemption-teardown")
    };
    let bye = |fields: &'static str| {
        move |line: &mut Line| {
            line.asks(100.1, "a", "BYE", fields, "");
        }
    };
    assert_eq!(teardown("active", &bye(REASON)), Verdict::Pass);
    assert_eq!(teardown("held", &bye("Reason: PREEMPTION ;cause=1\r\n")), Verdict::Pass);
    assert_eq!(teardown("active", &bye("")), Verdict::Fail, "no reason");
    assert_eq!(teardown("active", &bye("Reason: preemption;cause=3\r\n")), Verdict::Fail, "wrong cause");
    assert_eq!(teardown("active", &bye("Reason: Q.850;cause=16\r\n")), Verdict::Fail, "another protocol");
    let cancel = |line: &mut Line| {
        line.asks(100.1, "a", "CANCEL", REASON, "");
    };
    assert_eq!(teardown("active", &cancel), Verdict::Fail, "CANCEL for BYE");
    for (code, verdict) in
        [(480, Verdict::Pass), (486, Verdict::Pass), (488, Verdict::Pass), (603, Verdict::Fail)]
    {
        assert_eq!(teardown("alerting", &|line| line.answers(100.1, "a", code, REASON)), verdict, "{code}");
    }
    assert_eq!(teardown("alerting", &|line| line.answers(100.1, "a", 480, "")), Verdict::Warn);
}

#[test]
fn what_ends_for_another_reason_was_not_torn_down() {
    // The other side ends a call as the higher one comes: then there was room, or there was none.
    for fallen in [None, Some("b")] {
        let mut line = Line::holding(&[("a", "immediate", "active", 20.0), ("b", "routine", "held", 40.0)]);
        line.server_says(99.98, "a", "BYE", 2, "", "");
        line.invite(100.0, "x", "flash");
        line.answers(100.1, "x", 180, "");
        if let Some(fallen) = fallen {
            line.falls(100.2, fallen);
        }
        assert_ne!(line.verdict("preemption-occasion"), Verdict::Fail, "{fallen:?}");
        assert_ne!(line.verdict("preemption-victim"), Verdict::Fail, "{fallen:?}");
    }
    // The user hangs up in the same second.
    let mut line = Line::with(3);
    line.occupy(&[("a", "routine", "active", 20.0)]);
    line.invite(100.0, "x", "flash");
    line.answers(100.1, "x", 180, "");
    line.story.at(100.2).command("hang up");
    line.asks(100.21, "a", "BYE", "", "");
    assert_eq!(line.verdict("preemption-occasion"), Verdict::Pass);
}

#[test]
fn a_call_that_the_other_side_has_preempted_may_be_shown_for_a_while() {
    let came = |at: f64, code: u16| {
        let mut line = Line::with(2);
        line.occupy(&[("a", "flash", "active", 20.0), ("b", "flash", "held", 40.0)]);
        line.server_says(at - 1.0, "b", "BYE", 2, REASON, "");
        line.invite(at, "x", "routine");
        line.answers(at + 0.05, "x", code, "");
        line.verdict("preemption-occasion")
    };
    assert_eq!((came(100.0, 486), came(100.0, 180)), (Verdict::Pass, Verdict::Pass));
    let later = |code: u16| {
        let mut line = Line::with(2);
        line.occupy(&[("a", "flash", "active", 20.0), ("b", "flash", "held", 40.0)]);
        line.server_says(90.0, "b", "BYE", 2, REASON, "");
        line.invite(100.0, "x", "routine");
        line.answers(100.05, "x", code, "");
        line.verdict("preemption-occasion")
    };
    assert_eq!((later(486), later(180)), (Verdict::Fail, Verdict::Pass));
}

#[test]
fn who_makes_room_lets_the_higher_call_in() {
    let mut line = Line::holding(&[("a", "routine", "active", 20.0)]);
    line.invite(100.0, "x", "flash");
    line.falls(100.1, "a");
    assert_eq!(line.verdict("preemption-occasion"), Verdict::Fail);
    // In a capture of coarse stamps the two are in the same instant.
    let mut line = Line::holding(&[("a", "routine", "active", 20.0)]);
    line.invite(100.0, "x", "flash");
    line.falls(100.0, "a");
    line.answers(100.0, "x", 180, "");
    assert_eq!(line.verdicts(), [Verdict::Pass; 3]);
}

#[test]
fn two_higher_calls_at_once_take_two_places() {
    let two = |fallen: [&str; 2]| {
        let mut line = Line::holding(&[
            ("a", "routine", "active", 20.0),
            ("b", "priority", "held", 40.0),
            ("c", "immediate", "held", 60.0),
        ]);
        line.invite(100.0, "x", "flash");
        line.invite(100.005, "y", "flash");
        line.answers(100.01, "x", 180, "");
        line.answers(100.02, "y", 180, "");
        line.falls(100.03, fallen[0]);
        line.falls(100.04, fallen[1]);
        line.verdicts()
    };
    assert_eq!(two(["a", "b"]), [Verdict::Pass; 3]);
    assert_eq!(two(["a", "c"])[1], Verdict::Fail);
}

/// Where equals preempt, a call that rings may fall for the next of its own level.
#[test]
fn a_call_that_rings_falls_for_an_equal_where_the_profile_says_so() {
    let verdicts = |equal: EqualPrecedence| {
        let mut line = Line::holding(&[("a", "priority", "active", 60.0)]);
        line.story.profile.mlpp.equal_precedence = equal;
        line.invite(100.0, "x", "flash");
        line.falls(100.05, "a");
        line.answers(100.1, "x", 180, "");
        line.invite(100.3, "y", "flash");
        line.answers(100.35, "x", 486, REASON);
        line.answers(100.4, "y", 180, "");
        line.verdicts()
    };
    assert_eq!(verdicts(EqualPrecedence::Preempt), [Verdict::Pass; 3]);
    assert_eq!(verdicts(EqualPrecedence::Reject486)[0], Verdict::Fail);
}

#[test]
fn a_conference_is_one_call_and_falls_with_all_its_legs() {
    let conference = |level: ConferenceLevel, appearances: u8, fallen: &[&str]| {
        let mut line = Line::with(appearances);
        line.story.profile.mlpp.conf_level = level;
        line.occupy(&[
            ("a", "routine", "active", 20.0),
            ("b", "priority", "active", 30.0),
            ("c", "routine", "held", 50.0),
        ]);
        line.story.at(40.0).command("conference");
        line.invite(100.0, "x", "flash");
        line.answers(100.05, "x", 180, "");
        for name in fallen {
            line.falls(100.1, name);
        }
        let [occasion, victim, _] = line.verdicts();
        (occasion, victim, line.verdict("conference-preemption"))
    };
    use Verdict::{Fail, NotExercised, Pass};
    // By the higher of its legs the conference outranks the call that is on hold.
    assert_eq!(conference(ConferenceLevel::Max, 2, &["c"]), (Pass, Pass, NotExercised));
    assert_eq!(conference(ConferenceLevel::Max, 2, &["a", "b"]).1, Fail);
    // By the lower it is as low, and the one that is held goes first.
    assert_eq!(conference(ConferenceLevel::Min, 2, &["c"]).1, Pass);
    // With three appearances there is room.
    assert_eq!(conference(ConferenceLevel::Max, 3, &[]), (Pass, NotExercised, NotExercised));
    let alone = |fallen: &[&str]| {
        let mut line = Line::with(1);
        line.occupy(&[("a", "routine", "active", 20.0), ("b", "priority", "active", 30.0)]);
        line.story.at(40.0).command("conference");
        line.invite(100.0, "x", "flash");
        line.answers(100.05, "x", 180, "");
        for name in fallen {
            line.falls(100.1, name);
        }
        (line.verdict("preemption-victim"), line.verdict("conference-preemption"))
    };
    assert_eq!(alone(&["a", "b"]), (Pass, Pass));
    assert_eq!(alone(&["a"]), (Pass, Fail));
}

#[test]
fn the_server_may_raise_a_call_that_is_up() {
    let raised = |lets: bool, fallen: &str| {
        let mut line = Line::holding(&[("a", "routine", "active", 20.0), ("b", "priority", "held", 40.0)]);
        line.story.profile.mlpp.server_may_change_level = lets;
        let flash = "Resource-Priority: dsn.immediate\r\n";
        line.server_says(60.0, "a", "INVITE", 2, flash, &sdp("sendrecv", 40_000));
        line.invite(100.0, "x", "flash");
        line.answers(100.05, "x", 180, "");
        line.falls(100.1, fallen);
        line.verdict("preemption-victim")
    };
    assert_eq!((raised(true, "b"), raised(true, "a")), (Verdict::Pass, Verdict::Fail));
    assert_eq!((raised(false, "a"), raised(false, "b")), (Verdict::Pass, Verdict::Fail));
}

#[test]
fn precedence_is_refused_only_where_it_is_required_and_not_known() {
    let answered = |fields: &str, code: u16, answer: &str, enabled: bool| {
        let mut line = Line::with(2);
        line.story.profile.mlpp.enabled = enabled;
        line.invite_with(100.0, "x", fields);
        line.answers(100.1, "x", code, answer);
        line.verdict("precedence-refusal")
    };
    const KNOWN: &str = "Resource-Priority: dsn.flash\r\n";
    const UNKNOWN: &str = "Resource-Priority: foo.flash\r\n";
    let required = |value: &str| format!("Require: resource-priority\r\n{value}");
    let unsupported = "Unsupported: resource-priority\r\n";
    use Verdict::{Fail, NotExercised, Pass};
    for (fields, code, answer, enabled, verdict) in [
        (KNOWN.to_owned(), 180, "", true, Pass),
        (KNOWN.to_owned(), 417, "", true, Fail),
        (UNKNOWN.to_owned(), 180, "", true, Pass),
        (UNKNOWN.to_owned(), 417, "", true, Fail),
        (required(KNOWN), 180, "", true, Pass),
        (required(KNOWN), 420, unsupported, true, Fail),
        (required(UNKNOWN), 417, "", true, Pass),
        (required(UNKNOWN), 180, "", true, Fail),
        (required(UNKNOWN), 420, unsupported, true, Fail),
        (required(KNOWN), 420, unsupported, false, Pass),
        (required(KNOWN), 180, "", false, Fail),
        (KNOWN.to_owned(), 180, "", false, Pass),
        (String::new(), 180, "", true, NotExercised),
    ] {
        assert_eq!(answered(&fields, code, answer, enabled), verdict, "{fields} {code} {enabled}");
    }
}

#[test]
fn the_precedence_of_a_call_stands_in_all_that_makes_it() {
    const FLASH: &str = "Resource-Priority: dsn.flash\r\n";
    const IMMEDIATE: &str = "Resource-Priority: dsn.immediate\r\n";
    let kept = |again: &str, told: &str, within: &str, lets: bool| {
        let mut line = Line::with(2);
        line.story.profile.mlpp.server_may_change_level = lets;
        line.dials(10.0, "z9hG4bKd1", 1, FLASH);
        line.dials(10.5, "z9hG4bKd1", 1, again);
        line.dials(10.9, "z9hG4bKd2", 2, FLASH);
        line.is_answered(11.0, told);
        line.asks(30.0, "out", "INVITE", within, &sdp("sendonly", 4_000));
        line.verdict("precedence-kept")
    };
    use Verdict::{Fail, Pass};
    assert_eq!(kept(FLASH, "", FLASH, true), Pass);
    assert_eq!(kept("", "", FLASH, true), Fail, "without it in the repetition");
    assert_eq!(kept(IMMEDIATE, "", FLASH, true), Fail, "with another");
    assert_eq!(kept(FLASH, "", "", true), Verdict::Warn, "without it in the dialog");
    assert_eq!(kept(FLASH, "", IMMEDIATE, true), Fail, "with another in the dialog");
    // The server has changed it: what comes later has the new one, if the profile lets it.
    assert_eq!(kept(FLASH, IMMEDIATE, IMMEDIATE, true), Pass);
    assert_eq!(kept(FLASH, IMMEDIATE, FLASH, true), Fail);
    assert_eq!(kept(FLASH, IMMEDIATE, FLASH, false), Pass);
    assert_eq!(kept(FLASH, IMMEDIATE, IMMEDIATE, false), Fail);
}

#[test]
fn a_step_asks_for_a_call_by_its_name() {
    let mut line = Line::holding(&[("a", "routine", "active", 20.0), ("b", "priority", "held", 40.0)]);
    line.invite(100.0, "x", "flash");
    line.answers(100.05, "x", 180, "");
    line.falls(100.1, "a");
    line.answers(101.0, "x", 200, "");
    let preempted = |call: &str, with: &str, cause: u8, before: Option<&str>| Expectation::Preempted {
        call: call.to_owned(),
        with: Some(with.to_owned()),
        cause: Some(cause),
        before: before.map(str::to_owned),
        within: None,
    };
    assert_eq!(line.expect(preempted("a", "BYE", 1, Some("x"))).verdict, Verdict::Pass);
    assert_eq!(line.expect(preempted("a", "CANCEL", 1, None)).verdict, Verdict::Fail);
    assert_eq!(line.expect(preempted("a", "BYE", 2, None)).verdict, Verdict::Fail);
    assert_eq!(line.expect(preempted("b", "BYE", 1, None)).verdict, Verdict::Fail);
    let untouched = |but: &[&str]| Expectation::CallsUntouched {
        but: but.iter().map(|&name| name.to_owned()).collect(),
        during: span(5.0),
    };
    assert_eq!(line.expect(untouched(&["a"])).verdict, Verdict::Pass);
    assert_eq!(line.expect(untouched(&[])).verdict, Verdict::Fail);
    let (call, within) = ("x".to_owned(), None);
    assert_eq!(line.expect(Expectation::CallAlerts { call: call.clone(), within }).verdict, Verdict::Pass);
    assert_eq!(line.expect(Expectation::CallAnswered { call: call.clone(), within }).verdict, Verdict::Pass);
    let refused = Expectation::CallRefused { call: call.clone(), code: 486, header: None, within };
    assert_eq!(line.expect(refused).verdict, Verdict::Fail);
    let unanswered = Expectation::CallUnanswered { call, during: span(10.0) };
    assert_eq!(line.expect(unanswered).verdict, Verdict::Fail);
}

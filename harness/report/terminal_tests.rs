#![allow(clippy::unwrap_used)]
use std::path::Path;

use sipfarm_core::Instant as Time;
use sipfarm_judge::mark::{Expected, Which};
use sipfarm_judge::{Expectation, Finding, Nearest, Verdict, Window};

use super::*;
use crate::error::Blame;
use crate::report::failure::render_failure;
use crate::run::events::tests::result;
use crate::run::events::{
    FailedStep, RunEvent, ScenarioResult, Started, StepTaken, Summary, Trouble, Waiting,
};

/// A point in time so many milliseconds after the phone dialled.
fn at(millis: i64) -> Time {
    Time::from_nanos(1_790_000_000_000_000_000) + Span::from_millis(2_000 + millis)
}

/// The silence scenario of a phone that moves on too late.
fn late() -> ScenarioResult {
    let mut late = result(14, &[]);
    late.feature = "features/failover/silence.feature".into();
    late.line = 18;
    late.name = "Phone moves to the secondary when the primary goes silent".into();
    late.phone = "t46u".into();
    late.started = at(-2_000);
    late.steps = vec![
        StepTaken { keyword: "When".into(), text: "the phone registers".into(), line: 20, at: at(0) },
        StepTaken {
            keyword: "Then".into(),
            text: "the phone sends REGISTER to \"secondary\" within 32 s".into(),
            line: 21,
            at: at(1),
        },
    ];
    late.expected = vec![Expected {
        id: 1,
        text: "the phone sends REGISTER to \"secondary\" within 32 s".into(),
        line: 21,
        since: at(0),
        since_line: Some(20),
        expectation: Expectation::CallFails { code: None },
    }];
    late.findings = vec![finding()];
    late.capture = Some("captures/0611-berlin/014.pcapng".into());
    late.repeat = "sipfarm run features/failover/silence.feature:18 --seed 7".into();
    late.virtual_time = None;
    late.real_time = Span::from_millis(41_300);
    late.conclude();
    late
}

fn finding() -> Finding {
    let near = |packet, millis, what: &str, why: &str| Nearest {
        packet,
        at: at(millis),
        what: what.into(),
        why: why.into(),
    };
    Finding {
        rule: "non-invite-timeout".into(),
        requirements: vec!["YL-03".into(), "RFC 3261 17.1.2.2".into()],
        verdict: Verdict::Fail,
        phone: Which::First,
        expected_id: Some(1),
        line: Some(21),
        expected: "REGISTER to secondary (10.20.0.12:5060)".into(),
        window: Some(Window { from: at(0), to: at(32_500) }),
        window_kind: sipfarm_judge::WindowKind::Allowed,
        seen: "37.91 s, late by 5.41 s".into(),
        packets: vec![88],
        shown_from: None,
        decided: Some(at(37_910)),
        nearest: vec![
            near(52, 16_020, "REGISTER to primary", "other target"),
            near(61, 20_100, "OPTIONS to secondary", "other method"),
        ],
        until: None,
    }
}

/// The bundle of every run here.
const BUNDLE: &str = "captures/0611-berlin";

fn terminal<W: Write>(out: W, style: Style) -> Terminal<W> {
    Terminal::new(out, style, BUNDLE.into())
}

/// As it stands in the record.
fn of(event: &RunEvent) -> Event {
    Event::of(event, Path::new(BUNDLE))
}

fn failure(result: &ScenarioResult) -> String {
    let bundle = Path::new(BUNDLE);
    render_failure(&Scenario::of(result, bundle), bundle)
}

fn shown(events: &[RunEvent], style: Style) -> String {
    let mut out = Vec::new();
    let mut terminal = terminal(&mut out, style);
    for event in events {
        terminal.event(&of(event), true).unwrap();
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn a_failure_is_told_in_full() {
    insta::assert_snapshot!(failure(&late()), @r#"
    FAIL  Phone moves to the secondary when the primary goes silent   (t46u)
          features/failover/silence.feature:21
            Then the phone sends REGISTER to "secondary" within 32 s
          expected   REGISTER to secondary (10.20.0.12:5060)
          allowed    +0 s to +32.5 s, counted from line 20: When the phone registers
          seen       37.91 s, late by 5.41 s (packet 88)
          nearest    packet 52  REGISTER to primary   +16.02 s   other target
                     packet 61  OPTIONS to secondary   +20.1 s   other method
          rule       non-invite-timeout (YL-03, RFC 3261 17.1.2.2)
          evidence   captures/0611-berlin/014.pcapng
          judge      sipfarm audit captures/0611-berlin/014.pcapng
          look       sipfarm open captures/0611-berlin 014 --packet 88
          repeat     sipfarm run features/failover/silence.feature:18 --seed 7
    "#);
}

#[test]
fn the_breach_of_a_standing_rule_has_no_step_and_counts_from_the_start() {
    let mut result = late();
    let standing = &mut result.findings[0];
    (standing.expected_id, standing.line, standing.packets, standing.nearest) =
        (None, None, vec![4, 9], Vec::new());
    insta::assert_snapshot!(failure(&result), @r#"
    FAIL  Phone moves to the secondary when the primary goes silent   (t46u)
          features/failover/silence.feature:18
          expected   REGISTER to secondary (10.20.0.12:5060)
          allowed    +2 s to +34.5 s, counted from the start of the scenario
          seen       37.91 s, late by 5.41 s (packets 4, 9)
          rule       non-invite-timeout (YL-03, RFC 3261 17.1.2.2)
          evidence   captures/0611-berlin/014.pcapng
          judge      sipfarm audit captures/0611-berlin/014.pcapng
          look       sipfarm open captures/0611-berlin 014 --packet 9
          repeat     sipfarm run features/failover/silence.feature:18 --seed 7
    "#);
}

#[test]
fn trouble_says_whose_matter_it_is_and_what_to_do() {
    let mut result = result(3, &[]);
    result.failed_step = Some(FailedStep {
        keyword: "Given".into(),
        text: "a farm with servers \"primary\"".into(),
        line: 4,
        message: "127.0.0.2:5060 is taken".into(),
    });
    result.trouble = Some(Trouble {
        blame: Blame::Lab,
        message: "127.0.0.2:5060 is taken".into(),
        hint: Some("sudo ss -lunp 'sport = 5060'".into()),
    });
    result.conclude();
    insta::assert_snapshot!(failure(&result), @r#"
    LAB   scenario 3   (rfc3261)
          features/a.feature:4
            Given a farm with servers "primary"
          stopped    127.0.0.2:5060 is taken
          help       sudo ss -lunp 'sport = 5060'
          repeat     sipfarm run features/a.feature:3 --seed 1
    "#);
}

#[test]
fn a_log_has_a_line_for_each_scenario_and_the_failures_at_the_end() {
    use Verdict::*;
    let mut known = result(5, &[KnownIssue]);
    known.findings[0].rule = "one-branch-per-transaction".into();
    let results = vec![
        result(1, &[Pass]),
        result(2, &[Pass, Warn]),
        late(),
        result(3, &[Inconclusive]),
        result(4, &[NotApplicable]),
        known,
        result(6, &[UnexpectedPass]),
        result(7, &[]),
    ];
    let summary = Summary::of(10, &results, Some(1), Span::from_millis(41_500));
    let started = Started::new(7, "virtual", 10);
    let mut events = vec![RunEvent::Started(started)];
    events.extend(results.into_iter().map(|result| RunEvent::ScenarioFinished(Box::new(result))));
    events.push(RunEvent::ScenarioInterrupted {
        id: 9,
        name: "cut short".into(),
        feature: "features/a.feature".into(),
        line: 3,
        real_time: Span::from_secs(2),
    });
    events.push(RunEvent::Finished(summary));
    insta::assert_snapshot!(shown(&events, Style::PLAIN), @r#"
    sipfarm 0.1.0  virtual network  seed 7  10 scenarios
     1/10 PASS  [    1.00 s v]  001  scenario 1                                                    features/a.feature:3  rfc3261
     2/10 WARN  [    2.00 s v]  002  scenario 2                                                    features/a.feature:3  rfc3261   something else; expected something
     3/10 FAIL  [   41.30 s  ]  014  Phone moves to the secondary when the primary goes silent     features/failover/silence.feature:18  t46u   37.91 s, late by 5.41 s; expected REGISTER to secondary (10.20.0.12:5060)
     4/10 INCO  [    3.00 s v]  003  scenario 3                                                    features/a.feature:3  rfc3261   something else; expected something
     5/10 SKIP  [    4.00 s v]  004  scenario 4                                                    features/a.feature:3  rfc3261   something else; expected something
     6/10 KNOWN [    5.00 s v]  005  scenario 5                                                    features/a.feature:3  rfc3261   something else; expected something
     7/10 FIXED [    6.00 s v]  006  scenario 6                                                    features/a.feature:3  rfc3261   something else; expected something
     8/10 NOEX  [    7.00 s v]  007  scenario 7                                                    features/a.feature:3  rfc3261   nothing was judged
     8/10 CUT   [    2.00 s  ]  009  cut short                                                     features/a.feature:3  interrupted

    WARN  scenario 2   (rfc3261)
          features/a.feature:3
          rule       something else

    KNOWN scenario 5   (rfc3261)
          features/a.feature:3
          one-branch-per-transaction something else

    INCO  scenario 3   (rfc3261)
          features/a.feature:3
          expected   something
          seen       something else
          rule       rule
          repeat     sipfarm run features/a.feature:3 --seed 1

    FIXED scenario 6   (rfc3261)
          features/a.feature:3
          expected   something
          seen       something else
          rule       rule
          repeat     sipfarm run features/a.feature:3 --seed 1

    NOEX  scenario 7   (rfc3261)
          features/a.feature:3
          seen       nothing that any rule or step could judge
          repeat     sipfarm run features/a.feature:3 --seed 1

    FAIL  Phone moves to the secondary when the primary goes silent   (t46u)
          features/failover/silence.feature:21
            Then the phone sends REGISTER to "secondary" within 32 s
          expected   REGISTER to secondary (10.20.0.12:5060)
          allowed    +0 s to +32.5 s, counted from line 20: When the phone registers
          seen       37.91 s, late by 5.41 s (packet 88)
          nearest    packet 52  REGISTER to primary   +16.02 s   other target
                     packet 61  OPTIONS to secondary   +20.1 s   other method
          rule       non-invite-timeout (YL-03, RFC 3261 17.1.2.2)
          evidence   captures/0611-berlin/014.pcapng
          judge      sipfarm audit captures/0611-berlin/014.pcapng
          look       sipfarm open captures/0611-berlin 014 --packet 88
          repeat     sipfarm run features/failover/silence.feature:18 --seed 7

    8 scenarios in 41.5 s: 1 passed  1 failed  1 passed with warnings  1 inconclusive  1 not applicable  1 not exercised  1 known issue  1 passed unexpectedly  1 interrupted  1 not run
      slowest     41.30 s    Phone moves to the secondary when the primary goes silent
                   7.00 s v  scenario 7
                   6.00 s v  scenario 6
                   5.00 s v  scenario 5
                   4.00 s v  scenario 4
               v: seconds of virtual time
      bundle   captures/0611-berlin
      exit     130: interrupted; the bundle is complete up to that point
    "#);
}

#[test]
fn a_terminal_shows_what_is_running_and_draws_it_over() {
    let started = |id, name: &str| RunEvent::ScenarioStarted { id, name: name.into() };
    let waiting = RunEvent::Waiting {
        id: 2,
        waiting: Waiting {
            phone: "ref".into(),
            what: "REGISTER at secondary".into(),
            elapsed: Span::from_millis(18_400),
            window: Some(Span::from_secs(33)),
            last: None,
            faults: Vec::new(),
        },
    };
    let mut out = Vec::new();
    let mut terminal = terminal(&mut out, Style { live: true, colour: false });
    for event in [
        RunEvent::Started(Started::new(7, "loopback", 12)),
        started(2, "failover: primary goes silent"),
        waiting,
        RunEvent::ScenarioFinished(Box::new(result(1, &[Verdict::Pass]))),
    ] {
        terminal.drawn_at = None;
        terminal.event(&of(&event), true).unwrap();
    }
    let text = String::from_utf8(out).unwrap();
    let last = text.rsplit("\x1b[J").next().unwrap();
    insta::assert_snapshot!(last.replace('\x1b', "ESC"), @r#"
      PASS  [    1.00 s v]  001  scenario 1                                                    features/a.feature:3  rfc3261
    ESC[?7l  RUN   [00:18 of 00:33]  #####-----  failover: primary goes silent                                 ref  waiting REGISTER at secondary
     1/12   1 passed
    ESC[?7h
    "#);
    assert!(text.contains("\x1b[2A\x1b[J"), "the picture of two lines is drawn over");
}

#[test]
fn more_than_eight_are_counted() {
    let mut out = Vec::new();
    let mut terminal = terminal(&mut out, Style { live: true, colour: false });
    for id in 1..=11 {
        terminal.event(&of(&RunEvent::ScenarioStarted { id, name: "s".into() }), true).unwrap();
    }
    let picture = terminal.picture();
    assert_eq!(picture.len(), 10);
    assert_eq!(picture[8], "  … and 3 more");
}

#[test]
fn colour_is_for_those_who_want_it() {
    let events = [RunEvent::ScenarioFinished(Box::new(result(1, &[Verdict::Fail])))];
    assert!(shown(&events, Style { live: false, colour: true }).contains("\x1b[31mFAIL"));
    assert!(!shown(&events, Style::PLAIN).contains('\x1b'));
}

#[test]
fn a_summary_names_the_slowest_and_the_exit_code() {
    let results: Vec<_> = (1..=6).map(|id| result(id, &[Verdict::Pass])).collect();
    let summary = Summary::of(6, &results, None, Span::from_millis(120));
    insta::assert_snapshot!(shown(&[RunEvent::Finished(summary)], Style::PLAIN), @r#"

    6 scenarios in 0.12 s: 6 passed
      slowest      6.00 s v  scenario 6
                   5.00 s v  scenario 5
                   4.00 s v  scenario 4
                   3.00 s v  scenario 3
                   2.00 s v  scenario 2
               v: seconds of virtual time
      bundle   captures/0611-berlin
      exit     0: nothing against the phone
    "#);
}

#[test]
fn a_known_issue_that_is_gone_is_told_after_the_scenarios() {
    let mut passed = result(1, &[Verdict::Pass]);
    passed.known_issues.insert("rule".into(), "the timer is wrong".into());
    let summary = Summary::of(1, &[passed.clone()], None, Span::from_millis(20));
    let events = [RunEvent::ScenarioFinished(Box::new(passed)), RunEvent::Finished(summary)];
    insta::assert_snapshot!(shown(&events, Style::PLAIN), @"
    1/0 PASS  [    1.00 s v]  001  scenario 1                                                    features/a.feature:3  rfc3261

    FIXED rule   (rfc3261)
          expected   broken, as the profile says: the timer is wrong
          seen       kept in 1 scenario, broken in none
          next       when all scenarios that could show it have run: take it out of known_issues: in the profile of rfc3261

    1 scenario in 0.02 s: 1 passed
      slowest      1.00 s v  scenario 1
               v: seconds of virtual time
      bundle   captures/0611-berlin
      exit     6: a known issue has passed: take it out of the profile
    ");
}

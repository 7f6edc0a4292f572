#![allow(clippy::unwrap_used)]
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use sipfarm_core::machine::Transport;
use sipfarm_core::sip::Message;
use sipfarm_core::{Instant, Span};
use sipfarm_judge::mark::{Cast, Mark, Node};
use sipfarm_judge::timeline::{Event, EventKind, SipEvent};
use sipfarm_judge::{Timeline, Verdict, WindowKind};

use super::*;
use crate::error::Exit;
use crate::run::record::{Finding, Header, Nearest, Origin, Step, Window};

/// When every scenario of these tests begins.
pub const START: Instant = Instant::from_nanos(1_790_000_000_000_000_000);
pub const PHONE: &str = "192.0.2.200:5060";
pub const PRIMARY: &str = "192.0.2.11:5060";

/// A scenario that passed, without findings.
pub fn scenario() -> Scenario {
    Scenario {
        id: 14,
        lab: None,
        feature: "features/a.feature".to_owned(),
        feature_name: "F".to_owned(),
        line: 3,
        name: "A call".to_owned(),
        example: Vec::new(),
        tags: vec!["YL-04".to_owned()],
        phone: "rfc3261".to_owned(),
        time_scale: None,
        known_issues: BTreeMap::new(),
        verdict: Verdict::Pass,
        exit: Exit::Passed,
        findings: Vec::new(),
        started: START,
        steps: Vec::new(),
        failed_step: None,
        virtual_time: Some(Span::from_secs(2)),
        real_time: Span::from_millis(2),
        capture: Some("014.pcapng".to_owned()),
        repeat: "sipfarm run features/a.feature:3 --seed 1".to_owned(),
        calls_up: Vec::new(),
        tries: Vec::new(),
        trouble: None,
    }
}

/// A finding that missed its window of 1 s to 2 s by `late`.
pub fn finding(line: Option<u32>, late: Span) -> Finding {
    Finding {
        rule: "sends".to_owned(),
        requirements: vec!["YL-04".to_owned()],
        verdict: Verdict::Fail,
        line,
        step: None,
        second_phone: false,
        expected: "INVITE".to_owned(),
        since: Span::ZERO,
        counted_from: Origin::Start,
        window: Some(Window { from: Span::from_secs(1), to: Span::from_secs(2), kind: WindowKind::Allowed }),
        decided: Some(Span::from_secs(2) + late),
        seen: "INVITE".to_owned(),
        packets: vec![2],
        nearest: Vec::new(),
    }
}

/// Who is who: the phone and its primary.
pub fn cast() -> Event {
    let addr: SocketAddr = PRIMARY.parse().unwrap();
    let primary = Node { name: "primary".to_owned(), addr, tls: None, server: true, dns: false };
    let phone: SocketAddr = PHONE.parse().unwrap();
    let cast = Cast { phone: vec![phone.ip()], servers: vec![primary], complete: true };
    Event { at: START, packets: Vec::new(), kind: EventKind::Mark(Mark::Cast(cast)) }
}

/// A message so many milliseconds after the start.
pub fn sip(packet: u32, at_ms: i64, src: &str, dst: &str, raw: &str) -> Event {
    let message = Arc::new(Message::parse(raw.as_bytes()));
    let (src, dst) = (src.parse().unwrap(), dst.parse().unwrap());
    let kind = EventKind::Sip(SipEvent { transport: Transport::Udp, src, dst, message });
    Event { at: START + Span::from_millis(at_ms), packets: vec![packet], kind }
}

fn recorded(scenarios: Vec<Scenario>) -> Recorded {
    let command = vec!["sipfarm".to_owned(), "run".to_owned()];
    let header = Header { command, ..Header::new(1, "virtual", "reference", START) };
    let events =
        scenarios.into_iter().map(|scenario| crate::run::record::Event::ScenarioFinished(Box::new(scenario)));
    Recorded { folder: PathBuf::new(), header, events: events.collect() }
}

/// What breaks out of text, of an attribute, of a comment, and of the place where pages are kept.
const HOSTILE: &str =
    "</script></desc></text></svg>\"'><img src=x onerror=alert(1)><script>alert(2)</script><!-- javascript:";

/// Nothing that anybody else has written is markup, wherever it stands.
#[test]
fn no_string_of_others_becomes_markup() {
    let hostile = || HOSTILE.to_owned();
    let mut bad = finding(Some(4), Span::from_secs(5));
    (bad.rule, bad.expected, bad.seen, bad.step) = (hostile(), hostile(), hostile(), Some(hostile()));
    bad.requirements = vec![hostile(), format!("RFC {HOSTILE}")];
    bad.nearest = vec![Nearest { packet: 2, at: Span::ZERO, what: hostile(), why: hostile() }];
    let step = Step {
        keyword: hostile(),
        text: hostile(),
        line: 4,
        table: vec![vec![hostile()]],
        at: Some(Span::ZERO),
    };
    let failed =
        crate::run::record::FailedStep { keyword: hostile(), text: hostile(), line: 9, message: hostile() };
    let trouble = crate::run::record::Trouble {
        blame: crate::error::Blame::Lab,
        message: hostile(),
        hint: Some(hostile()),
    };
    let scenario = Scenario {
        name: hostile(),
        lab: Some(hostile()),
        feature: hostile(),
        feature_name: hostile(),
        tags: vec![hostile()],
        phone: hostile(),
        findings: vec![bad],
        steps: vec![step],
        failed_step: Some(failed),
        trouble: Some(trouble),
        capture: Some(hostile()),
        repeat: hostile(),
        calls_up: vec![hostile()],
        ..scenario()
    };
    let mut timeline = Timeline::default();
    timeline.insert(cast());
    let marks = [
        Mark::Fault { node: "primary".to_owned(), fault: hostile(), on: true },
        Mark::Noted { node: "primary".to_owned(), what: hostile() },
        Mark::Trouble { what: hostile(), since: None },
    ];
    for mark in marks {
        timeline.insert(Event { at: START, packets: Vec::new(), kind: EventKind::Mark(mark) });
    }
    timeline.insert(sip(
        2,
        1,
        PHONE,
        PRIMARY,
        &format!("INVITE sip:{HOSTILE} SIP/2.0\r\nX: {HOSTILE}\r\n\r\n{HOSTILE}"),
    ));
    timeline.insert(sip(3, 2, PRIMARY, PHONE, &format!("SIP/2.0 503 {HOSTILE}\r\n\r\n")));
    timeline.insert(sip(4, 3, PRIMARY, PHONE, HOSTILE));
    let known = Requirements::load_embedded();
    let page = page(&scenario, Ok(&timeline), &known);
    assert!(page.contains("&lt;script&gt;alert(2)"), "the strings are there: {page}");
    let pages = BTreeMap::from([(14, page)]);
    let report = render(&recorded(vec![scenario]), &pages, &known);

    let ours = report.matches("<script").count();
    assert_eq!(ours, 2, "one script and one page, both ours");
    assert_eq!(report.matches("</script").count(), 2);
    for markup in ["<img", "<!--", "\"'>", "href=\"javascript"] {
        assert!(!report.contains(markup), "{markup} came through");
    }
}

/// The page needs no network, and its policy would allow none.
#[test]
fn the_report_asks_no_network() {
    let report = render(&recorded(vec![scenario()]), &BTreeMap::new(), &Requirements::load_embedded());
    assert!(report.contains("content=\"default-src 'none'; style-src 'sha256-"), "{report}");
    for outside in ["http:", "https:", "src=\"", "url(", "@import", "<link", "style=\""] {
        assert!(!report.contains(outside), "{outside}");
    }
}

#[test]
fn every_requirement_is_covered_or_says_why_not() {
    let known = Requirements::load_embedded();
    let report = render(&recorded(vec![scenario()]), &BTreeMap::new(), &known);
    assert!(report.contains(&format!("1 of {} have a scenario", known.iter().count())));
    assert_eq!(report.matches(">not covered<").count(), known.iter().count() - 1);
    assert!(report.contains("<th scope=\"row\">YL-04</th><td><span class=\"chip pass\">pass</span></td><td><a href=\"#014\">014</a> <i>not covered: somebody at the phone would have to say, and no scenario asks</i></td>"));
    assert!(report.contains("nothing to assert: it is about documents"));
}

#[test]
fn a_capture_that_is_gone_leaves_the_rest_of_the_page() {
    let page = page(&scenario(), Err("cannot read 014.pcapng"), &Requirements::load_embedded());
    assert!(page.contains("There is no ladder: cannot read 014.pcapng") && page.contains("A call"), "{page}");
}

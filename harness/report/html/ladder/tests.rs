#![allow(clippy::unwrap_used)]
use sipfarm_judge::mark::Mark;
use sipfarm_judge::timeline::{Event, EventKind};

use super::*;
use crate::report::html::tests::{PHONE, PRIMARY, START, cast, finding, scenario, sip};
use crate::run::record::Finding;

const INVITE: &str = "INVITE sip:1002@lab.example SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n";
const STRANGER: &str = "198.51.100.7:5060";

fn timeline(events: impl IntoIterator<Item = Event>) -> Timeline {
    let mut timeline = Timeline::default();
    timeline.insert(cast());
    events.into_iter().for_each(|event| timeline.insert(event));
    timeline
}

fn mark(at_ms: i64, mark: Mark) -> Event {
    Event { at: START + Span::from_millis(at_ms), packets: Vec::new(), kind: EventKind::Mark(mark) }
}

fn fault(fault: &str, on: bool) -> Mark {
    Mark::Fault { node: "primary".to_owned(), fault: fault.to_owned(), on }
}

fn again(ladder: &Ladder) -> Vec<Option<(usize, usize)>> {
    let of = |row: &Row| match row.what {
        What::Arrow { again, .. } => Some(again),
        _ => None,
    };
    ladder.rows.iter().filter_map(of).collect()
}

#[test]
fn columns_are_named_after_nodes_and_strangers_by_their_address() {
    let options = "OPTIONS sip:x SIP/2.0\r\n\r\n";
    let ladder = Ladder::of(
        &scenario(),
        &timeline([sip(2, 1, PHONE, PRIMARY, INVITE), sip(3, 2, STRANGER, PHONE, options)]),
    );
    let names: Vec<&str> = ladder.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["phone", "primary", "198.51.100.7"]);
    let What::Arrow { from, to, kind, label, .. } = &ladder.rows[1].what else { panic!("{:?}", ladder.rows) };
    assert_eq!((*from, *to, *kind, label.as_str()), (2, 0, Kind::Request, "OPTIONS"));
}

#[test]
fn many_strangers_share_a_column() {
    let from =
        |number: u8| sip(number.into(), number.into(), &format!("198.51.100.{number}:5060"), PHONE, INVITE);
    let ladder = Ladder::of(&scenario(), &timeline((1..=40).map(from)));
    assert_eq!(ladder.columns.len(), 2 + 6 + 1);
    assert_eq!(ladder.columns.last().unwrap().name, "others");
    let What::Arrow { from, .. } = ladder.rows[39].what else { panic!() };
    assert_eq!(from, 8);
}

/// The same octets from the same sender to the same receiver.
#[test]
fn a_message_that_is_sent_again_is_counted() {
    let other = INVITE.replace("1 INVITE", "2 INVITE");
    let ladder = Ladder::of(
        &scenario(),
        &timeline([
            sip(2, 0, PHONE, PRIMARY, INVITE),
            sip(3, 500, PHONE, PRIMARY, INVITE),
            sip(4, 600, PHONE, STRANGER, INVITE),
            sip(5, 700, PHONE, PRIMARY, &other),
            sip(6, 1_500, PHONE, PRIMARY, INVITE),
        ]),
    );
    assert_eq!(again(&ladder), [Some((1, 3)), Some((2, 3)), None, None, Some((3, 3))]);
    let What::Arrow { text, .. } = &ladder.rows[4].what else { panic!() };
    assert_eq!(text, "The same message as in packet 2, once more.");
}

/// An hour takes little more room than a minute, and says that it is one.
#[test]
fn silence_is_short_and_labelled() {
    let at = |at_ms| sip(2, at_ms, PHONE, PRIMARY, INVITE);
    let scale = Ladder::of(&scenario(), &timeline([at(0), at(10), at(60_010), at(3_660_010)])).scale;
    let steps: Vec<f64> = scale.rows.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(steps[0] < steps[1] && steps[1] < steps[2] && steps[2] < 2.0 * steps[1], "{steps:?}");
    let spans: Vec<i64> = scale.gaps.iter().map(|gap| gap.span.as_millis()).collect();
    assert_eq!(spans, [60_000, 3_600_000]);
    let (y1, y2) = (scale.rows[1], scale.rows[2]);
    let half = scale.y(Span::from_millis(30_010));
    assert!((half - (y1 + y2) / 2.0).abs() < 0.01, "half of the silence is half of its room: {half}");
    assert_eq!((scale.y(Span::from_millis(10)), scale.y(Span::from_secs(9_999))), (y1, scale.rows[3]));
}

#[test]
fn a_fault_is_a_band_until_it_is_switched_off() {
    let off = |what| mark(300, fault(what, false));
    let end = sip(2, 1_000, PHONE, PRIMARY, INVITE);
    let bands = |off: Event| {
        Ladder::of(&scenario(), &timeline([mark(100, fault("silent", true)), off, end.clone()])).bands
    };
    let band = |to_ms| Band {
        column: 1,
        label: "silent".to_owned(),
        from: Span::from_millis(100),
        to: Span::from_millis(to_ms),
    };
    assert_eq!(bands(off("silent")), [band(300)]);
    assert_eq!(bands(off("all")), [band(300)]);
    assert_eq!(bands(off("closed")), [band(1_000)], "another fault ends, this one lasts to the end");
}

#[test]
fn a_window_that_was_missed_tells_by_how_much() {
    let (sec, half) = (Span::from_secs(1), Span::from_millis(500));
    let timed =
        |late| Ladder::of(&Scenario { findings: vec![finding(Some(4), late)], ..scenario() }, &timeline([]));
    assert_eq!(timed(half).windows[0].missed_by(), Some(half));
    assert_eq!(timed(Span::ZERO).windows[0].missed_by(), None);
    assert_eq!(timed(Span::ZERO - sec - half).windows[0].missed_by(), Some(Span::ZERO - half));
}

/// The last packet before a silence is not what was waited for; its window is shown, and no dot.
#[test]
fn what_never_came_is_neither_late_nor_early() {
    let absent = Finding { decided: None, ..finding(None, Span::ZERO) };
    let ladder = Ladder::of(&Scenario { findings: vec![absent], ..scenario() }, &timeline([]));
    assert_eq!((ladder.windows[0].decided, ladder.windows[0].missed_by()), (None, None));
}

/// Ten thousand messages stay a page that can be read, and what a finding shows is on it.
#[test]
fn a_long_ladder_is_cut_but_for_what_findings_show() {
    let event = |number: u32| {
        sip(
            number,
            i64::from(number),
            PHONE,
            PRIMARY,
            &INVITE.replace("1 INVITE", &format!("{number} INVITE")),
        )
    };
    let timeline = timeline((1..=10_000).map(event));
    let shown = Finding { packets: vec![5_000], ..finding(Some(4), Span::ZERO) };
    let ladder = Ladder::of(&Scenario { findings: vec![shown], ..scenario() }, &timeline);
    assert!(ladder.rows.len() <= 262, "{}", ladder.rows.len());
    let numbers: Vec<u32> = ladder.rows.iter().flat_map(|row| row.packets.clone()).collect();
    assert!(
        [1, 100, 4_998, 5_000, 5_002, 9_950, 10_000].iter().all(|number| numbers.contains(number)),
        "{numbers:?}"
    );
    let left_out: Vec<usize> = ladder
        .rows
        .iter()
        .filter_map(|row| if let What::Cut(n) = row.what { Some(n) } else { None })
        .collect();
    assert_eq!(left_out.iter().sum::<usize>() + numbers.len(), 10_000);
    assert_eq!(left_out.len(), 2, "before and behind what the finding shows");
}

#[test]
fn a_small_ladder_as_a_picture() {
    let ringing = "SIP/2.0 503 Service Unavailable\r\nCSeq: 1 INVITE\r\n\r\n";
    let step = Mark::Step { keyword: "When".to_owned(), text: "the phone dials".to_owned(), line: 4 };
    let timeline = timeline([
        mark(0, fault("silent", true)),
        mark(0, step),
        sip(2, 0, PHONE, PRIMARY, INVITE),
        sip(3, 500, PHONE, PRIMARY, INVITE),
        sip(4, 2_500, PRIMARY, PHONE, ringing),
    ]);
    let ladder = Ladder::of(
        &Scenario { findings: vec![finding(Some(4), Span::from_millis(500))], ..scenario() },
        &timeline,
    );
    insta::assert_snapshot!(svg::draw(&ladder, &|packets| if packets == [4] { vec![5] } else { Vec::new() }));
}

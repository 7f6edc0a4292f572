//! What may happen to a capture without the phone's doing.

use super::*;

/// How far a send may come late without leaving any window: half of `early_ms`, for the first send
/// may be late as well.
const JITTER: Span = Span::from_millis(10);
const SEEDS: u64 = 5;

/// Fails with every accusation of a change to the captures, each with the words for that change.
#[derive(Default)]
struct Accusations(Vec<String>);

impl Accusations {
    fn of(&mut self, tape: &Tape, change: &str) {
        for finding in tape.accusers() {
            let Finding { rule, seen, packets, .. } = finding;
            self.0.push(format!("{}, {change}: {rule}: {seen} (packets {packets:?})", tape.name));
        }
    }
}

impl Drop for Accusations {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.0.is_empty(), "{} accusations:\n{}", self.0.len(), self.0.join("\n"));
        }
    }
}

/// Marks know times, too.
fn shift_mark(mark: &mut Mark, by: Span) {
    match mark {
        Mark::Expect(expected) => expected.since += by,
        Mark::OfSecondPhone { of } => shift_mark(of, by),
        Mark::Trouble { since: Some(since), .. } | Mark::Late { since, .. } => *since += by,
        _ => {}
    }
}

/// What the scenario expects there, of either phone.
fn expected(kind: &mut EventKind) -> Option<&mut Expected> {
    let EventKind::Mark(mark) = kind else { return None };
    match mark {
        Mark::Expect(expected) => Some(expected),
        Mark::OfSecondPhone { of } => match &mut **of {
            Mark::Expect(expected) => Some(expected),
            _ => None,
        },
        _ => None,
    }
}

/// What an expectation counts from stays behind what was before it.
fn keep_starting_points(tape: &Tape, late: &mut Tape) {
    let times: Vec<(Instant, Instant)> =
        tape.events.iter().zip(&late.events).map(|(event, late)| (event.at, late.at)).collect();
    for event in &mut late.events {
        if let Some(expected) = expected(&mut event.kind) {
            let before = times.iter().filter(|(at, _)| *at < expected.since).map(|(_, late)| *late).max();
            expected.since = expected.since.max(before.unwrap_or(Instant::EPOCH));
        }
    }
}

#[test]
fn another_day_changes_no_verdict() {
    let mut dice = Dice(1);
    for tape in tapes() {
        let by = dice.span(Span::from_secs(86_400 * 3_650)) - Span::from_secs(86_400 * 1_825);
        let mut shifted = tape.clone();
        for event in &mut shifted.events {
            event.at += by;
            if let EventKind::Mark(mark) = &mut event.kind {
                shift_mark(mark, by);
            }
        }
        let verdicts = |tape: &Tape| -> Vec<(String, Verdict)> {
            tape.judged().into_iter().map(|finding| (finding.rule, finding.verdict)).collect()
        };
        assert_eq!(verdicts(tape), verdicts(&shifted), "{}, by {by}", tape.name);
    }
}

#[test]
fn jitter_within_the_tolerance_accuses_nobody() {
    let mut accusations = Accusations::default();
    for tape in tapes() {
        for seed in 0..SEEDS {
            let mut dice = Dice(seed);
            let mut late = tape.clone();
            let mut last = Instant::EPOCH;
            for event in &mut late.events {
                let own = matches!(event.kind, EventKind::Mark(_));
                let by = if own { Span::ZERO } else { dice.span(JITTER) };
                // Nothing overtakes what caused it.
                event.at = (event.at + by).max(last);
                last = event.at;
            }
            keep_starting_points(tape, &mut late);
            accusations.of(&late, &format!("seed {seed}"));
        }
    }
}

#[test]
fn strangers_accuse_nobody() {
    let mut accusations = Accusations::default();
    for tape in tapes() {
        for seed in 0..SEEDS {
            let mut dice = Dice(seed);
            let mut crowded = tape.clone();
            for event in &tape.events {
                let EventKind::Sip(sip) = &event.kind else { continue };
                if tape.is_phone(sip) && dice.roll(2) == 0 {
                    let mut copy = event.clone();
                    copy.at += dice.span(Span::from_secs(5));
                    let EventKind::Sip(sip) = &mut copy.kind else { unreachable!() };
                    sip.src = "198.51.100.7:5060".parse().unwrap();
                    crowded.events.push(copy);
                }
            }
            assert!(crowded.events.len() >= tape.events.len());
            accusations.of(&crowded, &format!("seed {seed}"));
        }
    }
}

#[test]
fn a_capture_that_is_cut_anywhere_accuses_nobody() {
    let mut accusations = Accusations::default();
    for tape in tapes() {
        for length in 1..tape.events.len() {
            let mut cut = tape.clone();
            cut.events.truncate(length);
            accusations.of(&cut, &format!("cut after event {length}"));
        }
    }
}

/// Without marks nobody says who is who, what was pressed, which fault was on.
#[test]
fn a_capture_without_marks_accuses_nobody() {
    let mut accusations = Accusations::default();
    for tape in tapes() {
        let mut bare = tape.clone();
        bare.events.retain(|event| !matches!(event.kind, EventKind::Mark(_)));
        accusations.of(&bare, "without marks");
    }
}

/// As it says it is lossy, a missing packet proves nothing: neither with marks nor without. What a step
/// expects is left out: nobody has ever run a scenario on such a tap.
#[test]
fn loss_on_a_tap_that_owns_up_to_it_accuses_nobody() {
    let mut accusations = Accusations::default();
    for tape in tapes() {
        for seed in 0..4 * SEEDS {
            let mut dice = Dice(seed);
            let mut lossy = tape.clone();
            lossy.scene.sight.lossy = true;
            let scene = lossy.scene.clone();
            let bare = seed % 2 == 0;
            let mut lost = Vec::new();
            lossy.events.retain_mut(|event| expected(&mut event.kind).is_none());
            lossy.events.retain_mut(|event| match &mut event.kind {
                EventKind::Mark(Mark::Scenario(noted)) => {
                    **noted = scene.clone();
                    !bare
                }
                EventKind::Mark(_) => !bare,
                EventKind::Sip(_) if dice.roll(10) == 0 => {
                    lost.extend(event.packets.clone());
                    false
                }
                _ => true,
            });
            accusations.of(&lossy, &format!("seed {seed}, without packets {lost:?}"));
        }
    }
}

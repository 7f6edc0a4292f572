//! The captures of a whole virtual run, changed. What a network or a tap may do to a capture never
//! accuses the phone; what a phone must not do is named by the rule for it. The draws are seeded.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::{Arc, OnceLock};

use sipfarm::capture::read::read;
use sipfarm_core::sip::Message;
use sipfarm_core::{Instant, Span};
use sipfarm_judge::mark::{Expected, Mark, Scene};
use sipfarm_judge::timeline::{Event, EventKind, SipEvent, Timeline};
use sipfarm_judge::{Expectation, Finding, Verdict, judge};

mod common;
#[path = "mutated/harmful.rs"]
mod harmful;
#[path = "mutated/harmless.rs"]
mod harmless;

use common::{captures, sipfarm};

/// A capture of ours as a list that can be changed.
#[derive(Clone)]
struct Tape {
    name: String,
    scene: Scene,
    events: Vec<Event>,
}

impl Tape {
    fn of(timeline: &Timeline) -> Tape {
        let scene = timeline.marks().find_map(|(_, mark)| match mark {
            Mark::Scenario(scene) => Some((**scene).clone()),
            _ => None,
        });
        let scene = scene.unwrap();
        Tape { name: scene.name.clone(), scene, events: timeline.events().to_vec() }
    }

    fn timeline(&self) -> Timeline {
        let mut timeline = Timeline::default();
        self.events.iter().for_each(|event| timeline.insert(event.clone()));
        timeline
    }

    /// Held to the profile of its scenario.
    fn judged(&self) -> Vec<Finding> {
        let timeline = self.timeline();
        judge(&timeline, &self.scene.profile, timeline.end().unwrap())
    }

    /// The rules that accuse.
    fn accusers(&self) -> Vec<Finding> {
        self.judged().into_iter().filter(|finding| finding.verdict == Verdict::Fail).collect()
    }

    fn is_phone(&self, sip: &SipEvent) -> bool {
        self.scene.phone.contains(&sip.src.ip())
    }

    fn sip(&self, at: usize) -> Option<&SipEvent> {
        match &self.events[at].kind {
            EventKind::Sip(sip) => Some(sip),
            _ => None,
        }
    }

    /// Changes the text of a message.
    fn rewrite(&mut self, at: usize, change: impl FnOnce(&str) -> String) {
        let EventKind::Sip(sip) = &mut self.events[at].kind else { unreachable!() };
        let text = change(std::str::from_utf8(&sip.message.raw).unwrap());
        assert_ne!(text.as_bytes(), sip.message.raw, "something is changed");
        sip.message = Arc::new(Message::parse(text.as_bytes()));
    }
}

/// All scenarios of this repository that need no audio, run once.
fn tapes() -> &'static [Tape] {
    static TAPES: OnceLock<Vec<Tape>> = OnceLock::new();
    TAPES.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let ran = sipfarm(&["run", "--out", out.to_str().unwrap()]);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        let timelines = captures(&out).into_iter().map(|file| read(&file).unwrap().timeline);
        timelines.filter(|timeline| !listens(timeline)).map(|timeline| Tape::of(&timeline)).collect()
    })
}

/// Whether the scenario asks for audio, which stands beside the events and is not on a tape.
fn listens(timeline: &Timeline) -> bool {
    timeline.marks().any(|(_, mark)| match mark {
        Mark::Expect(expected) => matches!(
            expected.expectation,
            Expectation::AudioFlows { .. }
                | Expectation::AudioKeepsFlowing { .. }
                | Expectation::SendsNoAudio { .. }
                | Expectation::AudioPast { .. }
                | Expectation::CallKeepsAudio { .. }
        ),
        _ => false,
    })
}

/// A linear congruential generator: the same draws every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn span(&mut self, most: Span) -> Span {
        Span::from_nanos(self.roll(most.as_nanos() as u64 + 1) as i64)
    }
}

fn nanos(at: Instant) -> i64 {
    at.since(Instant::EPOCH).as_nanos()
}

#[test]
fn unchanged_captures_accuse_nobody() {
    assert!(tapes().len() > 50);
    for tape in tapes() {
        assert_eq!(tape.accusers(), [], "{}", tape.name);
    }
}

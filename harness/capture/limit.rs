//! How much of a capture is kept in memory, live and from a file alike.

use sipfarm_core::Instant;
use sipfarm_judge::audio::RtpPacket;
use sipfarm_judge::mark::Mark;
use sipfarm_judge::timeline::{Event, EventKind, Timeline};

const FULL: &str = "the capture is full: what comes later is not looked at";
const MANY: &str = "there are more notes of the harness than are kept";

/// A timeline that takes events until it is full, and says so on itself.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    room: usize,
    /// For troubles, until it was said that they are too many: a bad network or a bad machine may make many.
    troubles: Option<usize>,
    /// For all other marks, likewise: they are ours, and few.
    marks: Option<usize>,
    full: bool,
    /// Troubles that say that something is full and are still to come: for them there is always room.
    owed: usize,
}

impl Limit {
    /// Octets of messages on one timeline, which in memory take a few times as much. They are about
    /// 150000 messages: a call every second for a working day, or minutes of a flood.
    pub const MAX_OCTETS: usize = 128 << 20;
    /// Octets of troubles. They are some ten thousand.
    const MAX_TROUBLES: usize = 4 << 20;
    /// Octets of other marks. They are some ten thousand, too.
    const MAX_MARKS: usize = 16 << 20;
    /// What a mark counts: one line of a feature file with what it expects.
    const MARK: usize = 1024;
    /// What an event counts besides its message.
    const EVENT: usize = 256;
    /// What a question or a record of DNS counts: names have at most 255 octets.
    const RECORD: usize = 512;

    pub fn new(octets: usize) -> Self {
        let (troubles, marks) = (Some(Self::MAX_TROUBLES), Some(Self::MAX_MARKS));
        Limit { room: octets, troubles, marks, full: false, owed: 0 }
    }

    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Puts an event on the timeline. Marks have room of their own, and troubles among them, so that neither a
    /// flood nor a bad network drives them out. Gives the trouble to note, once, when there is no room any
    /// more; it weighs on all that comes later.
    pub fn insert(&mut self, timeline: &mut Timeline, event: Event) -> Option<(Mark, Instant)> {
        match &event.kind {
            EventKind::Mark(Mark::Trouble { since: None, .. }) if self.owed > 0 => self.owed -= 1,
            EventKind::Mark(mark) => {
                let (room, octets) = match mark {
                    Mark::Trouble { what: text, .. } | Mark::Late { who: text, .. } => {
                        (&mut self.troubles, Self::EVENT + text.len())
                    }
                    _ => (&mut self.marks, Self::MARK),
                };
                match room {
                    Some(left) if *left >= octets => *left -= octets,
                    _ => return room.take().map(|_| self.is_at_its_end(event.at, MANY)),
                }
            }
            _ => {
                let octets = Self::weight(&event.kind);
                if self.full || octets > self.room {
                    return self.fill(event.at);
                }
                self.room -= octets;
            }
        }
        timeline.insert(event);
        None
    }

    /// The same with a packet of audio, which takes room only where it begins or resumes a stream.
    pub fn hear(&mut self, timeline: &mut Timeline, packet: &RtpPacket) -> Option<(Mark, Instant)> {
        if self.full {
            return None;
        }
        let before = timeline.audio_entries();
        timeline.hear(packet);
        let octets = (timeline.audio_entries() - before) * Self::EVENT;
        match self.room.checked_sub(octets) {
            Some(room) => self.room = room,
            None => return self.fill(packet.at),
        }
        None
    }

    fn fill(&mut self, at: Instant) -> Option<(Mark, Instant)> {
        let first = !std::mem::replace(&mut self.full, true);
        first.then(|| self.is_at_its_end(at, FULL))
    }

    fn is_at_its_end(&mut self, at: Instant, what: &str) -> (Mark, Instant) {
        self.owed += 1;
        (Mark::Trouble { what: what.to_owned(), since: None }, at)
    }

    fn weight(kind: &EventKind) -> usize {
        match kind {
            EventKind::Sip(sip) => Self::EVENT + sip.message.raw.len(),
            EventKind::Dns(dns) => {
                let parts =
                    dns.message.questions.len() + dns.message.answers.len() + dns.message.additional.len();
                Self::EVENT + parts * Self::RECORD
            }
            _ => Self::EVENT,
        }
    }
}

impl Default for Limit {
    fn default() -> Self {
        Limit::new(Self::MAX_OCTETS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(nanos: i64, mark: Mark) -> Event {
        Event { at: Instant::from_nanos(nanos), packets: Vec::new(), kind: EventKind::Mark(mark) }
    }

    #[test]
    fn troubles_are_bounded_and_do_not_drive_out_other_marks() {
        let (mut limit, mut timeline) = (Limit::default(), Timeline::default());
        let mut said = Vec::new();
        for n in 1..=50_000 {
            let since = Some(Instant::from_nanos(n));
            let trouble = note(n, Mark::Trouble { what: "a part of it is missing".to_owned(), since });
            if let Some((trouble, at)) = limit.insert(&mut timeline, trouble) {
                assert!(limit.insert(&mut timeline, note(at.as_nanos(), trouble)).is_none(), "there is room");
                said.push(at);
            }
        }
        assert!(timeline.events().len() < 20_000, "{}", timeline.events().len());
        let without_end = |mark: &Mark| matches!(mark, Mark::Trouble { since: None, .. });
        let from: Vec<_> = timeline.marks().filter(|(_, mark)| without_end(mark)).map(|(at, _)| at).collect();
        assert_eq!(
            (from.len(), &from),
            (1, &said),
            "all that comes later is in doubt, and that is said once"
        );
        assert!(limit.insert(&mut timeline, note(60_000, Mark::End)).is_none());
        assert_eq!(timeline.marks().last().map(|(_, mark)| mark.clone()), Some(Mark::End));
    }
}

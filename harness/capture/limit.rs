//! How much of a capture is kept in memory, live and from a file alike.

use sipfarm_core::Instant;
use sipfarm_judge::audio::RtpPacket;
use sipfarm_judge::mark::Mark;
use sipfarm_judge::timeline::{Event, EventKind, Timeline};

/// A timeline that takes events until it is full, and says so on itself.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    room: usize,
    full: bool,
}

impl Limit {
    /// Octets of messages on one timeline, which in memory take a few times as much. They are about
    /// 150000 messages: a call every second for a working day, or minutes of a flood.
    pub const MAX_OCTETS: usize = 128 << 20;
    /// What an event counts besides its message.
    const EVENT: usize = 256;
    /// What a question or a record of DNS counts: names have at most 255 octets.
    const RECORD: usize = 512;

    pub fn new(octets: usize) -> Self {
        Limit { room: octets, full: false }
    }

    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Puts an event on the timeline. Once there is no room, marks alone are taken: they are ours,
    /// and few. Gives the trouble to note, once, when that begins; it weighs on all that comes later.
    pub fn insert(&mut self, timeline: &mut Timeline, event: Event) -> Option<(Mark, Instant)> {
        let octets = match &event.kind {
            EventKind::Mark(_) => 0,
            EventKind::Sip(sip) => Self::EVENT + sip.message.raw.len(),
            EventKind::Dns(dns) => {
                let parts =
                    dns.message.questions.len() + dns.message.answers.len() + dns.message.additional.len();
                Self::EVENT + parts * Self::RECORD
            }
            _ => Self::EVENT,
        };
        let at = event.at;
        if octets == 0 || !self.full && octets <= self.room {
            self.room -= octets;
            timeline.insert(event);
            return None;
        }
        self.fill(at)
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
        if std::mem::replace(&mut self.full, true) {
            return None;
        }
        let what = "the capture is full: what comes later is not looked at".to_owned();
        Some((Mark::Trouble { what, since: None }, at))
    }
}

impl Default for Limit {
    fn default() -> Self {
        Limit::new(Self::MAX_OCTETS)
    }
}

//! Audio of the phone: the streams that it sends and hears, and where its calls let it send.

use std::net::SocketAddr;

use sipfarm_core::sdp::Session;
use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Span};

use super::Case;
use super::exchange::status;
use super::seen::Seen;
use crate::audio::{Stream, Stretch};

/// An address for audio that a session description has told the phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ear<'a> {
    /// When the description passed the tap.
    pub at: Instant,
    /// Where the other side wants to hear.
    pub to: SocketAddr,
    /// Of which call: its Call-ID.
    pub call_id: &'a str,
    /// When that call was over; [`Instant::FAR_FUTURE`] where it never was.
    pub over: Instant,
    /// The packets that show that: the phone's BYE, or its answer to one.
    pub ended_by: &'a [u32],
}

/// A time without audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The last packet before it, or the beginning of what was looked at.
    pub from: Instant,
    /// The first packet after it, or the end.
    pub to: Instant,
}

impl<'a> Case<'a> {
    /// The streams from the phone, or to it.
    pub fn audio(&self, from_phone: bool) -> impl Iterator<Item = &'a Stream> + '_ {
        self.streams.iter().copied().filter(move |stream| {
            self.names.is_phone(stream.src) == from_phone && self.names.is_phone(stream.dst) != from_phone
        })
    }

    /// When audio flowed from the phone, or to it, up to the horizon, in order.
    pub fn stretches(&self, from_phone: bool) -> Vec<Stretch> {
        let all = self.audio(from_phone).flat_map(|stream| &stream.stretches);
        let mut known: Vec<Stretch> = all.filter(|stretch| stretch.from <= self.horizon).copied().collect();
        known.sort_by_key(|stretch| stretch.from);
        known
    }

    /// The first time within a stretch that is longer than `longest` and has no audio from the phone,
    /// or none to it.
    pub fn gap(&self, from_phone: bool, from: Instant, to: Instant, longest: Span) -> Option<Gap> {
        let mut silent_since = from;
        for stretch in self.stretches(from_phone) {
            let until = stretch.from.min(to);
            if until - silent_since > longest {
                return Some(Gap { from: silent_since, to: until });
            }
            silent_since = silent_since.max(stretch.to);
        }
        (to - silent_since > longest).then_some(Gap { from: silent_since, to })
    }

    /// Every address for audio that the phone was told, in order of time. None where some description
    /// offers candidates: then the two sides find their way by themselves (RFC 8839).
    pub fn ears(&self) -> Option<Vec<Ear<'a>>> {
        let mut told = Vec::new();
        for seen in self.messages.iter().filter(|seen| self.names.is_phone(seen.dst)) {
            let Some(session) = description(seen) else { continue };
            for media in session.media.iter().filter(|media| media.kind == "audio") {
                if media.attribute("candidate").is_some() {
                    return None;
                }
                let Some(to) = session.address(media).filter(|to| !to.ip().is_unspecified()) else {
                    continue;
                };
                let (over, ended_by) = self.end_of(seen.call_id);
                told.push(Ear { at: seen.at, to, call_id: seen.call_id, over, ended_by });
            }
        }
        Some(told)
    }

    /// When the phone knew for certain that a call was over, and the packets that show it: its own BYE,
    /// or its answer to one.
    fn end_of(&self, call_id: &str) -> (Instant, &'a [u32]) {
        let own = self.client.iter().filter(|e| e.method == Method::Bye && e.first().call_id == call_id);
        let own = own.map(|bye| (bye.t0(), bye.first().packets));
        let theirs = self.server.iter().filter(|e| e.method == Method::Bye && e.first().call_id == call_id);
        let answers = theirs.filter_map(|bye| {
            let answer = bye.responses.iter().find(|answer| (200..300).contains(&status(answer)))?;
            Some((answer.at, answer.packets))
        });
        own.chain(answers).min_by_key(|(at, _)| *at).unwrap_or((Instant::FAR_FUTURE, &[]))
    }
}

/// The session description in a message.
pub(super) fn description(seen: &Seen<'_>) -> Option<Session> {
    let kind = seen.message.header("Content-Type")?;
    let kind = kind.split(';').next().unwrap_or(kind).trim();
    (kind.eq_ignore_ascii_case("application/sdp") && !seen.message.body.is_empty())
        .then(|| Session::parse(&seen.message.body))
}

//! Audio of the phone: the streams that it sends and hears, and where its calls let it send.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Span};

use super::description::descriptions;
use super::dialog::Dialog;
use super::exchange::status;
use super::seen::Seen;
use super::{Case, ClientExchange};
use crate::audio::{Stream, Stretch};

/// Where a session description has told the phone to send: one for each medium that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ear<'a> {
    /// When the description passed the tap.
    pub at: Instant,
    /// Where the other side wants to hear. None where the description leaves that open: it names a host
    /// rather than an address, or offers candidates, among which the two sides choose (RFC 8839).
    pub to: Option<SocketAddr>,
    /// Whether it is for audio, rather than for video or the like.
    pub audio: bool,
    /// Of which call: its Call-ID.
    pub call_id: &'a str,
    /// When its dialog was over; [`Instant::FAR_FUTURE`] where it never was.
    pub over: Instant,
    /// The packets that show that: the phone's BYE, its answer to one, its refusal or its ACK to one.
    pub ended_by: &'a [u32],
}

impl Ear<'_> {
    /// Whether what goes to that address may be meant for it.
    pub fn may_be(&self, to: SocketAddr) -> bool {
        self.to.is_none_or(|own| own == to)
    }
}

/// When a dialog was over, and the packets that show it.
type End<'a> = (Instant, &'a [u32]);

/// A time without audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The last packet before it, or the beginning of what was looked at.
    pub from: Instant,
    /// The first packet after it, or the end.
    pub to: Instant,
}

impl Gap {
    /// The first time that is longer than `longest` and in none of these stretches, which are in order.
    pub fn first(stretches: &[Stretch], from: Instant, to: Instant, longest: Span) -> Option<Gap> {
        let mut silent_since = from;
        for stretch in stretches {
            let until = stretch.from.min(to);
            if until - silent_since > longest {
                return Some(Gap { from: silent_since, to: until });
            }
            silent_since = silent_since.max(stretch.to);
        }
        (to - silent_since > longest).then_some(Gap { from: silent_since, to })
    }
}

impl<'a> Case<'a> {
    /// The streams from the phone, or to it.
    pub fn audio(&self, from_phone: bool) -> impl Iterator<Item = &'a Stream> + '_ {
        self.streams.iter().copied().filter(move |stream| {
            self.names.is_phone(stream.src) == from_phone && self.names.is_phone(stream.dst) != from_phone
        })
    }

    /// When audio flowed from the phone, or to it, up to the horizon, in order. What goes to an address
    /// that was named for another medium is none.
    pub fn stretches(&self, from_phone: bool) -> Vec<Stretch> {
        let other = self.addresses_of_other_media();
        let audio = self.audio(from_phone).filter(|stream| !other.contains(&stream.dst));
        let all = audio.flat_map(|stream| &stream.stretches);
        let mut known: Vec<Stretch> = all.filter(|stretch| stretch.from <= self.horizon).copied().collect();
        known.sort_by_key(|stretch| stretch.from);
        known
    }

    /// The same of one call: what goes to where its session descriptions have said.
    pub fn stretches_of(&self, call_id: &str, from_phone: bool) -> Vec<Stretch> {
        let agreements = self.agreements();
        let of_it = agreements.iter().filter(|agreement| agreement.call_id() == call_id);
        let ears: BTreeSet<SocketAddr> =
            of_it.filter_map(|agreement| if from_phone { agreement.to } else { agreement.ear }).collect();
        let audio = self.audio(from_phone).filter(|stream| ears.contains(&stream.dst));
        let all = audio.flat_map(|stream| &stream.stretches);
        let mut known: Vec<Stretch> = all.filter(|stretch| stretch.from <= self.horizon).copied().collect();
        known.sort_by_key(|stretch| stretch.from);
        known
    }

    /// Where the phone was told to send, in order of time.
    pub fn ears(&self) -> Vec<Ear<'a>> {
        let mut told = Vec::new();
        for seen in self.messages.iter().filter(|seen| self.names.is_phone(seen.dst)) {
            for session in descriptions(seen) {
                let (over, ended_by) = self.end_of(seen);
                for media in session.media.iter().filter(|media| media.port != 0) {
                    let audio = media.kind == "audio";
                    let mut tell =
                        |to| told.push(Ear { at: seen.at, to, audio, call_id: seen.call_id, over, ended_by });
                    let address = session.address(media);
                    if address.is_none() || media.attribute("candidate").is_some() {
                        tell(None);
                    }
                    if let Some(address) = address.filter(|address| !address.ip().is_unspecified()) {
                        tell(Some(address));
                    }
                }
            }
        }
        told
    }

    /// The addresses that either side has named for video and the like, and never for audio.
    fn addresses_of_other_media(&self) -> BTreeSet<SocketAddr> {
        let (mut audio, mut other) = (BTreeSet::new(), BTreeSet::new());
        for session in self.messages.iter().flat_map(|seen| descriptions(seen)) {
            for media in &session.media {
                let named = if media.kind == "audio" { &mut audio } else { &mut other };
                named.extend(session.address(media));
            }
        }
        &other - &audio
    }

    /// When the phone knew for certain that what a description is for was over. Each dialog of a call that
    /// was forked ends by itself. What an early dialog has told ends with the last of those that were
    /// confirmed, and where none was, with the refusal of the INVITE.
    fn end_of(&self, seen: &Seen<'_>) -> End<'a> {
        const NEVER: End<'static> = (Instant::FAR_FUTURE, &[]);
        let (local, remote) = match seen.message.status() {
            Some(_) => (&seen.from_tag, &seen.to_tag),
            None => (&seen.to_tag, &seen.from_tag),
        };
        let confirmed: Vec<&Dialog> =
            self.dialogs.iter().filter(|d| d.confirmed && d.call_id == seen.call_id).collect();
        let is_own = |dialog: &&&Dialog| {
            remote.as_ref() == Some(&dialog.remote_tag)
                && local.as_ref().is_none_or(|local| *local == dialog.local_tag)
        };
        let own: Vec<&Dialog> = confirmed.iter().filter(is_own).copied().collect();
        let of_it = if own.is_empty() { confirmed } else { own };
        let ends = of_it.into_iter().map(|dialog| {
            self.end_by_bye(seen.call_id, &dialog.local_tag, &dialog.remote_tag).unwrap_or(NEVER)
        });
        ends.max_by_key(|(at, _)| *at).unwrap_or_else(|| {
            let tags = local.as_ref().zip(remote.as_ref());
            let bye = tags.and_then(|(local, remote)| self.end_by_bye(seen.call_id, local, remote));
            let refusal = self.end_by_refusal(seen.call_id);
            bye.into_iter().chain(refusal).min_by_key(|(at, _)| *at).unwrap_or(NEVER)
        })
    }

    /// The phone's own BYE in a dialog, or its answer to one.
    pub fn end_by_bye(&self, call_id: &str, local: &str, remote: &str) -> Option<(Instant, &'a [u32])> {
        let is_of_it = |bye: &Seen<'_>, from: &str, to: &str| {
            bye.call_id == call_id
                && bye.from_tag.as_deref() == Some(from)
                && bye.to_tag.as_deref() == Some(to)
        };
        let own =
            self.client.iter().filter(|e| e.method == Method::Bye && is_of_it(e.first(), local, remote));
        let own = own.map(|bye| (bye.t0(), bye.first().packets));
        let theirs =
            self.server.iter().filter(|e| e.method == Method::Bye && is_of_it(e.first(), remote, local));
        let answers = theirs.filter_map(|bye| {
            let answer = bye.responses.iter().find(|answer| (200..300).contains(&status(answer)))?;
            Some((answer.at, answer.packets))
        });
        own.chain(answers).min_by_key(|(at, _)| *at)
    }

    /// The refusal of a call's last INVITE: the phone's own, or its ACK to the other side's.
    fn end_by_refusal(&self, call_id: &str) -> Option<End<'a>> {
        let is_it = |e: &&ClientExchange<'_>| {
            e.method == Method::Invite && e.first().call_id == call_id && !e.in_dialog()
        };
        let acked = self.client.iter().rfind(is_it).and_then(|invite| {
            let refusal = invite.final_response().filter(|response| status(response) >= 300)?;
            let ack = invite.acks.iter().find(|ack| ack.at >= refusal.at)?;
            Some((ack.at, ack.packets))
        });
        let asked = self.server.iter().rfind(|e| {
            e.method == Method::Invite && e.first().call_id == call_id && e.first().to_tag.is_none()
        });
        let refused = asked.and_then(|invite| {
            let refusal = invite.final_response().filter(|response| status(response) >= 300)?;
            Some((refusal.at, refusal.packets))
        });
        acked.or(refused)
    }
}

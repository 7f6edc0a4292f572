//! Whether a call is on hold, by whichever side.

use sipfarm_core::Instant;
use sipfarm_core::sdp::{Direction, Session};
use sipfarm_core::sip::Method;

use super::Case;
use super::description::description;
use super::seen::Seen;

/// Whether a call was on hold in a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// For all of it.
    Yes,
    /// It changed within it, or somebody had asked for a change that was not yet granted.
    Maybe,
    /// Not at all.
    No,
}

impl Case<'_> {
    /// Whether the call with that Call-ID was on hold in a stretch of time.
    pub(super) fn hold(&self, call_id: &str, from: Instant, to: Instant) -> Hold {
        let agreements = self.agreements();
        let of_it = || agreements.iter().filter(|agreement| agreement.call_id() == call_id);
        let last = of_it().rfind(|agreement| agreement.answer.at <= from);
        let held = last.is_some_and(|agreement| agreement.is_on_hold());
        let changed = of_it().any(|agreement| {
            agreement.answer.at > from && agreement.answer.at <= to && agreement.is_on_hold() != held
        });
        match (changed || self.is_asked_otherwise(call_id, held, from, to), held) {
            (true, _) => Hold::Maybe,
            (false, true) => Hold::Yes,
            (false, false) => Hold::No,
        }
    }

    /// Whether an offer was on its way in that stretch that would have changed whether the call is on hold.
    fn is_asked_otherwise(&self, call_id: &str, held: bool, from: Instant, to: Instant) -> bool {
        let changes = |method: &Method| matches!(method, Method::Invite | Method::Update);
        let own = self.client.iter().filter(|e| changes(&e.method) && e.in_dialog());
        let own = own.map(|e| (e.first(), e.final_response()));
        let theirs = self.server.iter().filter(|e| changes(&e.method) && e.first().to_tag.is_some());
        let theirs = theirs.map(|e| (e.first(), e.final_response()));
        own.chain(theirs).any(|(request, answer)| {
            request.call_id == call_id
                && request.at <= to
                && answer.is_none_or(|answer| answer.at > from)
                && offers_hold(request).is_some_and(|offers| offers != held)
        })
    }
}

/// Whether an offer puts a call on hold; `None` where it is none.
fn offers_hold(request: &Seen<'_>) -> Option<bool> {
    let offer = description(request)?;
    Some(is_hold(&offer))
}

/// Whether a session description is one of a call on hold.
pub(super) fn is_hold(session: &Session) -> bool {
    let Some(audio) = session.audio() else { return false };
    let zeros = session.address(audio).is_some_and(|address| address.ip().is_unspecified());
    session.direction(audio) != Direction::SendRecv || zeros
}

impl Seen<'_> {
    /// Whether it asks to put a call on hold.
    pub fn offers_hold(&self) -> bool {
        offers_hold(self) == Some(true)
    }
}

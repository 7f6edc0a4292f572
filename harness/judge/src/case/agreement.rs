//! What the two sides of a call have agreed on: each offer with its answer (RFC 3264).

use std::net::SocketAddr;

use sipfarm_core::Instant;
use sipfarm_core::sdp::{Direction, Session};
use sipfarm_core::sip::Method;

use super::Case;
use super::description::description;
use super::exchange::status;
use super::seen::SeenRef;

/// An offer of audio with its answer.
#[derive(Debug, Clone)]
pub struct Agreement<'c, 'a> {
    /// The message with the offer.
    pub offer: &'c SeenRef<'a>,
    /// The message with the answer; the agreement holds from its time on.
    pub answer: &'c SeenRef<'a>,
    /// Whether the phone has made the offer.
    pub offered_by_phone: bool,
    /// Which way audio flows, as the phone has described it.
    pub own: Direction,
    /// The same as the other side has described it.
    pub theirs: Direction,
    /// Where the other side wants to hear; `None` where it wants nothing.
    pub to: Option<SocketAddr>,
    /// Where the phone wants to hear.
    pub ear: Option<SocketAddr>,
}

impl Agreement<'_, '_> {
    /// The Call-ID.
    pub fn call_id(&self) -> &str {
        self.offer.call_id
    }

    /// Whether it lets the phone send.
    pub fn lets_phone_send(&self) -> bool {
        self.own.sends() && self.theirs.receives() && self.to.is_some_and(|to| !to.ip().is_unspecified())
    }

    /// Whether the phone has put the other side on hold with it (RFC 3264 section 8.4).
    pub fn holds(&self) -> bool {
        self.offered_by_phone && !self.own.receives()
    }

    /// Whether either side is on hold: audio does not flow both ways, or, as it was said of old, goes to an
    /// address of zeros (RFC 3264 section 8.4).
    pub fn is_on_hold(&self) -> bool {
        let zeros = |ear: Option<SocketAddr>| ear.is_some_and(|ear| ear.ip().is_unspecified());
        (self.own, self.theirs) != (Direction::SendRecv, Direction::SendRecv)
            || zeros(self.to)
            || zeros(self.ear)
    }
}

impl<'a> Case<'a> {
    /// Every agreement of the phone's calls, in order of time.
    pub fn agreements(&self) -> Vec<Agreement<'_, 'a>> {
        let changes = |method: &Method| matches!(method, Method::Invite | Method::Update);
        let own = self.client.iter().filter(|exchange| changes(&exchange.method)).filter_map(|exchange| {
            let accepted = exchange.responses.iter().find(|response| is_2xx(response))?;
            self.agreement(exchange.first(), accepted, exchange.acks.iter().find(|ack| ack.at >= accepted.at))
        });
        let theirs = self.server.iter().filter(|exchange| changes(&exchange.method)).filter_map(|exchange| {
            let accepted = exchange.responses.iter().find(|response| is_2xx(response))?;
            self.agreement(exchange.first(), accepted, exchange.acks.iter().find(|ack| ack.at >= accepted.at))
        });
        let mut all: Vec<_> = own.chain(theirs).collect();
        all.sort_by_key(|agreement| agreement.answer.at);
        all
    }

    /// When somebody asked for another agreement in that call, after that instant.
    pub fn next_offer(&self, call_id: &str, after: Instant) -> Option<Instant> {
        let asks = |method: &Method| matches!(method, Method::Invite | Method::Update);
        let requests = self.messages.iter().filter(|seen| seen.message.method().is_some_and(asks));
        requests.filter(|seen| seen.call_id == call_id && seen.at > after).map(|seen| seen.at).min()
    }

    /// The offer stands in the request, or where that has none in the 2xx, and then its answer in the
    /// ACK (RFC 3261 section 13.2.1).
    fn agreement<'c>(
        &'c self,
        request: &'c SeenRef<'a>,
        accepted: &'c SeenRef<'a>,
        ack: Option<&'c SeenRef<'a>>,
    ) -> Option<Agreement<'c, 'a>> {
        let (offer, answer) =
            if description(request).is_some() { (request, accepted) } else { (accepted, ack?) };
        let (offered, answered) = (description(offer)?, description(answer)?);
        let offered_by_phone = self.names.is_phone(offer.src);
        let (own, theirs) = if offered_by_phone { (&offered, &answered) } else { (&answered, &offered) };
        let direction = |session: &Session| Some(session.direction(session.audio()?));
        Some(Agreement {
            offer,
            answer,
            offered_by_phone,
            own: direction(own)?,
            theirs: direction(theirs)?,
            to: theirs.address(theirs.audio()?),
            ear: own.address(own.audio()?),
        })
    }
}

fn is_2xx(response: &SeenRef<'_>) -> bool {
    (200..300).contains(&status(response))
}

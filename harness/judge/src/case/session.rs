//! Session timers (RFC 4028), as the packets show them: how long a session was to last, and who was to
//! refresh it.

use std::collections::BTreeSet;

use sipfarm_core::sip::{Method, SessionExpires, TIMER};
use sipfarm_core::{Instant, Span};

use super::dialog::Dialog;
use super::exchange::status;
use super::{Case, ClientExchange, Connected, SeenRef};

/// A session as a 2xx to INVITE or UPDATE has set it.
#[derive(Debug, Clone)]
pub struct Session<'a> {
    /// Its dialog's place among the phone's dialogs.
    pub dialog: usize,
    /// The 2xx as it came first.
    pub accepted: SeenRef<'a>,
    /// When its last repetition passed the tap: the phone may have heard only this one.
    pub last: Instant,
    /// For how long; none where the session does not expire.
    pub interval: Option<Span>,
    /// Whether the phone is to refresh it. None where the 2xx does not say, or the phone never said that it
    /// knows the timer: then nothing can be asked of it (RFC 4028 section 9, table 2).
    pub by_phone: Option<bool>,
}

impl Session<'_> {
    /// When it expires, as late as the phone may take that to be.
    pub fn expires(&self) -> Option<Instant> {
        Some(self.last + self.interval?)
    }

    /// When the side that does not refresh may end it (RFC 4028 section 10).
    pub fn given_up(&self) -> Option<Instant> {
        let interval = self.interval?;
        Some(self.accepted.at + interval - interval.scale(1.0 / 3.0).min(Span::from_secs(32)))
    }
}

impl<'a> Case<'a> {
    /// Every session of every dialog, in order of time.
    pub fn sessions(&self) -> Vec<Session<'a>> {
        let refreshes = |method: &Method| matches!(method, Method::Invite | Method::Update);
        let own = self.client.iter().filter(|e| refreshes(&e.method)).map(|e| (true, &e.responses));
        let theirs = self.server.iter().filter(|e| refreshes(&e.method)).map(|e| (false, &e.responses));
        let timed = self.calls_with_timer();
        let mut sessions: Vec<Session<'a>> = Vec::new();
        for (phone_asked, responses) in own.chain(theirs) {
            for accepted in responses.iter().filter(|response| (200..300).contains(&status(response))) {
                let Some(dialog) = self.dialogs.iter().position(|d| d.is_of(accepted, phone_asked)) else {
                    continue;
                };
                let same = |known: &&mut Session<'_>| {
                    known.dialog == dialog && known.accepted.branch == accepted.branch
                };
                if let Some(known) = sessions.iter_mut().find(same) {
                    known.last = accepted.at;
                    continue;
                }
                let expires = SessionExpires::of(accepted.message);
                let by_uac = expires.and_then(|expires| expires.by_uac);
                sessions.push(Session {
                    dialog,
                    accepted: accepted.clone(),
                    last: accepted.at,
                    interval: expires.map(|expires| Span::from_secs(expires.seconds.into())),
                    by_phone: by_uac
                        .filter(|_| timed.contains(accepted.call_id))
                        .map(|by_uac| by_uac == phone_asked),
                });
            }
        }
        sessions.sort_by_key(|session| session.accepted.at);
        sessions
    }

    /// The Call-IDs of the calls in which the phone has said that it knows the timer.
    fn calls_with_timer(&self) -> BTreeSet<&'a str> {
        let own = self.messages.iter().filter(|seen| self.names.is_phone(seen.src));
        let says = own.filter(|seen| seen.message.knows(TIMER) || SessionExpires::of(seen.message).is_some());
        says.map(|seen| seen.call_id).collect()
    }

    /// The phone's requests within a dialog, without ACK and CANCEL.
    pub fn requests_in<'c>(&'c self, dialog: &'c Dialog) -> impl Iterator<Item = &'c ClientExchange<'a>> {
        self.client.iter().filter(|exchange| dialog.is_of(exchange.first(), true))
    }

    /// When a session was refreshed, if that is known: the next request of the phone that refreshes, or
    /// the next 2xx.
    pub fn refreshed(&self, session: &Session<'_>, sessions: &[Session<'_>]) -> Option<Instant> {
        let dialog = &self.dialogs[session.dialog];
        let own = self.requests_in(dialog);
        let own = own.filter(|e| matches!(e.method, Method::Invite | Method::Update)).map(|e| e.t0());
        let granted = sessions.iter().filter(|other| other.dialog == session.dialog);
        let granted = granted.map(|other| other.accepted.at);
        own.chain(granted).filter(|at| *at > session.accepted.at).min()
    }

    /// When the dialog of a session was ended with BYE, if that is known.
    pub fn ended(&self, session: &Session<'_>) -> Option<Instant> {
        let dialog = &self.dialogs[session.dialog];
        self.end_by_bye(&dialog.call_id, &dialog.local_tag, &dialog.remote_tag).map(|(at, _)| at)
    }

    /// Whether the phone may have tried within a stretch of time to send what is not seen: it asked for a
    /// connection in vain, or nobody could see that.
    pub fn may_have_reached_nobody(&self, like: &SeenRef<'_>, from: Instant, to: Instant) -> bool {
        let in_vain = || {
            self.connects.iter().any(|connect| {
                connect.at >= from && connect.at <= to && !matches!(connect.result(), Connected::Open(_))
            })
        };
        like.transport.is_reliable() && (!self.sight.frames || in_vain())
    }
}

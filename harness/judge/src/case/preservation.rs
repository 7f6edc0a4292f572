//! Calls whose signalling is lost (AM-14 to AM-31): through which server they ran, when the phone knew of
//! the loss, and for how long it was heard afterwards.
//!
//! A phone cannot know of a loss before something fails. The instant of detection is the first of: the end
//! of the TCP connection that it uses with the server, an ICMP error for a packet to it, 408 or 481 to a request
//! within the dialog or none at all until the time-out, a REGISTER or a keep-alive without an answer until the
//! time-out. Other failures a phone may take for a loss, and need not.

use sipfarm_core::machine::Transport;
use sipfarm_core::profile::KeepaliveForm;
use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Key, Span};

use super::dialog::Dialog;
use super::exchange::status;
use super::hold::Hold;
use super::{Case, ClientExchange};

/// How long the audio of a call may go on after its end (AM-23).
const END: Span = Span::from_secs(2);

/// What a failure says of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It is lost.
    Lost,
    /// It has refused to refresh the session with 503: that may be taken for a loss (AM-14) or for an answer.
    Unavailable,
    /// It may be lost.
    Doubtful,
}

/// How the phone could know that a server is lost.
#[derive(Debug, Clone)]
pub struct Loss {
    /// From when on the phone may have acted on it: when the request went out that nobody has answered, or
    /// what told of the loss came.
    pub since: Instant,
    /// When it knew at the latest.
    pub at: Instant,
    /// The REGISTER that has found it out, by its place among the client exchanges.
    pub register: Option<usize>,
    /// How certain it is.
    pub sign: Sign,
    /// Whether the server has said so itself.
    pub answered: bool,
    /// What has failed, in words.
    pub what: String,
    /// The packets that show it, and when the last of them passed the tap.
    pub shown: (Vec<u32>, Instant),
}

/// A call whose server was lost while it was up.
#[derive(Debug, Clone)]
pub struct LostCall<'c> {
    /// Its dialog.
    pub dialog: &'c Dialog,
    /// When it was up.
    pub up: Instant,
    /// The place of its server in the order.
    pub server: usize,
    /// How the phone could know.
    pub loss: Loss,
    /// Whether it was on hold then.
    pub hold: Hold,
    /// Until when the phone was heard without a gap; none where it was silent at the loss.
    pub heard_until: Option<Instant>,
    /// When it may have been over: by a BYE, by the user's key, or as the phone fell silent. None where it
    /// still is up.
    pub over: Option<Instant>,
    /// When it was over for certain: by a BYE, or by the user's key, after which the phone fell silent.
    pub ended: Option<Instant>,
    /// When its signalling was back: a request within the dialog was accepted after the loss.
    pub back: Option<Instant>,
}

impl LostCall<'_> {
    /// Whether the phone still kept it then.
    pub fn lives_at(&self, at: Instant) -> bool {
        self.heard_until.is_some_and(|until| at <= until) && self.over.is_none_or(|over| at < over)
    }

    /// Whether the phone kept it then and went on keeping it, so that what it sent then was not sent because
    /// the call had come to its end.
    pub fn outlives(&self, at: Instant, crossing: Span) -> bool {
        self.lives_at(at + crossing) && self.heard_until.is_some_and(|until| at + END <= until)
    }

    /// Whether the phone may still have kept it then.
    pub fn may_live_at(&self, at: Instant) -> bool {
        self.heard_until.is_some_and(|until| at <= until) && self.ended.is_none_or(|ended| at < ended)
    }

    /// Whether it has outlived its signalling.
    pub fn is_preserved(&self) -> bool {
        self.hold == Hold::No && self.lives_at(self.loss.at)
    }
}

impl<'a> Case<'a> {
    /// The phone's calls whose server was certainly lost while they were up, where the profile keeps such
    /// calls and their audio runs past that server.
    pub fn lost_calls(&self) -> Vec<LostCall<'_>> {
        self.calls_after(|loss| loss.sign == Sign::Lost)
    }

    /// The same after any failure that such a phone must not end its call for (AM-14).
    pub fn calls_to_keep(&self) -> Vec<LostCall<'_>> {
        self.calls_after(|loss| loss.sign != Sign::Doubtful)
    }

    /// Whether the phone may have taken the server of a dialog for lost within a stretch of time.
    pub fn may_have_lost(&self, dialog: &Dialog, from: Instant, to: Instant) -> bool {
        let Some((_, server)) = self.came_by(dialog) else { return true };
        self.losses(dialog, server).iter().any(|loss| loss.since <= to && loss.at >= from)
    }

    /// How long a preserved call may live, and by how much that may be missed: 1 % or 5 s, whichever is more.
    pub fn longest_preservation(&self) -> Option<(Span, Span)> {
        let max = Span::from_secs(self.profile.mcp.max_s?.into());
        Some((max, max.scale(0.01).max(Span::from_secs(5))))
    }

    fn calls_after(&self, counts: impl Fn(&Loss) -> bool) -> Vec<LostCall<'_>> {
        if !self.profile.mcp.supported {
            return Vec::new();
        }
        let confirmed = self.dialogs.iter().filter(|dialog| dialog.confirmed);
        confirmed.filter_map(|dialog| self.lost(dialog, &counts)).collect()
    }

    fn lost<'c>(&'c self, dialog: &'c Dialog, counts: impl Fn(&Loss) -> bool) -> Option<LostCall<'c>> {
        let (up, server) = self.came_by(dialog)?;
        let bye = self.end_by_bye(&dialog.call_id, &dialog.local_tag, &dialog.remote_tag);
        let bye = bye.map(|(at, _)| at);
        let losses = self.losses(dialog, server).into_iter().filter(counts);
        // In virtual time a BYE is sent in the instant of the refusal that it answers.
        let before_bye =
            |loss: &Loss| bye.is_none_or(|bye| loss.since < bye || (loss.answered && loss.since == bye));
        let losses: Vec<Loss> = losses.filter(|loss| loss.at > up && before_bye(loss)).collect();
        let since = losses.iter().map(|loss| loss.since).min()?.max(up);
        let loss = losses.into_iter().min_by_key(|loss| loss.at)?;
        if loss.at > self.horizon || self.is_anchored(dialog, server) {
            return None;
        }
        let loss = Loss { since, ..loss };
        let heard_until = self.heard_until(loss.since);
        let ends = |key: &Key| matches!(key, Key::HangUp | Key::Reboot);
        let key = self.notes.when_commanded(ends).filter(|at| *at >= up).min();
        // A key that nobody has heard ends nothing.
        let heard =
            |key: &Instant| heard_until.is_none_or(|until| until <= *key + END + self.limits.latency());
        let ended = bye.into_iter().chain(key.filter(heard)).min();
        let fell_silent = heard_until.filter(|until| *until + self.longest_gap() < self.horizon);
        let over = bye.into_iter().chain(key).chain(fell_silent).min();
        let hold = self.hold(&dialog.call_id, loss.since, loss.at);
        let back = self.accepted_within(dialog, loss.at);
        Some(LostCall { dialog, up, server, loss, hold, heard_until, over, ended, back })
    }

    /// The phone's first attempt to register after that instant, but for the one that has found a loss out.
    pub fn registers_after(&self, at: Instant, detector: Option<usize>) -> Option<&ClientExchange<'a>> {
        let attempts = self.registrations.iter().filter(|r| r.purpose.is_attempt());
        let others = attempts.filter(|r| Some(r.exchange) != detector).map(|r| &self.client[r.exchange]);
        others.into_iter().find(|exchange| exchange.t0() > at)
    }

    /// Whether the phone has to register anew after the loss: a server that has answered is there, and a
    /// binding that lasts beyond `until` need not be asked for again.
    pub fn must_register(&self, call: &LostCall<'_>, until: Instant) -> bool {
        let lasts = || {
            self.registrations.iter().any(|registration| {
                let grant = registration.granted;
                self.place_of(&self.client[registration.exchange]) == Some(call.server)
                    && grant.is_some_and(|grant| grant.last + grant.expires > until)
            })
        };
        !call.loss.answered || !lasts()
    }

    /// When a call was up, and the place of the server that it runs through. One that the phone has answered
    /// is not connected before the ACK (AM-20).
    fn came_by(&self, dialog: &Dialog) -> Option<(Instant, usize)> {
        let of_it = |method: &Method, call_id: &str| *method == Method::Invite && call_id == dialog.call_id;
        let own = self.client.iter().filter(|e| of_it(&e.method, e.first().call_id) && !e.in_dialog());
        let own = own.filter_map(|e| {
            let up = e.responses.iter().find(|r| (200..300).contains(&status(r)))?;
            Some((up.at, self.place_of(e)?))
        });
        let theirs = self.server.iter().filter(|e| of_it(&e.method, e.first().call_id));
        let theirs = theirs.filter(|e| e.first().to_tag.is_none()).filter_map(|e| {
            let accepted = e.responses.iter().find(|r| (200..300).contains(&status(r)))?;
            let up = e.acks.first().or((!self.sees_all()).then_some(accepted))?;
            Some((up.at, self.names.place(e.from, e.transport)?))
        });
        own.chain(theirs).next()
    }

    /// Everything by which the phone could know that the server of a call is lost, or take it for lost.
    fn losses(&self, dialog: &Dialog, server: usize) -> Vec<Loss> {
        let asked = self.client.iter().enumerate().filter(|(_, exchange)| {
            exchange.method != Method::Bye && self.place_of(exchange) == Some(server)
        });
        let asked = asked.filter_map(|(at, exchange)| self.loss_by(at, exchange, dialog));
        let told = |what: &str, at: Instant, packets: &[u32], sign: Sign| Loss {
            since: at,
            at,
            register: None,
            sign,
            answered: false,
            what: what.to_owned(),
            shown: (packets.to_vec(), at),
        };
        let is_server = |addr, transport| self.names.place(addr, transport) == Some(server);
        let closed = self.closed_by_others().filter(|close| is_server(close.other, Transport::Tcp));
        let closed = closed.map(|close| {
            let sign = if self.was_in_use(close) { Sign::Lost } else { Sign::Doubtful };
            told("its connection ended", close.at, close.packets, sign)
        });
        let unreachable = self.unreachable.iter().filter(|(_, addr)| is_server(*addr, Transport::Udp));
        let unreachable = unreachable.map(|(at, _)| told("an ICMP error", *at, &[], Sign::Lost));
        asked.chain(closed).chain(unreachable).collect()
    }

    /// What a request to the server of a dialog says of it.
    fn loss_by(&self, at: usize, exchange: &ClientExchange<'_>, dialog: &Dialog) -> Option<Loss> {
        let within = dialog.is_of(exchange.first(), true);
        let refreshes = within && matches!(exchange.method, Method::Invite | Method::Update);
        let keeps_alive = exchange.method == Method::Options
            && !exchange.in_dialog()
            && self.profile.registration.keepalive.form == KeepaliveForm::Options;
        let registers = exchange.method == Method::Register;
        let sign = match exchange.code() {
            Some(408 | 481) if within => Sign::Lost,
            Some(503) if refreshes => Sign::Unavailable,
            Some(408 | 503) => Sign::Doubtful,
            Some(_) => return None,
            None if within || keeps_alive || registers => Sign::Lost,
            None => Sign::Doubtful,
        };
        let what = exchange.what(&self.names);
        let register = registers.then_some(at);
        let loss = |since, at, what, packets: &[u32], shown| Loss {
            since,
            at,
            register,
            sign,
            answered: exchange.code().is_some(),
            what,
            shown: (packets.to_vec(), shown),
        };
        if let Some(refusal) = exchange.final_response() {
            let what = format!("{} to {what}", status(refusal));
            return Some(loss(refusal.at, refusal.at, what, refusal.packets, refusal.at));
        }
        if let Some(failure) = exchange.failures.first() {
            return Some(loss(failure.at, failure.at, failure.what.clone(), failure.packets, failure.at));
        }
        // No timer ends an INVITE that has a provisional response.
        let waits = exchange.method == Method::Invite && exchange.response().is_some();
        let window = self.limits.give_up(exchange.t0(), self.timeout_of(exchange));
        (!waits).then(|| {
            let (first, last) = (exchange.first(), exchange.last());
            loss(first.at, window.to, format!("no answer to {what}"), first.packets, last.at)
        })
    }

    /// When the first request within a dialog, whose ever, was accepted that was sent after an instant.
    fn accepted_within(&self, dialog: &Dialog, after: Instant) -> Option<Instant> {
        let own = self.requests_in(dialog).filter(|exchange| exchange.method != Method::Bye);
        let own = own.map(|exchange| (exchange.t0(), &exchange.responses));
        let theirs = self.server.iter().filter(|e| e.method != Method::Bye && dialog.is_of(e.first(), false));
        let theirs = theirs.map(|exchange| (exchange.first().at, &exchange.responses));
        let accepted = own.chain(theirs).filter(|(at, _)| *at > after).filter_map(|(_, responses)| {
            responses.iter().find(|response| (200..300).contains(&status(response)))
        });
        accepted.map(|response| response.at).min()
    }

    /// Whether the audio of a call runs through its server.
    fn is_anchored(&self, dialog: &Dialog, server: usize) -> bool {
        let host = self.names.order().get(server).and_then(|name| self.names.node(name));
        let told = self.ears().into_iter().filter(|told| told.call_id == dialog.call_id);
        host.is_some_and(|host| told.filter_map(|told| told.to).any(|to| to.ip() == host.addr.ip()))
    }

    /// Until when the phone was heard without a gap, from then on.
    fn heard_until(&self, since: Instant) -> Option<Instant> {
        let mut until: Option<Instant> = None;
        for stretch in self.stretches(true).iter().filter(|stretch| stretch.to >= since) {
            if stretch.from > until.unwrap_or(since) + self.longest_gap() {
                break;
            }
            until = until.max(Some(stretch.to.min(self.horizon)));
        }
        until
    }

    /// The longest time without audio that is none.
    pub fn longest_gap(&self) -> Span {
        Span::from_millis(self.profile.tolerance.rtp_gap_ms.into()) + self.limits.latency()
    }
}

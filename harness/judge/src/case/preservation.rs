//! Calls whose signalling is lost (AM-14 to AM-31): through which server they ran, when the phone knew of
//! the loss, and for how long it was heard afterwards.
//!
//! A phone cannot know of a loss before something fails. The instant of detection is the first of: the end
//! of a TCP connection of the server, an ICMP error for a packet to it, 408 or 481 to a request within the
//! dialog or none at all until the time-out, a REGISTER without an answer until the time-out.

use sipfarm_core::machine::Transport;
use sipfarm_core::sdp::Direction;
use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Key, Span};

use super::dialog::Dialog;
use super::exchange::status;
use super::{Case, ClientExchange};

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
    /// The place of its server in the order.
    pub server: usize,
    /// How the phone could know.
    pub loss: Loss,
    /// Whether it was on hold then.
    pub held: bool,
    /// Until when the phone was heard without a gap; none where it was silent at the loss.
    pub heard_until: Option<Instant>,
    /// When it was over: by a BYE, by the user's key, or as the phone fell silent. None where it still is up.
    pub over: Option<Instant>,
}

impl LostCall<'_> {
    /// Whether the phone still kept it then.
    pub fn lives_at(&self, at: Instant) -> bool {
        self.heard_until.is_some_and(|until| at <= until) && self.over.is_none_or(|over| at < over)
    }

    /// Whether it has outlived its signalling.
    pub fn is_preserved(&self) -> bool {
        !self.held && self.lives_at(self.loss.at)
    }
}

impl<'a> Case<'a> {
    /// The phone's calls whose server was lost while they were up, where the profile keeps such calls and
    /// their audio runs past that server.
    pub fn lost_calls(&self) -> Vec<LostCall<'_>> {
        if !self.profile.mcp.supported {
            return Vec::new();
        }
        self.dialogs.iter().filter(|dialog| dialog.confirmed).filter_map(|dialog| self.lost(dialog)).collect()
    }

    fn lost<'c>(&'c self, dialog: &'c Dialog) -> Option<LostCall<'c>> {
        let (up, server) = self.came_by(dialog)?;
        let bye = self.end_by_bye(&dialog.call_id, &dialog.local_tag, &dialog.remote_tag);
        let bye = bye.map_or(Instant::FAR_FUTURE, |(at, _)| at);
        let losses = self.losses(dialog, server).into_iter();
        let losses: Vec<Loss> = losses.filter(|loss| loss.at > up && loss.since < bye).collect();
        let since = losses.iter().map(|loss| loss.since).min()?.max(up);
        let loss = losses.into_iter().min_by_key(|loss| loss.at)?;
        if loss.at > self.horizon || self.is_anchored(dialog, server) {
            return None;
        }
        let loss = Loss { since, ..loss };
        let heard_until = self.heard_until(loss.since);
        let ends = |key: &Key| matches!(key, Key::HangUp | Key::Reboot);
        let key = self.notes.when_commanded(ends).filter(|at| *at >= up).min();
        let fell_silent = heard_until.filter(|until| *until + self.longest_gap() < self.horizon);
        let bye = Some(bye).filter(|at| *at < Instant::FAR_FUTURE);
        let over = bye.into_iter().chain(key).chain(fell_silent).min();
        let held = self.is_held(dialog, loss.since);
        Some(LostCall { dialog, server, loss, held, heard_until, over })
    }

    /// The phone's first attempt to register after that instant, but for the one that has found a loss out.
    pub fn registers_after(&self, at: Instant, detector: Option<usize>) -> Option<&ClientExchange<'a>> {
        let attempts = self.registrations.iter().filter(|r| r.purpose.is_attempt());
        let others = attempts.filter(|r| Some(r.exchange) != detector).map(|r| &self.client[r.exchange]);
        others.into_iter().find(|exchange| exchange.t0() > at)
    }

    /// When a call was up, and the place of the server that it runs through.
    fn came_by(&self, dialog: &Dialog) -> Option<(Instant, usize)> {
        let of_it = |method: &Method, call_id: &str| *method == Method::Invite && call_id == dialog.call_id;
        let own = self.client.iter().filter(|e| of_it(&e.method, e.first().call_id) && !e.in_dialog());
        let own = own.filter_map(|e| {
            let up = e.responses.iter().find(|r| (200..300).contains(&status(r)))?;
            Some((up.at, self.place_of(e)?))
        });
        let theirs = self.server.iter().filter(|e| of_it(&e.method, e.first().call_id));
        let theirs = theirs.filter(|e| e.first().to_tag.is_none()).filter_map(|e| {
            let up = e.responses.iter().find(|r| (200..300).contains(&status(r)))?;
            Some((up.at, self.names.place(e.from, e.transport)?))
        });
        own.chain(theirs).next()
    }

    /// Everything by which the phone could know that the server of a call is lost.
    fn losses(&self, dialog: &Dialog, server: usize) -> Vec<Loss> {
        let at_server = |exchange: &ClientExchange<'_>| self.place_of(exchange) == Some(server);
        let in_dialog = self.requests_in(dialog).filter(|e| e.method != Method::Bye && at_server(e));
        let in_dialog = in_dialog.filter_map(|exchange| self.failure_of(exchange, &[408, 481]));
        let registers = self.registrations.iter().filter_map(|registration| {
            let exchange = &self.client[registration.exchange];
            let failed = self.failure_of(exchange, &[]).filter(|_| at_server(exchange))?;
            Some(Loss { register: Some(registration.exchange), ..failed })
        });
        let told = |what: &'static str, at: &Instant, packets: &[u32]| Loss {
            since: *at,
            at: *at,
            register: None,
            what: what.to_owned(),
            shown: (packets.to_vec(), *at),
        };
        let is_server = |addr, transport| self.names.place(addr, transport) == Some(server);
        let closed = self.closed.iter().filter(|(_, addr, _)| is_server(*addr, Transport::Tcp));
        let closed = closed.map(|(at, _, packets)| told("its connection ended", at, packets));
        let unreachable = self.unreachable.iter().filter(|(_, addr)| is_server(*addr, Transport::Udp));
        let unreachable = unreachable.map(|(at, _)| told("an ICMP error", at, &[]));
        in_dialog.chain(registers).chain(closed).chain(unreachable).collect()
    }

    /// When a request has failed for want of an answer, or with one of these codes.
    fn failure_of(&self, exchange: &ClientExchange<'_>, codes: &[u16]) -> Option<Loss> {
        let what = exchange.what(&self.names);
        let loss = |since, at, what, packets: &[u32], shown| Loss {
            since,
            at,
            register: None,
            what,
            shown: (packets.to_vec(), shown),
        };
        if let Some(refusal) = exchange.final_response() {
            let code = status(refusal);
            let what = format!("{code} to {what}");
            return codes
                .contains(&code)
                .then(|| loss(refusal.at, refusal.at, what, refusal.packets, refusal.at));
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

    /// Whether the audio of a call runs through its server.
    fn is_anchored(&self, dialog: &Dialog, server: usize) -> bool {
        let host = self.names.order().get(server).and_then(|name| self.names.node(name));
        let told = self.ears().into_iter().filter(|told| told.call_id == dialog.call_id);
        host.is_some_and(|host| told.filter_map(|told| told.to).any(|to| to.ip() == host.addr.ip()))
    }

    /// Whether a call was on hold then, by whichever side.
    fn is_held(&self, dialog: &Dialog, at: Instant) -> bool {
        let agreements = self.agreements();
        let last = agreements.iter().rfind(|a| a.call_id() == dialog.call_id && a.answer.at <= at);
        last.is_some_and(|a| a.own != Direction::SendRecv || a.theirs != Direction::SendRecv)
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

    fn longest_gap(&self) -> Span {
        Span::from_millis(self.profile.tolerance.rtp_gap_ms.into()) + self.limits.latency()
    }
}

//! Keys that were typed into a phone that does not say whether it took them: its packets tell.

use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Key};

use super::seen::Seen;
use super::{Case, status};
use crate::mark::Command;

impl Case<'_> {
    /// The latest command before `asked` that nobody saw taken: the phone did not say so, and has by `to`
    /// sent nothing that this key is for. Whether it was pressed at all, nobody knows.
    pub fn without_trace(&self, asked: Instant, to: Instant) -> Option<&Command> {
        // What is chosen shows in what is done with it.
        let chooses = |command: &Command| matches!(command, Command::Key(Key::Select(_) | Key::Line(_)));
        let typed = self.notes.unconfirmed.iter().filter(|(_, command)| !chooses(command));
        let (at, command) = typed.rev().find(|(at, _)| *at <= asked)?;
        let Command::Key(key) = command else { return None };
        (!self.shows(key, *at, to)).then_some(*command)
    }

    /// Whether the phone has sent something that a key is for, or begun to: a query of DNS and a connect
    /// come before a request.
    fn shows(&self, key: &Key, from: Instant, to: Instant) -> bool {
        let within = |at: Instant| at >= from && at <= to;
        let sent = |seen: &Seen<'_>| within(seen.at) && self.names.is_phone(seen.src);
        let asks = !matches!(key, Key::Answer | Key::Reject(_));
        // Who gives up a call that nobody has answered yet has to wait before it says so (RFC 3261
        // section 9.1).
        let must_wait = *key == Key::HangUp
            && self.client.iter().any(|exchange| {
                exchange.method == Method::Invite
                    && exchange.t0() <= from
                    && exchange.responses.iter().all(|response| response.at > to)
            });
        must_wait
            || self.messages.iter().any(|seen| sent(seen) && is_for(key, seen))
            || asks && self.connects.iter().any(|connect| within(connect.at))
            || asks && self.dns.lookups.iter().any(|lookup| within(lookup.at()))
    }
}

/// Whether a message of the phone is what a key is for.
fn is_for(key: &Key, seen: &Seen<'_>) -> bool {
    let is = |method: &Method| seen.is_request(method);
    let settles_call =
        |codes: std::ops::Range<u16>| codes.contains(&status(seen)) && seen.method == Some(Method::Invite);
    match key {
        Key::Register | Key::Unregister | Key::Reboot => is(&Method::Register),
        Key::Dial(_) => is(&Method::Invite),
        Key::Answer => settles_call(200..700),
        Key::Reject(_) => settles_call(300..700),
        Key::Select(_) | Key::Line(_) => true,
        Key::Hold | Key::Resume | Key::Conference | Key::Split => {
            (is(&Method::Invite) || is(&Method::Update)) && seen.to_tag.is_some()
        }
        Key::HangUp => is(&Method::Bye) || is(&Method::Cancel) || settles_call(300..700),
    }
}

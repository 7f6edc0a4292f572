//! How a call of the phone's goes on after its INVITE: when it ends, and which rank it has when.

use std::collections::BTreeSet;

use sipfarm_core::Instant;
use sipfarm_core::sip::Method;

use super::Case;
use super::exchange::{ClientExchange, ServerExchange, status};
use super::line_calls::{CallEnd, rank};
use super::seen::{Seen, SeenRef};

impl<'a> Case<'a> {
    /// The first BYE of either side, in the last of its dialogs where it was forked; or a CANCEL of the phone's,
    /// which ends no call that is up, but is meant to.
    pub(super) fn end_of_call(
        &self,
        call_ids: &[&str],
        since: Instant,
        up: Option<Instant>,
    ) -> Option<CallEnd<'_, 'a>> {
        let surely_up = up.map(|up| up + self.doubt());
        let is_cancel = |e: &&ClientExchange<'a>| {
            e.method == Method::Cancel
                && call_ids.contains(&e.first().call_id)
                && surely_up.is_some_and(|up| e.t0() > up)
        };
        let is_bye = |method: &Method, seen: &Seen<'_>| {
            *method == Method::Bye && call_ids.contains(&seen.call_id) && seen.at >= since
        };
        let first_bye = |remote: Option<&String>| {
            let is_of = |tag: &Option<String>| remote.is_none_or(|remote| tag.as_ref() == Some(remote));
            let own = self.client.iter().filter(|e| is_bye(&e.method, e.first()) && is_of(&e.first().to_tag));
            let own = own.map(|e| CallEnd { at: e.t0(), by_phone: true, message: e.first() });
            let theirs =
                self.server.iter().filter(|e| is_bye(&e.method, e.first()) && is_of(&e.first().from_tag));
            let theirs = theirs.map(|e| CallEnd { at: e.first().at, by_phone: false, message: e.first() });
            own.chain(theirs).min_by_key(|end| end.at)
        };
        let dialogs = self.dialogs.iter().filter(|d| d.confirmed && call_ids.contains(&d.call_id.as_str()));
        let remotes: BTreeSet<&String> = dialogs.map(|dialog| &dialog.remote_tag).collect();
        let bye = match remotes.len() {
            0 | 1 => first_bye(None),
            _ => {
                let ends: Option<Vec<CallEnd<'_, 'a>>> =
                    remotes.into_iter().map(|tag| first_bye(Some(tag))).collect();
                ends.and_then(|ends| ends.into_iter().max_by_key(|end| end.at))
            }
        };
        let cancels = self.client.iter().filter(is_cancel);
        let cancels = cancels.map(|e| CallEnd { at: e.t0(), by_phone: true, message: e.first() });
        bye.into_iter().chain(cancels).min_by_key(|end| end.at)
    }

    /// The level of the INVITE, and what the server makes of it later, where the profile lets it (PA-05, F-13).
    pub(super) fn ranks<'s>(
        &self,
        invite: &Seen<'_>,
        responses: impl Iterator<Item = &'s SeenRef<'a>>,
        call_ids: &[&str],
    ) -> Vec<(Instant, usize)>
    where
        'a: 's,
    {
        let mlpp = &self.profile.mlpp;
        let mut ranks = vec![(invite.at, rank(mlpp, invite.message).unwrap_or(0))];
        if mlpp.server_may_change_level {
            let told = responses.filter(|r| status(r) < 300).map(|r| (r.at, rank(mlpp, r.message)));
            // What the phone has refused changes nothing (RFC 3261 section 14.2).
            let taken = self.server.iter().filter(|e| e.final_response().is_none_or(|r| status(r) < 300));
            let asked = taken.map(ServerExchange::first).filter(|request| {
                call_ids.contains(&request.call_id)
                    && request.to_tag.is_some()
                    && (request.is_request(&Method::Invite) || request.is_request(&Method::Update))
            });
            let asked = asked.map(|request| (request.at, rank(mlpp, request.message)));
            ranks.extend(told.chain(asked).filter_map(|(at, rank)| Some((at, rank?))));
        }
        ranks.sort_by_key(|(at, _)| *at);
        ranks
    }
}

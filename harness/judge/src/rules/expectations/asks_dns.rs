//! The phone asks DNS for a record (RFC 3263 section 4).

use sipfarm_core::Span;
use sipfarm_core::dns::{RecordKind, plain};
use sipfarm_core::sip::Method;

use super::Asked;
use crate::case::{Lookup, Stranger};
use crate::finding::{Finding, Nearest};
use crate::rules::RuleInfo;

/// So many other queries are shown as near misses.
const AT_MOST: usize = 3;

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "asks-dns",
    requirements: &["RFC 3263 4.1", "RFC 3263 4.2"],
    about: "The phone asks DNS for the record, not later than the step or the profile says.",
    standing: false,
};

pub(super) fn judge(asked: &Asked<'_, '_>, kind: RecordKind, name: &str, within: Option<Span>) -> Finding {
    let (case, name) = (asked.case, plain(name));
    let window = asked.window(within, asked.reach(&Method::Invite, None));
    let sentence = format!("DNS {kind} {name}, {}", asked.show_window(window));
    let draft = asked.draft(&RULE, sentence).window(window);
    let since = |lookup: &&Lookup<'_>| lookup.at() >= window.from;
    let is_it = |lookup: &&Lookup<'_>| lookup.question.kind == kind && lookup.question.name == name;
    let Some(lookup) = case.dns.lookups.iter().filter(since).find(is_it) else {
        let near = case.dns.lookups.iter().filter(|lookup| since(lookup) || is_it(lookup));
        let nearest = near.take(AT_MOST).filter_map(|lookup| {
            let (at, packets) = lookup.sends.first()?;
            let why = if is_it(&lookup) { "before the trigger" } else { "another question" };
            Some(Nearest { packet: *packets.last()?, at: *at, what: lookup.what(), why: why.to_owned() })
        });
        let draft = draft.absent("no such query").nearest(nearest.collect());
        let own = &case.dns.strangers;
        let own = own.iter().find(|query| {
            query.question.kind == kind
                && query.question.name == name
                && query.at >= window.from
                && query.at <= window.to
        });
        return draft.at(window.to, |draft| match own {
            Some(Stranger { packets, from, .. }) => draft.inconclusive(&format!(
                "packet {} asks so from {from}, which is not the phone's address; nobody can tell whose query it is",
                packets.last().copied().unwrap_or_default()
            )),
            None => draft.fail_unless_lossy("the query may have been lost"),
        });
    };
    let (at, packets) = (lookup.at(), lookup.sends.first().map_or(&[][..], |(_, packets)| packets));
    let number = packets.last().copied().unwrap_or_default();
    let draft = draft.packets(packets, at).seen(format!("{} (packet {number})", asked.after(at)));
    if at <= window.to {
        draft.pass()
    } else {
        draft.fail_unless_lossy("an earlier query may have been lost")
    }
}

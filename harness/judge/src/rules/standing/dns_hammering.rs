//! A DNS server is not asked the same again and again. RFC 1035 section 4.2.1 recommends 2 to 5 s between
//! two sends of a query; a phone that has put one question to one server more than ten times within ten
//! seconds asks more than twice as often as the quickest of these, and keeps it up.
//!
//! A phone may have reason to ask anew: an answer that may not be kept (TTL 0), each command, and each
//! request that goes along its servers. So many queries more are no hammering.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sipfarm_core::dns::Question;
use sipfarm_core::{Instant, Span};

use crate::case::{Case, Lookup};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// In any stretch of this length …
const STRETCH: Span = Span::from_secs(10);
/// … one question is put to one server so often at most: twice what 2 s between two sends make.
const MOST: usize = 10;

/// See the module.
pub struct DnsHammering;

impl Rule for DnsHammering {
    fn id(&self) -> &'static str {
        "dns-hammering"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 1035 4.2.1"]
    }

    fn about(&self) -> &'static str {
        "A DNS server is not asked the same question more than ten times in ten seconds without a reason."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        let reasons = reasons(case);
        for ((server, question), sends) in sends(case) {
            let Some(burst) =
                sends.iter().enumerate().find_map(|(first, _)| burst(&sends[first..], &reasons))
            else {
                // Asked once, it was not put to the test.
                if let [.., last] = sends.as_slice()
                    && sends.len() > 1
                {
                    docket.kept(last.1);
                }
                continue;
            };
            let (from, to) = (burst[0].0, burst[burst.len() - 1].0);
            let draft = docket
                .draft(format!(
                    "DNS {} {} put to {server} at most {MOST} times in {STRETCH:.0}",
                    question.kind, question.name
                ))
                .throughout(Window { from, to: from + STRETCH })
                .seen(format!("asked {} times in {:.2}", burst.len(), to - from));
            let draft = burst.iter().fold(draft, |draft, (at, packets)| draft.packets(packets, *at));
            docket.add(draft.fail_unless_lossy("the network may have doubled the queries"));
        }
        docket.close()
    }
}

/// A query on its way: when, and in which packets.
type Send<'a> = (Instant, &'a [u32]);

/// Every send of a question that was worth only one, by DNS server, in order of time.
fn sends<'a>(case: &Case<'a>) -> BTreeMap<(SocketAddr, &'a Question), Vec<Send<'a>>> {
    let mut sends: BTreeMap<_, Vec<Send<'a>>> = BTreeMap::new();
    for lookup in case.dns.lookups.iter().filter(|lookup| !must_ask_again(lookup)) {
        sends.entry((lookup.to, lookup.question)).or_default().extend(&lookup.sends);
    }
    sends.values_mut().for_each(|sends| sends.sort_by_key(|(at, _)| *at));
    sends
}

/// Whether the answer may not be kept: then each use of it is a question.
fn must_ask_again(lookup: &Lookup<'_>) -> bool {
    let records = |told: crate::case::Told<'_>| {
        told.message.answers.iter().chain(&told.message.additional).any(|record| record.ttl_s == 0)
    };
    lookup.answer.is_some_and(records)
}

/// When the phone had reason to ask anew: each command, and each request along its servers.
fn reasons(case: &Case<'_>) -> Vec<Instant> {
    let commands = case.notes.commands.iter().map(|(at, _)| *at);
    let requests = case.attempts.iter().flat_map(|attempt| &attempt.exchanges);
    commands.chain(requests.map(|&at| case.client[at].t0())).collect()
}

/// The sends within a stretch that begins with the first of these, if they are too many.
fn burst<'s, 'a>(sends: &'s [Send<'a>], reasons: &[Instant]) -> Option<&'s [Send<'a>]> {
    let from = sends.first()?.0;
    let within = |at: Instant| from <= at && at <= from + STRETCH;
    let burst = &sends[..sends.iter().take_while(|(at, _)| within(*at)).count()];
    let allowed = MOST + reasons.iter().filter(|at| within(**at)).count();
    (burst.len() > allowed).then_some(burst)
}

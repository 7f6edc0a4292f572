//! Within a dialog CSeq grows with each new request of the phone (RFC 3261 section 12.2.1.1), and the
//! answer to a challenge has a greater one than what was challenged (section 22.2).
//!
//! A gap is no breach that packets could prove: a number may have gone to a request that never left
//! the phone. REGISTER has a rule of its own.

use std::collections::BTreeMap;

use sipfarm_core::sip::Method;

use crate::case::{Case, ClientExchange};
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct CSeqGrows;

impl Rule for CSeqGrows {
    fn id(&self) -> &'static str {
        "cseq"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 12.2.1.1", "RFC 3261 22.2"]
    }

    fn about(&self) -> &'static str {
        "CSeq grows with each new request of a dialog."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        let mut highest: BTreeMap<Key<'_>, &ClientExchange<'_>> = BTreeMap::new();
        for (at, exchange) in case.client.iter().enumerate() {
            if matches!(exchange.method, Method::Register | Method::Cancel) || exchange.cseq().is_none() {
                continue;
            }
            let first = exchange.first();
            let (call_id, from_tag) = (first.call_id, first.from_tag.as_deref());
            let key = (call_id, from_tag, first.to_tag.as_deref());
            // A dialog counts on from the INVITE that made it.
            let before = highest.get(&key).or_else(|| highest.get(&(call_id, from_tag, None))).copied();
            if before.is_none_or(|before| exchange.cseq() > before.cseq()) {
                highest.insert(key, exchange);
            }
            let Some(before) = before.filter(|_| exchange.in_dialog() || case.makes_good(at).is_some())
            else {
                continue;
            };
            let answers = case.makes_good(at).is_some();
            if exchange.cseq() > before.cseq() || is_elsewhere(before, exchange) {
                docket.kept(first.packets);
                continue;
            }
            if !answers && may_come_before(case, before, exchange) {
                continue;
            }
            let what = exchange.what(&case.names);
            let draft = docket.draft(format!("{what} with a CSeq number above {}", number(before)));
            let seen = format!(
                "CSeq {} (packet {}), after packet {}",
                number(exchange),
                first.packet(),
                before.first().packet()
            );
            docket.add(draft.seen(seen).message(before.first()).message(first).fail());
        }
        docket.close()
    }
}

/// Call-ID, From tag, To tag.
type Key<'k> = (&'k str, Option<&'k str>, Option<&'k str>);

/// Whether it is the same request at another server, where its number may stay (RFC 3263 section 4.3).
fn is_elsewhere(before: &ClientExchange<'_>, exchange: &ClientExchange<'_>) -> bool {
    before.method == exchange.method && before.cseq() == exchange.cseq() && before.to != exchange.to
}

/// Whether the phone may have sent the two in the other order than they were seen. In no order may they have one
/// number, and none is sent within a dialog before the request that makes it.
fn may_come_before(case: &Case<'_>, before: &ClientExchange<'_>, exchange: &ClientExchange<'_>) -> bool {
    let makes_it = !before.in_dialog() && exchange.in_dialog();
    before.cseq() != exchange.cseq() && !makes_it && case.may_be_unordered(before, exchange)
}

fn number(exchange: &ClientExchange<'_>) -> u32 {
    exchange.cseq().unwrap_or(0)
}

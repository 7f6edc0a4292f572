//! Nearest misses: what came close to an expectation, and why it does not count.

use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Span};

use crate::case::{Case, ClientExchange, Purpose, Seen};
use crate::finding::{Nearest, Window};

const AT_MOST: usize = 3;

/// The requests of the phone that came nearest to *a new request of that method to that node in that
/// window*.
pub fn requests(
    case: &Case<'_>,
    method: Option<&Method>,
    node: Option<&str>,
    window: Window,
) -> Vec<Nearest> {
    let mut near: Vec<(usize, Span, Nearest)> = Vec::new();
    for (at, exchange) in case.client.iter().enumerate() {
        let mut faults = Vec::new();
        if node.is_some_and(|node| !case.names.is_node(node, exchange.to, exchange.transport)) {
            faults.push(target_fault(case, exchange, node));
        }
        if method.is_some_and(|method| *method != exchange.method) {
            faults.push("other method".to_owned());
        }
        faults.extend(class_fault(case, at));
        // Of a request that began before the trigger, only its repetitions come near.
        let repeated = exchange.sends.iter().skip(1).find(|send| send.at >= window.from);
        let send = match repeated {
            Some(send) if exchange.t0() < window.from => {
                faults.push("a retransmission, not a new request".to_owned());
                send
            }
            _ => exchange.first(),
        };
        faults.extend(time_fault(send.at, window));
        if !faults.is_empty() {
            near.push((
                faults.len(),
                distance(send.at, window),
                nearest(send, exchange.what(&case.names), &faults),
            ));
        }
    }
    for stranger in strangers(case, method, node) {
        let mut faults = vec![not_the_phone(stranger)];
        faults.extend(time_fault(stranger.at, window));
        let what = what(case, stranger);
        near.push((faults.len(), distance(stranger.at, window), nearest(stranger, what, &faults)));
    }
    near.sort_by_key(|(faults, distance, nearest)| (*faults, *distance, nearest.at));
    near.into_iter().take(AT_MOST).map(|(.., nearest)| nearest).collect()
}

/// What somebody else sent in the phone's name, in that window: a phone that kept silence did not.
pub fn in_its_name(
    case: &Case<'_>,
    method: Option<&Method>,
    node: Option<&str>,
    window: Window,
) -> Vec<Nearest> {
    let within = strangers(case, method, node).filter(|seen| time_fault(seen.at, window).is_none());
    messages(case, within.map(|seen| (seen, not_the_phone(seen))))
}

/// The messages of a list that came near, all for the same reason.
pub fn messages<'s>(case: &Case<'_>, seen: impl IntoIterator<Item = (&'s Seen<'s>, String)>) -> Vec<Nearest> {
    seen.into_iter().take(AT_MOST).map(|(seen, why)| nearest(seen, what(case, seen), &[why])).collect()
}

fn what(case: &Case<'_>, seen: &Seen<'_>) -> String {
    let names = &case.names;
    let to_node = names.node_at(seen.dst, seen.transport).is_some();
    let (word, addr) =
        if names.is_phone(seen.src) || to_node { ("to", seen.dst) } else { ("from", seen.src) };
    format!("{} {word} {}", seen.what(), names.show(addr, seen.transport))
}

/// Requests of that method to that node that somebody else sent in the phone's name.
fn strangers<'c, 'a>(
    case: &'c Case<'a>,
    method: Option<&'c Method>,
    node: Option<&'c str>,
) -> impl Iterator<Item = &'c Seen<'a>> {
    case.strangers.iter().map(|seen| &**seen).filter(move |seen| {
        method.is_none_or(|method| seen.is_request(method))
            && node.is_none_or(|node| case.names.is_node(node, seen.dst, seen.transport))
    })
}

fn not_the_phone(seen: &Seen<'_>) -> String {
    format!("from {}, which is not the phone's address", seen.src.ip())
}

fn nearest(seen: &Seen<'_>, what: String, faults: &[String]) -> Nearest {
    Nearest { packet: seen.packet(), at: seen.at, what, why: faults.join(", ") }
}

fn target_fault(case: &Case<'_>, exchange: &ClientExchange<'_>, node: Option<&str>) -> String {
    let same_host =
        node.and_then(|name| case.names.node(name)).is_some_and(|node| node.addr.ip() == exchange.to.ip());
    if same_host { format!("other port ({})", exchange.to.port()) } else { "other target".to_owned() }
}

fn class_fault(case: &Case<'_>, at: usize) -> Option<String> {
    if case.makes_good(at).is_some() {
        return Some("it repeats a refused request with what was asked for".to_owned());
    }
    let word = match case.registration(at)?.purpose {
        Purpose::Initial | Purpose::Refresh => return None,
        Purpose::Unregister => "it unregisters",
        Purpose::Keepalive => "a keep-alive, it asks for no binding",
        Purpose::Query => "a query, it asks for no binding",
    };
    Some(word.to_owned())
}

fn time_fault(at: Instant, window: Window) -> Option<String> {
    if at < window.from {
        Some(format!("early by {:.2}", window.from - at))
    } else if at > window.to {
        Some(format!("late by {:.2}", at - window.to))
    } else {
        None
    }
}

fn distance(at: Instant, window: Window) -> Span {
    if at < window.from { window.from - at } else { (at - window.to).max(Span::ZERO) }
}

//! REGISTER, classified before anything is said about it: the table at the top of the behaviour
//! catalogue (RFC 3261 sections 10.2.1 to 10.2.4).

use std::net::SocketAddr;

use sipfarm_core::sip::{Contact, Message, Method};
use sipfarm_core::{Instant, Span};

use super::attempt::Outcome;
use super::connect::{Connect, Connected};
use super::exchange::{ClientExchange, status};
use super::seen::Seen;

/// What a REGISTER is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// It asks for a binding that this server does not have.
    Initial,
    /// It asks for more time for a binding that this server has.
    Refresh,
    /// It takes bindings away: `*`, or a bound contact with no time left.
    Unregister,
    /// It takes away a contact that is not bound: no change, only a sign of life (Cisco). So it is at a
    /// server that failed and that the phone has left for another, whatever is still bound there.
    Keepalive,
    /// It has no Contact and asks what is bound.
    Query,
}

impl Purpose {
    /// Whether it counts as an attempt to register.
    pub fn is_attempt(self) -> bool {
        matches!(self, Purpose::Initial | Purpose::Refresh)
    }
}

/// One REGISTER exchange with its class. Repetitions are the exchange's further sends.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Its place in the list of client exchanges.
    pub exchange: usize,
    /// What it is for.
    pub purpose: Purpose,
    /// The refused exchange that it makes good (class *auth-retry*): the same attempt goes on.
    pub makes_good: Option<usize>,
    /// The AOR: the URI of To.
    pub aor: String,
    /// The binding that a 2xx confirmed.
    pub granted: Option<Grant>,
}

/// A binding as a 2xx confirmed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// When the first 2xx passed the tap.
    pub first: Instant,
    /// When its last repetition did: the phone may have heard only this one.
    pub last: Instant,
    /// For how long.
    pub expires: Span,
}

struct Binding {
    at: Instant,
    node: SocketAddr,
    aor: String,
    /// None for all contacts.
    contact: Option<String>,
    until: Instant,
}

/// Classifies every REGISTER of the phone.
pub(super) fn classify(exchanges: &[ClientExchange<'_>], connects: &[Connect<'_>]) -> Vec<Registration> {
    let mut bindings: Vec<Binding> = Vec::new();
    let mut registrations: Vec<Registration> = Vec::new();
    for (at, exchange) in exchanges.iter().enumerate().filter(|(_, e)| e.method == Method::Register) {
        let aor = aor(exchange.first().message);
        let lost = |binding: &Binding| {
            let moved =
                registrations.iter().filter(|r| r.aor == aor && exchanges[r.exchange].to != exchange.to);
            let moved = moved.filter_map(|r| r.granted).map(|grant| grant.first);
            let moved = moved.filter(|moved| *moved > binding.at && *moved <= exchange.t0()).max();
            moved.is_some_and(|moved| has_failed(exchanges, connects, exchange.to, binding.at, moved))
        };
        let purpose = purpose(exchange, &aor, &bindings, lost);
        let granted = granted(exchange).filter(|_| purpose.is_attempt());
        remember(&mut bindings, exchange, &aor, purpose, granted);
        let makes_good = made_good(exchanges, at);
        registrations.push(Registration { exchange: at, purpose, makes_good, aor, granted });
    }
    registrations
}

fn aor(message: &Message) -> String {
    message.to().map_or_else(String::new, |to| to.uri)
}

/// Whether that server failed for the phone within a stretch of time, in whatever it was asked.
fn has_failed(
    exchanges: &[ClientExchange<'_>],
    connects: &[Connect<'_>],
    server: SocketAddr,
    from: Instant,
    to: Instant,
) -> bool {
    let between = |at: Instant| at >= from && at <= to;
    exchanges.iter().any(|exchange| {
        let failed = match exchange.outcome() {
            Outcome::Final(code) => code == 408 || code >= 500,
            Outcome::Unreachable | Outcome::Provisional | Outcome::Silence => true,
        };
        failed && exchange.to == server && between(exchange.t0())
    }) || connects.iter().any(|connect| {
        connect.to == server && between(connect.at) && !matches!(connect.outcome, Connected::Open(_))
    })
}

fn purpose(
    exchange: &ClientExchange<'_>,
    aor: &str,
    bindings: &[Binding],
    lost: impl Fn(&Binding) -> bool,
) -> Purpose {
    let message = exchange.first().message;
    let contacts = message.contacts();
    if contacts.is_empty() {
        return Purpose::Query;
    }
    if contacts.contains(&Contact::Star) {
        return Purpose::Unregister;
    }
    let bound = |uri: &str| {
        let of_contact = |b: &&Binding| {
            b.node == exchange.to && b.aor == aor && b.contact.as_deref().is_none_or(|bound| bound == uri)
        };
        let last = bindings.iter().filter(of_contact).rfind(|binding| binding.at <= exchange.t0());
        last.filter(|binding| binding.until > exchange.t0())
    };
    let uris: Vec<_> = contacts
        .iter()
        .filter_map(|contact| match contact {
            Contact::Addr(addr) => Some((addr.uri.as_str(), asked(message, contact) != Some(0))),
            Contact::Star => None,
        })
        .collect();
    let held: Vec<&Binding> = uris.iter().filter_map(|(uri, _)| bound(uri)).collect();
    match (uris.iter().any(|(_, lasts)| *lasts), !held.is_empty()) {
        (false, true) if held.iter().all(|binding| lost(binding)) => Purpose::Keepalive,
        (true, true) => Purpose::Refresh,
        (true, false) => Purpose::Initial,
        (false, true) => Purpose::Unregister,
        (false, false) => Purpose::Keepalive,
    }
}

/// The time that a REGISTER asks for one contact, in seconds: its `expires`, else Expires.
fn asked(message: &Message, contact: &Contact) -> Option<u32> {
    let own = match contact {
        Contact::Addr(addr) => addr.params.value("expires").and_then(|text| text.parse().ok()),
        Contact::Star => None,
    };
    own.or_else(|| message.number("Expires"))
}

/// Whether a response grants a binding: one that was cut short does not (RFC 3261 section 18.3).
fn is_acceptance(response: &Seen<'_>) -> bool {
    (200..300).contains(&status(response)) && !response.is_cut()
}

/// The time that a 2xx grants: `expires` of the phone's own contact in it, else its Expires, else
/// what was asked for (RFC 3261 section 10.2.4).
fn granted(exchange: &ClientExchange<'_>) -> Option<Grant> {
    let request = exchange.first().message;
    let own = request.contact()?;
    let accepted: Vec<_> = exchange.finals().filter(|r| is_acceptance(r)).collect();
    let (first, last) = (accepted.first()?, accepted.last()?);
    let same = |listed: &Contact| match listed {
        Contact::Addr(addr) => addr.uri == own.uri || addr.sip_uri() == own.sip_uri(),
        Contact::Star => false,
    };
    let listed = first.message.contacts().into_iter().find(same).and_then(|contact| match contact {
        Contact::Addr(addr) => addr.params.value("expires").and_then(|text| text.parse::<u32>().ok()),
        Contact::Star => None,
    });
    let seconds = listed
        .or_else(|| first.message.number("Expires"))
        .or_else(|| asked(request, &Contact::Addr(own.clone())))?;
    Some(Grant { first: first.at, last: last.at, expires: Span::from_secs(seconds.into()) })
}

fn remember(
    bindings: &mut Vec<Binding>,
    exchange: &ClientExchange<'_>,
    aor: &str,
    purpose: Purpose,
    granted: Option<Grant>,
) {
    let Some(accepted) = exchange.finals().find(|r| !r.is_cut()).filter(|r| is_acceptance(r)) else {
        return;
    };
    let contacts = exchange.first().message.contacts();
    let until = granted.map_or(accepted.at, |grant| grant.first + grant.expires);
    let mut bind = |contact| {
        bindings.push(Binding { at: accepted.at, node: exchange.to, aor: aor.to_owned(), contact, until });
    };
    match purpose {
        Purpose::Query => {}
        Purpose::Unregister if contacts.contains(&Contact::Star) => bind(None),
        _ => {
            for contact in contacts {
                if let Contact::Addr(addr) = contact {
                    bind(Some(addr.uri));
                }
            }
        }
    }
}

/// The exchange that this one makes good: the last before it with the same method and Call-ID at
/// the same server, refused with a demand that this one fulfils. That is 401 or 407 and credentials,
/// 423 and a time as long as its Min-Expires, 422 and a session as long as its Min-SE, as far as they can
/// be read (RFC 3261 sections 22.2, 10.2.8; RFC 4028 section 7.3).
pub(super) fn made_good(exchanges: &[ClientExchange<'_>], at: usize) -> Option<usize> {
    let exchange = &exchanges[at];
    let message = exchange.first().message;
    let before = (0..at).rev().find(|&other| {
        let other = &exchanges[other];
        other.method == exchange.method
            && other.to == exchange.to
            && other.first().call_id == exchange.first().call_id
    })?;
    let refusal = exchanges[before].final_response().filter(|refusal| refusal.at <= exchange.t0())?;
    let fulfilled = match status(refusal) {
        401 => message.header("Authorization").is_some(),
        407 => message.header("Proxy-Authorization").is_some() || message.header("Authorization").is_some(),
        422 => is_enough(message.number("Session-Expires"), refusal.message.number("Min-SE")),
        423 => {
            let longest = message.contacts().iter().filter_map(|contact| asked(message, contact)).max();
            is_enough(longest, refusal.message.number("Min-Expires"))
        }
        _ => false,
    };
    fulfilled.then_some(before)
}

/// Whether a time is as long as was demanded, where both are known.
fn is_enough(given: Option<u32>, least: Option<u32>) -> bool {
    given.zip(least).is_none_or(|(given, least)| given >= least)
}

//! Credentials: the nonce count starts at 1 and grows with each new request, the URI is the request's,
//! and a new challenge gets an answer to it rather than what was just refused (RFC 3261 sections 22.1,
//! 22.4; RFC 2617 section 3.2.2). A proxy and the far end may both have challenged one request: each of
//! its two headers answers one of them (sections 22.2 and 22.3).

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sipfarm_core::digest::{Authorization, Challenge};
use sipfarm_core::machine::Transport;
use sipfarm_core::sip::{Message, Method, Uri};

use crate::case::{Case, ClientExchange};
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct Digest;

impl Rule for Digest {
    fn id(&self) -> &'static str {
        "digest"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 22.1", "RFC 3261 22.4", "RFC 2617 3.2.2"]
    }

    fn about(&self) -> &'static str {
        "The nonce count grows and is not used twice, the digest URI is the Request-URI, and refused \
         credentials are not sent again."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        let issued = issued(case);
        let mut used: BTreeMap<Key, (u32, &ClientExchange<'_>)> = BTreeMap::new();
        for (at, exchange) in case.client.iter().enumerate() {
            // CANCEL and ACK carry the credentials of their INVITE unchanged (section 22.1).
            if exchange.method == Method::Cancel {
                continue;
            }
            for credentials in all_credentials(exchange) {
                let first = exchange.first();
                let what = exchange.what(&case.names);
                let draft = docket.draft(format!("{what} with fresh credentials for it")).message(first);
                let key = key(case, &issued, exchange, &credentials.value);
                // One request may say the same in both fields.
                let last = used.get(&key).copied().filter(|(_, before)| !std::ptr::eq(*before, exchange));
                if let Some(fault) = fault(case, &issued, at, &credentials, last) {
                    let draft =
                        last.into_iter().fold(draft, |draft, (_, before)| draft.message(before.first()));
                    docket.add(draft.seen(fault).fail());
                } else {
                    docket.kept(first.packets);
                }
                if let Some(nc) = credentials.value.nc {
                    used.insert(key, (nc, exchange));
                }
            }
        }
        docket.close()
    }
}

/// What a header field has, and of whom it speaks: a proxy, or the other end.
struct By<T> {
    proxy: bool,
    value: T,
}

/// A nonce and who counts its uses: each user for itself, as two lines may be given the same; with the
/// server, when several servers made the same nonce up.
type Key = (String, String, Option<SocketAddr>);

/// By nonce, the exchanges in which it was issued, in order.
type Issued = BTreeMap<String, Vec<usize>>;

fn issued(case: &Case<'_>) -> Issued {
    let mut issued = Issued::new();
    for (at, exchange) in case.client.iter().enumerate() {
        for challenge in challenges(exchange) {
            issued.entry(challenge.value.nonce).or_default().push(at);
        }
    }
    issued
}

fn key(case: &Case<'_>, issued: &Issued, exchange: &ClientExchange<'_>, used: &Authorization) -> Key {
    let mut issuers = issued.get(&used.nonce).into_iter().flatten().map(|at| case.client[*at].to);
    let first = issuers.next();
    let several = issuers.any(|other| Some(other) != first);
    (used.nonce.clone(), used.user.clone(), several.then_some(exchange.to))
}

fn all_credentials(exchange: &ClientExchange<'_>) -> Vec<By<Authorization>> {
    let names = ["Authorization", "Proxy-Authorization"];
    read(exchange.first().message, names, |value| Authorization::parse(value).ok())
}

fn challenges(exchange: &ClientExchange<'_>) -> Vec<By<Challenge>> {
    let Some(response) = exchange.final_response() else { return Vec::new() };
    let names = ["WWW-Authenticate", "Proxy-Authenticate"];
    read(response.message, names, |value| Challenge::parse(value).ok())
}

/// What two header fields have, the proxy's second.
fn read<T>(message: &Message, names: [&str; 2], parse: impl Fn(&str) -> Option<T>) -> Vec<By<T>> {
    let fields = [false, true].into_iter().zip(names);
    let values = fields.flat_map(|(proxy, name)| message.fields(name).map(move |field| (proxy, field)));
    values.filter_map(|(proxy, field)| Some(By { proxy, value: parse(&field.value)? })).collect()
}

fn fault(
    case: &Case<'_>,
    issued: &Issued,
    at: usize,
    sent: &By<Authorization>,
    last: Option<(u32, &ClientExchange<'_>)>,
) -> Option<String> {
    let exchange = &case.client[at];
    let credentials = &sent.value;
    let uri = exchange.first().message.request_uri().unwrap_or_default();
    if credentials.uri != uri && Uri::parse(&credentials.uri) != Uri::parse(uri) {
        return Some(format!("digest URI \"{}\" for {uri}", credentials.uri));
    }
    if let Some(fault) =
        answers_wrong_challenge(case, at, sent).or_else(|| in_wrong_field(case, issued, at, sent))
    {
        return Some(fault);
    }
    let nc = credentials.nc?;
    match last {
        // The same request at the next server is the same request (RFC 3263 section 4.3).
        Some((before, other)) if nc == before && is_copy(other, exchange) => None,
        // What answers a challenge has not changed places with what was sent before that came.
        Some((before, other))
            if nc < before && !answers_after(case, at, other) && case.may_be_unordered(other, exchange) =>
        {
            None
        }
        Some((before, other)) if nc <= before => {
            Some(format!("nc={nc:08x} after nc={before:08x} in packet {}", other.first().packet()))
        }
        // Only where every request with the nonce is seen does the count have to start at 1: over TCP
        // one may have been made for a connection that never opened.
        None if nc != 1
            && case.sees_all()
            && exchange.transport == Transport::Udp
            && issued.contains_key(&credentials.nonce) =>
        {
            Some(format!("nc={nc:08x} in the first request with its nonce"))
        }
        _ => None,
    }
}

/// Whether a request answers a challenge that came after another request.
fn answers_after(case: &Case<'_>, at: usize, other: &ClientExchange<'_>) -> bool {
    let challenge = case.makes_good(at).and_then(|refused| case.client[refused].final_response());
    challenge.is_some_and(|challenge| challenge.at > other.t0())
}

/// The answer to a challenge uses its nonce; and where the answer to one challenge is challenged once
/// more, the credentials are wrong, unless the nonce was only stale: they must not be tried again
/// (section 22.1).
fn answers_wrong_challenge(case: &Case<'_>, at: usize, sent: &By<Authorization>) -> Option<String> {
    let credentials = &sent.value;
    let refused_at = case.makes_good(at)?;
    let refused = &case.client[refused_at];
    let challenges = challenges(refused);
    let mut to_it = challenges.iter().filter(|challenge| challenge.proxy == sent.proxy);
    let challenge = &to_it.clone().find(|challenge| challenge.value.realm == credentials.realm)?.value;
    if !to_it.any(|challenge| challenge.value.nonce == credentials.nonce) {
        return Some(format!("not the nonce of the challenge in packet {}", final_packet(refused)));
    }
    let tried = case.makes_good(refused_at).is_some();
    let same = |old: &By<Authorization>| {
        old.proxy == sent.proxy && old.value.realm == credentials.realm && old.value.user == credentials.user
    };
    let again = tried && !challenge.stale && all_credentials(refused).iter().any(same);
    again.then(|| format!("the credentials that packet {} refused", final_packet(refused)))
}

/// Proxy-Authorization answers a proxy's challenge and Authorization one of the other end (sections 22.2 and 22.3); a
/// phone that sends both has answered it.
fn in_wrong_field(case: &Case<'_>, issued: &Issued, at: usize, sent: &By<Authorization>) -> Option<String> {
    let exchange = &case.client[at];
    let nonce = &sent.value.nonce;
    let asks = |refused: &ClientExchange<'_>| -> Vec<bool> {
        let asked = challenges(refused).into_iter().filter(|challenge| challenge.value.nonce == *nonce);
        asked.map(|challenge| challenge.proxy).collect()
    };
    let same = |other: &&ClientExchange<'_>| {
        other.to == exchange.to && other.first().call_id == exchange.first().call_id
    };
    let before = issued.get(nonce)?.iter().rev().filter(|issuer| **issuer < at);
    let refused = before.map(|issuer| &case.client[*issuer]).find(same)?;
    let answered = |credentials: &By<Authorization>| {
        credentials.value.nonce == *nonce && asks(refused).contains(&credentials.proxy)
    };
    if all_credentials(exchange).iter().any(answered) {
        return None;
    }
    let field = |proxy: bool| if proxy { "Proxy-Authorization" } else { "Authorization" };
    let packet = final_packet(refused);
    Some(format!("{} to the challenge in packet {packet}, not {}", field(sent.proxy), field(!sent.proxy)))
}

fn is_copy(before: &ClientExchange<'_>, after: &ClientExchange<'_>) -> bool {
    before.to != after.to && before.first().call_id == after.first().call_id && before.cseq() == after.cseq()
}

fn final_packet(exchange: &ClientExchange<'_>) -> u32 {
    exchange.final_response().map_or(0, |response| response.packet())
}

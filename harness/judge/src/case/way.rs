//! The way of a dialog: the remote target and the route set as packets have told the phone (RFC 3261
//! sections 12.1.1, 12.1.2, 12.2.1.2, 12.2.2 and 13.2.2.4; RFC 6141 section 4.7).

use sipfarm_core::Instant;
use sipfarm_core::sip::{Message, Method, Uri};

use super::dialog::Dialog;
use super::exchange::{ClientExchange, ServerExchange, status};
use super::seen::Seen;

/// What the phone was told of one dialog, in order of time.
#[derive(Debug, Clone, Default)]
pub struct Way {
    targets: Vec<Told<String>>,
    routes: Vec<Told<Vec<String>>>,
}

/// A remote target or a route set, told by one packet.
#[derive(Debug, Clone)]
struct Told<T> {
    at: Instant,
    /// Whether the phone must have taken it: nothing told before counts any more then.
    certain: bool,
    /// Whether it came with the call's first INVITE or its 2xx.
    makes_dialog: bool,
    /// `None` where it cannot be read: then the phone may have made anything of it.
    what: Option<T>,
}

/// One Request-URI with its Route values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The Request-URI.
    pub uri: String,
    /// The URIs of Route, the next hop first.
    pub routes: Vec<String>,
}

impl Way {
    /// What the exchanges of a call have told of one of its dialogs.
    pub(super) fn read(dialog: &Dialog, client: &[ClientExchange<'_>], server: &[ServerExchange<'_>]) -> Way {
        let mut way = Way::default();
        client.iter().for_each(|exchange| way.note_answers(dialog, exchange));
        server.iter().for_each(|exchange| way.note_request(dialog, exchange));
        way.targets.sort_by_key(|told| told.at);
        way.routes.sort_by_key(|told| told.at);
        way
    }

    /// What responses to the phone tell: those to its first INVITE make the dialog, and 2xx to INVITE or
    /// UPDATE within it refresh the target. So do reliable provisional ones, for a phone that goes by
    /// RFC 6141; RFC 3261 has no word of it, so that both ways are open then.
    fn note_answers(&mut self, dialog: &Dialog, exchange: &ClientExchange<'_>) {
        let first = exchange.first();
        let initial = exchange.method == Method::Invite && first.to_tag.is_none();
        for response in exchange.responses.iter().filter(|response| {
            response.call_id == dialog.call_id
                && response.from_tag.as_deref() == Some(&dialog.local_tag)
                && response.to_tag.as_deref() == Some(&dialog.remote_tag)
        }) {
            let (accepted, certain) = (
                (200..300).contains(&status(response)),
                exchange.is_sound(response) && status(response) >= 200,
            );
            if initial && (101..300).contains(&status(response)) {
                self.routes.push(told(response, certain, true, record_route(response.message, true)));
                self.targets.push(told(response, certain, true, target(response.message)));
            } else if !initial && (accepted || is_reliable(response)) && refreshes(&exchange.method) {
                self.refresh(response, certain);
            }
        }
    }

    /// What requests to the phone tell: an INVITE that it answers makes the dialog, others refresh it.
    fn note_request(&mut self, dialog: &Dialog, exchange: &ServerExchange<'_>) {
        let request = exchange.first();
        let of_it =
            request.call_id == dialog.call_id && request.from_tag.as_deref() == Some(&dialog.remote_tag);
        if !of_it || !refreshes(&exchange.method) {
            return;
        }
        if request.to_tag.is_some() {
            let accepted = exchange.responses.iter().find(|response| (200..300).contains(&status(response)));
            self.refresh(request, false);
            if let Some(accepted) = accepted {
                let what = target(request.message);
                self.targets.extend(what.map(|what| told(accepted, true, false, Some(what))));
            }
        } else if exchange.responses.iter().any(|r| r.to_tag.as_deref() == Some(&dialog.local_tag)) {
            self.routes.push(told(request, true, true, record_route(request.message, false)));
            self.targets.push(told(request, true, true, target(request.message)));
        }
    }

    /// A target refresh without Contact leaves the target alone (section 12.2.1.2).
    fn refresh(&mut self, seen: &Seen<'_>, certain: bool) {
        if seen.message.header("Contact").is_some() {
            self.targets.push(told(seen, certain, false, target(seen.message)));
        }
    }

    /// Every way that a request of the phone may take that must go by what was told until `taken`, and
    /// may go by what was told until `known`. None where that cannot be said.
    pub fn open(&self, taken: Instant, known: Instant) -> Option<Vec<Address>> {
        let mut ways = Vec::new();
        for target in possible(&self.targets, taken, known)? {
            for routes in possible(&self.routes, taken, known)? {
                ways.push(Address::of(target, routes));
            }
        }
        Some(ways).filter(|ways| !ways.is_empty())
    }
}

impl Address {
    /// Of a request as it stands.
    pub fn of_request(request: &Message) -> Option<Address> {
        let routes = request.name_addrs("Route").into_iter().map(|route| route.uri).collect();
        Some(Address { uri: request.request_uri()?.to_owned(), routes })
    }

    /// The Request-URI is the remote target, Route the route set; where its first is a strict router,
    /// that takes the Request-URI's place and the target goes to the end (section 12.2.1.1).
    fn of(target: &str, routes: &[String]) -> Address {
        let is_strict = |route: &String| Uri::parse(route).is_some_and(|uri| uri.param("lr").is_none());
        match routes.split_first() {
            Some((first, rest)) if is_strict(first) => Address {
                uri: in_request(first),
                routes: rest.iter().cloned().chain([target.to_owned()]).collect(),
            },
            _ => Address { uri: in_request(target), routes: routes.to_vec() },
        }
    }

    /// Whether both lead the same way (URIs compared as section 19.1.4 says).
    pub fn is_same(&self, other: &Address) -> bool {
        self.has_uri_of(other)
            && self.routes.len() == other.routes.len()
            && self.routes.iter().zip(&other.routes).all(|(own, their)| same_uri(own, their))
    }

    /// Whether the Request-URIs are the same.
    pub fn has_uri_of(&self, other: &Address) -> bool {
        same_uri(&self.uri, &other.uri)
    }

    /// For people: `sip:1002@192.0.2.1, Route <sip:192.0.2.9;lr>`.
    pub fn show(&self) -> String {
        let routes: Vec<String> = self.routes.iter().map(|route| format!("<{route}>")).collect();
        let routes =
            if routes.is_empty() { "no Route".to_owned() } else { format!("Route {}", routes.join(", ")) };
        format!("{}, {routes}", self.uri)
    }
}

fn told<T>(seen: &Seen<'_>, certain: bool, makes_dialog: bool, what: Option<T>) -> Told<T> {
    Told { at: seen.at, certain, makes_dialog, what: what.filter(|_| seen.message.defects.is_empty()) }
}

/// What may hold: the last that is certain and was told until `taken`, and all that came after it until
/// `known`. Of several that made the dialog (a call that two servers have passed on), any.
fn possible<T>(told: &[Told<T>], taken: Instant, known: Instant) -> Option<Vec<&T>> {
    let settled = told.iter().rposition(|told| told.certain && told.at <= taken);
    let from = settled.unwrap_or(0);
    let made = settled.is_some_and(|settled| told[settled].makes_dialog);
    let holds = |(place, told): &(usize, &Told<T>)| {
        told.at <= known && (*place >= from || (made && told.makes_dialog && told.certain))
    };
    told.iter().enumerate().filter(holds).map(|(_, told)| told.what.as_ref()).collect()
}

/// The requests that refresh a dialog's target: INVITE, and UPDATE (RFC 3311 section 5.1).
fn refreshes(method: &Method) -> bool {
    matches!(method, Method::Invite | Method::Update)
}

/// Whether it is a provisional response that is repeated until its PRACK (RFC 3262 section 3).
fn is_reliable(response: &Seen<'_>) -> bool {
    (101..200).contains(&status(response)) && response.message.header("RSeq").is_some()
}

fn target(message: &Message) -> Option<String> {
    message.contact().map(|contact| contact.uri)
}

/// The route set that Record-Route makes: in order for who was asked, reversed for who asked.
fn record_route(message: &Message, reversed: bool) -> Option<Vec<String>> {
    let routes = message.name_addrs("Record-Route");
    if routes.len() != message.values("Record-Route").len() {
        return None;
    }
    let mut routes: Vec<String> = routes.into_iter().map(|route| route.uri).collect();
    if reversed {
        routes.reverse();
    }
    Some(routes)
}

/// A URI as a Request-URI has it: without `method` and headers (section 19.1.1).
fn in_request(uri: &str) -> String {
    match Uri::parse(uri) {
        Some(mut sip) if sip.headers.is_some() || sip.params.has("method") => {
            sip.headers = None;
            sip.params.remove("method");
            sip.to_string()
        }
        _ => uri.to_owned(),
    }
}

fn same_uri(own: &str, their: &str) -> bool {
    match (Uri::parse(own), Uri::parse(their)) {
        (Some(own), Some(their)) => own.is_equivalent(&their),
        _ => own == their,
    }
}

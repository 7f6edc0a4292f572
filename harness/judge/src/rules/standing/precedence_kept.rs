//! The precedence of a call that the phone has made stands in every request that makes or changes it: in each
//! repetition of the INVITE, behind a challenge, at the next server, and within the dialog (PA-04; RFC 4412 section
//! 4.2). Where the profile lets the server change the level, later requests have the new one (PA-05).

use sipfarm_core::sip::{Method, ResourceValue};

use crate::case::{Case, ClientExchange, LineCall, Seen, SeenRef, rank, status};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct PrecedenceKept;

impl Rule for PrecedenceKept {
    fn id(&self) -> &'static str {
        "precedence-kept"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["PA-04", "PA-05", "RFC 4412 4.2"]
    }

    fn about(&self) -> &'static str {
        "The Resource-Priority of a call that the phone has made stands in every request that makes or changes it."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        if !case.profile.mlpp.enabled {
            return docket.close();
        }
        for call in case.line_calls().iter().filter(|call| !call.incoming) {
            if call.invite.message.resource_priority().is_empty() {
                continue;
            }
            let told = told(case, call);
            for request in requests(case, call) {
                let own = asked_for(case, call, request);
                let found = request.message.resource_priority();
                let allowed = allowed(case, &own, &told, request);
                if allowed.iter().any(|values| same(values, &found)) {
                    docket.kept(request.packets);
                    continue;
                }
                let wanted: Vec<String> = allowed.iter().map(|values| show(values)).collect();
                let draft = docket
                    .draft(format!("Resource-Priority {} in {}", wanted.join(" or "), request.what()))
                    .throughout(Window { from: call.created(), to: request.at })
                    .message(call.invite)
                    .message(request)
                    .seen(format!("{} in {} (packet {})", show(&found), request.what(), request.packet()));
                // No RFC demands it within a dialog (RFC 4412 section 3.1); PA-04 does, of its vendor's phones.
                let why_not = "what changes the level may have been lost";
                docket.add(match found.is_empty() && request.to_tag.is_some() {
                    true => draft.warn_unless_lossy(why_not),
                    false => draft.fail_unless_lossy(why_not),
                });
            }
        }
        docket.close()
    }
}

/// The requests of the phone that make or change a call: those of RFC 4412 section 4.2 that a phone sends for one.
/// The ACK of a refusal belongs to its transaction and says nothing.
fn requests<'c, 'a>(case: &'c Case<'a>, call: &LineCall<'_, 'a>) -> Vec<&'c SeenRef<'a>> {
    let is_ack = |seen: &Seen<'_>| {
        seen.is_request(&Method::Ack)
            && !case.client.iter().any(|e| e.branch == seen.branch && e.method == Method::Invite)
    };
    let counts = |seen: &&SeenRef<'a>| {
        case.names.is_phone(seen.src)
            && call.has(seen.call_id)
            && ([Method::Invite, Method::Prack, Method::Update].iter().any(|method| seen.is_request(method))
                || is_ack(seen))
    };
    case.messages.iter().filter(counts).collect()
}

/// What the call asks for: what its first INVITE does, or where that was refused for its precedence, the next one
/// (RFC 4412 sections 4.6.4 and 4.7.1).
fn asked_for(case: &Case<'_>, call: &LineCall<'_, '_>, request: &Seen<'_>) -> Vec<ResourceValue> {
    let is_try = |e: &&ClientExchange<'_>| {
        e.method == Method::Invite && !e.in_dialog() && call.has(e.first().call_id) && e.t0() <= request.at
    };
    let mut own = call.invite;
    let mut refused = false;
    for exchange in case.client.iter().filter(is_try) {
        if refused {
            own = exchange.first();
        }
        refused = exchange.code().is_some_and(|code| matches!(code, 403 | 417 | 420));
    }
    own.message.resource_priority()
}

/// The levels that the server has told for the call, with their time.
fn told<'c, 'a>(case: &'c Case<'a>, call: &LineCall<'_, 'a>) -> Vec<&'c SeenRef<'a>> {
    let mlpp = &case.profile.mlpp;
    if !mlpp.server_may_change_level {
        return Vec::new();
    }
    // What the phone has refused changes nothing (RFC 3261 section 14.2).
    let refusals = case.server.iter().filter(|e| e.final_response().is_some_and(|r| status(r) >= 300));
    let refused: Vec<&str> = refusals.map(|e| e.branch.as_str()).collect();
    let is_it = |seen: &&SeenRef<'a>| {
        let changes =
            [Method::Invite, Method::Update].iter().any(|method| seen.method.as_ref() == Some(method));
        !case.names.is_phone(seen.src)
            && call.has(seen.call_id)
            && changes
            && status(seen) < 300
            && rank(mlpp, seen.message).is_some()
            && !refused.contains(&seen.branch.as_str())
    };
    case.messages.iter().filter(is_it).collect()
}

/// What may stand in a request: its own values until the server has told others; those from then on within the
/// dialog; either while the phone may not have heard of it.
fn allowed(
    case: &Case<'_>,
    own: &[ResourceValue],
    told: &[&SeenRef<'_>],
    request: &Seen<'_>,
) -> Vec<Vec<ResourceValue>> {
    let heard = told.iter().rfind(|seen| seen.at <= request.at);
    let Some(heard) = heard else { return vec![own.to_vec()] };
    let new = heard.message.resource_priority();
    let in_dialog = request.to_tag.is_some() && !request.is_request(&Method::Ack);
    let surely = heard.at + case.doubt() < request.at;
    let mut allowed = vec![new];
    if !(in_dialog && surely) {
        allowed.push(own.to_vec());
        allowed.extend(
            told.iter().filter(|seen| seen.at <= request.at).map(|seen| seen.message.resource_priority()),
        );
    }
    allowed
}

fn same(one: &[ResourceValue], other: &[ResourceValue]) -> bool {
    one.len() == other.len() && one.iter().all(|value| other.contains(value))
}

fn show(values: &[ResourceValue]) -> String {
    match values {
        [] => "none".to_owned(),
        values => values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}

//! The next server is tried only for a reason that the profile names: by RFC 3263 section 4.3 a 503, a
//! failure of the transport, or no response at all. A refusal is an answer, and so is a provisional
//! response with nothing after it (YL-02c, YL-03b). That holds for INVITE, whose timer B it stops; timer F
//! of every other request runs on (RFC 3261 sections 17.1.1.2 and 17.1.2.2).

use sipfarm_core::Span;
use sipfarm_core::profile::Trigger;
use sipfarm_core::sip::Method;

use super::server_order::is_for_call;
use crate::case::{Case, ClientExchange, asks_for_more, status};
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct FailoverCause;

impl Rule for FailoverCause {
    fn id(&self) -> &'static str {
        "failover-cause"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3263 4.3", "YL-02c", "YL-03b"]
    }

    fn about(&self) -> &'static str {
        "The phone tries the next server only after what its profile calls a failure of the one before."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        for attempt in case.attempts.iter() {
            for (place, &at) in attempt.exchanges.iter().enumerate() {
                let before = &case.client[at];
                let next = attempt.exchanges.get(place + 1).map(|&next| &case.client[next]);
                let stayed = next.is_none_or(|next| next.to == before.to);
                match (cause(case, before, next), next) {
                    (Cause::Fails, _) => docket.kept(before.first().packets),
                    (Cause::Unknown, _) => {}
                    (Cause::Holds(_) | Cause::Doubtful(_), _) if stayed => {
                        docket.kept(before.first().packets)
                    }
                    (_, None) => {}
                    // The call goes on, not the registration.
                    (_, Some(next)) if attempt.method == Method::Register && is_for_call(case, next.t0()) => {
                    }
                    (Cause::Holds(why) | Cause::Doubtful(why), Some(next)) if !case.sees_all() => {
                        let draft = docket.draft(format!("no other server after {why}"));
                        let draft =
                            draft.message(before.first()).message(next.first()).seen(next.what(&case.names));
                        docket.add(draft.inconclusive("the response may not have reached the phone"));
                    }
                    (Cause::Holds(why), Some(next)) => {
                        let draft = docket.draft(format!("no other server after {why}"));
                        let draft = draft.message(before.first()).message(next.first());
                        docket.add(draft.seen(next.what(&case.names)).fail());
                    }
                    // F-05: RFC 3261 section 21.5.4 sets 500 and a bare 503 equal.
                    (Cause::Doubtful(why), Some(next)) => {
                        let draft = docket.draft(format!("better no other server after {why}"));
                        let draft = draft.message(before.first()).message(next.first());
                        docket.add(draft.seen(next.what(&case.names)).warn());
                    }
                }
            }
        }
        docket.close()
    }
}

/// Whether what a server did is a reason to leave it.
enum Cause {
    /// It is.
    Fails,
    /// It is not, and the call or registration is at its end or stays there.
    Holds(String),
    /// The texts contradict each other.
    Doubtful(String),
    /// Nothing that this rule speaks about: success, a challenge, a redirection, an open end.
    Unknown,
}

fn cause(case: &Case<'_>, before: &ClientExchange<'_>, next: Option<&ClientExchange<'_>>) -> Cause {
    // A response may have crossed the request to the next server, if silence explains that, too.
    let crossing = match next {
        Some(next) if case.left_for_silence(before, next) => case.limits.reaction(),
        _ => Span::ZERO,
    };
    let until = next.map_or(case.horizon, |next| next.t0()) - crossing;
    let triggers = &case.profile.failover.triggers;
    let known = |response: &&crate::case::SeenRef<'_>| response.at <= until && before.is_sound(response);
    let last = before.finals().find(known);
    if before.failures.iter().any(|failure| next.is_none_or(|next| failure.at <= next.t0())) {
        return Cause::Fails;
    }
    if let Some(response) = last {
        let what = format!("{} (packet {})", response.what(), response.packet());
        return match (status(response), trigger(status(response))) {
            (200..=399, _) => Cause::Unknown,
            (code, _) if asks_for_more(code) => Cause::Unknown,
            (_, Some(trigger)) if triggers.contains(&trigger) => Cause::Fails,
            (500, _) => Cause::Doubtful(what),
            _ => Cause::Holds(what),
        };
    }
    match before.responses.iter().find(known) {
        Some(_) if ran_out(case, before, next) => Cause::Fails,
        Some(provisional) if next.is_some() => {
            Cause::Holds(format!("{} (packet {})", provisional.what(), provisional.packet()))
        }
        Some(provisional) if provisional.at + case.timeout_of(before) < case.horizon => {
            Cause::Holds(provisional.what())
        }
        Some(_) => Cause::Unknown,
        None if next.is_some() => Cause::Fails,
        None => Cause::Unknown,
    }
}

/// Whether timer F of a request other than INVITE had run out when the phone went on.
fn ran_out(case: &Case<'_>, before: &ClientExchange<'_>, next: Option<&ClientExchange<'_>>) -> bool {
    let gone = next.map_or(case.horizon, |next| next.t0());
    let due = case.limits.give_up(before.t0(), case.least_timeout_of(before)).from;
    before.method != Method::Invite && gone >= due
}

/// What a profile calls a response that makes the phone go on to the next server.
pub fn trigger(code: u16) -> Option<Trigger> {
    match code {
        503 => Some(Trigger::ServiceUnavailable),
        408 => Some(Trigger::RequestTimeout),
        500 => Some(Trigger::ServerError),
        504 => Some(Trigger::ServerTimeout),
        _ => None,
    }
}

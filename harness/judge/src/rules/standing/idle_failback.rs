//! A phone whose profile lets it go back only when idle does not ask a better server while a call is
//! up (YL-16, CC-07; account.X.sip_server.Y.failback_mode 1 to 3). When the server that it stands with fails
//! meanwhile, that is a failover and no way back.

use std::ops::Range;

use sipfarm_core::profile::FailbackMode;
use sipfarm_core::{Instant, Key, Span};

use crate::case::{CallSpan, Case, ClientExchange, Purpose, Standing, status};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct IdleFailback;

impl Rule for IdleFailback {
    fn id(&self) -> &'static str {
        "idle-failback"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["YL-16", "CC-07"]
    }

    fn about(&self) -> &'static str {
        "While a call is up, the phone does not go back to a better server, if its profile defers that."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        let mode = case.profile.failback.mode;
        let timed = matches!(
            mode,
            FailbackMode::DnsTtl
                | FailbackMode::Registration
                | FailbackMode::Duration
                | FailbackMode::OnPrimaryUp
                | FailbackMode::Token
        );
        if !timed || case.profile.failback.only_when_idle != Some(true) {
            return docket.close();
        }
        for call in case.calls() {
            let Some(up) = call.up else { continue };
            for set in case.sets().into_iter().filter(|set| set.len() > 1) {
                judge_call(case, &mut docket, call, up, &set);
            }
        }
        docket.close()
    }
}

/// Each line of the phone during one call.
fn judge_call<'c, 'a>(
    case: &'c Case<'a>,
    docket: &mut Docket<'c, 'a>,
    call: CallSpan,
    up: Instant,
    set: &Range<usize>,
) {
    let over = call.over.min(case.horizon);
    for aor in case.standings_by_line(set).into_keys() {
        let away = case.line_stands_at(aor, set, up).filter(|stood| stood.place != set.start);
        let Some(stood) = away else { continue };
        let window = case.within_call(call, up);
        let Some(early) = returns(case, &stood, call, window) else {
            if was_due(case, &stood, call, over) {
                docket.kept(case.client[stood.exchange].first().packets);
            }
            continue;
        };
        let draft = docket.draft("no way back to a better server while a call is up").forbidden(window);
        let draft = draft.message(case.client[stood.exchange].first()).message(early.first());
        let seen = format!("{} {:.2} into the call", early.what(&case.names), early.t0() - up);
        docket.add(draft.seen(seen).fail_unless_lossy("a failure of the server may have been lost"));
    }
}

/// The REGISTER with which the phone goes to a better server than the one that it stands with, for no
/// reason that this one gave. What was begun before the call may come to its end.
fn returns<'c, 'a>(
    case: &'c Case<'a>,
    stood: &Standing<'_>,
    call: CallSpan,
    window: Window,
) -> Option<&'c ClientExchange<'a>> {
    let set = case.set_of(stood.place);
    let attempts = case.registrations.iter().filter(|r| r.purpose.is_attempt() && r.aor == stood.aor);
    let attempts = attempts.map(|registration| registration.exchange);
    // Who asks for leave to return is on the way back, too.
    let tokens = (0..case.client.len()).filter(|at| asks_leave(case, &case.client[*at]));
    let begun_before = |at: usize| {
        let first = case.makes_good(at).map(|first| case.client[first].t0());
        first.is_some_and(|first| first <= call.begun)
    };
    let new = attempts.chain(tokens).filter(|at| !begun_before(*at));
    new.map(|at| &case.client[at]).find(|exchange| {
        let better = case.place_of(exchange).is_some_and(|place| set.contains(&place) && place < stood.place);
        better
            && exchange.t0() > window.from
            && exchange.t0() <= window.to
            && !case.may_have_failed(stood.place, stood.grant.first, exchange.t0())
            && !case.notes.commanded(Key::is_for_registration, window.from, exchange.t0())
    })
}

/// Whether the phone would have gone back during the call, had it been idle.
fn was_due(case: &Case<'_>, stood: &Standing<'_>, call: CallSpan, over: Instant) -> bool {
    let failback = &case.profile.failback;
    let due = match failback.mode {
        FailbackMode::Token => return call.up.is_some_and(|up| answered_better(case, stood, up, over)),
        FailbackMode::Duration => stood.grant.first + Span::from_secs(failback.timeout_s.max(60).into()),
        _ => stood.grant.last + stood.grant.expires.scale(case.profile.registration.refresh_hi),
    };
    call.up.is_some_and(|up| due > up) && due < over
}

/// Whether a request is the profile's request for leave to return.
fn asks_leave(case: &Case<'_>, exchange: &ClientExchange<'_>) -> bool {
    let refer_to = exchange.first().message.header("Refer-To").unwrap_or_default().to_ascii_lowercase();
    case.profile.failback.token.as_ref().is_some_and(|token| {
        case.profile.failback.mode == FailbackMode::Token
            && exchange.method.as_str() == token.method
            && refer_to.contains(&token.refer_to.to_ascii_lowercase())
    })
}

/// Whether a better server answered a keep-alive within a stretch of time.
fn answered_better(case: &Case<'_>, stood: &Standing<'_>, from: Instant, to: Instant) -> bool {
    case.registrations.iter().any(|registration| {
        let exchange = &case.client[registration.exchange];
        let accepted = exchange.final_response().filter(|answer| (200..300).contains(&status(answer)));
        registration.purpose == Purpose::Keepalive
            && case.place_of(exchange).is_some_and(|place| place < stood.place)
            && accepted.is_some_and(|answer| answer.at > from && answer.at < to)
    })
}

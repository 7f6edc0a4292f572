//! A phone whose profile defers failover does not register elsewhere while a call is up, even if its server
//! has failed; when the call is over it does so at once (CC-07, AM-16).

use std::ops::Range;

use sipfarm_core::profile::DuringCall;
use sipfarm_core::{Instant, Key, Span};

use crate::case::{CallSpan, Case, ClientExchange, Standing};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// How long after the call the phone may take to turn to the next server (CC-07).
const AFTER_CALL: Span = Span::from_secs(5);

/// See the module.
pub struct IdleFailover;

impl Rule for IdleFailover {
    fn id(&self) -> &'static str {
        "idle-failover"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["CC-07", "AM-16"]
    }

    fn about(&self) -> &'static str {
        "While a call is up, the phone registers with no other server, if its profile defers that; then at once."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        let policy = case.profile.call_in_progress.failover;
        if !matches!(policy, Some(DuringCall::Deferred | DuringCall::Forbidden)) {
            return docket.close();
        }
        for call in case.calls() {
            let Some(up) = call.up else { continue };
            for set in case.sets().into_iter().filter(|set| set.len() > 1) {
                for aor in case.standings_by_line(&set).into_keys() {
                    let Some(stood) = case.line_stands_at(aor, &set, up) else { continue };
                    judge_call(case, &mut docket, call, up, &stood, &set);
                    // A phone that preserves calls has its own time after them (AM-31).
                    if policy == Some(DuringCall::Deferred) && !case.profile.mcp.supported {
                        judge_end(case, &mut docket, call, &stood, &set);
                    }
                }
            }
        }
        docket.close()
    }
}

/// During the call: no binding is asked for elsewhere. What a phone that has several at once does about one at a
/// server of another group is no failover.
fn judge_call<'c, 'a>(
    case: &'c Case<'a>,
    docket: &mut Docket<'c, 'a>,
    call: CallSpan,
    up: Instant,
    stood: &Standing<'_>,
    set: &Range<usize>,
) {
    let window = case.within_call(call, up);
    let began = |at: usize| {
        let first = case.attempt_of(at).and_then(|attempt| attempt.exchanges.first());
        first.map_or(Instant::EPOCH, |first| case.client[*first].t0())
    };
    let mut elsewhere = attempts(case, stood.aor).filter(|(at, exchange)| {
        case.place_of(exchange).is_some_and(|place| place != stood.place && set.contains(&place))
            && exchange.t0() > window.from
            && exchange.t0() <= window.to
            && began(*at) > call.begun
    });
    let Some((_, early)) = elsewhere.next() else {
        let failed = case.known_failure(stood.place, call.begun, window.to);
        if failed.is_some_and(|failed| failed > window.from) {
            docket.kept(case.client[stood.exchange].first().packets);
        }
        return;
    };
    if case.notes.commanded(Key::is_for_registration, call.begun, early.t0()) {
        return;
    }
    let draft = docket.draft("no REGISTER elsewhere while a call is up").forbidden(window);
    let draft = draft.message(case.client[stood.exchange].first()).message(early.first());
    let seen = format!("{} {:.2} into the call", early.what(&case.names), early.t0() - up);
    docket.add(draft.seen(seen).fail_unless_lossy("the end of the call may have been lost"));
}

/// After the call: a phone that knew of the failure goes to another server at once.
fn judge_end<'c, 'a>(
    case: &'c Case<'a>,
    docket: &mut Docket<'c, 'a>,
    call: CallSpan,
    stood: &Standing<'_>,
    set: &Range<usize>,
) {
    let over = call.over;
    let window = Window { from: over, to: over + AFTER_CALL + case.limits.reaction() };
    if over >= case.horizon || !has_failed(case, stood, call, window.to) {
        return;
    }
    let there = |place: usize| set.contains(&place) && place != stood.place;
    let mut moves = attempts(case, stood.aor).map(|(_, exchange)| exchange);
    let moved = moves.find(|exchange| {
        exchange.t0() > over - case.limits.reaction()
            && exchange.t0() <= window.to
            && case.place_of(exchange).is_some_and(there)
    });
    if let Some(moved) = moved {
        return docket.kept(moved.first().packets);
    }
    let again = case
        .calls()
        .iter()
        .any(|other| other.begun > call.begun && other.begun <= window.to && other.over > over);
    let connects = case.connects.iter().any(|connect| connect.at >= over && connect.at <= window.to);
    if case.horizon <= window.to
        || again
        || connects
        || case.notes.commanded(Key::is_for_registration, call.begun, window.to)
    {
        return;
    }
    let old = case.names.show_node(&case.names.order()[stood.place]);
    let draft = docket.draft(format!("REGISTER to another server than {old}, which failed during the call"));
    let draft = draft.window(window).message(case.client[stood.exchange].first()).absent("none");
    docket.add(match case.hides_connects() {
        true => draft.inconclusive("without frames a refused connection cannot be excluded"),
        false => draft.fail_unless_lossy("a REGISTER may have been lost"),
    });
}

/// Whether the phone's last REGISTER at its server during the call had failed when that was over, and none was
/// granted there until `to`.
fn has_failed(case: &Case<'_>, stood: &Standing<'_>, call: CallSpan, to: Instant) -> bool {
    let there = attempts(case, stood.aor).map(|(_, exchange)| exchange).filter(|exchange| {
        case.place_of(exchange) == Some(stood.place)
            && exchange.t0() >= call.begun
            && exchange.t0() < call.over
    });
    let failed = there.max_by_key(|exchange| exchange.t0()).and_then(|last| case.failed_by(last));
    let Some(failed) = failed.filter(|failed| *failed <= call.over) else { return false };
    let renewed = case.registrations.iter().any(|registration| {
        let there = case.place_of(&case.client[registration.exchange]) == Some(stood.place);
        let since = |at: Instant| at >= failed && at <= to;
        there && registration.aor == stood.aor && registration.granted.is_some_and(|grant| since(grant.last))
    });
    !renewed
}

fn attempts<'c, 'a>(case: &'c Case<'a>, aor: &str) -> impl Iterator<Item = (usize, &'c ClientExchange<'a>)> {
    let of_line = case.registrations.iter().filter(move |r| r.aor == aor && r.purpose.is_attempt());
    of_line.map(|registration| (registration.exchange, &case.client[registration.exchange]))
}

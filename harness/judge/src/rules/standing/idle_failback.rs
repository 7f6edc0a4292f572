//! A phone whose profile lets it go back only when idle does not ask a better server while a call is
//! up (YL-16; account.X.sip_server.Y.failback_mode 1 to 3). When the server that it stands with fails
//! meanwhile, that is a failover and no way back.

use std::ops::Range;

use sipfarm_core::profile::FailbackMode;
use sipfarm_core::{Instant, Key, Span};

use crate::case::{CallSpan, Case, ClientExchange, Standing};
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
        &["YL-16"]
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
        // What crossed the BYE may have been sent when the call was over.
        let crossing = if over == call.over { case.limits.latency() * 2 } else { Span::ZERO };
        let window = Window { from: up + case.limits.reaction(), to: over - crossing };
        let Some(early) = returns(case, &stood, window) else {
            if was_due(case, &stood, call, over) {
                docket.kept(case.client[stood.exchange].first().packets);
            }
            continue;
        };
        let draft = docket.draft("no way back to a better server while a call is up").window(window);
        let draft = draft.message(case.client[stood.exchange].first()).message(early.first());
        let seen = format!("{} {:.2} into the call", early.what(&case.names), early.t0() - up);
        docket.add(draft.seen(seen).fail_unless_lossy("a failure of the server may have been lost"));
    }
}

/// The REGISTER with which the phone goes to a better server than the one that it stands with, for no
/// reason that this one gave.
fn returns<'c, 'a>(
    case: &'c Case<'a>,
    stood: &Standing<'_>,
    window: Window,
) -> Option<&'c ClientExchange<'a>> {
    let set = case.set_of(stood.place);
    let attempts = case.registrations.iter().filter(|r| r.purpose.is_attempt() && r.aor == stood.aor);
    let mut attempts = attempts.map(|registration| &case.client[registration.exchange]);
    attempts.find(|exchange| {
        let better = case.place_of(exchange).is_some_and(|place| set.contains(&place) && place < stood.place);
        better
            && exchange.t0() > window.from
            && exchange.t0() <= window.to
            && !case.failed_at(stood.place, stood.grant.first, exchange.t0())
            && !case.notes.commanded(Key::is_for_registration, window.from, exchange.t0())
    })
}

/// Whether the phone would have gone back during the call, had it been idle.
fn was_due(case: &Case<'_>, stood: &Standing<'_>, call: CallSpan, over: Instant) -> bool {
    let failback = &case.profile.failback;
    let due = match failback.mode {
        FailbackMode::Duration => stood.grant.first + Span::from_secs(failback.timeout_s.max(60).into()),
        _ => stood.grant.last + stood.grant.expires.scale(case.profile.registration.refresh_hi),
    };
    call.up.is_some_and(|up| due > up) && due < over
}

//! A phone that a server tells to reset does so at once when it is idle, and after the call where its
//! profile defers that (CC-08, CC-09). What shows it is that the phone loses its registration: it closes its
//! connection, takes its binding back, or registers with another Call-ID or port. Over UDP a phone may do
//! so in silence, and how long it takes to start again no text says: only a REGISTER that goes on with the old
//! numbers shows that it did not.

use sipfarm_core::machine::Transport;
use sipfarm_core::profile::DuringCall;
use sipfarm_core::{Instant, Key, Span};

use crate::case::{Case, Reset, SeenRef};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// How long an idle phone may take until its registration is lost (CC-09).
const AT_ONCE: Span = Span::from_secs(10);
/// How long a phone may take after the call (CC-08), or until it has started again.
const AFTER_CALL: Span = Span::from_secs(60);

/// See the module.
pub struct ResetInTime;

impl Rule for ResetInTime {
    fn id(&self) -> &'static str {
        "reset"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["CC-08", "CC-09"]
    }

    fn about(&self) -> &'static str {
        "Told to reset, the phone does so at once, or after the call if its profile defers it."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        let policy = case.profile.call_in_progress.reset;
        if !case.profile.control.check_sync {
            return docket.close();
        }
        for reset in case.resets() {
            match (policy, over(case, reset.asked)) {
                (None, _) | (Some(DuringCall::Forbidden), Some(_)) => {}
                (Some(DuringCall::Deferred), Some(over)) => judge_deferred(case, &mut docket, reset, over),
                _ => judge_window(case, &mut docket, reset, reset.asked, AT_ONCE),
            }
        }
        docket.close()
    }
}

/// When the last of the calls is over that are in progress then; `None` when there is none.
fn over(case: &Case<'_>, at: Instant) -> Option<Instant> {
    case.calls().iter().filter(|call| call.begun < at && call.over > at).map(|call| call.over).max()
}

/// Whether the loss of the registration can be seen: the phone's connection ends with it.
fn is_visible(case: &Case<'_>) -> bool {
    let last = case.registrations.last().map(|registration| case.client[registration.exchange].transport);
    last.is_some_and(Transport::is_reliable) && case.sight.frames
}

/// A reset during a call: nothing before its end, and soon after it.
fn judge_deferred<'c, 'a>(case: &'c Case<'a>, docket: &mut Docket<'c, 'a>, reset: Reset, over: Instant) {
    let crossing = case.limits.latency() * 2;
    let window = Window { from: reset.asked, to: (over - crossing).min(case.horizon) };
    let early = reset.shown.map(|at| &case.client[at]).filter(|shown| shown.t0() < over - crossing);
    let Some(early) = early else {
        return judge_window(case, docket, reset, over, AFTER_CALL);
    };
    if case.notes.commanded(Key::is_for_registration, reset.asked, early.t0()) {
        return;
    }
    let draft = docket.draft("no reset while a call is up").forbidden(window);
    let draft = draft.message(case.server[reset.exchange].first()).message(early.first());
    let seen = format!("{} {:.2} after it was told", early.what(&case.names), early.t0() - reset.asked);
    docket.add(draft.seen(seen).fail_unless_lossy("the end of the call may have been lost"));
}

/// The reset within so long after an instant.
fn judge_window<'c, 'a>(
    case: &'c Case<'a>,
    docket: &mut Docket<'c, 'a>,
    reset: Reset,
    since: Instant,
    within: Span,
) {
    if since > case.horizon {
        return;
    }
    let window = Window { from: since, to: since + within + case.limits.reaction() };
    let in_time = |at: Instant| at >= since && at <= window.to;
    let shown = reset.shown.map(|at| &case.client[at]).filter(|shown| in_time(shown.t0()));
    if let Some(shown) = shown {
        return docket.kept(shown.first().packets);
    }
    if case.closes.iter().any(|close| {
        close.by_phone && in_time(close.at) && case.names.node_at(close.other, Transport::Tcp).is_some()
    }) {
        return docket.kept(case.server[reset.exchange].first().packets);
    }
    let another_call = case.calls().iter().any(|call| call.begun > since && call.begun <= window.to);
    let told = case.notes.commanded(|key| key.is_for_registration(), since, window.to);
    if case.horizon <= window.to || another_call || told {
        return;
    }
    // A phone that was cut off without a word is silent until it has started again.
    let cut_off = reset.shown.map(|at| &case.client[at]).filter(|shown| {
        let silent = |seen: &SeenRef<'_>| {
            !case.names.is_phone(seen.src) || seen.at <= window.to || seen.at >= shown.t0()
        };
        shown.t0() > window.to
            && shown.t0() <= since + AFTER_CALL + case.limits.reaction()
            && case.messages.iter().all(silent)
            && !case
                .closes
                .iter()
                .any(|close| close.by_phone && close.at > window.to && close.at < shown.t0())
    });
    if let Some(shown) = cut_off {
        return docket.kept(shown.first().packets);
    }
    let draft = docket.draft("the phone starts anew when it was told to reset").window(window);
    let draft = draft.message(case.server[reset.exchange].first());
    if let Some(old) = case.shows_old_life(&reset, window.to) {
        let seen = format!("{} as if nothing had been said", old.what(&case.names));
        docket.add(
            draft.message(old.first()).absent(seen).fail_unless_lossy("what shows it may have been lost"),
        );
    } else if is_visible(case) {
        docket.add(draft.absent("no sign of it").fail_unless_lossy("what shows it may have been lost"));
    } else if case.horizon > since + AFTER_CALL {
        let why =
            "no sign of it; where no connection ends with it, a phone may lose its registration in silence";
        docket.add(draft.inconclusive(why));
    }
}

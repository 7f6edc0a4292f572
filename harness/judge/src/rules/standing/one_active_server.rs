//! One server serves the phone at a time (CC-02): a phone whose profile says `active_plus_keepalive` takes a
//! binding elsewhere only when the one that it has failed, or, on its way back to a better server, takes the
//! old one back or closes the connection (CC-05). Each server knows it by a Call-ID of its own (CC-04).

use sipfarm_core::machine::Transport;
use sipfarm_core::profile::RegistrationMethod;
use sipfarm_core::{Key, Span};

use crate::case::{Case, Purpose, Standing};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// How long the old binding may last after the new one was granted (CC-05).
const HANDOVER: Span = Span::from_secs(5);

/// See the module.
pub struct OneActiveServer;

impl Rule for OneActiveServer {
    fn id(&self) -> &'static str {
        "one-active-server"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["CC-02", "CC-04", "CC-05"]
    }

    fn about(&self) -> &'static str {
        "One server at a time has the phone's binding, and each knows it by a Call-ID of its own."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        if case.profile.registration.method != RegistrationMethod::ActivePlusKeepalive {
            return docket.close();
        }
        for set in case.sets() {
            for standings in case.standings_by_line(&set).into_values() {
                for pair in standings.windows(2).filter(|pair| pair[0].place != pair[1].place) {
                    judge_move(case, &mut docket, &pair[0], &pair[1]);
                    judge_call_id(case, &mut docket, &pair[0], &pair[1]);
                }
            }
        }
        docket.close()
    }
}

/// From one server to another: the first binding has failed, or is given up.
fn judge_move<'c, 'a>(
    case: &'c Case<'a>,
    docket: &mut Docket<'c, 'a>,
    before: &Standing<'_>,
    after: &Standing<'_>,
) {
    let next = &case.client[after.exchange];
    let (since, at) = (before.grant.first, next.t0());
    let ran_out = before.grant.last + before.grant.expires <= at;
    let told = case.notes.commanded(Key::is_for_registration, since, after.grant.first);
    let reset = || case.resets().iter().any(|reset| reset.asked >= since && reset.asked <= at);
    let restarted = told || reset();
    if ran_out || restarted || case.may_have_failed(before.place, since, at) {
        return docket.kept(next.first().packets);
    }
    let old = case.names.show_node(&case.names.order()[before.place]);
    let draft = docket.draft(format!("one binding at a time, and {old} has one"));
    let draft = draft.message(case.client[before.exchange].first()).message(next.first());
    if after.place > before.place {
        let seen = draft.seen(format!("{} as well", next.what(&case.names)));
        docket.add(match case.hides_connects() {
            true => seen.inconclusive("without frames a refused connection cannot be excluded"),
            false => seen.fail_unless_lossy("a failure may have been lost"),
        });
        return;
    }
    let window = Window { from: since, to: after.grant.last + HANDOVER + case.limits.reaction() };
    let mut given_up = case.registrations.iter().filter(|registration| {
        let exchange = &case.client[registration.exchange];
        registration.aor == before.aor
            && registration.purpose == Purpose::Unregister
            && case.place_of(exchange) == Some(before.place)
            && exchange.t0() > since
            && exchange.t0() <= window.to
    });
    let closed = || {
        case.closes.iter().filter(|close| close.by_phone).any(|close| {
            case.names.place(close.other, Transport::Tcp) == Some(before.place)
                && close.at > since
                && close.at <= window.to
        })
    };
    if let Some(given_up) = given_up.next() {
        docket.kept(case.client[given_up.exchange].first().packets);
    } else if closed() {
        docket.kept(next.first().packets);
    } else if case.horizon > window.to && !case.interrupted(at, window.to) {
        let seen = draft.window(window).absent(format!("the binding at {old} was not taken back"));
        docket.add(seen.fail_unless_lossy("a REGISTER may have been lost"));
    }
}

fn judge_call_id<'c, 'a>(
    case: &'c Case<'a>,
    docket: &mut Docket<'c, 'a>,
    before: &Standing<'_>,
    after: &Standing<'_>,
) {
    let (old, new) = (&case.client[before.exchange], &case.client[after.exchange]);
    if old.first().call_id != new.first().call_id {
        return docket.kept(new.first().packets);
    }
    let draft = docket.draft(format!("{} with a Call-ID of its own", new.what(&case.names)));
    let draft = draft.message(old.first()).message(new.first());
    let seen = format!("the Call-ID of packet {} again, {}", old.first().packet(), new.first().call_id);
    docket.add(draft.seen(seen).fail());
}

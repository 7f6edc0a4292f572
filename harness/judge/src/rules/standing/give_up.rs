//! A silent server is not left before the retry rule of the profile allows it (YL-03, YL-11; RFC 3263
//! section 4.3).

use sipfarm_core::Instant;
use sipfarm_core::profile::DuringCall;

use crate::case::{Case, ClientExchange};
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct GiveUp;

impl Rule for GiveUp {
    fn id(&self) -> &'static str {
        "give-up"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3263 4.3", "YL-03", "YL-11"]
    }

    fn about(&self) -> &'static str {
        "The phone does not leave a silent server earlier than the retry rule of its profile allows."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        for attempt in case.attempts.iter() {
            for pair in attempt.exchanges.windows(2) {
                let (silent, next) = (&case.client[pair[0]], &case.client[pair[1]]);
                let heard = silent.responses.iter().any(|response| response.at <= next.t0());
                let told = told_of_failure(case, silent, next.t0());
                if silent.to == next.to || heard || told || freed_by_end_of_call(case, silent, next) {
                    continue;
                }
                let made: Vec<_> = silent.sends.iter().filter(|send| send.at <= next.t0()).collect();
                let last = made.last().map_or(silent.t0(), |send| send.at);
                let patience = case.patience_of(silent);
                let window = patience.leave(case, silent.t0(), last, made.len());
                if case.left_for_silence(silent, next) {
                    docket.kept(next.first().packets);
                    continue;
                }
                let draft = docket
                    .draft(format!("{} not left before {}", silent.what(&case.names), patience.show()))
                    .window(window)
                    .messages(made.iter().map(|send| &***send))
                    .message(next.first())
                    .seen(format!(
                        "{} after {} sends and {:.2}",
                        next.what(&case.names),
                        made.len(),
                        next.t0() - silent.t0()
                    ));
                docket.add(if case.sight.frames {
                    draft.fail_unless_lossy("sends, a response or an ICMP error may have been lost")
                } else {
                    draft.inconclusive("without frames an ICMP error or a lost connection cannot be excluded")
                });
            }
        }
        docket.close()
    }
}

/// Whether an ICMP error or the like may have made the phone give up by then. A socket does not tell
/// which request an error is for, so one for an earlier request that was still on its way counts.
fn told_of_failure(case: &Case<'_>, silent: &ClientExchange<'_>, by: Instant) -> bool {
    let same_way = case.client.iter().filter(|other| (other.from, other.to) == (silent.from, silent.to));
    let since = silent.t0() - case.limits.latency() * 2;
    let own = silent.failures.iter().any(|failure| failure.at <= by);
    own || same_way.flat_map(|other| &other.failures).any(|failure| since <= failure.at && failure.at <= by)
}

/// Whether a phone that defers failover went on at the end of a call, from a server that had failed for it
/// during that call: it need not wait for a further try there (CC-07).
fn freed_by_end_of_call(case: &Case<'_>, silent: &ClientExchange<'_>, next: &ClientExchange<'_>) -> bool {
    let deferred = case.profile.call_in_progress.failover == Some(DuringCall::Deferred);
    let Some(place) = case.place_of(silent).filter(|_| deferred) else { return false };
    case.calls().iter().any(|call| {
        call.begun <= silent.t0()
            && call.over >= silent.t0()
            && call.over <= next.t0() + case.limits.reaction()
            && case.known_failure(place, call.begun, silent.t0()).is_some()
    })
}

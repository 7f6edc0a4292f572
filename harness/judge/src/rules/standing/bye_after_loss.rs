//! A phone that keeps calls whose signalling is lost does not end them with BYE because a request within
//! the dialog has failed: not after 408, 481, 503, nor without an answer (AM-14, against RFC 3261 section
//! 12.2.1.2 and RFC 4028 section 10; F-10).

use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Key};

use crate::case::{Case, ClientExchange, Hold, LostCall};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct ByeAfterLoss;

impl Rule for ByeAfterLoss {
    fn id(&self) -> &'static str {
        "bye-after-loss"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["AM-14", "AM-01", "AM-05", "AM-06"]
    }

    fn about(&self) -> &'static str {
        "A call whose signalling is lost is not ended with BYE, if the profile keeps such calls."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        // Who has pressed which key is known of our own scenarios only.
        if !case.profile.mcp.supported || case.notes.scene.is_none() {
            return docket.close();
        }
        for call in case.calls_to_keep().iter().filter(|call| is_to_be_kept(case, call)) {
            let Some(bye) = bye_of_the_phone(case, call) else {
                docket.kept(&call.loss.shown.0);
                continue;
            };
            let since = call.loss.since;
            if !was_heard(case, bye.t0()) {
                continue;
            }
            let draft = docket
                .draft("no BYE of the phone's own accord, as its profile keeps the call")
                .forbidden(Window { from: since, to: case.horizon })
                .packets(&call.loss.shown.0, since)
                .message(bye.first())
                .seen(format!("BYE {:.2} after {}", bye.t0() - since, call.loss.what));
            docket.add(draft.fail_unless_lossy("an answer of the server may have been lost"));
        }
        docket.close()
    }
}

/// Whether a call was neither on hold nor silent when its server was lost. The audio may end in the very instant.
fn is_to_be_kept(case: &Case<'_>, call: &LostCall<'_>) -> bool {
    let since = call.loss.since;
    let was_heard = || case.stretches(true).iter().any(|s| s.touches(since - case.longest_gap(), since));
    call.hold == Hold::No && was_heard()
}

/// The phone's BYE that no user has asked for, while the call has no signalling and before the profile's longest
/// time for such a call is over.
fn bye_of_the_phone<'c, 'a>(case: &'c Case<'a>, call: &LostCall<'c>) -> Option<&'c ClientExchange<'a>> {
    let since = call.loss.since;
    let limit = case.longest_preservation().map(|(max, off)| since + max - off);
    let until = limit.into_iter().chain(call.back).min().unwrap_or(Instant::FAR_FUTURE);
    let ends = |key: &Key| matches!(key, Key::HangUp | Key::Reboot);
    case.requests_in(call.dialog).find(|request| {
        request.method == Method::Bye
            && (request.t0() > since || (call.loss.answered && request.t0() == since))
            && request.t0() < until
            && !case.notes.commanded(ends, call.up, request.t0())
    })
}

/// Whether the phone heard the other side until it sent its BYE, and until so shortly before that the BYE may be
/// its answer to what it heard then: without media a call need not go on (AM-06).
fn was_heard(case: &Case<'_>, bye: Instant) -> bool {
    let stretches = case.stretches(false);
    let hears = |at: Instant| {
        let from = at - case.longest_gap() * 2;
        stretches.iter().any(|stretch| stretch.touches(from, at))
    };
    hears(bye) && hears(bye - case.limits.reaction())
}

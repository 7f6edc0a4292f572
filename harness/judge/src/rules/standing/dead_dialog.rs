//! A dialog whose other side does not know it any more (481), or does not answer (408, or nothing until the
//! time-out), is over: the phone should send BYE (RFC 3261 section 12.2.1.2; RFC 4028 section 10 for
//! refreshes). A phone whose profile keeps calls without signalling does not (F-10).

use sipfarm_core::Instant;
use sipfarm_core::profile::SignallingLoss;
use sipfarm_core::sip::Method;

use crate::case::{Case, ClientExchange};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct DeadDialog;

impl Rule for DeadDialog {
    fn id(&self) -> &'static str {
        "dead-dialog"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 12.2.1.2", "RFC 4028 10"]
    }

    fn about(&self) -> &'static str {
        "A call whose INVITE or UPDATE within the dialog is answered 408 or 481, or not at all, ends with BYE."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        if case.profile.call_in_progress.on_signalling_loss == SignallingLoss::Preserve {
            return docket.not_applicable("the profile keeps calls whose signalling is lost");
        }
        for dialog in case.dialogs.iter().filter(|dialog| dialog.confirmed) {
            let over = case.end_by_bye(&dialog.call_id, &dialog.local_tag, &dialog.remote_tag);
            let over = over.map_or(Instant::FAR_FUTURE, |(at, _)| at);
            for request in case.requests_in(dialog) {
                let Some(failed) = failed(case, request).filter(|failed| failed.from <= over) else {
                    continue;
                };
                let until = failed.to + case.limits.at_once();
                if over <= until {
                    docket.kept(request.first().packets);
                    break;
                }
                let unheard = case.may_have_reached_nobody(request.first(), request.t0(), until);
                if case.horizon <= until || unheard || case.interrupted(request.t0(), until) {
                    break;
                }
                let draft = docket
                    .draft(format!("BYE, as {} has failed", request.what(&case.names)))
                    .window(Window { to: until, ..failed })
                    .message(request.first());
                let draft = request.finals().take(1).fold(draft, |draft, refusal| draft.message(refusal));
                docket.add(
                    draft.absent("no BYE").warn_unless_lossy("a response or the BYE may have been lost"),
                );
                break;
            }
        }
        docket.close()
    }
}

/// When a request within a dialog failed in a way that ends the dialog.
fn failed(case: &Case<'_>, request: &ClientExchange<'_>) -> Option<Window> {
    if !request.in_dialog() || !matches!(request.method, Method::Invite | Method::Update) {
        return None;
    }
    match request.final_response() {
        Some(refusal) if matches!(request.code(), Some(408 | 481)) => {
            Some(Window { from: refusal.at, to: refusal.at })
        }
        Some(_) => None,
        None if request.response().is_some() || !request.failures.is_empty() => None,
        None => Some(case.limits.give_up(request.t0(), case.limits.timeout(&request.method))),
    }
}

//! A phone that keeps calls whose signalling is lost does not end them with BYE because a request within
//! the dialog has failed: not after 408, 481, 503, nor without an answer (AM-14, against RFC 3261 section
//! 12.2.1.2 and RFC 4028 section 10; F-10).

use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Key, Span};

use crate::case::{Case, ClientExchange, Dialog, LostCall, asks_for_more};
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
        &["AM-14", "AM-01", "AM-05"]
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
        let lost = case.lost_calls();
        for dialog in case.dialogs.iter().filter(|dialog| dialog.confirmed) {
            let call = lost.iter().find(|call| call.dialog == dialog);
            if call.is_some_and(|call| call.held) {
                continue;
            }
            let refused = case.requests_in(dialog).find(|request| was_refused(request));
            let since = call.map(|call| call.loss.since);
            let Some(since) = since.into_iter().chain(refused.map(|request| request.t0())).min() else {
                continue;
            };
            match bye_of_the_phone(case, dialog, call, since) {
                None => docket.kept(&shown(call, refused)),
                Some(bye) => {
                    let draft = docket
                        .draft("no BYE of the phone's own accord, as its profile keeps the call")
                        .window(Window { from: since, to: case.horizon })
                        .packets(&shown(call, refused), since)
                        .message(bye.first())
                        .seen(format!("BYE {:.2} after what failed", bye.t0() - since));
                    docket.add(draft.fail_unless_lossy("an answer of the server may have been lost"));
                }
            }
        }
        docket.close()
    }
}

/// Whether a request that refreshes a session was refused, rather than asked for more.
fn was_refused(request: &ClientExchange<'_>) -> bool {
    let refreshes = matches!(request.method, Method::Invite | Method::Update) && request.in_dialog();
    refreshes && request.code().is_some_and(|code| code >= 400 && !asks_for_more(code) && code != 491)
}

/// The phone's BYE that no user has asked for, before the profile's longest time for such a call is over.
fn bye_of_the_phone<'c, 'a>(
    case: &'c Case<'a>,
    dialog: &'c Dialog,
    call: Option<&LostCall<'_>>,
    since: Instant,
) -> Option<&'c ClientExchange<'a>> {
    let max = case.profile.mcp.max_s.map(|seconds| Span::from_secs(seconds.into()));
    let limit =
        max.map_or(Instant::FAR_FUTURE, |max| call.map_or(since, |call| call.loss.since) + max.scale(0.99));
    let ends = |key: &Key| matches!(key, Key::HangUp | Key::Reboot);
    case.requests_in(dialog).find(|request| {
        request.method == Method::Bye
            && request.t0() > since
            && request.t0() < limit
            && !case.notes.commanded(ends, since, request.t0())
    })
}

fn shown(call: Option<&LostCall<'_>>, refused: Option<&ClientExchange<'_>>) -> Vec<u32> {
    let refused = refused.and_then(|request| request.final_response()).map(|refusal| refusal.packets);
    let lost = call.map(|call| call.loss.shown.0.as_slice());
    lost.into_iter().chain(refused).flatten().copied().collect()
}

//! CANCEL has no effect on an INVITE that has its final response already (RFC 3261 section 9.1): when the two cross, the
//! call is up, and a phone whose user has given it up ends it with BYE (section 15; RFC 5407 section 3.1.2).

use sipfarm_core::Key;
use sipfarm_core::sip::Method;

use crate::case::{Case, ClientExchange, SeenRef, status};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct CancelledCall;

impl Rule for CancelledCall {
    fn id(&self) -> &'static str {
        "cancelled-call"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 9.1", "RFC 3261 15"]
    }

    fn about(&self) -> &'static str {
        "A call that the phone has cancelled and that is answered all the same ends with BYE."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        for cancel in case.client.iter().filter(|exchange| exchange.method == Method::Cancel) {
            for accepted in answers(case, cancel) {
                // A phone whose CANCEL has come to nothing for so long has done with the call (section 9.1).
                let forgotten = case.limits.give_up(cancel.t0(), case.limits.sixty_four_t1()).from;
                if accepted.at >= forgotten {
                    continue;
                }
                let since = accepted.at.max(cancel.t0());
                let until = since + case.limits.at_once();
                let tags = accepted.from_tag.as_deref().zip(accepted.to_tag.as_deref());
                let over = tags.and_then(|(local, remote)| case.end_by_bye(accepted.call_id, local, remote));
                if let Some((_, packets)) = over.filter(|(at, _)| *at <= until) {
                    docket.kept(packets);
                    continue;
                }
                let off = |key: &Key| *key == Key::Reboot;
                let unheard = case.may_have_reached_nobody(accepted, cancel.t0(), until);
                if case.horizon <= until || unheard || case.notes.commanded(off, cancel.t0(), until) {
                    continue;
                }
                let draft = docket
                    .draft("BYE, as the call that the phone has cancelled was answered all the same")
                    .window(Window { from: since, to: until })
                    .message(cancel.first())
                    .message(accepted)
                    .absent("no BYE in time");
                docket.add(draft.warn_unless_lossy("the BYE may have been lost"));
            }
        }
        docket.close()
    }
}

/// The first 2xx of each party to the call that a CANCEL is for.
fn answers<'c, 'a>(case: &'c Case<'a>, cancel: &ClientExchange<'a>) -> Vec<&'c SeenRef<'a>> {
    let is_it = |invite: &&ClientExchange<'a>| {
        invite.method == Method::Invite
            && !invite.in_dialog()
            && invite.branch == cancel.branch
            && invite.first().call_id == cancel.first().call_id
    };
    let accepted = case.client.iter().filter(is_it).flat_map(|invite| &invite.responses);
    let mut answers: Vec<&SeenRef<'a>> = Vec::new();
    for response in accepted.filter(|response| (200..300).contains(&status(response))) {
        if answers.iter().all(|known| known.to_tag != response.to_tag) {
            answers.push(response);
        }
    }
    answers
}

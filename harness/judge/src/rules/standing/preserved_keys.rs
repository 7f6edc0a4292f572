//! With a call that has outlived its signalling the user can do only what the profile names: any other key
//! sends nothing (AM-23, AM-24).

use sipfarm_core::profile::CallAction;
use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Key, Span};

use crate::audio::Stretch;
use crate::case::{Case, ClientExchange};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// How long after a key what it sends is its doing.
const EFFECT: Span = Span::from_secs(2);

/// See the module.
pub struct PreservedKeys;

impl Rule for PreservedKeys {
    fn id(&self) -> &'static str {
        "preserved-keys"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["AM-23", "AM-24"]
    }

    fn about(&self) -> &'static str {
        "While a call is preserved, a key that the profile does not name sends nothing."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        let allowed = &case.profile.mcp.allowed_actions;
        let is_dead = |key: &Key| match key {
            Key::Hold => !allowed.contains(&CallAction::Hold),
            Key::Resume => !allowed.contains(&CallAction::Resume),
            Key::Dial(_) => true,
            _ => false,
        };
        for call in case.lost_calls().iter().filter(|call| call.is_preserved()) {
            let pressed: Vec<Instant> = case.notes.when_commanded(is_dead).collect();
            // A phone that heeds the key falls silent with it.
            let lives = |at: &Instant| *at > call.loss.at && call.lives_at(*at - Stretch::PAUSE);
            for at in pressed.into_iter().filter(lives) {
                let sent = case.client.iter().find(|exchange| {
                    exchange.t0() >= at && exchange.t0() <= at + EFFECT && is_doing_of_key(case, exchange)
                });
                let Some(sent) = sent else {
                    if case.horizon > at + EFFECT {
                        docket.kept(&call.loss.shown.0);
                    }
                    continue;
                };
                let draft = docket
                    .draft("nothing, as that key does nothing with a preserved call")
                    .forbidden(Window { from: at, to: at + EFFECT })
                    .packets(&call.loss.shown.0, call.loss.shown.1)
                    .message(sent.first())
                    .seen(format!("{}, {:.2} after the key", sent.what(&case.names), sent.t0() - at));
                docket.add(draft.fail_unless_lossy("an answer of the server may have been lost"));
            }
        }
        docket.close()
    }
}

/// Whether a request is what a key is for, rather than the refresh of a session that is the phone's to refresh.
fn is_doing_of_key(case: &Case<'_>, exchange: &ClientExchange<'_>) -> bool {
    let refreshes = || {
        let sessions = case.sessions();
        let mut before = sessions.iter().filter(|session| session.accepted.at <= exchange.t0());
        let last = before.rfind(|session| case.dialogs[session.dialog].is_of(exchange.first(), true));
        last.is_some_and(|session| session.interval.is_some() && session.by_phone == Some(true))
    };
    match exchange.method {
        Method::Refer => true,
        Method::Invite | Method::Update => {
            !exchange.in_dialog() || exchange.first().offers_hold() || !refreshes()
        }
        _ => false,
    }
}

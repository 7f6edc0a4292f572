//! With a call that has outlived its signalling the user can do only what the profile names: any other key
//! sends nothing (AM-23, AM-24).

use sipfarm_core::profile::CallAction;
use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Key, Span};

use crate::audio::Stretch;
use crate::case::Case;
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
                let changes =
                    |method: &Method| matches!(method, Method::Invite | Method::Update | Method::Refer);
                let sent = case.client.iter().find(|exchange| {
                    changes(&exchange.method) && exchange.t0() >= at && exchange.t0() <= at + EFFECT
                });
                let Some(sent) = sent else {
                    if case.horizon > at + EFFECT {
                        docket.kept(&call.loss.shown.0);
                    }
                    continue;
                };
                let draft = docket
                    .draft("nothing, as that key does nothing with a preserved call")
                    .window(Window { from: at, to: at + EFFECT })
                    .packets(&call.loss.shown.0, call.loss.shown.1)
                    .message(sent.first())
                    .seen(format!("{}, {:.2} after the key", sent.what(&case.names), sent.t0() - at));
                docket.add(draft.fail_unless_lossy("an answer of the server may have been lost"));
            }
        }
        docket.close()
    }
}

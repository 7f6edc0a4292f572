//! A subscription is refreshed before it runs out (RFC 6665 section 4.1.2.2), as long as the phone stays
//! with that server and the server has not ended it.

use sipfarm_core::Span;
use sipfarm_core::sip::Method;

use super::subscribes::{granted, package};
use crate::case::{Case, ClientExchange};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct SubscriptionRefresh;

impl Rule for SubscriptionRefresh {
    fn id(&self) -> &'static str {
        "subscription-refresh"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 6665 4.1.2.2", "YL-24"]
    }

    fn about(&self) -> &'static str {
        "A subscription is refreshed before its granted time is over."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        for exchange in &case.client {
            let (Some(package), Some(span)) = (package(exchange), granted(exchange)) else { continue };
            let Some(accepted) = exchange.final_response() else { continue };
            let window = Window { from: accepted.at, to: accepted.at + span + case.limits.reaction() };
            let next = case.client.iter().find(|next| {
                next.t0() > accepted.at
                    && self::package(next).as_deref() == Some(package.as_str())
                    && whose(next) == whose(exchange)
            });
            if let Some(next) = next.filter(|next| next.t0() <= window.to) {
                if next.to == exchange.to {
                    docket.kept(next.first().packets);
                }
                continue;
            }
            if span == Span::ZERO || case.horizon <= window.to || is_over(case, exchange, window) {
                continue;
            }
            let draft = docket.draft(format!("SUBSCRIBE for {package} again within {span}")).window(window);
            let draft = draft.message(exchange.first()).message(accepted);
            docket.add(draft.absent("none in time").fail_unless_lossy("a SUBSCRIBE may have been lost"));
        }
        docket.close()
    }
}

/// Whose events a SUBSCRIBE asks for: a phone may watch one package of several.
fn whose(exchange: &ClientExchange<'_>) -> Option<String> {
    exchange.first().message.to().map(|to| to.uri)
}

/// Whether the phone may have let go of the subscription: the notifier ended it, the phone went to
/// another server, or somebody stopped it.
fn is_over(case: &Case<'_>, exchange: &ClientExchange<'_>, window: Window) -> bool {
    let ended = case.messages.iter().any(|message| {
        message.is_request(&Method::Notify)
            && message.call_id == exchange.first().call_id
            && message
                .message
                .header("Subscription-State")
                .is_some_and(|state| state.trim_start().to_ascii_lowercase().starts_with("terminated"))
    });
    let place = case.place_of(exchange);
    let left = place.is_none_or(|place| {
        let lines = case.lines_of(exchange);
        let stands = |aor: &&str| case.line_stands_at(aor, &case.sets()[0], window.to);
        let elsewhere = |aor: &&str| stands(aor).is_none_or(|stood| stood.place != place);
        lines.is_empty() || lines.iter().any(elsewhere) || case.failed_at(place, window.from, window.to)
    });
    ended || left || case.interrupted(window.from, window.to)
}

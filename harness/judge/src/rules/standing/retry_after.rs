//! A server that said 503 with Retry-After gets no new request for that time (RFC 3261 section 21.5.4,
//! a SHOULD NOT; YL-02b). The profile says whether the phone must, need not or does not keep to it.

use std::net::SocketAddr;

use sipfarm_core::profile::HonourRetryAfter;
use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Span};

use crate::case::{Case, ClientExchange, SeenRef, status};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct RetryAfter;

impl Rule for RetryAfter {
    fn id(&self) -> &'static str {
        "retry-after"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 21.5.4", "YL-02b"]
    }

    fn about(&self) -> &'static str {
        "A server that said 503 with Retry-After gets no new request until that time is over."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        let honour = case.profile.failover.honour_retry_after;
        if honour == HonourRetryAfter::Never {
            return docket.not_applicable("the profile says that the phone does not honour Retry-After");
        }
        for ban in bans(case) {
            let window = Window { from: ban.from + case.limits.reaction(), to: ban.to - case.limits.grace() };
            let breaks = |e: &&ClientExchange<'_>| {
                e.to == ban.server && e.t0() > window.from && e.t0() < window.to && is_new(e)
            };
            let Some(request) = case.client.iter().find(breaks) else {
                // Only other requests in that time, or its end, put the phone to the test.
                let elsewhere =
                    |e: &&ClientExchange<'_>| e.to != ban.server && e.t0() > window.from && is_new(e);
                if case.horizon > window.to || case.client.iter().any(|e| elsewhere(&e)) {
                    docket.kept(ban.response.packets);
                }
                continue;
            };
            let draft = docket
                .draft(format!(
                    "no new request to {} for {}",
                    case.names.show(ban.server, request.transport),
                    ban.to - ban.from
                ))
                .forbidden(window)
                .message(ban.response)
                .message(request.first())
                .seen(format!("{} {:.2} after the 503", request.what(&case.names), request.t0() - ban.from));
            docket.add(match honour {
                HonourRetryAfter::Must => draft.fail_unless_lossy("the 503 may not have reached the phone"),
                _ if !case.sees_all() => continue,
                _ => draft.warn(),
            });
        }
        docket.close()
    }
}

/// The time for which a server asked to be left alone.
pub(super) struct Ban<'c, 'a> {
    pub server: SocketAddr,
    pub from: Instant,
    pub to: Instant,
    response: &'c SeenRef<'a>,
}

/// Every 503 with Retry-After.
pub(super) fn bans<'c, 'a>(case: &'c Case<'a>) -> Vec<Ban<'c, 'a>> {
    let of_exchange = |exchange: &'c ClientExchange<'a>| {
        let response = exchange.final_response().filter(|r| status(r) == 503 && exchange.is_sound(r))?;
        let seconds = response.message.number("Retry-After")?;
        let to = response.at + Span::from_secs(seconds.into());
        Some(Ban { server: exchange.to, from: response.at, to, response })
    };
    case.client.iter().filter_map(of_exchange).collect()
}

/// A request that could as well have gone elsewhere.
fn is_new(exchange: &ClientExchange<'_>) -> bool {
    !exchange.in_dialog() && exchange.method != Method::Cancel
}

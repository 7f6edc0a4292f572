//! A phone is subscribed to the event packages of its profile at the server that it is registered with:
//! SUBSCRIBE within ten seconds of the binding (YL-24), also where it came from another server. Only the
//! fallback of two bindings at once is left out (YL-20: rule `features-on-fallback`), and a failover
//! of a phone that waits for the refresh.

use sipfarm_core::Span;
use sipfarm_core::sip::Method;

use crate::case::{Case, ClientExchange, Standing, status};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// How long the phone may take (YL-24).
const SOON: Span = Span::from_secs(10);

/// See the module.
pub struct Subscribes;

impl Rule for Subscribes {
    fn id(&self) -> &'static str {
        "subscribes"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["YL-24", "RFC 6665 4.1.2"]
    }

    fn about(&self) -> &'static str {
        "The phone subscribes to the packages of its profile where it is registered, within 10 s."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        let Some(set) = case.sets().into_iter().next() else { return docket.close() };
        let standings = case.standings(&set);
        for (index, stood) in standings.iter().enumerate() {
            let before = index.checked_sub(1).map(|before| standings[before]);
            let of_line = standings[..index].iter().rfind(|before| before.aor == stood.aor);
            let mut known = before.iter().chain(of_line);
            if known.any(|before| before.place == stood.place) || waits(case, &set, stood) {
                continue;
            }
            let from = stood.grant.first;
            let window = Window { from, to: stood.grant.last + SOON + case.limits.grace() };
            let moved = standings[index + 1..]
                .iter()
                .any(|next| next.place != stood.place && next.grant.first <= window.to);
            if moved || case.horizon <= window.to || case.interrupted(from, window.to) {
                continue;
            }
            for package in &case.profile.subscriptions.packages {
                let found = subscribed(case, stood, package, window);
                match found {
                    Some(exchange) => docket.kept(exchange.first().packets),
                    None => {
                        let server = case.names.show_node(&case.names.order()[stood.place]);
                        let draft = docket.draft(format!("SUBSCRIBE for {package} to {server}"));
                        let draft = draft.window(window).message(case.client[stood.exchange].first());
                        let draft = draft.absent("none");
                        docket.add(draft.fail_unless_lossy("a SUBSCRIBE may have been lost"));
                    }
                }
            }
        }
        docket.close()
    }
}

/// The event package of a SUBSCRIBE, in small letters.
pub(super) fn package(exchange: &ClientExchange<'_>) -> Option<String> {
    let event = exchange.first().message.header("Event").filter(|_| exchange.method == Method::Subscribe)?;
    Some(event.split(';').next().unwrap_or(event).trim().to_ascii_lowercase())
}

/// The time that a SUBSCRIBE was granted, if it was.
pub(super) fn granted(exchange: &ClientExchange<'_>) -> Option<Span> {
    let accepted = exchange.final_response().filter(|response| (200..300).contains(&status(response)))?;
    let seconds =
        accepted.message.number("Expires").or_else(|| exchange.first().message.number("Expires"))?;
    Some(Span::from_secs(seconds.into()))
}

/// Whether a phone need not subscribe there yet: after a failover among the servers behind one name.
fn waits(case: &Case<'_>, set: &std::ops::Range<usize>, stood: &Standing<'_>) -> bool {
    let is_fallback = stood.place + 1 == case.names.order().len();
    stood.place != set.start && !is_fallback && !case.profile.subscriptions.follow_failover
}

/// The SUBSCRIBE of the window, or one before it that still holds there.
fn subscribed<'c, 'a>(
    case: &'c Case<'a>,
    stood: &Standing<'_>,
    wanted: &str,
    window: Window,
) -> Option<&'c ClientExchange<'a>> {
    let here = |exchange: &&ClientExchange<'_>| {
        case.place_of(exchange) == Some(stood.place) && package(exchange).as_deref() == Some(wanted)
    };
    case.client.iter().filter(here).find(|exchange| {
        let holds = granted(exchange).is_some_and(|span| exchange.t0() + span > window.from);
        exchange.t0() <= window.to && (exchange.t0() >= window.from || holds)
    })
}

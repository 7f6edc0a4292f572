//! The phone names the same AOR to two registrars: the URI of To and From, and the domain in the Request-URI
//! (RFC 3261 section 10.2; AR-24).

use sipfarm_core::sip::{Message, Method, NameAddr, Uri};

use super::{Asked, near};
use crate::finding::{Finding, Window};
use crate::rules::RuleInfo;

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "same-aor",
    requirements: &["AR-24", "RFC 3261 10.2"],
    about: "REGISTER names the same AOR and the same domain to both nodes.",
    standing: false,
};

pub(super) fn judge(asked: &Asked<'_, '_>, [first, second]: [&str; 2]) -> Finding {
    let case = asked.case;
    let window = Window { from: asked.since(), to: asked.reach(&Method::Register, Some(second)) };
    let sentence = format!(
        "REGISTER to {} with the AOR and the domain of those to {}, {}",
        asked.node(second),
        asked.node(first),
        asked.show_window(window)
    );
    let draft = asked.draft(&RULE, sentence).window(window);
    // What it named before the trigger counts, too, and each line of a phone names its own.
    let registers = case.client.iter().filter(|exchange| exchange.method == Method::Register);
    let known: Vec<_> = registers.filter(|exchange| asked.goes_to(exchange, first)).collect();
    let Some(one) = known.first() else {
        return draft.at(window.to, |draft| {
            draft.inconclusive(&format!("there is no REGISTER to {} to compare with", asked.node(first)))
        });
    };
    let here = asked.first_request(&Method::Register, second).filter(|visit| visit.t0() <= window.to);
    let Some(here) = here else {
        let nearest = near::requests(case, Some(&Method::Register), Some(second), window);
        return draft.seen("no such request").nearest(nearest).fail_at(window.to);
    };
    let now = identity(here.first().message);
    let same = known.iter().find(|exchange| identity(exchange.first().message) == now);
    let seen = format!("{} (packet {})", now.join(", "), here.first().packet());
    let draft = draft.seen(seen).message(same.unwrap_or(one).first()).message(here.first());
    if same.is_some() { draft.pass() } else { draft.fail() }
}

/// Whom a REGISTER is for and where. Case does not count in hosts, parameters do not count at all.
fn identity(register: &Message) -> [String; 3] {
    let aor = |who: Option<NameAddr>| {
        let uri = who.and_then(|who| who.sip_uri());
        uri.map_or_else(String::new, |uri| {
            format!("{}@{}", uri.user.unwrap_or_default(), uri.host.to_string().to_lowercase())
        })
    };
    let domain = register.request_uri().and_then(Uri::parse).map(|uri| uri.host.to_string().to_lowercase());
    [
        format!("To {}", aor(register.to())),
        format!("From {}", aor(register.from())),
        format!("domain {}", domain.unwrap_or_default()),
    ]
}

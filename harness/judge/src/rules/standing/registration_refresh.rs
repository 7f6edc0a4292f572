//! A binding is refreshed before it runs out, and not much too early: between `refresh_lo` and
//! `refresh_hi` of the time that was granted (RFC 3261 section 10.2.4; the shares are the profile's).

use sipfarm_core::profile::SignallingLoss;
use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Key};

use crate::case::{Case, ClientExchange, Grant, Purpose, Registration};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct RegistrationRefresh;

impl Rule for RegistrationRefresh {
    fn id(&self) -> &'static str {
        "registration-refresh"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 10.2.4", "YL-18"]
    }

    fn about(&self) -> &'static str {
        "A binding is refreshed within the share of its granted time that the profile says."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        for registration in &case.registrations {
            let Some(grant) = registration.granted else { continue };
            let binding = Binding { case, registration, grant, window: window(case, grant) };
            match binding.outcome() {
                Outcome::Kept(packets) => docket.kept(packets),
                Outcome::Open => {}
                Outcome::Early(at, next) | Outcome::Late(at, next) => {
                    let shares = &case.profile.registration;
                    let exchange = &case.client[registration.exchange];
                    let expected = format!(
                        "{} again after {:.0} to {:.0} % of {}",
                        exchange.what(&case.names),
                        shares.refresh_lo * 100.0,
                        shares.refresh_hi * 100.0,
                        grant.expires
                    );
                    let draft = docket.draft(expected).window(binding.window);
                    let draft =
                        exchange.finals().take(1).fold(draft, |draft, response| draft.message(response));
                    let draft = next.into_iter().fold(draft, |draft, next| draft.message(next.first()));
                    let seen = match next {
                        Some(_) => format!("{:.2} after the 2xx", at - grant.first),
                        None => "no REGISTER".to_owned(),
                    };
                    let draft = draft.seen(seen);
                    docket.add(match at < binding.window.from {
                        true => draft.warn_unless_lossy("a response may have been lost"),
                        false => draft.fail_unless_lossy("a REGISTER may have been lost"),
                    });
                }
            }
        }
        docket.close()
    }
}

/// A binding that a 2xx granted.
struct Binding<'c, 'a> {
    case: &'c Case<'a>,
    registration: &'c Registration,
    grant: Grant,
    window: Window,
}

enum Outcome<'c, 'a> {
    /// Refreshed in time.
    Kept(&'a [u32]),
    /// Not refreshed, and no need to.
    Open,
    /// Too early, for no reason.
    Early(Instant, Option<&'c ClientExchange<'a>>),
    /// Too late or never.
    Late(Instant, Option<&'c ClientExchange<'a>>),
}

impl<'c, 'a> Binding<'c, 'a> {
    fn outcome(&self) -> Outcome<'c, 'a> {
        let (case, window) = (self.case, self.window);
        let same_server = self.later().find(|(next, exchange)| {
            exchange.to == self.own().to && (next.purpose.is_attempt() || next.purpose == Purpose::Unregister)
        });
        if let Some((next, exchange)) = same_server.filter(|(_, exchange)| exchange.t0() <= window.to) {
            let early = exchange.t0() < window.from;
            return match early && self.is_plain_refresh(next, exchange) {
                true => Outcome::Early(exchange.t0(), Some(exchange)),
                false if early => Outcome::Open,
                false => Outcome::Kept(exchange.first().packets),
            };
        }
        // A phone that works with one server at a time may have gone on to another.
        let elsewhere = self.later().find(|(next, exchange)| {
            next.purpose.is_attempt()
                && exchange.to != self.own().to
                && self.same_binding(exchange)
                && exchange.t0() <= window.to
                && (exchange.t0() >= window.from || next.granted.is_some())
        });
        let open = case.horizon <= window.to || elsewhere.is_some() || self.is_excused();
        match same_server {
            _ if open => Outcome::Open,
            Some((_, exchange)) => Outcome::Late(exchange.t0(), Some(exchange)),
            None => Outcome::Late(window.to, None),
        }
    }

    /// Whether a REGISTER elsewhere can have taken the place of this binding's refresh. Of two bindings
    /// at once each is refreshed by itself (YL-18).
    fn same_binding(&self, exchange: &ClientExchange<'_>) -> bool {
        let (here, there) = (self.case.place_of(self.own()), self.case.place_of(exchange));
        match (here, there) {
            (Some(here), Some(there)) => self.case.set_of(here).contains(&there),
            _ => true,
        }
    }

    fn own(&self) -> &'c ClientExchange<'a> {
        &self.case.client[self.registration.exchange]
    }

    /// The REGISTERs for the same AOR after the binding was granted.
    fn later(&self) -> impl Iterator<Item = (&'c Registration, &'c ClientExchange<'a>)> {
        let (case, own, granted) = (self.case, self.own(), self.grant.last);
        let same_aor = case.registrations.iter().filter(|next| next.aor == self.registration.aor);
        let exchanges = same_aor.map(|next| (next, &case.client[next.exchange]));
        exchanges.filter(move |(_, exchange)| exchange.t0() > granted && exchange.from.ip() == own.from.ip())
    }

    /// Whether an early REGISTER is nothing but an early refresh: still bound, and nothing has happened in
    /// between that may have brought it about. RFC 3261 sets no lower limit, so it earns a warning only.
    fn is_plain_refresh(&self, next: &Registration, exchange: &ClientExchange<'_>) -> bool {
        let (case, from, to) = (self.case, self.grant.first, exchange.t0());
        let between = |at: Instant| at >= from && at <= to;
        let failed = |e: &ClientExchange<'_>| {
            between(e.t0()) && e.method != Method::Register && e.code().is_none_or(|code| code >= 400)
        };
        next.purpose == Purpose::Refresh
            && next.makes_good.is_none()
            && exchange.first().call_id == self.own().first().call_id
            && !case.client.iter().any(failed)
            && !case.notes.faults.iter().any(|fault| between(fault.from) || between(fault.to))
            && !case.notes.commands.iter().any(|(at, _)| between(*at))
            && !case.connects.iter().any(|connect| between(connect.at))
    }

    /// Whether the phone may have stopped caring for the binding: it was told to, or it preserves a call
    /// whose signalling died, for as long as that call may have been up (AM-15).
    fn is_excused(&self) -> bool {
        let profile = &self.case.profile;
        let preserves =
            profile.mcp.supported || profile.call_in_progress.on_signalling_loss == SignallingLoss::Preserve;
        let stopped = |key: &Key| matches!(key, Key::Unregister | Key::Reboot);
        self.case.notes.commanded(stopped, self.grant.first, self.window.to)
            || preserves && self.case.maybe_busy(self.window.from, self.window.to)
    }
}

/// When the refresh must come. The phone counts from the first 2xx that reached it, which may have been
/// the last repetition.
fn window(case: &Case<'_>, grant: Grant) -> Window {
    let shares = &case.profile.registration;
    let grace = case.limits.grace();
    Window {
        from: grant.first + grant.expires.scale(shares.refresh_lo) - grace,
        to: grant.last + grant.expires.scale(shares.refresh_hi) + case.limits.reaction(),
    }
}

//! A binding is refreshed before it runs out, and not much too early: between `refresh_lo` and
//! `refresh_hi` of the time that was granted (RFC 3261 section 10.2.4; the shares are the profile's). A try
//! that brings no binding is followed by another within the profile's retry time (YL-14).

use sipfarm_core::profile::SignallingLoss;
use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Key, Span};

use super::retry_after::bans;
use crate::case::{Case, ClientExchange, Grant, Outcome as Answer, Purpose, Registration};
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
                Outcome::GivenUp(until, failed) => {
                    let what = failed.what(&case.names);
                    let draft = docket.draft(format!("{what} again, as the one before brought no binding"));
                    let draft = draft.window(Window { from: failed.t0(), to: until }).message(failed.first());
                    let draft = failed.finals().take(1).fold(draft, |draft, refusal| draft.message(refusal));
                    let seen = draft.absent(format!("none within {:.0}", until - failed.t0()));
                    docket.add(seen.fail_unless_lossy("a REGISTER may have been lost"));
                }
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
                    let draft = match next {
                        Some(_) => draft.seen(format!("{:.2} after the 2xx", at - grant.first)),
                        None => draft.absent("no REGISTER"),
                    };
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
    /// In time but in vain, and not tried again by then.
    GivenUp(Instant, &'c ClientExchange<'a>),
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
                false => self.of_try(next, exchange),
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
        let open = case.horizon <= window.to || elsewhere.is_some() || self.is_excused(window.to);
        match same_server {
            _ if open => Outcome::Open,
            Some((_, exchange)) => Outcome::Late(exchange.t0(), Some(exchange)),
            None => Outcome::Late(window.to, None),
        }
    }

    /// What came of a REGISTER that came in time.
    fn of_try(&self, next: &Registration, exchange: &'c ClientExchange<'a>) -> Outcome<'c, 'a> {
        let case = self.case;
        let until = self.again_by(exchange);
        let others = case.registrations.iter().filter(|other| {
            let at = case.client[other.exchange].t0();
            other.aor == self.registration.aor && at > exchange.t0() && at <= until
        });
        let others: Vec<&Registration> = others.collect();
        let renewed =
            |other: &&Registration| other.granted.is_some() && case.client[other.exchange].to == exchange.to;
        if next.purpose == Purpose::Unregister || next.granted.is_some() || others.iter().any(renewed) {
            return Outcome::Kept(exchange.first().packets);
        }
        let open = !others.is_empty() || case.horizon <= until || self.may_rest(exchange, until);
        if open { Outcome::Open } else { Outcome::GivenUp(until, exchange) }
    }

    /// When the next try after one in vain must have come: its end, as late as it may be, and the
    /// profile's retry time (YL-14, ±20 %).
    fn again_by(&self, exchange: &ClientExchange<'_>) -> Instant {
        let case = self.case;
        let timer = case.limits.give_up(exchange.t0(), case.timeout_of(exchange)).to;
        let end = exchange.final_response().map_or(timer, |refusal| refusal.at);
        let retry = &case.profile.registration.retry;
        let pause = Span::from_secs(retry.max_s.max(retry.base_s).into()).scale(1.2 + retry.jitter);
        end + pause + case.limits.at_once()
    }

    /// Whether the phone may have left it at a REGISTER in vain: it was refused for good, the phone has a
    /// binding elsewhere or was asked to wait, or what it did next is not a REGISTER that a tap can see.
    fn may_rest(&self, exchange: &ClientExchange<'_>, until: Instant) -> bool {
        let (case, since) = (self.case, exchange.t0());
        let hopeless = match exchange.outcome() {
            Answer::Final(401 | 407) => !self.has_credentials() || has_credentials(exchange),
            Answer::Final(code) => !matches!(code, 408 | 480 | 500 | 502 | 503 | 504),
            Answer::Unreachable | Answer::Provisional | Answer::Silence => false,
        };
        let elsewhere = case.registrations.iter().any(|other| {
            other.aor == self.registration.aor
                && case.client[other.exchange].to != exchange.to
                && other.granted.is_some_and(|grant| grant.last + grant.expires > since)
        });
        let hidden = !case.sight.frames && case.profile.transport.may_connect();
        let connects = case.connects.iter().any(|connect| connect.at >= since && connect.at <= until);
        hopeless
            || elsewhere
            || hidden
            || connects
            || case.locates_by_dns()
            || bans(case).iter().any(|ban| ban.to > since)
            || case.maybe_busy(since, until)
            || self.is_excused(until)
    }

    /// Whether the phone has shown that it has credentials for the line.
    fn has_credentials(&self) -> bool {
        let of_line = self.case.registrations.iter().filter(|other| other.aor == self.registration.aor);
        of_line.into_iter().any(|other| has_credentials(&self.case.client[other.exchange]))
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

    /// Whether the phone may have stopped caring for the binding by then: it was told to, or it preserves a
    /// call whose signalling died, for as long as that call may have been up (AM-15).
    fn is_excused(&self, until: Instant) -> bool {
        let profile = &self.case.profile;
        let preserves =
            profile.mcp.supported || profile.call_in_progress.on_signalling_loss == SignallingLoss::Preserve;
        let stopped = |key: &Key| matches!(key, Key::Unregister | Key::Reboot);
        self.case.notes.commanded(stopped, self.grant.first, until)
            || preserves && self.case.maybe_busy(self.window.from, until)
    }
}

fn has_credentials(exchange: &ClientExchange<'_>) -> bool {
    let message = exchange.first().message;
    message.header("Authorization").or(message.header("Proxy-Authorization")).is_some()
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

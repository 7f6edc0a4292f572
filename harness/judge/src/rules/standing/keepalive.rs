//! A phone with keep-alives of form `register_expires0` sends them every `period_s` ±10 % to one server that
//! stands by; away from home also to the better servers, to see when they are back (CC-02, CC-05).

use sipfarm_core::profile::KeepaliveForm;
use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Span};

use crate::case::{Case, ClientExchange, Purpose, Stay};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// How far a keep-alive may be from its time (CC-02).
const TOLERANCE: f64 = 0.1;

/// See the module.
pub struct Keepalive;

impl Rule for Keepalive {
    fn id(&self) -> &'static str {
        "keepalive"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["CC-02", "CC-05"]
    }

    fn about(&self) -> &'static str {
        "Keep-alives go to one server that stands by, and to the better ones that failed, in their time."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        let keepalive = &case.profile.registration.keepalive;
        let form = keepalive.form == KeepaliveForm::RegisterExpires0;
        let Some(period_s) = keepalive.period_s.filter(|_| form) else {
            return docket.close();
        };
        let period = Span::from_secs(period_s.into());
        for set in case.sets().into_iter().filter(|set| set.len() > 1) {
            for stay in case.stays(&set) {
                // What a phone does whose server has failed is no question of this rule.
                let to = case.horizon.min(stay.to);
                let to = case.known_failure(stay.place, stay.from, to).map_or(to, |failed| failed.min(to));
                let watched = Watched { case, stay, period, to };
                watched.judge_number(&mut docket);
                watched.judge_times(&mut docket);
            }
        }
        docket.close()
    }
}

/// What is watched during one stay.
struct Watched<'c, 'a> {
    case: &'c Case<'a>,
    stay: Stay<'c>,
    period: Span,
    to: Instant,
}

impl<'c, 'a> Watched<'c, 'a> {
    /// No more than one server that stands by: of those behind the one that serves the phone.
    fn judge_number(&self, docket: &mut Docket<'c, 'a>) {
        let mut there = self.keepalives().filter(|(place, _)| *place > self.stay.place);
        let Some((place, first)) = there.next() else { return };
        let Some((_, second)) = there.find(|(other, _)| *other != place) else { return };
        let draft = docket.draft("keep-alives to one server that stands by").message(first.first());
        let seen = format!("{}, too", second.what(&self.case.names));
        docket.add(draft.message(second.first()).seen(seen).fail());
    }

    /// One after the other to the server that matters most: at home the first that gets any, elsewhere home.
    fn judge_times(&self, docket: &mut Docket<'c, 'a>) {
        let (case, stay) = (self.case, &self.stay);
        let at_home = stay.place == stay.home;
        let first = self.keepalives().map(|(place, _)| place).next();
        let place = if at_home { first } else { Some(stay.home) };
        let mut base = stay.from;
        let mut plain = false;
        let times: Vec<(Instant, bool)> = place.map_or_else(Vec::new, |place| self.touches(place));
        for (at, is_keepalive) in times {
            let window = self.window(base);
            if plain && is_keepalive && at < window.from {
                let draft = docket.draft("a keep-alive in its time").window(window);
                let seen = format!("{:.2} too early", window.from - at);
                docket.add(draft.seen(seen).fail_unless_lossy("keep-alives may have been lost"));
            } else if at > window.to && !self.may_wait(place, base) {
                return self.missing(docket, window);
            }
            (base, plain) = (at, is_keepalive);
        }
        let window = self.window(base);
        if self.to > window.to && !self.may_wait(place, base) {
            self.missing(docket, window);
        } else if base > stay.from {
            docket.kept(case.client[stay.exchange].first().packets);
        }
    }

    fn missing(&self, docket: &mut Docket<'c, 'a>, window: Window) {
        let draft = docket.draft("a keep-alive in its time").window(window);
        let draft = draft.message(self.case.client[self.stay.exchange].first()).seen("none");
        docket.add(match self.case.hides_connects() {
            true => draft.inconclusive("without frames a refused connection cannot be excluded"),
            false => draft.fail_unless_lossy("a keep-alive may have been lost"),
        });
    }

    fn window(&self, base: Instant) -> Window {
        let grace = self.case.limits.reaction();
        Window {
            from: base + self.period.scale(1.0 - TOLERANCE) - grace,
            to: base + self.period.scale(1.0 + TOLERANCE) + grace,
        }
    }

    /// Whether a server has just told the phone to come back later, or is so silent that the last request
    /// there is still on its way when the next would be due.
    fn may_wait(&self, place: Option<usize>, base: Instant) -> bool {
        let case = self.case;
        case.client.iter().any(|exchange| {
            exchange.t0() == base
                && case.place_of(exchange) == place
                && match exchange.final_response() {
                    Some(answer) => answer.message.header("Retry-After").is_some(),
                    None => case.timeout_of(exchange) >= self.period,
                }
        })
    }

    /// The keep-alives of the line during the stay, with the places that they go to.
    fn keepalives(&self) -> impl Iterator<Item = (usize, &'c ClientExchange<'a>)> {
        let (case, stay, to) = (self.case, self.stay, self.to);
        let of_line = case.registrations.iter().filter(move |registration| {
            registration.aor == stay.aor && registration.purpose == Purpose::Keepalive
        });
        let sent = of_line.map(|registration| &case.client[registration.exchange]);
        let sent = sent.filter(move |exchange| exchange.t0() > stay.from && exchange.t0() <= to);
        sent.filter_map(|exchange| Some((case.place_of(exchange)?, exchange)))
    }

    /// When the phone asked anything of the server at that place, and whether it was a keep-alive of the
    /// line: whatever it asks shows it that the server lives.
    fn touches(&self, place: usize) -> Vec<(Instant, bool)> {
        let (case, stay) = (self.case, &self.stay);
        let within = |at: Instant| at > stay.from && at <= self.to;
        let asked = case.client.iter().enumerate().filter(|(_, exchange)| {
            !exchange.in_dialog()
                && matches!(exchange.method, Method::Register | Method::Refer | Method::Options)
                && within(exchange.t0())
                && case.place_of(exchange) == Some(place)
        });
        let is_keepalive = |at: usize| {
            case.registration(at).is_some_and(|r| r.purpose == Purpose::Keepalive && r.makes_good.is_none())
        };
        let asked = asked.map(|(at, exchange)| (exchange.t0(), is_keepalive(at)));
        let node = case.names.order().get(place).and_then(|name| case.names.node(name));
        let connects = case
            .connects
            .iter()
            .filter(|connect| within(connect.at) && node.is_some_and(|node| node.addr == connect.to));
        let mut touches: Vec<(Instant, bool)> =
            asked.chain(connects.map(|connect| (connect.at, false))).collect();
        touches.sort_unstable();
        touches
    }
}

//! A phone with keep-alives of form `register_expires0` sends them every `period_s` ±10 % to one server that
//! stands by; away from home also to the better servers, to see when they are back (CC-02, CC-05). One of form
//! `query` asks the better servers only (AR-26), and may leave off while it has a call: no source says that it
//! goes on then.

use sipfarm_core::machine::Transport;
use sipfarm_core::profile::KeepaliveForm;
use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Span};

use crate::case::{CONNECT_CAP, Case, ClientExchange, Connected, Purpose, Stay};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// How far a keep-alive may be from its time (CC-02).
pub(super) const TOLERANCE: f64 = 0.1;

/// See the module.
pub struct Keepalive;

impl Rule for Keepalive {
    fn id(&self) -> &'static str {
        "keepalive"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["CC-02", "CC-05", "AR-26"]
    }

    fn about(&self) -> &'static str {
        "Keep-alives go to one server that stands by, and to the better ones that failed, in their time."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        let keepalive = &case.profile.registration.keepalive;
        let purpose = match keepalive.form {
            KeepaliveForm::RegisterExpires0 => Purpose::Keepalive,
            KeepaliveForm::Query => Purpose::Query,
            KeepaliveForm::None | KeepaliveForm::Options => return docket.close(),
        };
        let Some(period_s) = keepalive.period_s else { return docket.close() };
        let period = Span::from_secs(period_s.into());
        for set in case.sets().into_iter().filter(|set| set.len() > 1) {
            for stay in case.stays(&set) {
                // What a phone does whose server has failed is no question of this rule.
                let to = case.horizon.min(stay.to);
                let to = case.known_failure(stay.place, stay.from, to).map_or(to, |failed| failed.min(to));
                let is_away = stay.place != stay.home;
                let watched = Watched { case, stay, purpose, period, to };
                if purpose == Purpose::Keepalive {
                    watched.judge_number(&mut docket);
                }
                if purpose == Purpose::Keepalive || is_away {
                    watched.judge_times(&mut docket);
                }
            }
        }
        docket.close()
    }
}

/// What is watched during one stay.
struct Watched<'c, 'a> {
    case: &'c Case<'a>,
    stay: Stay<'c>,
    /// What its keep-alives are.
    purpose: Purpose,
    period: Span,
    to: Instant,
}

impl<'c, 'a> Watched<'c, 'a> {
    /// No more than one server that stands by, of those behind the one that serves the phone; when that fails,
    /// the next may take its place.
    fn judge_number(&self, docket: &mut Docket<'c, 'a>) {
        let mut there = self.keepalives().filter(|(place, _)| *place > self.stay.place);
        let Some((place, first)) = there.next() else { return };
        let well = |place: usize, to: Instant| !self.case.may_have_failed(place, self.stay.from, to);
        let both = |other: usize, to: Instant| other != place && well(place, to) && well(other, to);
        let Some((_, second)) = there.find(|(other, next)| both(*other, next.t0())) else { return };
        let draft = docket.draft("keep-alives to one server that stands by").message(first.first());
        let seen = format!("{}, too", second.what(&self.case.names));
        docket.add(draft.message(second.first()).seen(seen).fail());
    }

    /// One after the other to the server that matters most: at home the first that gets any, or the next where
    /// that fails; elsewhere home.
    fn judge_times(&self, docket: &mut Docket<'c, 'a>) {
        let (case, stay) = (self.case, &self.stay);
        let mut base = Touch {
            place: stay.place,
            at: stay.from,
            until: stay.from,
            is_keepalive: false,
            told_to_wait: false,
        };
        for touch in self.touches() {
            let window = self.window(&base);
            if touch.at < window.from && touch.repeats(&base) {
                let draft = docket.draft("a keep-alive in its time").window(window);
                let seen = format!("{:.2} too early", window.from - touch.at);
                docket.add(draft.seen(seen).fail_unless_lossy("keep-alives may have been lost"));
            } else if touch.at > window.to {
                return self.missing(docket, window);
            }
            base = touch;
        }
        let window = self.window(&base);
        if self.to > window.to {
            self.missing(docket, window);
        } else if base.at > stay.from {
            docket.kept(case.client[stay.exchange].first().packets);
        }
    }

    /// The servers that are to be watched: at home all behind it, until one of them is seen to stand by well.
    fn watched(&self) -> Vec<usize> {
        let (case, stay) = (self.case, &self.stay);
        if stay.place != stay.home {
            return vec![stay.home];
        }
        let behind: Vec<usize> = case.set_of(stay.place).filter(|place| *place > stay.place).collect();
        let first = self.touches_at(&behind).into_iter().next();
        match first {
            Some(Touch { place, .. }) if !case.may_have_failed(place, stay.from, self.to) => vec![place],
            _ => behind,
        }
    }

    fn missing(&self, docket: &mut Docket<'c, 'a>, window: Window) {
        let draft = docket.draft("a keep-alive in its time").window(window);
        let draft = draft.message(self.case.client[self.stay.exchange].first()).absent("none");
        docket.add(match self.case.hides_connects() {
            true => draft.inconclusive("without frames a refused connection cannot be excluded"),
            false => draft.fail_unless_lossy("a keep-alive may have been lost"),
        });
    }

    /// When the next is due. A phone whose keep-alive failed may count from when it knew that.
    fn window(&self, base: &Touch) -> Window {
        let grace = self.case.limits.reaction();
        let latest = |since: Instant| since + self.period.scale(1.0 + TOLERANCE) + grace;
        let from = base.at + self.period.scale(1.0 - TOLERANCE) - grace;
        let mut to = latest(base.until);
        if self.purpose == Purpose::Query {
            let mut calls = self.case.calls();
            calls.sort_by_key(|call| call.begun);
            for call in calls.iter().filter(|call| call.over >= base.at) {
                match call.over {
                    _ if call.begun > to => break,
                    Instant::FAR_FUTURE => to = Instant::FAR_FUTURE,
                    over => to = to.max(latest(over)),
                }
            }
        }
        Window { from, to }
    }

    /// The keep-alives of the line during the stay, with the places that they go to.
    fn keepalives(&self) -> impl Iterator<Item = (usize, &'c ClientExchange<'a>)> {
        let (case, stay, to) = (self.case, self.stay, self.to);
        let of_line = case
            .registrations
            .iter()
            .filter(move |registration| registration.aor == stay.aor && registration.purpose == self.purpose);
        let sent = of_line.map(|registration| &case.client[registration.exchange]);
        let sent = sent.filter(move |exchange| exchange.t0() > stay.from && exchange.t0() <= to);
        sent.filter_map(|exchange| Some((case.place_of(exchange)?, exchange)))
    }

    /// When the phone asked anything of the servers that it is to watch: whatever it asks shows it that they live.
    fn touches(&self) -> Vec<Touch> {
        self.touches_at(&self.watched())
    }

    /// The same for servers at some places, in order of time.
    fn touches_at(&self, places: &[usize]) -> Vec<Touch> {
        let (case, stay) = (self.case, &self.stay);
        let within = |at: Instant| at > stay.from && at <= self.to;
        let asked = case.client.iter().enumerate().filter(|(_, exchange)| {
            !exchange.in_dialog()
                && matches!(exchange.method, Method::Register | Method::Refer | Method::Options)
                && within(exchange.t0())
        });
        let asked = asked.filter_map(|(at, exchange)| {
            let place = case.place_of(exchange).filter(|place| places.contains(place))?;
            Some(self.touch_by(place, at, exchange))
        });
        let connects = case.connects.iter().filter(|connect| within(connect.at)).filter_map(|connect| {
            let place =
                case.names.place(connect.to, Transport::Tcp).filter(|place| places.contains(place))?;
            let patience =
                case.profile.timers.connect_timeout_ms.map_or(CONNECT_CAP, |ms| Span::from_millis(ms.into()));
            let until = match connect.result() {
                Connected::Unanswered => connect.at + patience,
                Connected::Open(at) | Connected::Refused(at) => at,
            };
            Some(Touch { place, at: connect.at, until, is_keepalive: false, told_to_wait: false })
        });
        let mut touches: Vec<Touch> = asked.chain(connects).collect();
        touches.sort_by_key(|touch| (touch.at, touch.place));
        touches
    }

    fn touch_by(&self, place: usize, at: usize, exchange: &ClientExchange<'_>) -> Touch {
        let case = self.case;
        let is_keepalive = case.registration(at).is_some_and(|registration| {
            registration.purpose == self.purpose
                && registration.makes_good.is_none()
                && registration.aor == self.stay.aor
        });
        let answer = exchange.final_response();
        let silent = || case.limits.give_up(exchange.t0(), case.timeout_of(exchange)).to;
        let until = answer.map(|answer| answer.at).or(exchange.failures.first().map(|failure| failure.at));
        let wait = answer.and_then(|answer| answer.message.number("Retry-After"));
        let until = until.unwrap_or_else(silent) + Span::from_secs(wait.unwrap_or(0).into());
        let told_to_wait = answer.is_some_and(|answer| answer.message.header("Retry-After").is_some());
        Touch { place, at: exchange.t0(), until, is_keepalive, told_to_wait }
    }
}

/// What the phone asked of a server.
#[derive(Debug, Clone, Copy)]
struct Touch {
    /// Where in the order the server stands.
    place: usize,
    at: Instant,
    /// When it had an answer, or knew that there is none, and may ask again by that answer.
    until: Instant,
    /// Whether it is a keep-alive of the line.
    is_keepalive: bool,
    /// Whether the server has said itself when to come back.
    told_to_wait: bool,
}

impl Touch {
    /// Whether it is the next keep-alive to the same server, in the phone's own time.
    fn repeats(&self, base: &Touch) -> bool {
        self.is_keepalive && base.is_keepalive && self.place == base.place && !base.told_to_wait
    }
}

//! A phone that is registered away from its first server asks that server again when its profile
//! says so (YL-16, YL-23; F-06): with the next refresh in mode `registration`, after its time in mode
//! `duration`, every `fallback_probe_s` while one binding at a time stands with the fallback. In mode
//! `on_primary_up` a phone that asks its first server whether it lives (keep-alive form `query`) goes there when
//! that says so (AR-26).
//!
//! Mode `new_requests` needs no REGISTER of its own: rule `server-order` sees to its calls. Where calls
//! defer the return, no time is asked for while there may be one. Each line stands where it stands, and
//! one may try for all.

use sipfarm_core::profile::{FailbackMode, HonourRetryAfter, KeepaliveForm, RegistrationMethod};
use sipfarm_core::{Instant, Key, Span};

use super::retry_after::bans;
use crate::case::{Case, ClientExchange, Purpose, Standing, asks_for_more, status};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// How much later than its time mode `duration` may act (YL-16).
const DURATION_LATE: Span = Span::from_secs(5);
/// How far a probe may be from its time (YL-23).
const PROBE_TOLERANCE: f64 = 0.1;
/// The shortest time of mode `duration`; shorter ones are taken for it.
const DURATION_LEAST_S: u32 = 60;

/// See the module.
pub struct Failback;

impl Rule for Failback {
    fn id(&self) -> &'static str {
        "failback"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["YL-16", "YL-23", "AR-26"]
    }

    fn about(&self) -> &'static str {
        "Registered away from its first server, the phone asks that server again when the profile says."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        for set in case.sets().into_iter().filter(|set| set.len() > 1) {
            for (aor, standings) in case.standings_by_line(&set) {
                let stay = Stay { case, aor, home: set.start, standings };
                match case.profile.failback.mode {
                    FailbackMode::Registration => stay.judge_refreshes(&mut docket),
                    FailbackMode::OnPrimaryUp => {
                        stay.judge_answers(&mut docket);
                        stay.judge_times(&mut docket);
                    }
                    _ => stay.judge_times(&mut docket),
                }
            }
        }
        docket.close()
    }
}

/// The bindings of one line along one group of servers.
struct Stay<'c, 'a> {
    case: &'c Case<'a>,
    aor: &'c str,
    /// The place of the first server.
    home: usize,
    standings: Vec<Standing<'c>>,
}

impl<'c, 'a> Stay<'c, 'a> {
    /// Mode `registration`: a refresh away from home is tried at home first.
    fn judge_refreshes(&self, docket: &mut Docket<'c, 'a>) {
        for pair in self.standings.windows(2) {
            let (before, after) = (pair[0], pair[1]);
            let renewal = &self.case.client[after.exchange];
            let (from, to) = (before.grant.first, renewal.t0());
            if before.place == self.home || after.place == self.home || self.is_excused(from, to, to) {
                if before.place != self.home && after.place == self.home {
                    docket.kept(renewal.first().packets);
                }
                continue;
            }
            if let Some(home) = self.next_at_home(from).filter(|home| home.t0() <= to) {
                docket.kept(home.first().packets);
                continue;
            }
            if self.another_line_tried(from, to) {
                continue;
            }
            let home = self.case.names.show_node(&self.case.names.order()[self.home]);
            let draft = docket.draft(format!("REGISTER to {home} when the binding elsewhere is refreshed"));
            let draft = draft.window(Window { from, to }).message(renewal.first());
            let seen = format!("{} without a try there", renewal.what(&self.case.names));
            docket.add(draft.seen(seen).fail_unless_lossy("a try at home may have been lost"));
        }
    }

    /// Mode `on_primary_up`: within a period of the answer to its question the phone is on its way home.
    fn judge_answers(&self, docket: &mut Docket<'c, 'a>) {
        let case = self.case;
        let keepalive = &case.profile.registration.keepalive;
        let asks = keepalive.form == KeepaliveForm::Query;
        let Some(period_s) = keepalive.period_s.filter(|_| asks) else { return };
        for (question, answered) in self.answers_of_home() {
            let Some(stood) = self.standings.iter().rfind(|standing| standing.grant.first <= question.t0())
            else {
                continue;
            };
            if stood.place == self.home {
                continue;
            }
            let within = Span::from_secs(period_s.into()) + case.limits.reaction();
            let window = Window { from: answered, to: answered + within };
            // What is seen first may have been sent second.
            let mut tries = self.tries_at_home();
            if let Some(home) = tries.find(|e| e.t0() >= question.t0() && e.t0() <= window.to) {
                docket.kept(home.first().packets);
                continue;
            }
            let excused = self.is_excused(answered, answered, window.to)
                || self.turned_away(stood).is_some_and(|at| at <= window.to)
                || self.another_line_tried(question.t0(), window.to);
            if case.horizon <= window.to || excused {
                continue;
            }
            let home = case.names.show_node(&case.names.order()[self.home]);
            let draft =
                docket.draft(format!("REGISTER to {home}, which said that it is there")).window(window);
            let draft = draft.message(question.first()).absent("none");
            docket.add(draft.fail_unless_lossy("a try at home may have been lost"));
        }
    }

    /// The line's questions to the first server whether it lives, and when that accepted them.
    fn answers_of_home(&self) -> Vec<(&'c ClientExchange<'a>, Instant)> {
        let case = self.case;
        let asked = case.registrations.iter().filter(|r| r.purpose == Purpose::Query && r.aor == self.aor);
        let asked = asked.map(|registration| &case.client[registration.exchange]);
        let there = asked.filter(|exchange| case.place_of(exchange) == Some(self.home));
        there
            .filter_map(|exchange| {
                let answer =
                    exchange.final_response().filter(|answer| (200..300).contains(&status(answer)))?;
                Some((exchange, answer.at))
            })
            .collect()
    }

    /// Modes with a time: home is tried when that time has passed since the phone came to where it is,
    /// and again and again.
    fn judge_times(&self, docket: &mut Docket<'c, 'a>) {
        for (index, moved) in self.standings.iter().enumerate() {
            let stayed = index > 0 && self.standings[index - 1].place == moved.place;
            if stayed || moved.place == self.home {
                continue;
            }
            let Some(pause) = Pause::at(self.case, moved.place) else { continue };
            let left = self.standings[index..].iter().find(|next| next.place != moved.place);
            let left = left.map(|next| next.grant.first);
            let until = left.into_iter().chain(self.turned_away(moved)).min().unwrap_or(Instant::FAR_FUTURE);
            let mut bases = vec![(moved.grant.first, moved.grant.last)];
            while let Some(next) = self.judge_time(docket, moved, &pause, &bases, until) {
                bases.push(next);
            }
        }
    }

    /// One try at home after the last base, the beginning and the end of what the time runs from. Returns the
    /// next base. Where refreshes are tried at home, too, nothing says whether the time begins anew with each
    /// try or runs on beside them: it may have begun with any base.
    fn judge_time(
        &self,
        docket: &mut Docket<'c, 'a>,
        moved: &Standing<'_>,
        pause: &Pause,
        bases: &[(Instant, Instant)],
        until: Instant,
    ) -> Option<(Instant, Instant)> {
        let case = self.case;
        let base = *bases.last()?;
        let window_of = |base| pause.window(base, case.limits.reaction());
        let window = window_of(base);
        let home = case.names.show_node(&case.names.order()[self.home]);
        let draft = docket.draft(format!("REGISTER to {home} when it is time to go back")).window(window);
        let draft = draft.message(case.client[moved.exchange].first());
        let next = self.next_at_home(base.0).filter(|next| next.t0() < until);
        let Some(next) = next.filter(|next| next.t0() <= window.to) else {
            let excused =
                self.is_excused(base.0, window.from, window.to) || self.another_line_tried(base.0, window.to);
            if window.to < until && case.horizon > window.to && !excused {
                let seen = draft.absent("none in time");
                docket.add(seen.fail_unless_lossy("a try at home may have been lost"));
            }
            return next.map(|next| (next.t0(), self.end(next)));
        };
        let due = |base: &(Instant, Instant)| {
            let due = window_of(*base);
            next.t0() >= due.from && next.t0() <= due.to
        };
        if bases.iter().any(due) {
            docket.kept(next.first().packets);
        } else if !self.has_reason(moved, base.0, next.t0()) {
            let seen = format!("{:.2} too early", window.from - next.t0());
            docket
                .add(draft.message(next.first()).seen(seen).fail_unless_lossy("a reason may have been lost"));
        }
        Some((next.t0(), self.end(next)))
    }

    /// When the server that the line stands with refused or failed it: from then on it stands nowhere for
    /// certain, and its rounds have a time of their own (YL-14).
    fn turned_away(&self, moved: &Standing<'_>) -> Option<Instant> {
        let case = self.case;
        let attempts = case.registrations.iter().filter(|r| r.purpose.is_attempt() && r.aor == self.aor);
        let there = attempts.map(|registration| &case.client[registration.exchange]).filter(|exchange| {
            case.place_of(exchange) == Some(moved.place) && exchange.t0() > moved.grant.first
        });
        let ends = there.filter_map(|exchange| match exchange.final_response() {
            Some(answer) => {
                Some(answer.at).filter(|_| status(answer) >= 300 && !asks_for_more(status(answer)))
            }
            None => Some(exchange.t0()),
        });
        ends.min()
    }

    /// Whether another line that had no binding at home asked for one: a phone may let one try for all.
    fn another_line_tried(&self, from: Instant, to: Instant) -> bool {
        self.case.registrations.iter().any(|registration| {
            let exchange = &self.case.client[registration.exchange];
            registration.purpose == Purpose::Initial
                && registration.aor != self.aor
                && exchange.t0() > from
                && exchange.t0() <= to
                && self.case.place_of(exchange) == Some(self.home)
        })
    }

    /// Each REGISTER of the line for a binding with the first server.
    fn tries_at_home(&self) -> impl Iterator<Item = &'c ClientExchange<'a>> {
        let attempts = self.case.registrations.iter().filter(|registration| {
            registration.purpose.is_attempt()
                && registration.makes_good.is_none()
                && registration.aor == self.aor
        });
        let exchanges = attempts.map(|registration| &self.case.client[registration.exchange]);
        exchanges.filter(|exchange| self.case.place_of(exchange) == Some(self.home))
    }

    /// The first of them after an instant.
    fn next_at_home(&self, after: Instant) -> Option<&'c ClientExchange<'a>> {
        self.tries_at_home().filter(|e| e.t0() > after).min_by_key(|exchange| exchange.t0())
    }

    /// When a try was over, at the latest.
    fn end(&self, exchange: &ClientExchange<'_>) -> Instant {
        let silent = self.case.patience_of(exchange).latest(self.case, exchange.t0());
        exchange.final_response().map_or(silent, |response| response.at)
    }

    /// Whether nothing can be asked of the phone in a stretch that began to matter at `since`.
    fn is_excused(&self, since: Instant, from: Instant, to: Instant) -> bool {
        let case = self.case;
        let idle_only = case.profile.failback.only_when_idle != Some(false);
        let home = &case.names.order()[self.home];
        let banned = case.profile.failover.honour_retry_after != HonourRetryAfter::Never
            && bans(case).iter().any(|ban| {
                case.names.node(home).is_some_and(|node| node.is_at(ban.server)) && ban.to >= from
            });
        let connected = case.connects.iter().any(|connect| {
            connect.at > since
                && connect.at <= to
                && case.names.node(home).is_some_and(|node| node.is_at(connect.to))
        });
        (idle_only && case.maybe_busy(from, to))
            || banned
            || connected
            || case.profile.failover.register_before_invite
            || case.interrupted(since, to)
            || case.notes.commanded(|key| *key == Key::Register, since, to)
    }

    /// Whether something else than its time may have brought the phone home: a command, a failure of
    /// the server that it stands with, another line that went, or a refresh that its mode begins at home.
    fn has_reason(&self, moved: &Standing<'_>, from: Instant, to: Instant) -> bool {
        let case = self.case;
        let refreshes_at_home = matches!(
            case.profile.failback.mode,
            FailbackMode::NewRequests | FailbackMode::DnsTtl | FailbackMode::OnPrimaryUp
        );
        let due = || {
            let last = self.standings.iter().rfind(|standing| standing.grant.first < to);
            last.is_some_and(|last| {
                let share = case.profile.registration.refresh_lo;
                to >= last.grant.first + last.grant.expires.scale(share) - case.limits.grace()
            })
        };
        case.notes.commanded(|key| key.is_for_registration() || matches!(key, Key::Dial(_)), from, to)
            || case.failed_at(moved.place, from, to)
            || self.another_line_tried(from, to)
            || (refreshes_at_home && due())
    }
}

/// The time after which home is tried.
struct Pause {
    lo: Span,
    hi: Span,
}

impl Pause {
    /// When home is tried after a base.
    fn window(&self, base: (Instant, Instant), grace: Span) -> Window {
        let latest = if base.1 > base.0 + self.hi { base.1 } else { base.0 };
        Window { from: base.0 + self.lo - grace, to: latest.max(base.0) + self.hi + grace }
    }

    /// For a phone that stands with the server at that place; `None` where the profile has no time.
    fn at(case: &Case<'_>, place: usize) -> Option<Pause> {
        let profile = case.profile;
        let is_last = place + 1 == case.names.order().len();
        let successive = profile.registration.method == RegistrationMethod::Successive;
        let probe = profile.registration.fallback_probe_s.filter(|_| successive && is_last);
        match (profile.failback.mode, profile.failback.timeout_s) {
            (FailbackMode::Never | FailbackMode::Manual | FailbackMode::Token, _) => None,
            // With 0 the phone comes back at the next failover only.
            (FailbackMode::Duration, 0) => None,
            (FailbackMode::Duration, seconds) => {
                let lo = Span::from_secs(seconds.max(DURATION_LEAST_S).into());
                Some(Pause { lo, hi: lo + DURATION_LATE })
            }
            _ => probe.map(|seconds| {
                let period = Span::from_secs(seconds.into());
                Pause { lo: period.scale(1.0 - PROBE_TOLERANCE), hi: period.scale(1.0 + PROBE_TOLERANCE) }
            }),
        }
    }
}

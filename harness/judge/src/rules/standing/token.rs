//! A phone whose profile has failback mode `token` goes back to a better server only with that server's leave
//! (CC-05): once a keep-alive was answered it asks for a token, registers there when it is granted, and waits
//! where it is when it is told to queue (CC-06). None of that while a call is up, which `idle-failback` says.

use sipfarm_core::profile::{FailbackMode, FailbackToken};
use sipfarm_core::{Instant, Span};

use super::keepalive::TOLERANCE;
use crate::case::{Case, ClientExchange, Purpose, Stay, status};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::{Docket, Draft};

/// How long after the token the REGISTER may come (CC-05).
const AT_ONCE: Span = Span::from_secs(5);
/// How long after the time that it was told a phone may ask again (CC-06).
const LATE: Span = Span::from_secs(2);

/// See the module.
pub struct Token;

impl Rule for Token {
    fn id(&self) -> &'static str {
        "token"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["CC-05", "CC-06"]
    }

    fn about(&self) -> &'static str {
        "The phone asks a better server for a token, returns with it, and waits when it is told to queue."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        let token = case.profile.failback.token.as_ref();
        let Some(token) = token.filter(|_| case.profile.failback.mode == FailbackMode::Token) else {
            return docket.close();
        };
        for set in case.sets() {
            for stay in case.stays(&set).into_iter().filter(|stay| stay.place > stay.home) {
                for place in stay.home..stay.place {
                    let away = Away { case, token, stay, place };
                    away.judge_return(&mut docket);
                    away.judge_first(&mut docket);
                    away.judge_answers(&mut docket);
                }
            }
        }
        docket.close()
    }
}

/// A stay away from a better server.
struct Away<'c, 'a> {
    case: &'c Case<'a>,
    token: &'c FailbackToken,
    stay: Stay<'c>,
    /// The better server's place.
    place: usize,
}

impl<'c, 'a> Away<'c, 'a> {
    /// The requests for a token at the better server during the stay.
    fn asked(&self) -> impl Iterator<Item = &'c ClientExchange<'a>> {
        let (case, place) = (self.case, self.place);
        self.asked_anywhere().filter(move |exchange| case.place_of(exchange) == Some(place))
    }

    /// The requests for a token at whatever server during the stay.
    fn asked_anywhere(&self) -> impl Iterator<Item = &'c ClientExchange<'a>> {
        let (case, token, stay) = (self.case, self.token, self.stay);
        case.client.iter().enumerate().filter_map(move |(at, exchange)| {
            let refer_to = exchange.first().message.header("Refer-To").unwrap_or_default();
            let is_it = exchange.method.as_str() == token.method
                && refer_to.to_ascii_lowercase().contains(&token.refer_to.to_ascii_lowercase())
                && case.makes_good(at).is_none()
                && exchange.t0() >= stay.from
                && exchange.t0() <= stay.to;
            is_it.then_some(exchange)
        })
    }

    /// The answer to a request for a token; a challenge is none, but what the request got with credentials.
    fn answer(&self, asked: &ClientExchange<'a>) -> Option<(Instant, u16, Option<u32>)> {
        let answer = asked.final_response()?;
        if !matches!(status(answer), 401 | 407) {
            return Some((answer.at, status(answer), answer.message.number("Retry-After")));
        }
        let challenged = self.case.client.iter().position(|exchange| std::ptr::eq(exchange, asked))?;
        let mut later = self.case.client.iter().enumerate().skip(challenged + 1);
        let (_, again) = later.find(|(at, exchange)| {
            exchange.method == asked.method && self.case.makes_good(*at) == Some(challenged)
        })?;
        self.answer(again)
    }

    /// The REGISTERs for a binding at the better server from the stay on.
    fn returns(&self) -> impl Iterator<Item = &'c ClientExchange<'a>> {
        let (case, place, stay) = (self.case, self.place, self.stay);
        let of_line = case.registrations.iter().filter(move |registration| {
            registration.aor == stay.aor
                && registration.purpose.is_attempt()
                && registration.makes_good.is_none()
        });
        let sent = of_line.map(|registration| &case.client[registration.exchange]);
        sent.filter(move |e| case.place_of(e) == Some(place) && e.t0() > stay.from && e.t0() <= stay.to)
    }

    /// No way back without a token, unless the server that the phone stands with has failed.
    fn judge_return(&self, docket: &mut Docket<'c, 'a>) {
        let case = self.case;
        for exchange in self.returns() {
            let granted = self.asked().any(|asked| {
                let answer = self.answer(asked);
                answer.is_some_and(|(at, code, _)| self.token.ok.contains(&code) && at <= exchange.t0())
            });
            if granted {
                docket.kept(exchange.first().packets);
                continue;
            }
            if case.may_have_failed(self.stay.place, self.stay.from, exchange.t0()) {
                continue;
            }
            let draft = docket.draft(format!("{} only with a token", exchange.what(&case.names)));
            let draft = draft.message(case.client[self.stay.exchange].first()).message(exchange.first());
            let draft = self.asked().fold(draft, |draft, asked| draft.message(asked.first()));
            let seen = draft.seen("none was granted");
            docket.add(match case.hides_connects() {
                true => seen.inconclusive("without frames a refused connection cannot be excluded"),
                false => seen.fail_unless_lossy("the token, or a reason to do without, may have been lost"),
            });
        }
    }

    /// The first request for a token after the better server has given a sign of life.
    fn judge_first(&self, docket: &mut Docket<'c, 'a>) {
        let case = self.case;
        let mut alive = case.registrations.iter().filter_map(|registration| {
            let exchange = &case.client[registration.exchange];
            let answer = exchange.final_response().filter(|answer| (200..300).contains(&status(answer)))?;
            let counts = registration.purpose == Purpose::Keepalive
                && case.place_of(exchange) == Some(self.place)
                && exchange.t0() > self.stay.from
                && answer.at <= self.stay.to;
            counts.then_some((exchange, answer))
        });
        let Some((keepalive, answer)) = alive.next() else { return };
        let Some(since) = self.idle_since(answer.at) else { return };
        let period_s =
            case.profile.registration.keepalive.period_s.unwrap_or_default() + self.token.monitor_s;
        let to = since + Span::from_secs(period_s.into()) + AT_ONCE + case.limits.reaction();
        let window = Window { from: answer.at, to };
        if let Some(asked) = self.asked().find(|asked| asked.t0() >= answer.at && asked.t0() <= to) {
            return docket.kept(asked.first().packets);
        }
        // Another line, or a better place, may be asked for.
        let gone = self.returns().any(|exchange| exchange.t0() <= to);
        if gone || self.stay.to <= to || case.horizon <= to || case.maybe_busy(since + AT_ONCE, to) {
            return;
        }
        let failed_again = case.may_have_failed(self.place, answer.at, to);
        let stands_alone = case.may_have_failed(self.stay.place, self.stay.from, to);
        // Who waits in the queue of another better server asks there.
        let queues =
            self.asked_anywhere().any(|asked| asked.t0() <= to && case.place_of(asked) != Some(self.place));
        if failed_again || stands_alone || queues {
            return;
        }
        let there = case.names.show_node(&case.names.order()[self.place]);
        let draft =
            docket.draft(format!("the phone asks {there} for a token when that is back")).window(window);
        let draft = draft.message(keepalive.first()).message(answer).seen("it did not");
        docket.add(self.missing(draft, "the request may have been lost"));
    }

    /// What comes of a token: the REGISTER when it is granted, another try in its time when there is a queue.
    fn judge_answers(&self, docket: &mut Docket<'c, 'a>) {
        for asked in self.asked() {
            let Some((at, code, retry_after)) = self.answer(asked) else { continue };
            if self.token.ok.contains(&code) {
                self.judge_granted(docket, asked, at);
            } else if self.token.wait.contains(&code) {
                self.judge_wait(docket, asked, at, retry_after.filter(|seconds| *seconds > 0));
            }
        }
    }

    fn judge_granted(&self, docket: &mut Docket<'c, 'a>, asked: &'c ClientExchange<'a>, at: Instant) {
        let case = self.case;
        let window = Window { from: at, to: at + AT_ONCE + case.limits.reaction() };
        let back = self.returns().find(|exchange| exchange.t0() >= at && exchange.t0() <= window.to);
        if let Some(back) = back {
            return docket.kept(back.first().packets);
        }
        let died = case.may_have_failed(self.place, at, window.to);
        if self.stay.to <= window.to || case.horizon <= window.to || died || case.maybe_busy(at, window.to) {
            return;
        }
        let there = case.names.show_node(&case.names.order()[self.place]);
        let draft = docket.draft(format!("REGISTER to {there}, which has granted a token")).window(window);
        let draft = draft.message(asked.first()).absent("none");
        docket.add(self.missing(draft, "the token or the REGISTER may have been lost"));
    }

    /// After a refusal at that time: again when it says, or with a keep-alive, which has its tolerance.
    fn judge_wait(
        &self,
        docket: &mut Docket<'c, 'a>,
        asked: &'c ClientExchange<'a>,
        refused: Instant,
        retry_after_s: Option<u32>,
    ) {
        let case = self.case;
        let grace = case.limits.reaction();
        let period_s = case.profile.registration.keepalive.period_s.unwrap_or_default();
        let wait = Span::from_secs(retry_after_s.unwrap_or(period_s).into());
        let off = if retry_after_s.is_some() { Span::ZERO } else { wait.scale(TOLERANCE) };
        let due = refused + wait;
        let window = Window { from: due - off - grace, to: due + off + LATE + grace };
        let again = self.asked().find(|next| next.t0() > asked.t0());
        let there = case.names.show_node(&case.names.order()[self.place]);
        let draft = || {
            let draft =
                docket.draft(format!("{there} is asked for a token again when it says")).window(window);
            draft.message(asked.first())
        };
        match again {
            Some(again) if again.t0() < window.from => {
                let seen =
                    draft().message(again.first()).seen(format!("{:.2} too early", window.from - again.t0()));
                docket.add(seen.fail_unless_lossy("the answer may not have reached the phone"));
            }
            Some(again) if again.t0() <= window.to => docket.kept(again.first().packets),
            _ if self.stay.to <= window.to
                || case.horizon <= window.to
                || case.maybe_busy(asked.t0(), window.to)
                || case.may_have_failed(self.place, refused, window.to)
                || case.may_have_failed(self.stay.place, asked.t0(), window.to) => {}
            again => {
                let draft = match again {
                    Some(next) => {
                        let seen = format!("{:.2} too late", next.t0() - window.to);
                        draft().message(next.first()).seen(seen)
                    }
                    None => draft().absent("not at all"),
                };
                docket.add(self.missing(draft, "the request may have been lost"));
            }
        }
    }

    /// What did not come: over TCP without frames nobody sees that the server took no connection.
    fn missing(&self, draft: Draft<'_, '_>, why_not: &str) -> Finding {
        match self.case.hides_connects() {
            true => draft.inconclusive("without frames a refused connection cannot be excluded"),
            false => draft.fail_unless_lossy(why_not),
        }
    }

    /// That instant, or the end of the call that is up then; `None` when no end is known.
    fn idle_since(&self, at: Instant) -> Option<Instant> {
        let calls = self.case.calls();
        let busy = calls.iter().filter(|call| call.begun <= at && call.over >= at);
        let over = busy.map(|call| call.over).max().map_or(at, |over| over.max(at));
        (over != Instant::FAR_FUTURE).then_some(over)
    }
}
